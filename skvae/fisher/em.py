"""Expectation maximisation on sums over blocks: start, steps and passes, revival."""

import warnings
from functools import partial

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin

from skvae.fisher.blocks import random_rows
from skvae.fisher.statistics import Mixture, Statistics, accumulate, hard_statistics

__all__ = [
    "START_METHODS",
    "describe",
    "e_step",
    "em_passes",
    "expected_statistics",
    "floor_of",
    "m_step",
    "revive",
    "start",
    "stepwise",
    "total_statistics",
]

# A component with less than this share of one descriptor is empty.
_EMPTY = 0.5
# Descriptors per component that a k-means start looks at, and its least number.
_START_ROWS_PER_COMPONENT = 200
_START_ROWS = 20_000
# Rows that a pass over the data converts to float64 at a time.
_PASS_ROWS = 16_384


def _count_and_sum(X):
    return np.append(X.sum(axis=0, dtype=np.float64), len(X))


def _squares(X, center):
    squares = np.zeros(len(center))
    for first in range(0, len(X), _PASS_ROWS):
        squares += ((X[first : first + _PASS_ROWS] - center) ** 2).sum(axis=0)
    return squares


def describe(data):
    """Number, center and variances of all descriptors, in two passes.

    Parameters
    ----------
    data : ArrayBlocks, IteratedBlocks or DaskBlocks
        Descriptors.

    Returns
    -------
    n : int
        How many.
    center : ndarray of shape (d,)
        Their mean, rounded to their dtype so that subtracting it there is exact.
    variances : ndarray of shape (d,)
        About the center.
    """
    *total, n = data.total(_count_and_sum)
    center = (np.array(total) / max(n, 1)).astype(data.dtype).astype(np.float64)
    variances = data.total(partial(_squares, center=center)) / max(n, 1)

    return int(n), center, variances


def floor_of(variances, center, dtype, variance_floor):
    """The least variance that a component may have, in the squared units of the descriptors.

    Parameters
    ----------
    variances : ndarray of shape (d,)
        Of the descriptors.
    center : ndarray of shape (d,)
        Their mean.
    dtype : dtype
        Theirs.
    variance_floor : float
        Share of the largest variance over dimensions.

    Returns
    -------
    float
        One, with a warning, when nothing varies.
    """
    largest = variances.max()
    # Constant data vary by the rounding of their mean.
    noise = (np.finfo(dtype).eps * np.abs(center).max()) ** 2
    if largest <= noise:
        warnings.warn(
            "No feature of X varies: every variance is set to 1.", UserWarning, stacklevel=2
        )
        return 1.0
    return variance_floor * largest


def e_step(X, mixture, center):
    """Statistics of one block of descriptors, of either dtype.

    Parameters
    ----------
    X : ndarray or torch.Tensor of shape (n, d), float32 or float64
        Descriptors; a tensor is worked on where it lies.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,)
        Subtracted from the descriptors.

    Returns
    -------
    Statistics
        Of an array in float64 where float32 cannot hold the center.
    """
    if not isinstance(X, np.ndarray):
        from skvae.fisher import torch_statistics

        return torch_statistics.accumulate(X, mixture, center)
    if not np.array_equal(center, center.astype(X.dtype)):
        X = X.astype(np.float64)
    return accumulate(X, mixture, center)


def total_statistics(data, mixture):
    """Statistics of all descriptors, about the mixture's center.

    Parameters
    ----------
    data : ArrayBlocks, IteratedBlocks, DaskBlocks or TorchBlocks
        Descriptors.
    mixture : Mixture
        Current parameters.

    Returns
    -------
    Statistics
    """
    center = mixture.center(data.dtype)
    return data.total(partial(e_step, mixture=mixture, center=center))


def m_step(statistics, floor):
    """Maximise the expected log-likelihood over weights, means and floored variances.

    Parameters
    ----------
    statistics : Statistics
        From the E-step.
    floor : float
        Least variance; the maximum under that constraint is the clipped variance, so EM
        in exact arithmetic still cannot lower the log-likelihood.

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


def expected_statistics(mixture, center):
    """Mean statistics of descriptors that are distributed as the mixture says.

    ``m_step`` gives the mixture back: parameters and mean statistics are one and the same state, so
    that stepwise EM can go on from any mixture.

    Parameters
    ----------
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,)
        What the statistics are about.

    Returns
    -------
    Statistics
        Of one descriptor on average, with a log-likelihood of NaN.
    """
    mu = mixture.means - center
    phi = np.concatenate([np.ones((len(mu), 1)), mu, mixture.covariances + mu**2], axis=1)
    return Statistics(mixture.weights[:, None] * phi, 1.0, np.nan, center)


def stepwise(mixture, batch, rate, floor):
    """One step of stepwise EM: an M-step on a running mean of statistics.

    Parameters
    ----------
    mixture : Mixture
        That the statistics were made with.
    batch : Statistics
        From the E-step on a batch.
    rate : float
        Weight of the batch; with 1 the past is forgotten, as in one iteration of EM.
    floor : float
        Least variance.

    Returns
    -------
    Mixture

    References
    ----------
    O. Cappé and E. Moulines, "On-line expectation-maximization algorithm for latent data models",
    J. R. Stat. Soc. B 71, 2009.
    """
    past = (1 - rate) * expected_statistics(mixture, batch.center)
    return m_step(past + (rate / batch.n_descriptors) * batch, floor)


def em_passes(data, mixture, floor, *, batch_size, decay, n_steps, rng):
    """EM without end: one pass over the data after the other.

    Parameters
    ----------
    data : ArrayBlocks, IteratedBlocks, DaskBlocks or TorchBlocks
        Descriptors.
    mixture : Mixture
        To start from.
    floor : float
        Least variance.
    batch_size : int or None
        Descriptors per step of stepwise EM; None is EM, one step a pass.
    decay : float
        The t-th batch weighs (t + 1)^-decay.
    n_steps : int
        Steps that the start counts for.
    rng : numpy.random.RandomState
        Of the batches.

    Yields
    ------
    mixture : Mixture
        After the pass.
    bound : float
        Mean log-likelihood of each descriptor under the mixture that met it, in nats.
    n_revived : int
        Empty components replaced after the pass.
    n_steps : int
        So far.
    """
    while True:
        log_likelihood, n = 0.0, 0
        for batch in [data] if batch_size is None else data.batches(batch_size, rng):
            statistics = total_statistics(batch, mixture)
            rate = 1.0 if batch_size is None else (n_steps + 1) ** -decay
            mixture = stepwise(mixture, statistics, rate, floor)
            log_likelihood += statistics.log_likelihood
            n += statistics.n_descriptors
            n_steps += 1
        mixture, n_revived = revive(mixture, n, floor)
        yield mixture, log_likelihood / n, n_revived, n_steps


def revive(mixture, n_descriptors, floor):
    """Split the heaviest component once for every empty one, along its widest dimension.

    Parameters
    ----------
    mixture : Mixture
        From the M-step.
    n_descriptors : int
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
    counts = mixture.weights * n_descriptors
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


def start(data, n, n_components, method, center, rng):
    """Statistics of a k-means partition of a sample of the descriptors, for the first M-step.

    A sample is enough to start from, and k-means on all descriptors would cost more than EM. What
    is drawn depends on the number of descriptors alone, never on the blocks they come in.

    Parameters
    ----------
    data : ArrayBlocks, IteratedBlocks or DaskBlocks
        Descriptors.
    n : int
        How many, at least n_components.
    n_components : int
        K.
    method : {"kmeans", "k-means++"}
        scikit-learn's algorithm for the centers.
    center : ndarray of shape (d,)
        What the statistics are about.
    rng : numpy.random.RandomState
        Of the sample and the algorithm.

    Returns
    -------
    Statistics
    """
    size = max(_START_ROWS, _START_ROWS_PER_COMPONENT * n_components)
    sample = data.take(random_rows(n, size, rng))
    # Centred for the precision of float32; by its own mean, whose bits do not depend on blocks.
    centred = sample - sample.mean(axis=0, dtype=np.float64).astype(sample.dtype)
    labels = pairwise_distances_argmin(centred, START_METHODS[method](centred, n_components, rng))
    return hard_statistics(sample, labels, n_components, center)
