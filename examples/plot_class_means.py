"""
Class means as a prior, and the classifier that comes with them
===============================================================

This example fits a VAE whose prior has a mean for each class. With ``conditional="prior"`` labels
say where in latent space a class should lie, and nothing else: the encoder works without them. By
Bayes' rule the model is also a classifier, which compares the distances of a latent point to the
class means.
"""

# %%
# With and without
# ----------------
# The models have two latent dimensions, so that all of the latent space can be seen.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skvae import VAETransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

plain = VAETransformer(2, likelihood="bernoulli", max_iter=60, random_state=0).fit(X_train)
prior = VAETransformer(
    2, conditional="prior", likelihood="bernoulli", max_iter=60, random_state=0
).fit(X_train, y_train)

for name, vae in {"N(0, I)": plain, "class means": prior}.items():
    knn = KNeighborsClassifier().fit(vae.transform(X_train), y_train)
    error = 1 - knn.score(vae.transform(X_test), y_test)
    print(f"{name:11} nearest neighbours, test error {error:.1%}")
wrong = np.mean(prior.predict(X_test) != y_test)
print(f"class means by themselves, test error {wrong:.1%}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for ax, vae, title in zip(axes, (plain, prior), ("prior N(0, I)", "a mean per class"), strict=True):
    Z = vae.transform(X_test)
    for digit in range(10):
        ax.scatter(*Z[y_test == digit].T, s=25, marker=f"${digit}$", color=f"C{digit}", lw=0.3)
    ax.set(title=title, aspect="equal", xlabel="first dimension")
axes[0].set_ylabel("second dimension")
axes[1].plot(*prior.class_means_.T, "k+", ms=12, mew=2, label="class means")
axes[1].legend()

# %%
# Probabilities
# -------------
# Ten latent dimensions make a better classifier. The picture shows the images about which it is
# least certain, with its two guesses.
prior = VAETransformer(
    10, conditional="prior", likelihood="bernoulli", max_iter=60, random_state=0
).fit(X_train, y_train)
probabilities = prior.predict_proba(X_test)
error = np.mean(prior.predict(X_test) != y_test)
print(f"ten dimensions: test error {error:.1%}")

doubtful = np.argsort(probabilities.max(axis=1))[:8]
figure, axes = plt.subplots(1, 8, figsize=(9, 1.6), layout="constrained")
for ax, i in zip(axes, doubtful, strict=True):
    second, first = np.argsort(probabilities[i])[-2:]
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{first} or {second}?\nis {y_test[i]}", size=9)
    ax.set(xticks=[], yticks=[])
plt.show()
