"""
Image files of any size
=======================

This tutorial classifies image files. The photographs of a folder differ in shape, and often do not
fit into memory together. An extractor takes the names of the files, reads one at a time, and cuts
patches at several scales; a Fisher vector makes one row of each file. It runs in ten seconds.
"""

# %%
# A folder
# --------
# The files are crops of three textures that ship with scikit-image. They differ in size, and show
# their texture from different distances. The folder of a file is its class.
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from skimage import data, io
from skimage.transform import rescale
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from skvae import FisherVectorEncoder, ImagePatches, read_image

folder = TemporaryDirectory()
rng = np.random.default_rng(0)
for label in ("brick", "grass", "gravel"):
    texture = getattr(data, label)() / 255
    (Path(folder.name) / label).mkdir()
    for i in range(40):
        height, width = rng.integers(60, 130, 2)
        row, column = rng.integers(0, 512 - height), rng.integers(0, 512 - width)
        crop = texture[row : row + height, column : column + width]
        crop = rescale(crop, rng.uniform(0.4, 1), anti_aliasing=True)
        crop = 0.5 + rng.uniform(0.3, 1) * (crop - crop.mean()) + 0.05 * rng.normal(size=crop.shape)
        pixels = (255 * crop.clip(0, 1)).astype(np.uint8)
        io.imsave(Path(folder.name) / label / f"{i:02}.png", pixels, check_contrast=False)

paths = sorted(Path(folder.name).glob("*/*.png"))
labels = np.array([path.parent.name for path in paths])
print(len(paths), "files, the first of them", paths[0].relative_to(folder.name))

# %%
# From files to a classifier
# --------------------------
# X is the list of names, both for the pipeline and for cross-validation. ``scales`` cuts patches
# from each image at its own size and at smaller ones, so that near and far pictures of one thing
# have some patches in common.

folds = StratifiedKFold(3, shuffle=True, random_state=0)
for scales in ((1,), (1, 0.7, 0.5)):
    encoder = FisherVectorEncoder(
        16, extractor=ImagePatches(7, stride=2, scales=scales), reducer=PCA(20), random_state=0
    )
    model = make_pipeline(encoder, LogisticRegression(C=10))
    predicted = cross_val_predict(model, paths, labels, cv=folds)
    print(f"scales {scales}: error {np.mean(predicted != labels):.1%}")

# %%
# What was shown to it
# --------------------
# By default files are read by ``read_image``: as they are meant to be seen, with values from 0 to
# 1.
figure, axes = plt.subplots(3, 8, figsize=(9, 3.8), layout="constrained")
order = np.concatenate([np.flatnonzero(labels == label)[:8] for label in np.unique(labels)])
for ax, i in zip(axes.flat, order, strict=True):
    image = read_image(paths[i])
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    right = predicted[i] == labels[i]
    ax.set_title(f"{predicted[i]}\n{image.shape[0]} x {image.shape[1]}", size="small")
    ax.title.set_color("black" if right else "tab:red")
    ax.set(xticks=[], yticks=[])
figure.suptitle("Predicted, and the size of the file in pixels")
plt.show()
folder.cleanup()

# %%
# What came out
# -------------
# Fisher vectors tell the three textures apart whatever the size and the contrast of a picture.
# Three scales are no better than one here, and take longer. Whether they help with your images has
# to be measured.
#
# What to try next
# ----------------
# - Pass a function of your own, from a name to an array, as ``reader=``: for a crop, a smaller size
#   or another kind of file (:doc:`/images`).
# - Set ``spatial="xy"``, which says where a patch lies. This matters for pictures of things, not
#   for textures.
# - Take keypoints instead of patches (:doc:`/auto_examples/plot_keypoints`).
#
# Where it loses
# --------------
# A deep network that was trained on millions of photographs knows more about photographs than any
# mixture of patches. Its local features may be the descriptors: an array of shape (places,
# channels) for each image.
