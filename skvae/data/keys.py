"""Keys of rows: which rows of a table belong to each."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Number
from typing import Any

import numpy as np

from skvae._typing import Array, IntArray
from skvae.data.tables import (
    check_table,
    column_of,
    is_missing,
    is_named_table,
    objects,
    values_of,
)

__all__ = ["RowsOfKeys", "check_kinds", "column_keys", "keys_of"]


@dataclass(frozen=True, eq=False)
class RowsOfKeys:
    """Numbers of the rows of each key, in the order of the table.

    Parameters
    ----------
    numbers : dict
        Number of each key, in the order of their first rows.
    rows : ndarray of shape (n_rows,)
        Rows that have a key, key after key.
    offsets : ndarray of shape (n_keys + 1,)
        Where the rows of each key begin.

    Examples
    --------
    >>> from skvae.data.keys import RowsOfKeys
    >>> RowsOfKeys.of(["a", "b", None, "a"]).of_keys(["c", "a"])
    (array([0, 3]), array([0, 0, 2]))
    """

    numbers: dict[Hashable, int]
    rows: IntArray
    offsets: IntArray

    @classmethod
    def of(cls, keys: Iterable[Hashable]) -> "RowsOfKeys":
        """The rows of a column of keys; those whose key is None belong to none."""
        numbers: dict[Hashable, int] = {}
        of_rows = np.array(
            [-1 if key is None else numbers.setdefault(key, len(numbers)) for key in keys], np.intp
        )
        rows = np.argsort(of_rows, kind="stable")[np.count_nonzero(of_rows < 0) :]
        sizes = np.bincount(of_rows[rows], minlength=len(numbers))
        return cls(numbers, rows, np.concatenate([[0], np.cumsum(sizes)]))

    def of_keys(self, keys: Iterable[Hashable]) -> tuple[IntArray, IntArray]:
        """Rows of keys, one after the other, and where those of each begin."""
        numbers = np.array([self.numbers.get(key, -1) for key in keys], np.intp)
        starts = np.where(numbers < 0, 0, self.offsets[numbers])
        sizes = np.where(numbers < 0, 0, self.offsets[numbers + 1] - starts)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        return self.rows[places], offsets


def column_keys(table: Any, key: Any, name: str, argument: str) -> Array:
    """The key of every row of a table.

    Parameters
    ----------
    table : DataFrame or Table
        Of pandas, polars or pyarrow.
    key : hashable or list of hashable
        Name of the column; of several, keys are tuples.
    name, argument : str
        Of the table, and of the argument that names the columns, for errors.

    Returns
    -------
    keys : ndarray of shape (n_rows,)
        Of objects; None where one is missing.

    Raises
    ------
    ValueError
        If there is no such column.
    TypeError
        If keys cannot be hashed.
    """
    check_table(table, name)
    names = key if isinstance(key, list) else [key]
    if not names:
        raise ValueError(f"{argument} is empty: name the column of {name} that has the keys.")
    columns = [values_of(column_of(table, column, name, argument)) for column in names]
    keys = zip(*columns, strict=True) if isinstance(key, list) else columns[0]
    return _checked(keys, name, argument)


def keys_of(X: Any, key: Any) -> Array:
    """The key of every row of a main table, or keys as they are.

    Parameters
    ----------
    X : DataFrame, Table, or sequence of keys
        An array may have a single column.
    key : hashable or list of hashable
        Name of the column; of several, keys are tuples.

    Returns
    -------
    keys : ndarray of shape (n_rows,)
        Of objects; None where one is missing.

    Raises
    ------
    ValueError
        If there is no such column, or nothing in X.
    TypeError
        If keys cannot be hashed.
    """
    if isinstance(X, set | frozenset | str | bytes):
        raise TypeError(
            f"X is a {type(X).__name__}, which is no sequence of keys: pass a list, or a table "
            "that has them."
        )
    if is_named_table(X) or not hasattr(X, "__len__"):
        keys = column_keys(X, key, "X", "key")
    else:
        keys = _checked(_without_names(X, key), "X", "key")
    if not len(keys):
        raise ValueError("X is empty: found 0 sample(s), at least one is required.")
    return keys


def _without_names(X: Any, key: Any) -> Iterable[Any]:
    """Keys of an array, which has no more columns than they have."""
    if len(getattr(X, "shape", ())) != 2:
        return values_of(X)
    n_columns = len(key) if isinstance(key, list) else 1
    if X.shape[1] != n_columns:
        raise ValueError(
            f"X has {X.shape[1]} columns without names, which of them is key={key!r} is not said: "
            "pass a data frame, or the keys alone."
        )
    return map(tuple, X.tolist()) if isinstance(key, list) else values_of(X[:, 0])


def _checked(given: Iterable[Any], name: str, argument: str) -> Array:
    keys = [None if _has_missing(key) else key for key in given]
    try:
        set(keys)
    except TypeError as error:
        key = next(key for key in keys if not _is_hashable(key))
        raise TypeError(
            f"{argument} of {name} holds {type(key).__name__}, such as {key!r}, which cannot be "
            "hashed: make keys numbers, text or tuples."
        ) from error
    return objects(keys)


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _has_missing(key: Any) -> bool:
    return any(map(is_missing, key)) if isinstance(key, tuple) else is_missing(key)


def check_kinds(
    keys: Iterable[Hashable],
    known: Iterable[Hashable],
    names: tuple[str, str] = ("Keys of X", "those of table"),
) -> None:
    """Raise an error if keys can be none of those that are known.

    Parameters
    ----------
    keys, known : iterable of hashable
        Of the main table, and of the table that they are looked up in.
    names : tuple of str
        Of both, for errors.

    Raises
    ------
    ValueError
        If the one are numbers, say, and the others text.
    """
    kinds, known_kinds = _kinds(keys), _kinds(known)
    if kinds and known_kinds and not kinds.keys() & known_kinds.keys():
        (kind, key), (other, known_key) = (next(iter(k.items())) for k in (kinds, known_kinds))
        raise ValueError(
            f"{names[0]} are {kind}, such as {key!r}, but {names[1]} are {other}, such as "
            f"{known_key!r}: convert one of them."
        )


def _kinds(keys: Iterable[Hashable]) -> dict[str, Hashable]:
    """Kinds of keys, each with an example."""
    examples = {(type(key), _has_zone(key)): key for key in keys if key is not None}
    return {_kind(key): key for key in examples.values()}


def _has_zone(key: Any) -> bool:
    return isinstance(key, datetime) and key.tzinfo is not None


def _kind(key: Any) -> str:
    if isinstance(key, tuple):
        return f"tuples of {', '.join(map(_kind, key))}"
    if _has_zone(key):
        return "times with a time zone"
    kinds = {Number: "numbers", str: "text", datetime: "times", date: "dates"}
    for cls, kind in kinds.items():
        if isinstance(key, cls):
            return kind
    return f"of type {type(key).__name__}"
