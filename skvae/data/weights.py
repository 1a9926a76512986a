"""How often rows count: weights, checked, and beside the rows that they belong to."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from skvae._typing import FloatArray, IntArray
from skvae.data.containers import check_numbers

__all__ = [
    "WeightedRows",
    "are_whole",
    "check_weights",
    "far_unit",
    "moderate",
    "n_counted",
    "power_near",
    "repeated_rows",
    "split_weights",
]

# Sums of weights up to it are far from what float32 holds, and so are those of its inverse.
_FAR = 2.0**64
# Above it not every whole number is one of float64.
_MOST = 2.0**53


def check_weights(
    given: Any,
    n: int | None = None,
    name: str = "sample_weight",
    of: str = "row",
    *,
    all_zero: bool = False,
) -> FloatArray:
    """Validate weights.

    Parameters
    ----------
    given : float or array-like of shape (n,)
        Not negative and finite. A number is the weight of each, where n is known.
    n : int, default=None
        How many there must be; None takes as many as there are.
    name : str
        Of the argument, for errors.
    of : str
        What each is a weight of, for errors.
    all_zero : bool, default=False
        Whether all of them may be zero.

    Returns
    -------
    weights : ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        For another shape, and for weights that are negative, not finite or all zero.

    Examples
    --------
    >>> from skvae.data.weights import check_weights
    >>> check_weights([2, 0, 1], 3)
    array([2., 0., 1.])
    """
    if isinstance(given, Real) and n is not None:
        given = np.full(n, given)
    weights = check_numbers(given, name, ensure_2d=False, allow_nd=True, ensure_min_samples=0)
    weights = weights.astype(np.float64, copy=False)
    if weights.ndim != 1 or len(weights) != (len(weights) if n is None else n):
        shape = "(n,)" if n is None else f"({n},)"
        raise ValueError(
            f"{name} must have shape {shape}, one for every {of}; got {weights.shape}."
        )
    if (weights < 0).any():
        place = int((weights < 0).argmax())
        raise ValueError(
            f"{name}[{place}] is {weights[place]:g}, a negative weight. A {of} of weight 0 is left "
            "out."
        )
    if len(weights) and not (all_zero or weights.any()):
        raise ValueError(f"All weights are zero ({name}): no {of} is left.")

    return weights


def are_whole(weights: FloatArray) -> bool:
    """Whether weights are whole numbers, so that each says how often its row is there."""
    with np.errstate(over="ignore"):
        return bool((np.floor(weights) == weights).all() and weights.sum() < _MOST)


def n_counted(weights: FloatArray) -> int:
    """How many rows weights stand for: their sum if they are whole, else how many are not zero."""
    return int(weights.sum()) if are_whole(weights) else int(np.count_nonzero(weights))


def power_near(weights: Any) -> float:
    """The power of two next below the largest weight: what is divided by it keeps its digits."""
    largest = float(weights.max()) if len(weights) else 0.0
    return float(2.0 ** np.floor(np.log2(largest))) if largest > 0 else 1.0


def far_unit(largest: Any) -> FloatArray:
    """The unit of weights so large or small that their sums leave float32, else 1.

    Parameters
    ----------
    largest : float or ndarray of shape (n,)
        Largest of some weights, not zero.

    Returns
    -------
    unit : ndarray of shape () or (n,)
        A power of four, so that weights in it and their roots keep their digits.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.weights import far_unit
    >>> np.log2(far_unit(np.array([3.0, 2.0**71, 3 * 2.0**-500])))
    array([   0.,   70., -500.])
    """
    is_far = (largest > _FAR) | (largest < 1 / _FAR)
    unit: FloatArray = np.where(is_far, 4.0 ** np.floor(np.log2(largest) / 2), 1.0)
    return unit


def moderate(weights: FloatArray) -> FloatArray:
    """Weights of which only the proportions matter, in their :func:`far_unit`."""
    return weights / far_unit(weights.max()) if weights.any() else weights


def repeated_rows(weights: FloatArray) -> IntArray:
    """Rows as often as their weights say, for what cannot weigh them.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Not all zero. Whole numbers are followed exactly; others make about n rows, of which no
        stretch of rows has one more or less than its share.

    Returns
    -------
    rows : ndarray of int
        Ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.weights import repeated_rows
    >>> repeated_rows(np.array([2.0, 0.0, 1.0])), repeated_rows(np.array([0.5, 0.2, 0.1, 0.2]))
    (array([0, 0, 2]), array([0, 0, 1, 3]))
    """
    if are_whole(weights):
        return np.repeat(np.arange(len(weights)), weights.astype(np.intp))
    ends = np.cumsum(weights)
    places = (np.arange(len(weights)) + 0.5) * (ends[-1] / len(weights))
    rows: IntArray = np.searchsorted(ends, places, side="right")
    return rows


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """Rows of a block and how often each counts.

    Parameters
    ----------
    rows : ndarray or torch.Tensor of shape (n, d)
        Rows.
    weights : ndarray or torch.Tensor of shape (n,), float64
        Of each of them.
    """

    rows: Any
    weights: Any

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dtype(self) -> Any:
        """Of the rows."""
        return self.rows.dtype

    def __getitem__(self, rows: Any) -> "WeightedRows":
        return WeightedRows(self.rows[rows], self.weights[rows])

    def counted(self) -> "WeightedRows":
        """Those whose weight is not zero."""
        counts = self.weights > 0
        return self if counts.all() else self[counts]


def split_weights(block: Any) -> tuple[Any, Any]:
    """Rows of a block and their weights, which are None where every row counts once."""
    if isinstance(block, WeightedRows):
        return block.rows, block.weights
    return block, None
