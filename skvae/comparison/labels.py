"""Labels of classes, in whatever container they come."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import column_or_1d

__all__ = ["check_labels", "strata"]

# Types of Python's that arrays of objects may hold, and what they become.
_KINDS = {str: "U", bool: "?", int: "i8", float: "f8"}


def check_labels(y: ArrayLike, name: str) -> np.ndarray:
    """Labels as an array that a file can hold: of strings, numbers or bools.

    Parameters
    ----------
    y : array-like of shape (n,)
        Strings, whole numbers or bools, as a list, an array (also of objects), a Series or a
        categorical one.
    name : str
        For messages.

    Returns
    -------
    y : ndarray of shape (n,)

    Raises
    ------
    ValueError
        If a label is missing, no whole number, or of another kind than the others.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.comparison.labels import check_labels
    >>> check_labels(np.array(["cat", "dog"], dtype=object), "y")
    array(['cat', 'dog'], dtype='<U3')
    """
    if np.ma.is_masked(y):
        raise ValueError(f"{name} is masked in places: every row needs a label.")
    labels: np.ndarray = column_or_1d(np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y))
    if labels.dtype == object:
        labels = _plain(labels, name)
    if labels.dtype.kind not in "Ubiuf":
        raise ValueError(
            f"{name} holds labels of type {labels.dtype}: make them strings, whole numbers or "
            "bools."
        )
    if labels.dtype.kind == "f" and len(
        odd := labels[~np.isfinite(labels) | (labels != np.floor(labels))]
    ):
        raise ValueError(
            f"{name} holds {odd[0]}, which is no class: labels are strings, whole numbers or bools."
        )

    return labels


def _plain(y: np.ndarray, name: str) -> np.ndarray:
    """An array of objects as one of their own type."""
    values = [value.item() if isinstance(value, np.generic) else value for value in y]
    types = sorted({type(value) for value in values}, key=lambda kind: kind.__name__)
    if len(types) != 1 or types[0] not in _KINDS:
        kinds = " and ".join(kind.__name__ for kind in types)
        raise ValueError(
            f"{name} holds labels of type {kinds}: make all of them strings, whole numbers or "
            "bools, and give every row one."
        )

    return np.array(values, dtype=_KINDS[types[0]])


def strata(y: np.ndarray, n_first: int, n_second: int) -> np.ndarray | None:
    """Groups that a split into two parts is to keep in proportion.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    n_first, n_second : int
        Rows of the parts.

    Returns
    -------
    groups : ndarray of shape (n,) or None
        Numbers of the classes; a class of one row, which cannot be divided, counts as the largest.
        None if a part has fewer rows than there are classes.
    """
    classes, class_numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    if min(n_first, n_second) < len(classes):
        return None
    class_numbers[counts[class_numbers] == 1] = counts.argmax()

    return class_numbers
