"""The E-step: posteriors of chunks of descriptors, and statistics weighted by them.

Chunks are cut by the data and summed in their order: for any number of threads bits are the same.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import FloatArray, IntArray
from skvae.compute.parallel import map_ordered
from skvae.data.weights import power_near, split_weights
from skvae.mixture.assignment import Assignment
from skvae.mixture.kernel import Kernel, recent_kernel
from skvae.mixture.missing import (
    features_by_center,
    has_missing,
    marginal_parameters,
    marginal_posteriors,
    marginal_set_statistics,
    marginal_sums,
)
from skvae.mixture.moments import add_totals
from skvae.mixture.statistics import Mixture, Statistics, equal_runs
from skvae.mixture.workspace import Run, Workspace

__all__ = ["accumulate", "accumulate_blocks", "log_posteriors", "set_statistics"]

Value = TypeVar("Value")


def _map_chunks(
    function: Callable[[Workspace, Any, slice], Value],
    arrays: Iterable[tuple[Any, Kernel]],
    n_jobs: int | None,
) -> Iterator[tuple[Any, slice, Value]]:
    """``function(workspace, X, rows)`` of each chunk, by threads that have a workspace each.

    Threads go from one array to the next without waiting for each other. Yields the array and the
    rows with the results, in order.
    """
    idle: list[Workspace] = []

    def of_chunk(chunk: tuple[Any, Kernel, slice]) -> tuple[Any, slice, Value]:
        X, kernel, rows = chunk
        n = min(len(X), kernel.rows)
        try:
            work = idle.pop()
        except IndexError:
            work = Workspace(kernel, n)
        if work.kernel is not kernel or work.joint.shape[1] != n:
            work = Workspace(kernel, n)
        result = function(work, X, rows)
        idle.append(work)
        return X, rows, result

    chunks = (
        (X, kernel, slice(first, min(first + kernel.rows, len(X))))
        for X, kernel in arrays
        for first in range(0, max(len(X), 1), kernel.rows)
    )
    return map_ordered(of_chunk, chunks, n_jobs)


def accumulate(X: Any, mixture: Mixture, center: FloatArray) -> Statistics:
    """E-step: expected sufficient statistics of all descriptors under ``mixture``.

    Parameters
    ----------
    X : ndarray or WeightedRows of shape (n, d), float32 or float64
        Descriptors; read chunk by chunk, so a memory map stays on disk. Weights are positive.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,) or (K, d)
        Subtracted from the descriptors, for all components or for each.

    Returns
    -------
    Statistics
        Sums in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.expectation import accumulate
    >>> from skvae.mixture.statistics import Mixture
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> one = Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2)))
    >>> accumulate(X, one, center=np.zeros(2)).totals
    array([[ 3.,  6.,  9., 20., 35.]])
    """
    ((_, statistics),) = accumulate_blocks([X], mixture, center, n_jobs=1)
    return statistics


def accumulate_blocks(
    blocks: Iterable[Any], mixture: Mixture, center: FloatArray, n_jobs: int | None
) -> Iterator[tuple[Any, Statistics]]:
    """Expected sufficient statistics of each block, by threads that do not wait between blocks.

    Parameters
    ----------
    blocks : iterable of ndarray or WeightedRows of shape (n_i, d), float32 or float64
        Descriptors; the next block may be read before the statistics of the last are complete.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,) or (K, d)
        Subtracted from the descriptors, for all components or for each.
    n_jobs : int or None
        Threads, as of ``skvae.compute.parallel``.

    Yields
    ------
    block : ndarray or WeightedRows of shape (n_i, d)
        Of the blocks, in their order.
    statistics : Statistics
        Of the block, as :func:`accumulate` gives them.
    """
    kernels: dict[np.dtype[Any], Kernel] = {}

    def with_kernel(X: Any) -> tuple[Any, Kernel]:
        if X.dtype not in kernels:
            kernels[X.dtype] = Kernel(mixture, center, X.dtype)
        return X, kernels[X.dtype]

    def sums(work: Workspace, X: Any, rows: slice) -> tuple[float, FloatArray]:
        run = (0, 1, rows.stop - rows.start)
        x, weights = split_weights(X[rows])
        if has_missing(x):
            return marginal_sums(x, mixture, center, weights)
        if weights is None:
            return work.e_step(x, [run]).sum(), work.totals(run)[0]
        unit = power_near(weights)  # float32 holds weights of any size in it
        log_likelihood = work.e_step(x, [run], (weights / unit)[:, None])
        return weights @ log_likelihood, unit * work.totals(run)[0].astype(np.float64)

    totals: FloatArray = np.zeros(())
    log_likelihood = 0.0
    for X, rows, (more, of_chunk) in _map_chunks(sums, map(with_kernel, blocks), n_jobs):
        if rows.start == 0:
            totals, log_likelihood = np.zeros(of_chunk.shape), 0.0
        log_likelihood += more
        totals = add_totals(totals, of_chunk)
        if rows.stop == len(X):
            weights = split_weights(X)[1]
            n = len(X) if weights is None else float(weights.sum())
            yield X, Statistics(totals, n, log_likelihood, center)


def log_posteriors(
    X: FloatArray, mixture: Mixture, n_jobs: int | None = 1
) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Log-likelihood and posteriors of descriptors.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
        Descriptors.
    mixture : Mixture
        Parameters.
    n_jobs : int or None, default=1
        Threads, as of ``skvae.compute.parallel``.

    Yields
    ------
    rows : slice
        A chunk of the rows of ``X``.
    log_likelihood : ndarray of shape (n_rows,), float64
        log p(x), in nats.
    gamma : ndarray of shape (n_rows, K)
        p(k | x), in the dtype of ``X``.
    """

    def of_chunk(work: Workspace, X: FloatArray, rows: slice) -> tuple[FloatArray, FloatArray]:
        x = X[rows]
        if not has_missing(x):
            return _posteriors(work, x)
        log_likelihood, gamma = np.empty(len(x)), np.empty((len(x), len(mixture.weights)), x.dtype)
        partial = np.isnan(x).any(axis=1)
        log_likelihood[~partial], gamma[~partial] = _posteriors(work, x[~partial])
        features = features_by_center(x[partial], kernel.centers, gamma.shape[1])
        ones = [(components, phi[:, None]) for components, phi in features]  # rows are sets
        found = marginal_posteriors(ones, marginal_parameters(mixture, kernel.centers))
        log_likelihood[partial], gamma[partial] = (a[:, 0] for a in found)
        log_likelihood[np.isnan(x).all(axis=1)] = 0  # which it is but for rounding
        return log_likelihood, gamma

    kernel = recent_kernel(mixture, X.dtype, None)
    for _, rows, (log_likelihood, gamma) in _map_chunks(of_chunk, [(X, kernel)], n_jobs):
        yield rows, log_likelihood, gamma


def _posteriors(work: Workspace, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log-likelihoods and posteriors of descriptors that fit into the workspace."""
    log_likelihood = work.e_step(x, [(0, len(x), 1)])
    joint = work.joint[:, : len(x)]
    gamma = np.empty((len(x), len(joint)), x.dtype)
    gamma[:, work.kernel.order] = (joint / joint.sum(axis=0)).T
    return log_likelihood, gamma


def set_statistics(
    descriptors: FloatArray,
    offsets: IntArray,
    mixture: Mixture,
    assignment: Assignment | None = None,
    weights: FloatArray | None = None,
    n_jobs: int | None = 1,
    *,
    complete: bool = False,
    dtype: DTypeLike | None = None,
) -> Iterator[tuple[slice, FloatArray]]:
    """Statistics of each set, batch of sets by batch of sets.

    Everything but the matrix products runs on batches of sets, so that small sets cost little more
    than large ones. A set larger than a batch may be is summed in pieces that start at its own
    first descriptor.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d), float32 or float64
        All descriptors, set after set.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    mixture : Mixture
        Parameters.
    assignment : Assignment, default=None
        Which posteriors are kept; None keeps all.
    weights : ndarray of shape (N,), default=None
        How often each descriptor counts; None means once.
    n_jobs : int or None, default=1
        Threads that sum a set larger than a batch, as of ``skvae.compute.parallel``.
    complete : bool, default=False
        Whether it is known that no value is missing.
    dtype : dtype, default=None
        Of products that lose nothing in it, of float64 descriptors that were computed from
        float32 ones; None is that of the descriptors.

    Yields
    ------
    sets : slice
        The sets of this batch.
    totals : ndarray of shape (n_batch, K, 1 + 2 d) or (n_batch, K, 1 + 3 d)
        [S0 | S1 | S2] of each set about ``mixture.centers(dtype)``: in float32 if
        that is what all of them were summed in, else in float64. Where any value is missing, all
        sets are one batch, and have N as well (``skvae.mixture.missing``).
    """
    dtype = np.dtype(descriptors.dtype if dtype is None else dtype)
    if not complete and has_missing(descriptors):
        parts = (descriptors, offsets, mixture, assignment, weights, n_jobs)
        yield slice(0, len(offsets) - 1), marginal_set_statistics(*parts, dtype=dtype)
        return
    kernel = recent_kernel(mixture, dtype, assignment)
    work = Workspace(kernel, len(descriptors))
    if weights is not None:
        weights = weights[:, None]
    sizes = offsets[1:] - offsets[:-1]
    first = 0
    while first < len(sizes):
        last = len(sizes)
        if offsets[last] - offsets[first] > kernel.rows:
            last = int(np.searchsorted(offsets, offsets[first] + kernel.rows, side="right")) - 1
            last = max(last, first + 1)
        rows = slice(offsets[first], offsets[last])
        chunk, weight = descriptors[rows], None if weights is None else weights[rows]
        if len(chunk) <= kernel.rows:
            totals = _totals_of(work, chunk, equal_runs(sizes[first:last]), weight)
        else:
            totals = _totals_of_one(chunk, kernel, weight, n_jobs)
        yield slice(first, last), totals
        first = last


def _totals_of_one(
    x: FloatArray, kernel: Kernel, weights: FloatArray | None, n_jobs: int | None
) -> FloatArray:
    """Statistics of a set that is larger than a workspace."""

    def of_piece(work: Workspace, x: FloatArray, rows: slice) -> FloatArray:
        runs = [(slice(1), (0, 1, rows.stop - rows.start))]
        return _totals_of(work, x[rows], runs, None if weights is None else weights[rows])

    totals = np.zeros((1, *kernel.eta.shape))
    for *_, of_rows in _map_chunks(of_piece, [(x, kernel)], n_jobs):
        totals += of_rows
    return totals


def _totals_of(
    work: Workspace,
    x: FloatArray,
    runs: list[tuple[slice, Run]],
    weights: FloatArray | None,
) -> FloatArray:
    """Statistics of sets that fit into the workspace together, by runs as of ``equal_runs``."""
    work.fill(x, [run for _, run in runs], weights)
    if work.kernel.hard:
        sizes = np.repeat([size for _, (_, _, size) in runs], [n for _, (_, n, _) in runs])
        return work.hard_totals(x, sizes, weights)
    singles = [run[2] == 1 for _, run in runs]
    if not any(singles) and len(runs) == 1:
        return work.totals(runs[0][1])
    dtype = np.float64 if any(singles) else work.totals_dtype
    totals = np.empty((runs[-1][0].stop, *work.kernel.eta.shape), dtype)
    for (sets, run), single in zip(runs, singles, strict=True):
        totals[sets] = work.single_totals(x, run, weights) if single else work.totals(run)
    return totals
