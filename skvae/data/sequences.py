"""Collections of sets or images, one internal form for every container that holds them."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from skvae.data.containers import is_frame
from skvae.data.iterables import yields_blocks

__all__ = ["inner_ndim", "is_table", "outer_ndim", "sequence_of"]


_ONCE = "Pass a list of its elements, list(X), or an object whose __iter__ starts anew."


def sequence_of(X: Any, reader: str) -> Any:
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
    >>> from skvae.data.sequences import sequence_of
    >>> sequence_of({"a": [[1.0, 2.0]], "b": [[3.0, 4.0]]}.values(), "FisherVectorEncoder")
    [[[1.0, 2.0]], [[3.0, 4.0]]]
    """
    if hasattr(X, "batch_sizes") and hasattr(X, "sorted_indices"):
        raise TypeError(
            f"X is a {type(X).__name__} of torch: pass torch.nn.utils.rnn.unpack_sequence(X)."
        )
    if yields_blocks(X, reader, _ONCE):
        X = _without_keys(list(X))
    elif getattr(X, "is_nested", False):  # a tensor of ragged rows
        X = list(X.unbind())
    elif not isinstance(X, (list, tuple)):
        X = _out_of_cells(X)
    shape = (len(X),) if isinstance(X, (list, tuple)) else getattr(X, "shape", ())
    if shape[:1] == (0,):
        raise ValueError("X is empty: found 0 sample(s), at least one is required.")
    return X


def _without_keys(X: list[Any]) -> list[Any]:
    if X and isinstance(X[0], tuple) and len(X[0]) == 2 and inner_ndim(X[0][1]) == 2:
        raise ValueError(
            "X yields pairs, such as keys with their rows: pass [rows for _, rows in X]."
        )
    return X


def _out_of_cells(X: Any) -> Any:
    """A list of what lies in the cells of one column, or X as it is."""
    if hasattr(X, "column_names") and len(X.column_names) == 1:  # a table of pyarrow
        X = X.column(0)
    if hasattr(X, "__array__") and not hasattr(X, "shape") and not hasattr(X, "ndim"):
        X = np.asarray(X)
    if outer_ndim(X) == 2 and (is_frame(X) or isinstance(X, np.ndarray)) and X.shape[1]:
        column = X[X.columns[0]] if is_frame(X) else X[:, 0]
        if inner_ndim(column) >= 3:
            if X.shape[1] > 1:
                raise ValueError(f"X has {X.shape[1]} columns of arrays; pass one of them.")
            X = column
    return list(X) if outer_ndim(X) == 1 and inner_ndim(X) > 1 else X


def is_table(X: Any) -> bool:
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
    if outer_ndim(X) == 1 and _holds_objects(X):
        are_sets = any(inner_ndim(s) == 2 for s in X)
        return not (are_sets or all(outer_ndim(s) == 1 and len(s) == 0 for s in X))
    return outer_ndim(X) != 3


def outer_ndim(s: Any) -> int:
    """Dimensions without those of the cells."""
    if hasattr(s, "ndim"):
        return int(s.ndim)
    return len(s.shape) if hasattr(s, "shape") else int(isinstance(s, (list, tuple)))


def inner_ndim(s: Any) -> int:
    """Dimensions with those of the first cell."""
    # Only the outermost levels are looked at: a long list of numbers is not converted for this.
    n = outer_ndim(s)
    return n + inner_ndim(next(iter(s), 0)) if n == 1 and _holds_objects(s) else n


def _holds_objects(s: Any) -> bool:
    return isinstance(s, (list, tuple)) or getattr(s.dtype, "kind", "O") == "O"
