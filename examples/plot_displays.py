"""
Every display
=============

This example draws all that can be drawn of a variational autoencoder, of Fisher vectors and of a
comparison, on scikit-learn's digits. It runs in about half a minute.
"""

# %%
# Displays of a variational autoencoder come first. A latent space of two dimensions is drawn as a
# map, with the class of each image.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skvae import FisherVectorEncoder, ImagePatches, VAETransformer, compare_features
from skvae.displays import (
    FeatureComparisonDisplay,
    FisherEnergyDisplay,
    InterpolationDisplay,
    LatentSpaceDisplay,
    ManifoldDisplay,
    MixtureComponentsDisplay,
    ReconstructionDisplay,
    SamplesDisplay,
    TrainingCurveDisplay,
)

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

plane = VAETransformer(2, likelihood="bernoulli", max_iter=150, random_state=0).fit(X_train)
LatentSpaceDisplay.from_estimator(plane, X_test, y_test)

# %%
# The manifold of the prior is what the decoder makes of a grid over that map.
ManifoldDisplay.from_estimator(plane, n_steps=15)

# %%
# A latent space of more dimensions is projected, by principal components or by t-SNE. Here the
# prior has a mean for each class, which sets the classes apart.
vae = VAETransformer(
    16, conditional="prior", likelihood="bernoulli", max_iter=150, random_state=0
).fit(X_train, y_train)
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
LatentSpaceDisplay.from_estimator(vae, X_test, y_test, ax=axes[0])
axes[0].get_legend().remove()
LatentSpaceDisplay.from_estimator(vae, X_test, y_test, projection="tsne", ax=axes[1])

# %%
# The next display has samples of each class; the images of a column share their noise.
SamplesDisplay.from_estimator(vae)

# %%
# A straight line in the latent space leads from one digit to another.
InterpolationDisplay.from_estimator(vae, X_test[:4], X_test[4:8])

# %%
# Curves show how the model learned, and what its dimensions carry.
figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
curves = TrainingCurveDisplay.from_estimator(vae, ax=axes[0, 0])
curves.plot("kl", ax=axes[0, 1])
curves.plot("dimensions", ax=axes[1, 0])
curves.plot("active", ax=axes[1, 1])

# %%
# Fisher vectors of patches rest on a mixture, whose components are patches, each at its place.
encoder = FisherVectorEncoder(
    64,
    extractor=ImagePatches(patch_size=3, padding=1),
    reducer=PCA(6),
    spatial="xy",
    random_state=0,
).fit(X_train)
figure, axes = plt.subplots(1, 2, figsize=(9.4, 4.6), layout="constrained")
components = MixtureComponentsDisplay.from_estimator(encoder, ax=axes[0])
components.plot("places", ax=axes[1])

# %%
# The squared length of a Fisher vector is divided among positions, among components, and among
# both.
figure, axes = plt.subplots(1, 3, figsize=(14, 4), layout="compressed")
energy = FisherEnergyDisplay.from_estimator(encoder, X_test[:1], ax=axes[0])
energy.plot("components", ax=axes[1])
energy.plot("both", ax=axes[2])

# %%
# Reconstructions show what each model keeps of an image.
models = {"PCA, 16": PCA(16).fit(X_train), "VAE, 16": vae, "Fisher vector": encoder}
images = X_test[:10]
back = {name: m.inverse_transform(m.transform(images)) for name, m in models.items()}
ReconstructionDisplay.from_predictions(images, back)

# %%
# A comparison of features is drawn as errors with their intervals.
comparison = compare_features(
    X_train[:500],
    y_train[:500],
    X_test,
    y_test,
    features=["raw", "pca", "fv"],
    classifiers=["knn", "svm"],
    dataset="digits",
)
print(comparison.table())
errors = FeatureComparisonDisplay.from_comparison(comparison)

# %%
# Beside it, errors are drawn against what features cost, in dimensions and in seconds.
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
errors.plot("dimensions", ax=axes[0])
errors.plot("seconds", ax=axes[1])
plt.show()
