"""Sets of local descriptors as arrays: validated, and packed into one."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from skvae._typing import Array, IntArray
from skvae.data.containers import array_of
from skvae.data.sequences import inner_ndim, outer_ndim
from skvae.data.tables import column_names, is_named_table

__all__ = [
    "array_of_set",
    "check_sets",
    "common_width",
    "concatenate_sets",
    "pack_sets",
    "type_of_sets",
]


def check_sets(X: Any, width: int | None = None) -> Array | list[Array]:
    """Sets as arrays of one width, in the memory where they lie.

    Parameters
    ----------
    X : array of shape (n_sets, n_descriptors, d) or sequence of arrays of shape (n_i, d)
        The sets. Lists, tuples, object arrays and pandas Series of arrays are sequences; a set may
        be empty.
    width : int, default=None
        d, if no set says what it is.

    Returns
    -------
    sets : ndarray of shape (n_sets, n_descriptors, d) or list of ndarray of shape (n_i, d)

    Raises
    ------
    ValueError
        If a set is not 2-D, if two sets disagree in d, or none says what it is.
    """
    if hasattr(X, "shape") and len(X.shape) == 3:
        _check_masks(X)
        return array_of(X)
    _check_names(X)
    sets = [array_of_set(s, i) for i, s in enumerate(X)]
    found = common_width(((i, s.shape) for i, s in enumerate(sets)), width)
    return [s if len(s) else s.reshape(0, found) for s in sets]


def common_width(shapes: Iterable[tuple[int, tuple[int, ...]]], width: int | None = None) -> int:
    """The number of features that all sets have.

    Parameters
    ----------
    shapes : iterable of (int, tuple of int)
        Number and shape of each set.
    width : int, default=None
        d, if no set says what it is.

    Returns
    -------
    d : int

    Raises
    ------
    ValueError
        If a set is not 2-D, if two sets disagree in d, or none says what it is.
    """
    widths: dict[int, int] = {}
    for i, shape in shapes:
        if len(shape) == 2 and shape != (0, 0):
            widths.setdefault(shape[1], i)
        elif 0 not in shape:
            raise ValueError(
                f"Set {i} of X has shape {shape}; every set must be a 2-D array of shape "
                "(n_descriptors, n_features)."
            )
    if len(widths) > 1:
        (d, i), (other, j) = list(widths.items())[:2]
        raise ValueError(
            f"All sets of X must have the same number of features: set {i} has {d}, "
            f"set {j} has {other}."
        )
    found = next(iter(widths), width)
    if found is None:
        raise ValueError("X holds no descriptors: every set is empty.")
    return found


def _check_names(X: Iterable[Any]) -> None:
    """Raise if sets are data frames whose columns differ in names or order."""
    first: tuple[int, list[Any]] | None = None
    for i, s in enumerate(X):
        if isinstance(s, np.ndarray) or not is_named_table(s):
            continue
        names = column_names(s)
        if first is None:
            first = i, names
        elif names != first[1]:
            raise ValueError(
                f"Set {i} of X has the columns {names}, but set {first[0]} has {first[1]}: give "
                "all sets the same columns in one order."
            )


def _check_masks(X: Any) -> None:
    if isinstance(X, np.ma.MaskedArray) and np.ma.getmaskarray(X).all(axis=2).any():
        raise ValueError(
            "X has masked descriptors. If they pad shorter sets, pass sets without them, "
            "[np.ma.compress_rows(x) for x in X]."
        )


def array_of_set(s: Any, i: int) -> Array:
    """A set as an array, in the memory where it lies.

    Parameters
    ----------
    s : array-like
        An array, a data frame, rows of numbers or arrays that are rows.
    i : int
        Its number, for errors.

    Returns
    -------
    s : ndarray
        Of any shape.
    """
    if type(s) is np.ndarray and s.dtype.kind in "biuf":
        return s
    rows = outer_ndim(s) == 1 and inner_ndim(s) > 1
    return array_of(list(s) if rows else s, f"Set {i} of X")


def pack_sets(X: Any, width: int | None = None) -> tuple[Array, IntArray]:
    """Concatenate sets of descriptors into one array and the offsets that separate them.

    Parameters
    ----------
    X : array of shape (n_sets, n_descriptors, d) or sequence of arrays of shape (n_i, d)
        As for :func:`check_sets`.
    width : int, default=None
        d, if no set says what it is.

    Returns
    -------
    descriptors : ndarray of shape (n_1 + ... + n_n, d)
        All descriptors, set after set, in a type that holds those of all sets.
    offsets : ndarray of shape (n_sets + 1,)
        Set i is ``descriptors[offsets[i] : offsets[i + 1]]``.

    Raises
    ------
    ValueError
        If a set is not 2-D, if two sets disagree in d, or none says what it is.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.packing import pack_sets
    >>> descriptors, offsets = pack_sets([np.ones((2, 3)), np.empty((0, 3)), np.ones((1, 3))])
    >>> descriptors.shape, offsets
    ((3, 3), array([0, 2, 2, 3]))
    """
    return concatenate_sets(check_sets(X, width))


def concatenate_sets(sets: Array | list[Array]) -> tuple[Array, IntArray]:
    """Concatenate validated sets into one array and the offsets that separate them.

    Parameters
    ----------
    sets : ndarray or list of ndarray
        As from :func:`check_sets`.

    Returns
    -------
    descriptors, offsets : ndarray
        As of :func:`pack_sets`.
    """
    if isinstance(sets, np.ndarray):
        n, t, d = sets.shape
        return sets.reshape(n * t, d), np.arange(n + 1) * t
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    return np.ascontiguousarray(np.concatenate(_with_rows(sets))), offsets


def type_of_sets(sets: Array | list[Array]) -> np.dtype[Any]:
    """A type that holds the numbers of all sets; those without any have no say.

    Parameters
    ----------
    sets : ndarray or list of ndarray
        As from :func:`check_sets`.

    Returns
    -------
    dtype
    """
    if isinstance(sets, np.ndarray):
        return sets.dtype
    return np.result_type(*{s.dtype for s in _with_rows(sets)})


def _with_rows(sets: list[Array]) -> list[Array]:
    return [s for s in sets if len(s)] or sets
