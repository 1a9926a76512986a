"""Expectation maximisation on sums over blocks: steps and passes, revival."""

from collections.abc import Iterator
from functools import partial, reduce
from itertools import islice, starmap
from operator import add
from typing import Any

import numpy as np

from skvae._typing import FloatArray
from skvae.data.blocks import Blocks, RowBlocks, SummedBlocks
from skvae.data.weighted_blocks import WeightedSource
from skvae.data.weights import WeightedRows, split_weights
from skvae.mixture.expectation import accumulate, accumulate_blocks
from skvae.mixture.magnitudes import too_large
from skvae.mixture.missing import settled
from skvae.mixture.moments import join_moments, split_totals
from skvae.mixture.statistics import Mixture, Statistics
from skvae.mixture.variances import total_variances

__all__ = [
    "e_step",
    "em_passes",
    "expected_statistics",
    "m_step",
    "revive",
    "stepwise",
    "total_statistics",
    "until_converged",
]

# A component with less than this share of one descriptor is empty.
_EMPTY = 0.5


def e_step(X: Any, mixture: Mixture, center: FloatArray) -> Statistics:
    """Statistics of one block of descriptors, of either dtype.

    Parameters
    ----------
    X : ndarray, torch.Tensor or WeightedRows of shape (n, d), float32 or float64
        Descriptors; a tensor is worked on where it lies.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,) or (K, d)
        Subtracted from the descriptors, for all components or for each.

    Returns
    -------
    Statistics
        Of an array in float64 where float32 cannot hold the center.
    """
    if not isinstance(split_weights(X)[0], np.ndarray):
        from skvae.mixture import torch_statistics

        return torch_statistics.accumulate(X, mixture, center)
    return accumulate(_holding(center, X), mixture, center)


def _holding(center: FloatArray, X: Any) -> Any:
    """Descriptors in float64 where their dtype cannot hold the center."""
    holds = np.array_equal(center, center.astype(X.dtype))
    return X if holds else _in_double(X)


def _in_double(X: Any) -> Any:
    """A block in float64, itself if that is what it is in."""
    rows, weights = split_weights(X)
    wide = rows.astype(np.float64, copy=False) if isinstance(rows, np.ndarray) else rows.double()
    if wide is rows:
        return X
    return wide if weights is None else WeightedRows(wide, weights)


def _too_large(data: Blocks, scale: FloatArray | float = 1.0) -> ValueError:
    return too_large((split_weights(block)[0] for block in data), scale)


def total_statistics(data: Blocks, mixture: Mixture, n_jobs: int | None = 1) -> Statistics:
    """Statistics of all descriptors, about the mixture's centers.

    Parameters
    ----------
    data : Blocks
        Descriptors.
    mixture : Mixture
        Current parameters.
    n_jobs : int or None, default=1
        Threads, as of ``skvae.compute.parallel``.

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If a descriptor is so far from the mixture that its square leaves the range of float64.
    """
    with np.errstate(all="ignore"):
        center = mixture.centers(data.dtype)
        if not np.isfinite(center).all():
            center = mixture.centers(np.float64)
        statistics = _total(data, mixture, center, n_jobs)
    if not _is_finite(statistics):
        raise _too_large(data, np.sqrt(total_variances(mixture)))
    return statistics


def _total(data: Blocks, mixture: Mixture, center: FloatArray, n_jobs: int | None) -> Statistics:
    """Statistics of all blocks, of arrays by threads that do not wait between blocks."""
    widened = partial(_widened, mixture=mixture, center=center)
    threaded = isinstance(data, SummedBlocks) and isinstance(data, (RowBlocks, WeightedSource))
    if not threaded:
        return data.total(lambda X: widened(X, e_step(X, mixture, center)))
    arrays = map(partial(_holding, center), data)
    return reduce(add, starmap(widened, accumulate_blocks(arrays, mixture, center, n_jobs)))


def _widened(X: Any, statistics: Statistics, mixture: Mixture, center: FloatArray) -> Statistics:
    """Statistics of a block, anew in float64 where float32 cannot hold its squares."""
    if _is_finite(statistics):
        return statistics
    wide = _in_double(X)
    return statistics if wide is X else e_step(wide, mixture, center)


def _is_finite(statistics: Statistics) -> bool:
    return bool(np.isfinite(statistics.log_likelihood) and np.isfinite(statistics.totals).all())


def m_step(statistics: Statistics, floor: FloatArray | float) -> Mixture:
    """Maximise the expected log-likelihood over weights, means and floored variances.

    Parameters
    ----------
    statistics : Statistics
        From the E-step.
    floor : ndarray of shape (d,)
        Least variances; the maximum under that constraint is the clipped variance, so EM
        in exact arithmetic still cannot lower the log-likelihood.

    Returns
    -------
    Mixture

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the
    EM algorithm", J. R. Stat. Soc. B 39, 1977.
    """
    s0, s1, s2, n = split_totals(statistics.totals, statistics.center.shape[-1])
    # A component without descriptors would divide by zero; its weight still has to be positive.
    s0, n = (np.maximum(a, 10 * np.finfo(np.float64).eps) for a in (s0, n))
    means = s1 / n
    covariances = np.maximum(s2 / n - means**2, floor)

    return Mixture(s0[:, 0] / s0.sum(), statistics.center + means, covariances)


def expected_statistics(mixture: Mixture, center: FloatArray) -> Statistics:
    """Mean statistics of descriptors that are distributed as the mixture says.

    ``m_step`` gives the mixture back: parameters and mean statistics are one and the same state, so
    that stepwise EM can go on from any mixture.

    Parameters
    ----------
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,) or (K, d)
        What the statistics are about.

    Returns
    -------
    Statistics
        Of one descriptor on average, with a log-likelihood of NaN.
    """
    mu = mixture.means - center
    phi = join_moments(np.ones((len(mu), 1)), mu, mixture.covariances + mu**2)
    return Statistics(mixture.weights[:, None] * phi, 1.0, np.nan, center)


def stepwise(mixture: Mixture, batch: Statistics, rate: float, floor: FloatArray) -> Mixture:
    """One step of stepwise EM: an M-step on a running mean of statistics.

    Parameters
    ----------
    mixture : Mixture
        That the statistics were made with.
    batch : Statistics
        From the E-step on a batch.
    rate : float
        Weight of the batch; with 1 the past is forgotten, as in one iteration of EM.
    floor : ndarray of shape (d,)
        Least variances.

    Returns
    -------
    Mixture

    References
    ----------
    O. Cappé and E. Moulines, "On-line expectation-maximization algorithm for latent data models",
    J. R. Stat. Soc. B 71, 2009.
    """
    past = (1 - rate) * expected_statistics(mixture, batch.center)
    return m_step(past + (rate / batch.n_descriptors) * settled(batch, mixture), floor)


def em_passes(
    data: Blocks,
    mixture: Mixture,
    floor: FloatArray,
    *,
    batch_size: int | None,
    decay: float,
    n_steps: int,
    rng: np.random.RandomState,
    n: float | None = None,
    n_jobs: int | None = 1,
) -> Iterator[tuple[Mixture, float, int, int]]:
    """EM without end: one pass over the data after the other.

    Parameters
    ----------
    data : Blocks
        Descriptors.
    mixture : Mixture
        To start from.
    floor : ndarray of shape (d,)
        Least variances.
    batch_size : int or None
        Descriptors per step of stepwise EM; None is EM, one step a pass.
    decay : float
        The t-th batch weighs (t + 1)^-decay.
    n_steps : int
        Steps that the start counts for.
    rng : numpy.random.RandomState
        Of the batches.
    n : float, default=None
        How many descriptors there are, by which empty components are found; None counts them.
    n_jobs : int or None, default=1
        Threads, as of ``skvae.compute.parallel``.

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
        log_likelihood, weight = 0.0, 0.0
        for batch in [data] if batch_size is None else data.batches(batch_size, rng):
            statistics = total_statistics(batch, mixture, n_jobs)
            rate = 1.0 if batch_size is None else (n_steps + 1) ** -decay
            mixture = stepwise(mixture, statistics, rate, floor)
            log_likelihood += statistics.log_likelihood
            weight += statistics.n_descriptors
            n_steps += 1
        mixture, n_revived = revive(mixture, weight if n is None else n, floor)
        yield mixture, log_likelihood / weight, n_revived, n_steps


def until_converged(
    passes: Iterator[tuple[Mixture, float, int, int]],
    *,
    max_iter: int,
    tol: float,
    verbose: int = 0,
) -> Iterator[dict[str, Any]]:
    """What a mixture has after each pass, until the log-likelihood gains less than ``tol``.

    Parameters
    ----------
    passes : iterator
        ``em_passes``.
    max_iter : int
        Passes at most.
    tol : float
        In nats per descriptor.
    verbose : int
        Prints the log-likelihood every so many passes; 0 does not.

    Yields
    ------
    attributes : dict
        Fitted attributes of ``DiagonalGaussianMixture``.
    """
    bounds: list[float] = []
    total_revived = 0
    for mixture, bound, n_revived, n_steps in islice(passes, max_iter):
        total_revived += n_revived
        bounds.append(bound)
        if verbose and len(bounds) % verbose == 0:
            print(f"Iteration {len(bounds)}: log-likelihood {bound:.6f} nats")
        converged = not n_revived and abs(np.diff([-np.inf, *bounds])[-1]) < tol
        yield {
            "weights_": mixture.weights,
            "means_": mixture.means,
            "covariances_": mixture.covariances,
            "lower_bounds_": list(bounds),
            "lower_bound_": bound,
            "n_iter_": len(bounds),
            "n_steps_": n_steps,
            "converged_": bool(converged),
            "n_revived_": total_revived,
        }
        if converged:
            return


def revive(mixture: Mixture, n_descriptors: float, floor: FloatArray) -> tuple[Mixture, int]:
    """Split the heaviest component once for every empty one, along its widest dimension.

    Widest in units of the feature's variance over the whole mixture.

    Parameters
    ----------
    mixture : Mixture
        From the M-step.
    n_descriptors : int
        That it came from.
    floor : ndarray of shape (d,)
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
    variances = total_variances(mixture)
    weights, means, covariances = (a.copy() for a in mixture)
    n_revived = 0
    for k in empty:
        j = np.argmax(np.where((covariances > floor).any(axis=1), counts, 0))
        if counts[j] < 2:
            break
        widest = np.argmax(np.where(covariances[j] > floor, covariances[j] / variances, 0))
        step = 0.5 * np.sqrt(covariances[j, widest])
        means[k], covariances[k] = means[j], covariances[j]
        means[j, widest] -= step
        means[k, widest] += step
        weights[j] = weights[k] = (weights[j] + weights[k]) / 2
        counts[j] = counts[k] = counts[j] / 2
        n_revived += 1
    return (Mixture(weights, means, covariances), n_revived) if n_revived else (mixture, 0)
