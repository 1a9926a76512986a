"""Sets of local descriptors: one internal form for every container that holds them."""

import numpy as np
from scipy.sparse import issparse

from skvae.data.containers import array_of, is_frame
from skvae.data.iterables import yields_blocks

__all__ = ["check_sets", "concatenate_sets", "is_table", "pack_sets", "sequence_of", "type_of_sets"]


def sequence_of(X, reader):
    """Sets or images as a container that has a length and an order.

    Parameters
    ----------
    X : array-like, sequence, iterable or data frame
        An iterable starts anew whenever it is iterated over; a data frame may hold sets or images
        in the cells of a single column.
    reader : str
        Who is to read it, for errors.

    Returns
    -------
    X : array-like or list
        What is neither an array nor a table becomes a list of its elements.

    Raises
    ------
    TypeError
        For what can be read only once, and for mappings.
    ValueError
        For several columns of sets, for pairs, and if there is nothing in X.

    Examples
    --------
    >>> from skvae.fisher.sets import sequence_of
    >>> sequence_of({"a": [[1.0, 2.0]], "b": [[3.0, 4.0]]}.values(), "FisherVectorEncoder")
    [[[1.0, 2.0]], [[3.0, 4.0]]]
    """
    if yields_blocks(X, reader, "Pass a list of its elements: list(X)."):
        X = _without_keys(list(X))
    elif getattr(X, "is_nested", False):  # a tensor of ragged rows
        X = list(X.unbind())
    elif not isinstance(X, (list, tuple)):
        X = _out_of_cells(X)
    shape = (len(X),) if isinstance(X, (list, tuple)) else getattr(X, "shape", ())
    if shape[:1] == (0,):
        raise ValueError("X is empty: found 0 sample(s), at least one is required.")
    return X


def _without_keys(X):
    if X and isinstance(X[0], tuple) and len(X[0]) == 2 and _ndim(X[0][1]) == 2:
        raise ValueError(
            "X yields pairs, such as keys with their rows: pass [rows for _, rows in X]."
        )
    return X


def _out_of_cells(X):
    """A list of what lies in the cells of one column, or X as it is."""
    if hasattr(X, "__array__") and not hasattr(X, "shape") and not hasattr(X, "ndim"):
        X = np.asarray(X)
    if _outer_ndim(X) == 2 and (is_frame(X) or isinstance(X, np.ndarray)) and X.shape[1]:
        column = X[X.columns[0]] if is_frame(X) else X[:, 0]
        if _ndim(column) == 3:
            if X.shape[1] > 1:
                raise ValueError(f"X has {X.shape[1]} columns of arrays; pass one of them.")
            X = column
    return list(X) if _outer_ndim(X) == 1 and _ndim(X) > 1 else X


def is_table(X):
    """Whether ``X`` is a 2-D table, whose rows are read as sets of one descriptor each.

    Parameters
    ----------
    X : array-like or sequence
        Anything a user may pass as a collection of sets.

    Returns
    -------
    bool
        False for a 3-D array and for a sequence of (n_i, d) arrays or of empty sets; True for all
        else, which is then left to scikit-learn's own validation.
    """
    if issparse(X):
        return True
    if _outer_ndim(X) == 1 and _holds_objects(X):
        are_sets = any(_ndim(s) == 2 for s in X)
        return not (are_sets or all(_outer_ndim(s) == 1 and len(s) == 0 for s in X))
    return _outer_ndim(X) != 3


def _outer_ndim(s):
    """Dimensions without those of the cells."""
    if hasattr(s, "ndim"):
        return s.ndim
    return len(s.shape) if hasattr(s, "shape") else int(isinstance(s, (list, tuple)))


def _ndim(s):
    # Only the outermost levels are looked at: a long list of numbers is not converted for this.
    n = _outer_ndim(s)
    return n + _ndim(next(iter(s), 0)) if n == 1 and _holds_objects(s) else n


def _holds_objects(s):
    return isinstance(s, (list, tuple)) or getattr(s.dtype, "kind", "O") == "O"


def check_sets(X, width=None):
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
        return array_of(X)
    sets = [_one_set(s, i) for i, s in enumerate(X)]
    widths = {}
    for i, shape in enumerate([s.shape for s in sets]):
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
    d = next(iter(widths), width)
    if d is None:
        raise ValueError("X holds no descriptors: every set is empty.")
    return [s if len(s) else s.reshape(0, d) for s in sets]


def _one_set(s, i):
    if type(s) is np.ndarray and s.dtype.kind in "biuf":
        return s
    rows = _outer_ndim(s) == 1 and _ndim(s) > 1
    return array_of(list(s) if rows else s, f"Set {i} of X")


def pack_sets(X, width=None):
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
    >>> from skvae.fisher.sets import pack_sets
    >>> descriptors, offsets = pack_sets([np.ones((2, 3)), np.empty((0, 3)), np.ones((1, 3))])
    >>> descriptors.shape, offsets
    ((3, 3), array([0, 2, 2, 3]))
    """
    return concatenate_sets(check_sets(X, width))


def concatenate_sets(sets):
    """What :func:`pack_sets` returns, of sets from :func:`check_sets`."""
    if isinstance(sets, np.ndarray):
        n, t, d = sets.shape
        return sets.reshape(n * t, d), np.arange(n + 1) * t
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    return np.ascontiguousarray(np.concatenate(_with_rows(sets))), offsets


def type_of_sets(sets):
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


def _with_rows(sets):
    return [s for s in sets if len(s)] or sets
