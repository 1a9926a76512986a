"""
Fisher vectors against pixels, from few images to many
======================================================

This example compares Fisher vectors with pixels under a linear classifier when labelled images are
few. The encoder sees no labels, so it may be fitted on all images; only the classifier learns from
the few labelled ones.
"""

# %%
# One encoder, many classifiers
# -----------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skvae import FisherVectorEncoder, ImagePatches

X, y = load_digits(return_X_y=True)
X_pool, X_test, y_pool, y_test = train_test_split(
    X / 16, y, test_size=700, stratify=y, random_state=0
)

encoder = FisherVectorEncoder(
    32,
    extractor=ImagePatches(patch_size=3, padding=1),
    reducer=PCA(6),
    spatial="xy",
    random_state=0,
)
make_pipeline(encoder, LogisticRegression(C=30, max_iter=1000))

# %%
# In practice, you would use the pipeline above. Here its two steps are fitted to different images.
features = {
    "pixels": (X_pool, X_test),
    "Fisher vectors": (encoder.fit_transform(X_pool), encoder.transform(X_test)),
}

# %%
# Five draws of each size
# -----------------------
sizes = [20, 50, 100, 200, 500, 1000]
errors = {name: np.empty((len(sizes), 5)) for name in features}
for i, size in enumerate(sizes):
    for seed in range(5):
        rows, _ = train_test_split(
            np.arange(len(X_pool)), train_size=size, stratify=y_pool, random_state=seed
        )
        for name, (F_pool, F_test) in features.items():
            model = LogisticRegression(C=30, max_iter=1000).fit(F_pool[rows], y_pool[rows])
            errors[name][i, seed] = 100 * (1 - model.score(F_test, y_test))

for name, table in errors.items():
    print(f"{name:14} test error in %:", " ".join(f"{e:5.1f}" for e in table.mean(axis=1)))

# %%
# The lines are means of five draws of training images, and the bands are one standard deviation
# wide on either side. With fewer than a hundred labels, 800 numbers per image are too many for the
# classifier, and pixels are ahead; from some hundreds of labels on, Fisher vectors are ahead.
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, table), style in zip(errors.items(), ("o--", "s-"), strict=True):
    mean, deviation = table.mean(axis=1), table.std(axis=1)
    (line,) = ax.plot(sizes, mean, style, label=name)
    ax.fill_between(sizes, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.2)
ax.set(xscale="log", yscale="log", xlabel="labelled images", ylabel="test error (%)")
ax.set_xticks(sizes, sizes)
ax.set_yticks([1, 2, 5, 10, 20, 50], [1, 2, 5, 10, 20, 50])
ax.minorticks_off()
ax.legend()
plt.show()
