"""Images back from Fisher vectors: mean squared error, and whether a classifier still knows them.

``SKVAE_DATA_HOME=... python inversion.py``, about five minutes.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skvae import FisherVectorEncoder, ImagePatches, datasets

N_TRAIN, N_TEST, K = 20_000, 1000, 256
SETTINGS = [(14, 40, 3.0), (11, 30, 2.5), (7, 20, 1.7), (5, 12, 2.0), (3, 6, 3.0)]


def main():
    data = datasets.load_mnist()
    X = data.data.astype(np.float32) / np.float32(255)
    train, test = slice(0, N_TRAIN), slice(60_000, 60_000 + N_TEST)
    knn = KNeighborsClassifier(3).fit(X[train], data.target[train])
    print(f"pixels themselves: {knn.score(X[test], data.target[test]):.1%} recognised")
    print("| patches | PCA | xy weight | mean squared error | recognised |\n|---|---|---|---|---|")
    for size, n_dims, xy_weight in SETTINGS:
        encoder = FisherVectorEncoder(
            K,
            extractor=ImagePatches(patch_size=size, padding=2),
            reducer=PCA(n_dims),
            spatial="xy",
            xy_weight=xy_weight,
            random_state=0,
        ).fit(X[train])
        back = encoder.inverse_transform(encoder.transform(X[test]))
        error = np.mean((back - X[test]) ** 2)
        accuracy = knn.score(back, data.target[test])
        print(f"| {size} x {size} | {n_dims} | {xy_weight} | {error:.4f} | {accuracy:.1%} |")


if __name__ == "__main__":
    main()
