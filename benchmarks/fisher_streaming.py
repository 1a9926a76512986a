"""Reducers that learn on a stream: what becomes of the mixture when its coordinates move.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 SKVAE_DATA_HOME=... python fisher_streaming.py``, two
minutes. MNIST in batches of ``--images``, 7 x 7 patches, IncrementalPCA to 16 dimensions, K = 32.
"""

import argparse
from functools import cache

import numpy as np
from mnist import mnist
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.frozen import FrozenEstimator
from sklearn.svm import LinearSVC
from tables import show

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches
from skvae.fisher.coordinates import Move

PATCHES, N_DIMS, N_COMPONENTS = ImagePatches(7, stride=2), 16, 32
N_TEST = 2000


@cache
def images():
    X, y = mnist("train")[:2]
    order = np.random.default_rng(0).permutation(len(X))
    return np.asarray(X, np.float32)[order], np.asarray(y)[order]


def encoder(reducer):
    mixture = DiagonalGaussianMixture(N_COMPONENTS, max_iter=60)
    return FisherVectorEncoder(mixture=mixture, extractor=PATCHES, reducer=reducer, random_state=0)


def streamed(batches, first):
    fitted = encoder(first)
    for batch in batches:
        fitted.partial_fit(batch)
    return fitted


def unmoved(batches):
    """The mixture stays where it is while the coordinates move."""
    moved = Move.of_means, Move.of_variances
    Move.of_means = Move.of_variances = lambda move, parameters: parameters
    try:
        return streamed(batches, IncrementalPCA(N_DIMS))
    finally:
        Move.of_means, Move.of_variances = moved


def descriptors(X):
    return np.asarray(PATCHES.fit(X).transform(X)).reshape(-1, 49)


def row(name, fitted, n):
    """Log-likelihood of new patches, that of EM in the same coordinates, and accuracy."""
    X, y = images()
    new, seen = X[n : n + N_TEST], X[:n]
    reduce = fitted.reducer_.transform
    held_out = reduce(descriptors(new[:500]))
    whole = DiagonalGaussianMixture(N_COMPONENTS, max_iter=60, random_state=0)
    whole.fit(reduce(descriptors(seen)))
    classifier = LinearSVC().fit(fitted.transform(seen), y[:n])
    accuracy = 100 * classifier.score(fitted.transform(new), y[n : n + N_TEST])
    scores = fitted.mixture_.score(held_out), whole.score(held_out)
    return [name, *(f"{score:.2f}" for score in scores), f"{accuracy:.1f}"]


def rows(n_batches, n_images):
    n = n_batches * n_images
    batches = np.split(images()[0][:n], n_batches)
    kept = FrozenEstimator(PCA(N_DIMS).fit(descriptors(batches[0])))
    yield row("fit to all", encoder(PCA(N_DIMS)).fit(images()[0][:n]), n)
    yield row("partial_fit", streamed(batches, IncrementalPCA(N_DIMS)), n)
    yield row("partial_fit, PCA of the first batch", streamed(batches, kept), n)
    yield row("partial_fit, the mixture not moved", unmoved(batches), n)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--images", type=int, default=40)
    options = parser.parse_args()
    show(
        ["", "log-likelihood", "of EM in these coordinates", "accuracy, %"],
        rows(options.batches, options.images),
    )
