"""Tables of pandas, polars and pyarrow: their columns, what kind those are of, and their values."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np

from skvae._typing import Array, FloatArray, IntArray
from skvae.data.containers import check_computed, check_names

__all__ = [
    "ColumnKind",
    "categories",
    "check_table",
    "column_of",
    "column_names",
    "columns_beside",
    "floats",
    "is_missing",
    "is_named_table",
    "kind_of",
    "objects",
    "values_of",
]

# "missing": nothing in the column says what it holds.
ColumnKind: TypeAlias = Literal["number", "time", "duration", "boolean", "category", "missing"]

_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys("iuf", "number"),
    "M": "time",
    "m": "duration",
    "b": "boolean",
}
# Units that the times of Python do not have.
_FINE = ("ns", "ps", "fs", "as")
# Of Python's objects; bool and numpy's durations before numbers, their base.
_CLASSES: dict[Any, ColumnKind] = {
    (bool, np.bool_): "boolean",
    (timedelta, np.timedelta64): "duration",
    (Real, Decimal): "number",
    (date, np.datetime64): "time",
    str: "category",
}


def is_named_table(X: Any) -> bool:
    """Whether X is a table with names of its columns, of pandas, polars or pyarrow."""
    return hasattr(X, "columns") and len(getattr(X, "shape", ())) == 2


def check_table(table: Any, name: str) -> Any:
    """A table whose columns have names, as it is.

    Parameters
    ----------
    table : DataFrame or Table
        Of pandas, polars or pyarrow.
    name : str
        Of the argument, for errors.

    Raises
    ------
    TypeError
        If it is none, or is still to be computed.
    ValueError
        If it has two columns of one name.
    """
    check_computed(table, name)
    if not is_named_table(table):
        raise TypeError(
            f"{name} must be a DataFrame of pandas or polars, or a Table of pyarrow, whose columns "
            f"have names; got {type(table).__name__}."
        )
    check_names(column_names(table), name)
    return table


def column_names(table: Any) -> list[Any]:
    """Names of the columns of a table."""
    # An attribute of the class: a frame of pandas has its columns as attributes.
    return list(table.column_names if hasattr(type(table), "column_names") else table.columns)


def column_of(table: Any, column: Any, name: str, argument: str) -> Any:
    """One column of a table.

    Parameters
    ----------
    table : DataFrame or Table
        As from :func:`check_table`.
    column : hashable
        Its name.
    name, argument : str
        Of the table, and of the argument that names the column, for errors.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    names = column_names(table)
    if column in names:
        return table[column]
    advice = ""
    if column is not None and column in getattr(getattr(table, "index", None), "names", ()):
        advice = f" It is its index: pass {name}.reset_index()."
    shown = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
    raise ValueError(f"{argument} {column!r} is no column of {name}, which has {shown}.{advice}")


def columns_beside(table: Any, key: Any, columns: Sequence[Any] | None) -> list[Any]:
    """Names of the columns that make descriptors.

    Parameters
    ----------
    table : DataFrame or Table
        As from :func:`check_table`.
    key : hashable or list of hashable
        Column of the keys, or several.
    columns : sequence of hashable or None
        Those that were asked for; None means all but the keys.

    Raises
    ------
    ValueError
        If there are none.
    TypeError
        If they have no order.
    """
    if isinstance(columns, str):
        return [columns]
    if columns is None:
        keys = key if isinstance(key, list) else [key]
        columns = [name for name in column_names(table) if name not in keys]
    if isinstance(columns, set | frozenset) or not hasattr(columns, "__len__"):
        raise TypeError(f"columns must be a list of names; got {columns!r}.")
    if not len(columns):
        raise ValueError("columns is empty: table has none to make descriptors of.")
    return list(columns)


def values_of(column: Any) -> list[Any]:
    """Values of a column, or of any other sequence, as Python's own where it has such."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "Mm":
        # Of nanoseconds, which Python has not, tolist makes whole numbers.
        micro = column.astype(f"{column.dtype.kind}8[us]")
        if np.datetime_data(column.dtype)[0] in _FINE:
            exact = np.array_equal(micro, column, equal_nan=True)
            return micro.tolist() if exact else list(column)
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            listed: list[Any] = getattr(column, method)()
            return listed
    return list(column)


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA.

    Examples
    --------
    >>> from skvae.data.tables import is_missing
    >>> [is_missing(value) for value in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    try:
        return value is None or bool(value != value)
    except (TypeError, ArithmeticError):  # pandas' NA and signalling decimals do not compare
        return True
    except ValueError:  # an array
        return False


def kind_of(column: Any, name: Any, table: str = "table") -> ColumnKind:
    """What a column holds.

    Parameters
    ----------
    column : Series or ChunkedArray
        As from :func:`column_of`.
    name : hashable
        Of the column, for errors.
    table : str, default="table"
        The argument that has it, for errors.

    Returns
    -------
    kind : {"number", "time", "duration", "boolean", "category", "missing"}

    Raises
    ------
    ValueError
        If it holds something else, or values of several kinds.
    """
    known = getattr(getattr(column, "dtype", None), "categories", None)
    if known is not None and getattr(known, "inferred_type", None) != "bytes":
        return "category"
    if _has_no_value(column):
        return "missing"
    array = _array_of(column[:0])
    if array.ndim == 1 and array.dtype.kind in _KINDS:
        return _KINDS[array.dtype.kind]
    types = {type(value) for value in values_of(column) if not is_missing(value)}
    kinds = {_kind_of_type(cls) for cls in types}
    if len(kinds) > 1 or None in kinds:
        found = " and ".join(sorted(cls.__name__ for cls in types))
        raise ValueError(
            f"Column {name!r} of {table} holds {found}, where a column of numbers, times, booleans "
            "or text is needed: convert it, or leave it out."
        )
    return next(kind for kind in kinds if kind is not None)


def _has_no_value(column: Any) -> bool:
    # The first value nearly always tells.
    return all(all(map(is_missing, values_of(some))) for some in (column[:1], column))


def _kind_of_type(cls: type) -> ColumnKind | None:
    found = (kind for classes, kind in _CLASSES.items() if issubclass(cls, classes))
    return next(found, None)


def _array_of(column: Any) -> Array:
    if hasattr(getattr(column, "dtype", None), "pyarrow_dtype"):
        return _array_of_arrow(column.array.__arrow_array__())
    if hasattr(column, "dictionary_decode") or hasattr(column, "to_pylist"):
        return _array_of_arrow(column)
    if str(getattr(column, "dtype", None)) in ("Int128", "UInt128"):  # of polars
        return np.array([*values_of(column), None], object)[:-1]
    if getattr(getattr(column, "dtype", None), "tz", None) is not None:
        return np.asarray(column.to_numpy("datetime64[us]"))
    return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)


def _array_of_arrow(column: Any) -> Array:
    """Its dictionaries have no arrays of their own."""
    if hasattr(column.type, "value_type"):
        return np.array([*values_of(column), None], object)[:-1]
    return np.asarray(column.to_numpy())


def _taken(column: Any, rows: IntArray) -> Any:
    if hasattr(column, "gather"):
        return column.gather(rows)
    try:
        return column.take(rows)
    except NotImplementedError:  # arrow does not take of all its types
        return objects(values_of(column))[rows]


def floats(column: Any, rows: IntArray, name: Any, table: str = "table") -> FloatArray:
    """Numbers or times of some rows of a column.

    Parameters
    ----------
    column : Series or ChunkedArray
        As from :func:`column_of`.
    rows : ndarray of int
        Numbers of the rows.
    name : hashable
        Of the column, for errors.
    table : str, default="table"
        The argument that has it, for errors.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        float64; NaN where missing. Dates are seconds since 1970, in UTC, durations seconds.

    Raises
    ------
    ValueError
        If a value is infinite, or beyond what float64 holds.
    """
    values = _array_of(_taken(column, rows))
    if values.dtype.kind in "Mm":
        micro = values.astype(f"{values.dtype.kind}8[us]")
        values = np.where(np.isnat(micro), np.nan, micro.astype(np.int64) / 1e6)
    elif values.dtype.kind == "O":
        try:
            values = np.array([np.nan if is_missing(v) else _float(v) for v in values], np.float64)
        except OverflowError as error:
            raise ValueError(
                f"Column {name!r} of {table} has a number that is too large for float64: {error}."
            ) from error
    values = values.astype(np.float64, copy=False)
    if np.isinf(values).any():
        raise ValueError(
            f"Column {name!r} of {table} contains infinity: put a number or NaN in its place."
        )
    return values


def _float(value: Any) -> float:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return float(value.astype(f"{value.dtype.kind}8[us]").astype(np.int64) / 1e6)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)


def categories(column: Any, rows: IntArray) -> Array:
    """Text, booleans or categories of some rows of a column.

    Parameters
    ----------
    column : Series or ChunkedArray
        As from :func:`column_of`.
    rows : ndarray of int
        Numbers of the rows.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        Of objects; None where missing.
    """
    return objects([None if is_missing(v) else v for v in values_of(_taken(column, rows))])


def objects(values: Sequence[Any]) -> Array:
    """A one-dimensional array of objects, which may be arrays and tuples."""
    return np.fromiter(values, object, len(values))
