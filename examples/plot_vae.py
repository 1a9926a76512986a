"""
A tour of the variational autoencoder
=====================================

This tutorial shows what a variational autoencoder does, for readers who are new to it: features,
reconstructions, samples, likelihoods and class means, on scikit-learn's digits. It takes about half
a minute.
"""

# %%
# Fit
# ---
# For grey levels, say ``likelihood="bernoulli"``; other numbers have a Gaussian likelihood by
# default. ``binarize="dynamic"`` draws every pixel black or white anew in each epoch, so that
# scores are log-densities.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from skvae import VAETransformer

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

vae = VAETransformer(
    10, likelihood="bernoulli", binarize="dynamic", max_iter=150, random_state=0
).fit(X_train)
print(f"likelihood: {vae.likelihood_}")
print(f"ELBO of test images: {vae.score(X_test):.2f} nats")
print(f"importance-weighted bound: {vae.score_samples(X_test, n_importance=50).mean():.2f} nats")
print(f"{vae.n_active_} of {vae.n_components} latent dimensions are active")

# %%
# The next picture shows how the model learned. The KL weight rises from zero over two fifths of the
# steps (KL annealing), so that no latent dimension collapses before the decoder uses it.
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
axes[0].plot(vae.history_["elbo"], color="black")
axes[0].set(xlabel="epoch", ylabel="ELBO (nats)")
axes[1].bar(np.arange(10), np.sort(vae.kl_per_dimension_)[::-1], color="0.5")
axes[1].set(xlabel="latent dimension, sorted", ylabel="KL (nats)")
plt.show()

# %%
# Features in a Pipeline
# ----------------------
pipeline = Pipeline([("vae", vae), ("svm", SVC(C=10))]).fit(X_train, y_train)
print(f"10 posterior means + RBF SVM: {1 - pipeline.score(X_test, y_test):.2%} test error")

# %%
# ``transform`` encodes the images, and ``inverse_transform`` decodes them again.
figure, axes = plt.subplots(2, 10, figsize=(9, 2.1), layout="constrained")
for column, image, back in zip(axes.T, X_test, vae.reconstruct(X_test), strict=False):
    for ax, pixels in zip(column, (image, back), strict=True):
        ax.imshow(pixels.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
figure.suptitle("Test images and their reconstructions")

# %%
# Class means as priors
# ---------------------
# With ``conditional="prior"`` the labels pull each class toward a mean of its own. ``transform``
# still needs no labels, so the model sits in a Pipeline; ``sample`` draws from a class of your
# choice.
prior = VAETransformer(
    10, conditional="prior", likelihood="bernoulli", max_iter=150, random_state=0
).fit(X_train, y_train)
knn = KNeighborsClassifier(5).fit(prior.transform(X_train), y_train)
print(f"5 nearest neighbours: {1 - knn.score(prior.transform(X_test), y_test):.2%} test error")

figure, axes = plt.subplots(4, 10, figsize=(9, 3.9), layout="constrained")
for k, column in enumerate(axes.T):
    for ax, pixels in zip(column, prior.sample(4, y=k), strict=True):
        ax.imshow(pixels.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
figure.suptitle("Samples of each class")
plt.show()

# %%
# What to try next
# ----------------
# - Read which eight parameters matter first (:doc:`/vae`).
# - Explore the latent space in a browser (:doc:`/explorer`).
# - See how it works, step by step (:doc:`/what-is-a-vae`).
#
# Where it loses
# --------------
# With so few rows the pixels themselves are about as good under the same support vector machine,
# and a linear classifier of posterior means is no better than one of the pixels (:doc:`/evidence`).
