"""Rows of numbers wherever they lie: one protocol, and one pass that validates and describes."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from skvae.data.containers import (
    MISSING_ALLOWED,
    check_computed,
    check_names,
    float_type,
    numbers,
    validate_numbers,
)
from skvae.data.iterables import BlockPasses, IteratedRows, Recut, yields_blocks
from skvae.data.maps import MappedRows, memory_map_of, row_blocks
from skvae.data.places import placed
from skvae.data.row_facts import FactsReading, RowFacts
from skvae.data.sparse import SparseRows, check_finite
from skvae.data.tables import column_names, is_named_table

__all__ = [
    "ArrayRows",
    "PreparedRows",
    "Rows",
    "SequentialRows",
    "evenly_spaced",
    "in_memory",
    "output_dtype",
    "read_rows",
    "validate_rows",
]

# What rows may stay in memory; others become float32 where that is exact, else float64.
_DTYPES = [np.float64, np.float32, np.uint8]

Look = Callable[[np.ndarray], None]
ToMatrix = Callable[[Any], np.ndarray]
AnyRows = TypeVar("AnyRows", np.ndarray, SparseRows)


@runtime_checkable
class Rows(Protocol):
    """What a source of rows gives, whatever it is.

    Attributes
    ----------
    shape : (int, int)
        (n, n_features).
    dtype : dtype
        Of the numbers.
    is_in_memory : bool
        Whether all rows are there at once, so that a copy of them may be as well.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    is_in_memory: bool

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray:
        """Rows of a slice, or of an array of ascending numbers, as an array."""

    def part(self, places: np.ndarray) -> "Rows":
        """The rows with these ascending numbers, still where they lie."""


@runtime_checkable
class SequentialRows(Rows, Protocol):
    """Rows that are read forward: any others than the next ones may take a new pass."""

    def anew(self) -> "SequentialRows":
        """These rows, read by a pass of their own that is yet to begin."""


class ArrayRows:
    """Rows of an array in memory.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.rows import ArrayRows
    >>> rows = ArrayRows(np.arange(6).reshape(3, 2))
    >>> rows.part(np.array([0, 2]))[1:]
    array([[4, 5]])
    """

    is_in_memory = True

    def __init__(self, X: np.ndarray):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.X[rows]

    def part(self, places: np.ndarray) -> "ArrayRows":
        """The rows with these numbers."""
        return ArrayRows(self.X[places])


class PreparedRows:
    """Rows as a network sees them, made when they are asked for.

    Parameters
    ----------
    X : ndarray or Rows of shape (n, n_features)
        In the user's units.
    prepare : callable
        From some rows to what the network sees of them, float32.
    """

    dtype = np.dtype(np.float32)
    is_in_memory = False

    def __init__(self, X: Any, prepare: Callable[[np.ndarray], np.ndarray]):
        self.X, self._prepare, self.shape = X, prepare, X.shape

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self._prepare(self.X[rows])

    def part(self, places: np.ndarray) -> "PreparedRows":
        """The rows with these ascending numbers."""
        return PreparedRows(self.X.part(places), self._prepare)

    def in_memory(self, rows: slice) -> "PreparedRows":
        """These rows, read at once and prepared when they are asked for."""
        return PreparedRows(in_memory(self.X, rows), self._prepare)


def in_memory(X: Any, rows: slice) -> Any:
    """Some rows, read from where they lie; what is to be prepared of them is yet to be."""
    return X.in_memory(rows) if isinstance(X, PreparedRows) else X[rows]


def output_dtype(X: Any) -> np.dtype:
    """The float type in which answers about rows come: theirs, float32 for pixels of 8 bits."""
    return float_type(X.dtype)


def evenly_spaced(n_rows: int, n: int) -> np.ndarray:
    """Ascending numbers of ``n`` rows, or of all where there are fewer."""
    return np.unique(np.linspace(0, n_rows - 1, n).astype(np.intp))


def read_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    unit: float = 1.0,
    moments: bool = False,
    to_matrix: ToMatrix | None = None,
) -> tuple[Rows, RowFacts]:
    """Validate rows where they lie and describe them, in one pass.

    Parameters
    ----------
    estimator : estimator
        Whose features scikit-learn counts: its ``n_features_in_`` is set or compared with.
    X : array-like or iterable of blocks, of shape (n, n_features)
        Rows.
    reset : bool
        Whether to set or to compare.
    unit, moments
        As for :func:`skvae.data.row_facts.facts_of`.
    to_matrix : callable or None, default=None
        As for :func:`validate_rows`.

    Returns
    -------
    rows : Rows of shape (n, n_features)
        float32, float64 or uint8, but any numbers in a memory map.
    facts : RowFacts
    """
    reading = FactsReading(unit, moments)
    rows = validate_rows(estimator, X, reset=reset, look=reading.look, to_matrix=to_matrix)

    return ArrayRows(rows) if isinstance(rows, np.ndarray) else rows, reading.facts()


def validate_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    look: Look | None = None,
    to_matrix: ToMatrix | None = None,
) -> np.ndarray | MappedRows | IteratedRows | SparseRows:
    """Validate rows without copying a memory map, or making pixels and sparse matrices larger.

    Parameters
    ----------
    estimator : estimator
        Whose features scikit-learn counts: its ``n_features_in_`` is set or compared with.
    X : array-like or iterable of blocks, of shape (n, n_features)
        Rows.
    reset : bool
        Whether to set or to compare.
    look : callable or None, default=None
        Called with all rows in the same pass, as :func:`row_blocks` cuts them.
    to_matrix : callable or None, default=None
        Makes numbers of a table that holds other things as well; None where X is of numbers.

    Returns
    -------
    X : ndarray, MappedRows, IteratedRows or SparseRows
        float32, float64 or uint8, but any numbers in a memory map; NaN where a value is missing,
        which sparse rows do not say.
    """
    if to_matrix is not None:
        return _looked_at(_validate_table(estimator, X, reset, to_matrix), look)
    if yields_blocks(X, type(estimator).__name__):
        return _validate_blocks(estimator, X, reset, look)
    if isinstance(X, np.ndarray) and memory_map_of(X) is not None:
        return _validate_map(estimator, X, reset, look)
    # Of sparse rows it is said where what is not finite lies.
    finite = {"ensure_all_finite": False} if issparse(X) else MISSING_ALLOWED
    found: Any = validate_numbers(
        estimator, X, kept=_DTYPES, reset=reset, accept_sparse="csr", **finite
    )
    if issparse(found):
        check_finite(found)
        return _looked_at(SparseRows(found), look)
    array: np.ndarray = found

    return _looked_at(array, look)


def _looked_at(rows: AnyRows, look: Look | None) -> AnyRows:
    """The rows, once all of them have been shown."""
    if look is not None:
        for block in row_blocks(rows):
            look(block)

    return rows


def _validate_table(estimator: Any, X: Any, reset: bool, to_matrix: ToMatrix) -> np.ndarray:
    check_computed(X, "X")
    if (n_dims := len(np.shape(X))) != 2:
        raise ValueError(
            f"Expected 2D array, got {n_dims}D array instead: X must be a table with the "
            "columns of fit."
        )
    if is_named_table(X):
        check_names(column_names(X), "X")
    validate_data(estimator, X, skip_check_array=True, reset=reset)

    return to_matrix(X)


def _validate_map(estimator: Any, X: np.ndarray, reset: bool, look: Look | None) -> MappedRows:
    name = type(estimator).__name__
    rows = MappedRows(validate_data(estimator, numbers(X), ensure_all_finite=False, reset=reset))
    first_row = 0
    for block in row_blocks(rows):
        with placed(block, first_row):
            assert_all_finite(block, allow_nan=True, estimator_name=name, input_name="X")
        first_row += len(block)
        if look is not None:
            look(block)

    return rows


def _validate_blocks(estimator: Any, X: Any, reset: bool, look: Look | None) -> IteratedRows:
    blocks = BlockPasses(X, _DTYPES, **MISSING_ALLOWED)
    validate_data(estimator, blocks.first, skip_check_array=True, reset=reset)
    recut = None if look is None else Recut(look)
    rows = IteratedRows(blocks, None if recut is None else recut.look)
    if len(rows) == 0:
        raise ValueError("The blocks of X have 0 samples, but a minimum of 1 is required.")
    if recut is not None:
        recut.end()

    return rows
