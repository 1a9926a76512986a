"""Expectation maximisation on sufficient statistics: the M-step, the start and the revival."""

import warnings

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import gen_batches

from skvae.fisher.statistics import Mixture, hard_statistics

__all__ = ["START_METHODS", "floor_of", "m_step", "revive", "start"]

# A component with less than this share of one descriptor is empty.
_EMPTY = 0.5
# Descriptors per component that a k-means start looks at, and its least number.
_START_ROWS_PER_COMPONENT = 200
_START_ROWS = 20_000
# Rows that a pass over the data converts to float64 at a time.
_PASS_ROWS = 65_536


def floor_of(X, center, variance_floor):
    """The least variance that a component may have, in the squared units of the descriptors.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Descriptors.
    center : ndarray of shape (d,)
        Their mean.
    variance_floor : float
        Share of the largest variance over dimensions.

    Returns
    -------
    float
        One, with a warning, when nothing varies.
    """
    squares = np.zeros(X.shape[1])
    for rows in gen_batches(len(X), _PASS_ROWS):
        squares += ((X[rows] - center) ** 2).sum(axis=0)
    largest = squares.max() / len(X)
    # Constant data vary by the rounding of their mean.
    noise = (np.finfo(X.dtype).eps * np.abs(center).max()) ** 2
    if largest <= noise:
        warnings.warn(
            "No feature of X varies: every variance is set to 1.", UserWarning, stacklevel=2
        )
        return 1.0
    return variance_floor * largest


def m_step(statistics, floor):
    """Maximise the expected log-likelihood over weights, means and floored variances.

    Parameters
    ----------
    statistics : Statistics
        From the E-step.
    floor : float
        Least variance; the maximum under that constraint is the clipped variance, so the
        log-likelihood still never falls.

    Returns
    -------
    Mixture

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the
    EM algorithm", J. R. Stat. Soc. B 39, 1977.
    """
    d = len(statistics.center)
    s0, s1, s2 = np.split(statistics.totals, [1, 1 + d], axis=1)
    # A component without descriptors would divide by zero; its weight still has to be positive.
    s0 = np.maximum(s0, 10 * np.finfo(np.float64).eps)
    means = s1 / s0
    covariances = np.maximum(s2 / s0 - means**2, floor)

    return Mixture(s0[:, 0] / s0.sum(), statistics.center + means, covariances)


def revive(mixture, statistics, floor):
    """Split the heaviest component once for every empty one, along its widest dimension.

    Parameters
    ----------
    mixture : Mixture
        From the M-step.
    statistics : Statistics
        That it came from.
    floor : float
        Components no wider than this in every dimension are not split.

    Returns
    -------
    mixture : Mixture
        The same object when nothing was empty.
    n_revived : int
        How many components were replaced.
    """
    counts = statistics.totals[:, 0].copy()
    empty = np.flatnonzero(counts < _EMPTY)
    weights, means, covariances = (a.copy() for a in mixture)
    n_revived = 0
    for k in empty:
        j = np.argmax(np.where(covariances.max(axis=1) > floor, counts, 0))
        if counts[j] < 2:
            break
        widest = np.argmax(covariances[j])
        step = 0.5 * np.sqrt(covariances[j, widest])
        means[k], covariances[k] = means[j], covariances[j]
        means[j, widest] -= step
        means[k, widest] += step
        weights[j] = weights[k] = (weights[j] + weights[k]) / 2
        counts[j] = counts[k] = counts[j] / 2
        n_revived += 1
    return (Mixture(weights, means, covariances), n_revived) if n_revived else (mixture, 0)


def _kmeans(X, n_components, rng):
    return KMeans(n_components, n_init=1, max_iter=50, random_state=rng).fit(X).cluster_centers_


def _kmeans_plusplus(X, n_components, rng):
    return kmeans_plusplus(X, n_components, random_state=rng)[0]


START_METHODS = {"kmeans": _kmeans, "k-means++": _kmeans_plusplus}


def start(X, n_components, method, center, rng):
    """Statistics of a k-means partition of a sample of the descriptors, for the first M-step.

    A sample is enough to start from, and k-means on all descriptors would cost more than EM.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Descriptors, n >= n_components.
    n_components : int
        K.
    method : {"kmeans", "k-means++"}
        scikit-learn's algorithm for the centers.
    center : ndarray of shape (d,)
        Subtracted first, for the precision of float32.
    rng : numpy.random.RandomState
        Of the sample and the algorithm.

    Returns
    -------
    Statistics
    """
    size = min(len(X), max(_START_ROWS, _START_ROWS_PER_COMPONENT * n_components))
    sample = X if size == len(X) else X[np.sort(rng.choice(len(X), size, replace=False))]
    centred = sample - center.astype(X.dtype)
    labels = pairwise_distances_argmin(centred, START_METHODS[method](centred, n_components, rng))
    return hard_statistics(sample, labels, n_components, center)
