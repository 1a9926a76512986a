"""Settings of Fisher vectors on MNIST, judged on training images that the classifier has not seen.

``SKVAE_DATA_HOME=... python fisher_settings.py``, about twenty minutes; blind to the test images.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches, datasets

BASE = {
    "patch_size": 7,
    "padding": 2,
    "n_dims": 20,
    "n_components": 128,
    "xy_weight": 1.7,
    "variance_floor": 1e-6,
    "power": 0.5,
    "norm": "l2",
}
CHANGES = [
    {},
    *({"xy_weight": weight} for weight in (0.7, 1.0, 1.3, 2.5)),
    {"xy_weight": 1.3, "variance_floor": 1e-4},
    {"norm": "intra"},
    {"power": 0.3},
    {"n_dims": 16, "n_components": 160},
    {"patch_size": 9},
    {"patch_size": 9, "padding": 3},
]


def make(patch_size, padding, n_dims, n_components, xy_weight, variance_floor, power, norm):
    return FisherVectorEncoder(
        extractor=ImagePatches(patch_size=patch_size, padding=padding),
        reducer=PCA(n_dims),
        mixture=DiagonalGaussianMixture(n_components, variance_floor=variance_floor),
        gradients=("means", "stds"),
        power=power,
        norm=norm,
        spatial="xy",
        xy_weight=xy_weight,
        max_descriptors=500_000,
        random_state=0,
    )


def main():
    data = datasets.load_mnist(subset="train")
    X, y = data.data.astype(np.float32) / np.float32(255), data.target
    order = np.random.RandomState(0).permutation(len(X))
    fitted, judged = order[:30_000], order[30_000:45_000]
    for change in CHANGES:
        encoder = make(**BASE | change).fit(X)
        classifier = LogisticRegression(C=30, max_iter=300, tol=1e-5)
        classifier.fit(encoder.transform(X[fitted]), y[fitted])
        error = np.mean(classifier.predict(encoder.transform(X[judged])) != y[judged])
        print(f"{change}: {error:.3%}", flush=True)


if __name__ == "__main__":
    main()
