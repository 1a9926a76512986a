"""Figures on the full MNIST files, which are looked for in SKVAE_DATA_HOME."""

import os

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches, datasets

pytestmark = [
    pytest.mark.mnist,
    pytest.mark.skipif(
        "SKVAE_DATA_HOME" not in os.environ,
        reason="needs the MNIST files: set SKVAE_DATA_HOME to the folder that holds mnist/",
    ),
]


@pytest.fixture(scope="module")
def mnist():
    data = datasets.load_mnist()
    X = data.data.astype(np.float32) / np.float32(255)
    return X[:60_000], data.target[:60_000], X[60_000:], data.target[60_000:]


def test_images_come_back_from_fisher_vectors(mnist):
    X_train, y_train, X_test, y_test = (array[:20_000] for array in mnist)
    encoder = FisherVectorEncoder(
        mixture=DiagonalGaussianMixture(256, max_iter=20),
        extractor=ImagePatches(patch_size=14, padding=2),
        reducer=PCA(40),
        spatial="xy",
        xy_weight=3.0,
        max_descriptors=20_000,
        random_state=0,
    ).fit(X_train[:600])
    X_test, y_test = X_test[:300], y_test[:300]
    back = encoder.inverse_transform(encoder.transform(X_test))
    knn = KNeighborsClassifier(3).fit(X_train, y_train)
    error, accuracy = np.mean((back - X_test) ** 2), knn.score(back, y_test)
    print(f"mean squared error {error:.4f}, recognised {accuracy:.1%} of {len(back)}")
    assert error <= 0.03
    assert accuracy >= 0.9
