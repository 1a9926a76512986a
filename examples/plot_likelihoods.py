"""
Counts, and which likelihood
============================

This tutorial fits a VAE to counts, and shows how to choose its likelihood. The likelihood says what
kind of numbers the data are; for counts it is Poisson's. Where several are possible, take the one
with the highest score on rows that the model has not seen, since all scores are in nats, for the
same units of X.
"""

# %%
# Counts of words
# ---------------
# The data are generated: each of four topics has rates of 30 words, and a row mixes the topics and
# is of any length. Poisson's likelihood is made for such counts. A Gaussian likelihood takes them
# for real numbers, and could reach any density on values that repeat, so a little noise is added
# for it. This costs the Gaussian nothing, since the density of noise in [0, 1) is 1.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skvae import VAETransformer

rng = np.random.default_rng(0)
topics = rng.gamma(0.5, size=(4, 30))
mixing = rng.dirichlet(np.full(4, 0.3), size=1500) * rng.gamma(2, 5, size=(1500, 1))
rates = mixing @ topics
counts = rng.poisson(rates).astype(float)
train, test, _, true_rates = train_test_split(counts, rates, random_state=0)

scores, errors = {}, {}
for likelihood in ("poisson", "gaussian_diag", "gaussian"):
    noise = 0 if likelihood == "poisson" else 1
    X_train, X_test = (X + noise * rng.random(X.shape) for X in (train, test))
    vae = VAETransformer(
        4,
        hidden_layer_sizes=(100,),
        likelihood=likelihood,
        learning_rate_init=3e-3,
        max_iter=30,
        random_state=0,
    ).fit(X_train)
    scores[likelihood] = vae.score_samples(X_test).mean()
    errors[likelihood] = np.mean((vae.reconstruct(X_test) - noise / 2 - true_rates) ** 2)
    print(
        f"{likelihood:13} {scores[likelihood]:6.1f} nats per unseen row, "
        f"squared error of the true rates {errors[likelihood]:.2f}"
    )

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained", sharey=True)
titles = "nats per unseen row (higher is better)", "squared error of the true rates"
for ax, values, title in zip(axes, (scores, errors), titles, strict=True):
    bars = ax.barh(list(values), list(values.values()), color="tab:blue")
    ax.bar_label(bars, fmt="%.1f", padding=3)
    ax.set_title(title, size=10)
    ax.margins(x=0.15)
axes[0].invert_yaxis()
plt.show()

# %%
# What came out
# -------------
# The Poisson likelihood has some ten nats more for each row that the model has not seen, and its
# rates are a little nearer to the true ones. The posterior means, ``vae.transform(X)``, are
# features like any others.
#
# What to try next
# ----------------
# - Pass sparse counts, as ``CountVectorizer`` makes them, without making them dense (:doc:`/vae`).
# - For short texts take one hidden layer, and KL annealing over the whole fit: ``warm_up=1.0``.
# - Write a likelihood of your own, for instance for shares (:doc:`/own-parts`). For counts that
#   vary more than Poisson's there is ``likelihood="negative_binomial"``.
#
# Where it loses
# --------------
# On short texts 32 truncated singular vectors are as good a feature as the posterior means, or a
# little better, and take a fraction of the time (:doc:`/vae` has the figures).
