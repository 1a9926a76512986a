"""Rows that are there more than once."""

import numpy as np
from sklearn.utils import gen_batches

from skvae._typing import FloatArray, IntArray

__all__ = ["order_if_repeated"]

# Rows that are looked at together.
_ROWS = 4096


def order_if_repeated(rows: FloatArray) -> IntArray | None:
    """An order of rows by their values, where most of them are there more than once.

    Such rows are values with numbers of times, however they lie: what is drawn from them by its
    place is then the same for any order of the rows, and for rows that weights stand for.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32 or float64
        Finite.

    Returns
    -------
    order : ndarray of int or None
        None where more than half of the distinct rows are there once.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.repeats import order_if_repeated
    >>> order_if_repeated(np.array([[2.0], [1.0], [2.0], [1.0]]))
    array([1, 3, 0, 2])
    """
    if not _repeat_each_other(rows):
        return None
    order: IntArray = np.lexsort(rows.T[::-1])
    return order


def _repeat_each_other(rows: FloatArray) -> bool:
    # At most two thirds of them are then distinct, and so are the values of a column.
    if len(rows) == 0 or 3 * len(np.unique(rows[:, 0])) > 2 * len(rows):
        return False
    times = np.unique(_digests(rows), return_counts=True)[1]
    return bool(2 * np.count_nonzero(times > 1) >= len(times))


def _digests(rows: FloatArray) -> IntArray:
    """A number for each row, by its values alone: sums of 64-bit integers are exact."""
    factors = np.random.default_rng(0).integers(1, 2**64, rows.shape[1], np.uint64) | np.uint64(1)
    digests = np.empty(len(rows), np.uint64)
    for some in gen_batches(len(rows), _ROWS):
        numbers = np.ascontiguousarray(rows[some] + 0.0, np.float64).view(np.uint64)  # -0 is 0
        numbers = (numbers ^ (numbers >> np.uint64(32))) * factors
        digests[some] = (numbers ^ (numbers >> np.uint64(29))).sum(axis=1)
    return digests
