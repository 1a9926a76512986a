"""Whether contributions find the few descriptors of a set that decide its class.

``OMP_NUM_THREADS=1 python needles.py``, four minutes. Sets of 500 descriptors of 8 dimensions,
from five Gaussians whose centers are about 2.8 from the origin. Every set has 1% of decoys, from a
sixth; those of the second class also have 1% of needles, from a seventh, as far from the origin. A
logistic regression learns from 300 sets; of 100 others, the share of needles among the 1% of
descriptors with the largest contribution, and, to compare, with the smallest density.
"""

import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from tables import show

from skvae import BagOfVisualWordsEncoder, FisherVectorEncoder, VLADEncoder

N_SETS, N_TRAIN, SIZE, D, FEW = 400, 300, 500, 8, 5
SEEDS = range(3)
DISTANCES = (3.5, 5)  # of needles and decoys from the origin
ENCODERS = {
    "Fisher vectors": FisherVectorEncoder(16),
    "Fisher vectors, power 1": FisherVectorEncoder(16, power=1),
    "Fisher vectors, power 1, no norm": FisherVectorEncoder(16, power=1, norm=None),
    "Fisher vectors, intra": FisherVectorEncoder(16, norm="intra"),
    "VLAD": VLADEncoder(16),
    "bags of visual words": BagOfVisualWordsEncoder(16),
}


def draw(distance, seed):
    """Sets, their classes, and which descriptors are needles."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(7, D))
    centers[5:] *= distance / np.linalg.norm(centers[5:], axis=1, keepdims=True)
    y = np.arange(N_SETS) % 2
    origins = rng.integers(0, 5, (N_SETS, SIZE))
    for i in range(N_SETS):
        some = rng.permutation(SIZE)
        origins[i, some[:FEW]] = 5
        if y[i]:
            origins[i, some[FEW : 2 * FEW]] = 6
    X = centers[origins] + 0.7 * rng.normal(size=(N_SETS, SIZE, D))
    return X, y, origins == 6


def found(scores, needles):
    """Share of the needles among the strongest 1% of the descriptors of sets that have some."""
    strongest = np.argsort(-scores, axis=1)[:, :FEW]
    return np.take_along_axis(needles, strongest, 1)[needles.any(axis=1)].mean()


def measure(encoder, distance, seed):
    X, y, needles = draw(distance, seed)
    test = slice(N_TRAIN, None)
    encoder.set_params(random_state=seed, n_jobs=1)
    F = encoder.fit(X[:N_TRAIN]).transform(X)
    linear = LogisticRegression(C=10, max_iter=1000).fit(F[:N_TRAIN], y[:N_TRAIN])
    start = time.process_time()
    scores = np.array(encoder.contributions(X[test], linear.coef_[0]))
    seconds = time.process_time() - start
    gap = np.abs(scores.sum(axis=1) + linear.intercept_ - linear.decision_function(F[test])).max()
    by_density = np.nan
    if hasattr(encoder, "mixture_"):
        densities = encoder.mixture_.score_samples(X[test].reshape(-1, D))
        by_density = found(-densities.reshape(-1, SIZE), needles[test])
    right = linear.score(F[test], y[test])
    return right, found(scores, needles[test]), by_density, 1e3 * seconds / len(scores), gap


def row(distance, name):
    m = np.array([measure(ENCODERS[name], distance, seed) for seed in SEEDS])
    shares = ("" if np.isnan(s) else f"{100 * s:.1f}" for s in m[:, :3].mean(axis=0))
    return distance, name, *shares, f"{m[:, 3].mean():.1f}", f"{m[:, 4].max():.0e}"


def main():
    found_by = "needles found %", "by density %"
    header = ["distance", "encoder", "right %", *found_by, "CPU ms a set", "largest gap"]
    show(header, (row(distance, name) for distance in DISTANCES for name in ENCODERS))


if __name__ == "__main__":
    main()
