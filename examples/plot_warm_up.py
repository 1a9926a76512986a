"""
KL annealing, and counting active dimensions
============================================

This example shows posterior collapse, and how KL annealing prevents it. Early in training the
decoder makes no use of the latent variables yet, so the cheapest choice for the encoder is to say
nothing: a dimension whose posterior equals the prior costs no KL. Some dimensions stay collapsed.
With ``warm_up`` the KL term starts at zero and rises slowly, which gives each dimension time to
become useful.
"""

# %%
# Three lengths of the annealing
# ------------------------------
# The models differ in nothing else: they have 32 latent dimensions and make 60 passes over
# scikit-learn's digits.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skvae import VAETransformer
from skvae.displays import TrainingCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

fits = {}
for warm_up in (0.0, 0.4, 1.0):
    vae = VAETransformer(32, warm_up=warm_up, likelihood="bernoulli", max_iter=60, random_state=0)
    model = make_pipeline(vae, KNeighborsClassifier()).fit(X_train, y_train)
    fits[warm_up] = vae
    print(
        f"warm_up={warm_up}: {vae.n_active_} of 32 active, ELBO of the last epoch "
        f"{vae.history_['elbo'][-1]:.2f} nats, test error {1 - model.score(X_test, y_test):.1%}"
    )

# %%
# What each dimension carries
# ---------------------------
# ``kl_per_dimension_`` is the information in nats that a dimension carries about a row. Collapsed
# dimensions are near zero: their q(z|x) is the prior whatever x is. ``n_active_`` counts all
# dimensions whose mean varies noticeably, so the sum of the KL says more.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
styles = {0.0: ("0.6", ":"), 0.4: ("tab:blue", "-"), 1.0: ("tab:orange", "--")}
for warm_up, vae in fits.items():
    color, line = styles[warm_up]
    label = f"warm_up={warm_up:g}, {vae.n_active_} active"
    axes[0].plot(vae.history_["kl"], color=color, ls=line, label=label)
    axes[1].plot(np.sort(vae.kl_per_dimension_)[::-1], color=color, ls=line, label=label)
axes[0].set(xlabel="epoch", ylabel="KL, all dimensions (nats)", title="While training")
axes[1].set(xlabel="dimension, sorted", ylabel="KL (nats)", title="After training")
axes[1].legend()

# %%
# When dimensions collapse
# ------------------------
# ``kl_curves_`` holds the KL of each dimension by epoch. Without annealing most dimensions are
# given up at once; with an annealing that lasts for the whole fit, they all carry something until
# the KL term has grown.
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
for ax, (warm_up, vae) in zip(axes, fits.items(), strict=True):
    TrainingCurveDisplay.from_estimator(vae, kind="active", vmax=1.0, ax=ax)
    ax.set_title(f"warm_up={warm_up:g}")
plt.show()
