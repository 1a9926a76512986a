"""What is true of all rows: ranges, whole and binary columns, missing values, moments."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from skvae.data.containers import float_type
from skvae.data.maps import row_blocks

__all__ = ["TOLERANCE", "FactsReading", "RowFacts", "facts_of"]

# Binary values are 0 and a unit, up to rounding.
TOLERANCE = 1e-6

# Values that are described at a time, which the caches hold.
_CHUNK = 2**16


def _are_whole(X: np.ndarray) -> np.ndarray:
    """Whether all values of each column are whole numbers, (n_features,)."""
    if X.dtype.kind in "iub":
        return np.full(X.shape[1], True)
    whole: np.ndarray = (np.floor(X) == X).all(axis=0)

    return whole


def _are_binary(x: np.ndarray, unit: float) -> np.ndarray:
    """Whether all values of each column are 0 or ``unit`` up to rounding, (n_features,)."""
    binary: np.ndarray = ((x == 0) | (x == unit)).all(axis=0)
    if not binary.all():
        tolerance = TOLERANCE * unit
        others = np.asarray(x[:, ~binary], dtype=float_type(x.dtype))
        near = (np.abs(others) <= tolerance) | (np.abs(others - unit) <= tolerance)
        binary[~binary] = near.all(axis=0)

    return binary


def _narrowed(columns: np.ndarray, X: np.ndarray, test: Callable[..., np.ndarray]) -> np.ndarray:
    """Which of the columns that have passed a test so far pass it with these rows too."""
    if columns.all():
        return test(X)
    if columns.any():
        columns = columns.copy()
        columns[columns] = test(X[:, columns])

    return columns


@dataclass(frozen=True)
class RowFacts:
    """What is true of all rows, as one pass over them tells; NaN is a missing value.

    Parameters
    ----------
    n_rows, n_features : int
        Their number and width.
    dtype : dtype
        Of the numbers.
    lows, highs : ndarray of shape (n_features,)
        Least and greatest value of each column, NaN where all are missing.
    wholes : ndarray of shape (n_features,), bool
        Whether a column holds whole numbers only.
    binaries : ndarray of shape (n_features,), bool
        Whether a column holds 0 and the unit only, up to rounding.
    missing : ndarray of shape (n_features,), float64
        Share of a column's values that are missing, weighted where rows have weights.
    mean, scale : ndarray of shape (n_features,), float64, or None
        Moments of the columns, weighted where rows have weights, scale 1 for those that do not
        vary; not finite where squares are too large for a float. None where nobody asked for them.
    """

    n_rows: int
    n_features: int
    dtype: np.dtype
    lows: np.ndarray
    highs: np.ndarray
    wholes: np.ndarray
    binaries: np.ndarray
    missing: np.ndarray
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    @property
    def low(self) -> float:
        """Least value."""
        low: float = np.fmin.reduce(self.lows) + 0.0  # -0.0 becomes 0.0
        return low

    @property
    def high(self) -> float:
        """Greatest value."""
        high: float = np.fmax.reduce(self.highs) + 0.0
        return high

    @property
    def varies(self) -> bool:
        """Whether any column has more than one value."""
        return bool((self.lows < self.highs).any())

    @property
    def has_missing(self) -> bool:
        """Whether any value is missing."""
        return bool(self.missing.any())

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return bool(self.wholes.all())

    @property
    def binary(self) -> bool:
        """Whether all values are 0 or the unit, up to rounding."""
        return bool(self.binaries.all())


class FactsReading:
    """What rows tell, block after block.

    Parameters
    ----------
    unit, moments
        As for :func:`facts_of`.
    """

    def __init__(self, unit: float, moments: bool):
        self._unit, self._scaler = unit, StandardScaler() if moments else None
        self._n_rows, self._weight = 0, 0.0
        self._missing: Any = 0.0  # weight of the missing values of each column
        self._dtypes: set[np.dtype] = set()
        self._columns: dict[str, np.ndarray] = {}

    def look(self, block: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Take note of the next rows, as :func:`row_blocks` cuts them, and of their weights."""
        self._n_rows += len(block)
        self._weight += len(block) if weights is None else weights.sum()
        self._dtypes.add(block.dtype)
        n_features = block.shape[1]
        all_true = np.full(n_features, True)
        first = {"lows": block[0], "highs": block[0], "wholes": all_true, "binaries": all_true}
        self._columns = self._columns or first
        for rows in gen_batches(len(block), max(1, _CHUNK // n_features)):
            self._describe(block[rows], None if weights is None else weights[rows])
        if self._scaler is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                self._scaler.partial_fit(block, sample_weight=weights)
            # The scaler would add the next values to the NaN that is its mean of none.
            self._scaler.mean_[np.equal(self._scaler.n_samples_seen_, 0)] = 0

    def _describe(self, X: np.ndarray, weights: np.ndarray | None) -> None:
        known, lows, highs = self._columns, X.min(axis=0), X.max(axis=0)
        if np.isnan(lows).any():
            missing = np.isnan(X)
            self._missing += missing.sum(axis=0) if weights is None else weights @ missing
            lows, highs = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
            X = np.where(missing, 0, X)  # which is whole and binary
        self._columns = {
            "lows": np.fmin(known["lows"], lows),
            "highs": np.fmax(known["highs"], highs),
            "wholes": _narrowed(known["wholes"], X, _are_whole),
            "binaries": _narrowed(known["binaries"], X, partial(_are_binary, unit=self._unit)),
        }

    def facts(self) -> RowFacts:
        """What all rows tell."""
        scaler = self._scaler
        mean: np.ndarray | None = None
        scale: np.ndarray | None = None
        if scaler is not None:  # which gives infinite variances a scale of 1
            mean, scale = scaler.mean_, np.where(np.isinf(scaler.var_), np.inf, scaler.scale_)
        dtype, n_features = np.result_type(*self._dtypes), len(self._columns["lows"])
        missing = np.full(n_features, self._missing / self._weight)

        return RowFacts(
            self._n_rows,
            n_features,
            dtype,
            **self._columns,
            missing=missing,
            mean=mean,
            scale=scale,
        )


def facts_of(
    X: Any, *, unit: float = 1.0, moments: bool = False, weights: np.ndarray | None = None
) -> RowFacts:
    """What is true of all rows.

    Parameters
    ----------
    X : ndarray or Rows of shape (n, n_features)
        Numbers, NaN where missing.
    unit : float, default=1.0
        The value that binary columns have beside 0.
    moments : bool, default=False
        Whether means and scales are wanted.
    weights : ndarray of shape (n,) or None, default=None
        Positive weights of the rows, of which moments take account.

    Returns
    -------
    facts : RowFacts

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.row_facts import facts_of
    >>> facts = facts_of(np.array([[0, 3], [1, 5]]))
    >>> facts.whole, facts.binary, facts.binaries.tolist()
    (True, False, [True, False])
    """
    reading = FactsReading(unit, moments)
    first = 0
    for block in row_blocks(X):
        own = None if weights is None else weights[first : first + len(block)]
        reading.look(block, own)
        first += len(block)

    return reading.facts()
