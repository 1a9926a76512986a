"""
A tour of Fisher vectors
========================

This tutorial shows what a Fisher vector is and does, for readers who are new to them. An image
becomes a set of patches, and the set becomes one vector. The vector goes to a linear classifier,
and is turned back into an image. The tour takes about ten seconds on scikit-learn's digits.
"""

# %%
# From rows of pixels to vectors
# ------------------------------
# ``ImagePatches`` cuts an image into patches, ``PCA`` reduces each patch, positions are appended,
# and a mixture of 64 Gaussians is fitted to all of them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skvae import FisherVectorEncoder, ImagePatches

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

encoder = FisherVectorEncoder(
    64,
    extractor=ImagePatches(patch_size=3, padding=1),
    reducer=PCA(6),
    spatial="xy",
    xy_weight=0.7,
    random_state=0,
)
F_train = encoder.fit_transform(X_train)
F_test = encoder.transform(X_test)
print(f"{X.shape[1]} pixels became {F_train.shape[1]} gradients:")
print(encoder.get_feature_names_out()[[0, 64, -1]])

# %%
# Better than pixels
# ------------------
# The same linear classifier is fitted to the pixels and to the Fisher vectors. The encoder is a
# transformer like any other.
for name, steps in {"pixels": [], "Fisher vectors": [encoder]}.items():
    model = make_pipeline(*steps, LogisticRegression(C=30, max_iter=1000)).fit(X_train, y_train)
    print(f"test error of {name}: {1 - model.score(X_test, y_test):.2%}")

# %%
# What a vector knows
# -------------------
# A vector with all three gradients can be decoded into the soft counts, means and squares of each
# component.
s0, s1, s2 = encoder.decode_statistics(F_test)
print(f"the {s0.shape[1]} soft counts of the first image sum to {s0[0].sum():.3f}")

# %%
# Since positions are among the dimensions, it can be decoded into the expected patch at every place
# as well.
back = encoder.inverse_transform(F_test)
print(f"mean squared error per pixel: {np.mean((back - X_test) ** 2):.4f}")

figure, axes = plt.subplots(3, 10, figsize=(9, 3.2), layout="constrained")
patches = encoder.extractor_.transform(X_test[:10])
local = encoder.reducer_.inverse_transform(
    encoder.reducer_.transform(patches.reshape(-1, patches.shape[2]))
)
reduced = encoder.extractor_.inverse_transform(local.reshape(patches.shape))
rows = {"image": X_test, "reduced\npatches": reduced, "from its\nvector": back}
for row, (title, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(title, rotation=0, ha="right", va="center")
figure.suptitle("Digits and what their Fisher vectors keep of them")

# %%
# The mixture itself can be drawn: the mean patch of each component, where the component lies.
means = encoder.mixture_.means_
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
heaviest = np.argsort(encoder.mixture_.weights_)[-40:]
for k in heaviest:
    patch = encoder.reducer_.inverse_transform(means[k : k + 1, :-2]).reshape(3, 3)
    x, y_position = means[k, -2:] / encoder.xy_weight
    extent = (x - 0.09, x + 0.09, y_position + 0.09, y_position - 0.09)
    ax.imshow(patch, cmap="gray_r", vmin=0, vmax=1, extent=extent)
ax.set(xlim=(-1.15, 1.15), ylim=(1.15, -1.15), xlabel="x", ylabel="y")
ax.set_title("The 40 heaviest components, each at its place")
plt.show()

# %%
# What to try next
# ----------------
# - Encode sets of your own, as a list of arrays: ``FisherVectorEncoder().fit_transform(sets)``.
# - Read which settings matter, and by how much (:doc:`/choosing`).
# - See step by step how a vector is computed (:doc:`/what-is-a-fisher-vector`).
#
# Where it loses
# --------------
# A Fisher vector of 64 components has more than a thousand entries, where a posterior mean of a VAE
# has ten. For nearest neighbours and kernels, such short features are the better choice.
