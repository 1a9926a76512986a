"""EM from the start of the mixture, and from scikit-learn's whole ``KMeans`` of as many rows.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_start.py``: a table of the processor
seconds of a whole fit with default settings, start included, and of the mean log-likelihood of a
descriptor that it ends with, in nats, over ``--seeds``; about four minutes for five. Descriptors
are patches of 8 x 8 grey levels of MNIST, reduced to 24 principal components, and drawn ones.
"""

import argparse
import time
import warnings

import numpy as np
from mnist import mnist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from tables import show

from skvae import DiagonalGaussianMixture

N, PATCH = 50_000, 8
STARTS = ["skvae", "KMeans"]


def patches(rng):
    images = mnist("train")[0][:5000].reshape(-1, 28, 28)
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    some = windows.reshape(-1, PATCH**2)[rng.choice(windows[..., 0, 0].size, 2 * N, replace=False)]
    return PCA(24, random_state=0).fit_transform(some[some.std(axis=1) > 0][:N])


def clusters(spread, d, shares):
    """Normal clusters around random means, ``spread`` apart, as large as ``shares`` say."""

    def draw(rng):
        means = spread * rng.normal(size=(len(shares), d))
        own = rng.choice(len(shares), N, p=np.array(shares) / sum(shares))
        return means[own] + rng.normal(size=(N, d))

    return draw


PROBLEMS = [
    ("patches", patches, 16),
    ("patches", patches, 64),
    ("patches", patches, 256),
    ("far clusters", clusters(2, 32, [1] * 64), 64),
    ("clusters that overlap", clusters(0.6, 32, [1] * 64), 64),
    ("large and rare clusters", clusters(3, 16, [1] * 32 + [0.02] * 32), 64),
    ("uniform", lambda rng: rng.random((N, 8)), 128),
]


def by_kmeans(X, k, seed):
    """Weights, means and precisions of scikit-learn's partition of as many rows."""
    some = X[np.random.default_rng(seed).choice(N, min(N, max(20_000, 200 * k)), replace=False)]
    kmeans = KMeans(k, random_state=seed).fit(some)
    own = [some[kmeans.labels_ == j] for j in range(k)]
    least = 1e-6 * X.var(axis=0)
    return {
        "weights_init": np.array([len(x) for x in own]) / len(some),
        "means_init": kmeans.cluster_centers_.astype(np.float64),
        "precisions_init": 1 / np.array([np.maximum(x.var(axis=0), least) for x in own]),
    }


def run(start, X, k, seed):
    """Processor seconds, and the log-likelihood."""
    begin = time.process_time()
    given = by_kmeans(X, k, seed) if start == "KMeans" else {}
    mixture = DiagonalGaussianMixture(k, random_state=seed, **given).fit(X)
    return time.process_time() - begin, mixture.lower_bound_


def rows(n_seeds):
    for name, draw, k in PROBLEMS:
        results = {start: [] for start in STARTS}
        for seed in range(n_seeds):
            X = draw(np.random.default_rng(seed)).astype(np.float32)
            for start in STARTS:
                results[start].append(run(start, X, k, seed))
        cells = []
        for start in STARTS:
            seconds, bounds = np.transpose(results[start])
            error = bounds.std(ddof=1) / np.sqrt(n_seeds)
            cells += [f"{seconds.mean():.2f}", f"{bounds.mean():.2f} ({error:.2f})"]
        yield [name, k, *cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    of_each = [f"{start}, {what}" for start in STARTS for what in ("s", "nats")]
    show(["descriptors", "K", *of_each], rows(arguments.seeds))


if __name__ == "__main__":
    main()
