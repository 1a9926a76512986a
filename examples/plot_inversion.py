"""
What a Fisher vector remembers of an image
==========================================

This example turns Fisher vectors of digits back into images, to show what they remember.
``inverse_transform`` decodes a vector into the mixture of patches that it describes, positions
included, and puts the expected patch at each place. More components remember more.
"""

# %%
# From 4 to 128 components
# ------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import FisherVectorEncoder, ImagePatches

X = load_digits().data / 16
X_train, X_test = X[:1000], X[1000:1100]

rows = {"image": X_test[:10]}
for n_components in (4, 16, 64, 128):
    encoder = FisherVectorEncoder(
        n_components,
        extractor=ImagePatches(patch_size=5, padding=2),
        reducer=PCA(10),
        spatial="xy",
        random_state=0,
    )
    back = encoder.fit(X_train).inverse_transform(encoder.transform(X_test))
    rows[f"K={n_components}"] = back[:10]
    error = np.mean((back - X_test) ** 2)
    length = len(encoder.get_feature_names_out())
    print(f"K={n_components:3} {length:5} dimensions, mean squared error of a pixel {error:.4f}")

blank = np.mean((X_train.mean(axis=0) - X_test) ** 2)
print(f"the mean image: error {blank:.4f}")

# %%
# The vectors have power and L2 normalisation, which ``inverse_transform`` undoes. The length of a
# vector, which the norm removes, is replaced by the average length.
figure, axes = plt.subplots(len(rows), 10, figsize=(8, 4.2), layout="constrained")
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(row, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
