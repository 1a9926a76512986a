"""Number, center and variances of descriptors, in blocks wherever they lie."""

from functools import partial

import numpy as np

from skvae._typing import FloatArray
from skvae.compute.parallel import map_ordered
from skvae.data.blocks import Blocks, SummedBlocks
from skvae.data.weights import WeightedRows, split_weights
from skvae.mixture.magnitudes import too_large
from skvae.mixture.missing import has_missing
from skvae.mixture.variances import varying

__all__ = ["describe"]

# Rows that a pass over the data converts to float64 at a time.
_PASS_ROWS = 16_384


def _count_and_sum(block: FloatArray | WeightedRows) -> FloatArray:
    """(3, d): sums, numbers of rows, and numbers of values; or of their weights."""
    X, weights = split_weights(block)
    n = np.full(X.shape[1], len(X) if weights is None else weights.sum(), np.float64)
    if not has_missing(X):
        return np.stack([X.sum(axis=0, dtype=np.float64) if weights is None else weights @ X, n, n])
    observed = ~np.isnan(X)
    if weights is None:
        return np.stack([np.nansum(X, axis=0, dtype=np.float64), n, observed.sum(axis=0)])
    return np.stack([weights @ np.where(observed, X, 0), n, weights @ observed])


def _squares(
    block: FloatArray | WeightedRows, center: FloatArray, n_jobs: int | None
) -> FloatArray:
    X, weights = split_weights(block)

    def of_rows(first: int) -> FloatArray:
        rows = slice(first, first + _PASS_ROWS)
        squares = (X[rows] - center) ** 2
        if missing:
            squares[np.isnan(squares)] = 0
        total: FloatArray = squares.sum(axis=0) if weights is None else weights[rows] @ squares
        return total

    missing = has_missing(X)
    parts = map_ordered(of_rows, range(0, len(X), _PASS_ROWS), n_jobs)
    return sum(parts, np.zeros(len(center)))


def _threads_on(data: Blocks, n_jobs: int | None) -> int | None:
    """Threads for each block: one where blocks lie with workers, which share out the cores."""
    return n_jobs if isinstance(data, SummedBlocks) else 1


def describe(data: Blocks, n_jobs: int | None = 1) -> tuple[float, FloatArray, FloatArray]:
    """Number, center and variances of all descriptors, in two passes.

    Missing values have no part in them.

    Parameters
    ----------
    data : Blocks
        Descriptors, in arrays, or with weights beside them.
    n_jobs : int or None, default=1
        Threads, as of ``skvae.compute.parallel``.

    Returns
    -------
    n : float
        How many, or the sum of their weights.
    center : ndarray of shape (d,)
        Their mean, rounded to their dtype so that subtracting it there is exact.
    variances : ndarray of shape (d,)
        About the center; 0 where that is rounding.

    Raises
    ------
    ValueError
        If a square leaves the range of float64, or a column has no value.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total, n_rows, n_values = data.total(_count_and_sum)
        n = float(n_rows[0])
        if n and not n_values.all():
            raise ValueError(
                f"Column {np.argmin(n_values)} of X has no value: all of them are missing (NaN). "
                "Leave it out."
            )
        n_values = np.where(n_values > 0, n_values, 1)
        center = (total / n_values).astype(data.dtype).astype(np.float64)
        squares = partial(_squares, center=center, n_jobs=_threads_on(data, n_jobs))
        variances = data.total(squares) / n_values
    if not np.isfinite(variances).all():
        raise too_large(split_weights(block)[0] for block in data)

    return n, center, varying(variances, center, data.dtype)
