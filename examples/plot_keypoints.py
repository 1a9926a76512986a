"""
Fisher vectors of keypoints
===========================

This example classifies images by their keypoints. A detector finds as many keypoints as an image
has, each with a descriptor, and a Fisher vector makes one row of them, with their positions if
``spatial`` says so. For comparison, scikit-image's own example of Fisher vectors (ORB, 5 keypoints,
the same digits enlarged) reports an accuracy of 0.67. It runs in half a minute.
"""

# %%
# A set of keypoints per image
# ----------------------------
# Detectors need larger images, so the digits are enlarged to 48 x 48 pixels. ``ImageKeypoints``
# wraps any detector with scikit-image's interface; ``extract`` says where the descriptors lie.
import matplotlib.pyplot as plt
import numpy as np
from skimage.feature import SIFT
from skimage.transform import resize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from skvae import FisherVectorEncoder, ImageKeypoints

digits = load_digits()
n_images = 1797
images = np.stack([resize(image, (48, 48)) for image in digits.images[:n_images] / 16])
X_train, X_test, y_train, y_test = train_test_split(
    images, digits.target[:n_images], random_state=0
)

keypoints = ImageKeypoints(SIFT(upsampling=1, c_dog=0.001, c_edge=20)).fit(X_train)
sets, positions = keypoints.extract(X_test[:100])
sizes = np.array([len(s) for s in sets])
print(f"{sizes.min()} to {sizes.max()} keypoints of {sets[0].shape[1]} dimensions in an image")

# %%
# What positions add
# ------------------
# The first cell of a pyramid is the whole image, so its part of the vector is the vector without a
# pyramid. Two encoders therefore show all four combinations.
accuracies = {}
for title, spatial in {"": (1, 2), " + xy": ("xy", 1, 2)}.items():
    encoder = FisherVectorEncoder(
        16, extractor=keypoints, reducer=PCA(24), spatial=spatial, xy_weight=100, random_state=0
    )
    F_train, F_test = encoder.fit_transform(X_train), encoder.transform(X_test)
    whole = slice(F_train.shape[1] // 5)
    for name, columns in {"descriptors": whole, "pyramid": slice(None)}.items():
        model = LinearSVC(random_state=0).fit(F_train[:, columns], y_train)
        accuracies[name + title] = model.score(F_test[:, columns], y_test)

for name, accuracy in accuracies.items():
    print(f"{name:17} accuracy {accuracy:.3f}, test error {1 - accuracy:.1%}")

# %%
# The pictures show the keypoints, and how accurate their Fisher vectors are.
figure = plt.figure(figsize=(9, 4.6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.5])
for ax, image, where in zip(above.subplots(1, 8), X_test, positions, strict=False):
    ax.imshow(image, cmap="gray_r", extent=(-1, 1, 1, -1))
    ax.plot(*where.T, "o", mfc="none", color="tab:red", clip_on=False)
    ax.set(xticks=[], yticks=[], xlim=(-1, 1), ylim=(1, -1))
above.suptitle("SIFT keypoints of enlarged digits")

shown = {"scikit-image's example": 0.67, **accuracies}
ax = below.subplots()
bars = ax.barh(list(shown), list(shown.values()), color=["tab:gray"] + 4 * ["tab:blue"])
ax.bar_label(bars, fmt="%.3g", padding=3)
ax.set(xlim=(0, 1.08), xlabel="test accuracy of a linear classifier")
ax.invert_yaxis()
plt.show()
