"""
Positions of patches: appended, or in pyramids
==============================================

A set has no order, so a Fisher vector does not know where in the image a patch lies. This example
compares two ways to add this information: append the position to each descriptor
(``spatial="xy"``), or give each cell of a grid a vector of its own (``spatial=(1, 2)``).
"""

# %%
# The same vocabulary size, four ways
# -----------------------------------
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skvae import FisherVectorEncoder, ImagePatches

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

settings = {
    "nowhere": None,
    "pyramid": (1, 2),
    "positions": "xy",
    "both": ("xy", 1, 2),
}
errors, lengths = {}, {}
for name, spatial in settings.items():
    encoder = FisherVectorEncoder(
        16,
        extractor=ImagePatches(patch_size=3, padding=1),
        reducer=PCA(6),
        spatial=spatial,
        random_state=0,
    )
    F_train, F_test = encoder.fit_transform(X_train), encoder.transform(X_test)
    model = LogisticRegression(C=30, max_iter=1000).fit(F_train, y_train)
    errors[name], lengths[name] = 100 * (1 - model.score(F_test, y_test)), F_train.shape[1]
    print(f"{name:9} {lengths[name]:5} dimensions, test error {errors[name]:.1f}%")

# %%
# Positions add two dimensions to each component, and a pyramid takes five vectors instead of one.
# One of the 450 test images is 0.2%, so small differences say little.
figure, ax = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
bars = ax.barh(list(errors), list(errors.values()), color="tab:blue")
ax.bar_label(bars, [f"{e:.1f}% ({lengths[n]:,})" for n, e in errors.items()], padding=3)
ax.set(
    xlabel="test error of a linear classifier (dimensions)", xlim=(0, 1.3 * max(errors.values()))
)
ax.invert_yaxis()
plt.show()
