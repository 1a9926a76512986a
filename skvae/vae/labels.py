"""Labels of classes, of which rows may lack one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning

from skvae._warnings import warn
from skvae.data.containers import is_none

__all__ = [
    "Labels",
    "announced_classes",
    "class_frequencies",
    "distinct_labels",
    "encode_labels",
    "known_classes",
    "some_labels",
    "split_labels",
]

UNLABELLED = -1

# What stands for no label: a number, and what becomes of it or of None beside text.
_MARKS = (UNLABELLED, str(UNLABELLED), "")

# Classes of numbers from which on there may be too many to be classes, at half of the rows.
_MANY_CLASSES = 20


@dataclass(frozen=True)
class Labels:
    """The labels of a fit's rows.

    Parameters
    ----------
    numbers : ndarray of shape (n,), int64
        Class numbers, -1 where unknown.
    classes : ndarray of shape (n_classes,)
        What they number, sorted.
    counts : ndarray of shape (n_classes,), int64 or float64
        Labelled rows of each class, in this fit and in those that it continues; sums of their
        weights where they have some.
    """

    numbers: np.ndarray
    classes: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(
        cls,
        y: Any,
        classes: np.ndarray,
        counts: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> "Labels":
        """Number the labels of some rows.

        Parameters
        ----------
        y : array-like of shape (n,)
            As for :func:`split_labels`.
        classes : ndarray of shape (n_classes,)
            Sorted.
        counts : ndarray of shape (n_classes,) or None, default=None
            Of the rows before.
        weights : ndarray of shape (n,) or None, default=None
            Of the rows.
        """
        numbers = encode_labels(y, classes)
        labelled = numbers >= 0
        own = None if weights is None else weights[labelled]
        new = np.bincount(numbers[labelled], own, minlength=len(classes))

        return cls(numbers, classes, new if counts is None else counts + new)

    @property
    def frequencies(self) -> np.ndarray:
        """Share of each class among the labelled rows, (n_classes,)."""
        return class_frequencies(self.counts)


def split_labels(y: Any, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and which rows have one.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels, numbers or text. Rows are unlabelled at -1, a missing value (None, NaN, NaT,
        pandas.NA, masked) or empty text. Where the classes are -1 and 1, -1 is one of them.
    classes : ndarray, default=None
        Those that there are; None takes the values of ``y``.

    Returns
    -------
    labels : ndarray of shape (n_labelled,)
        Those that there are.
    labelled : ndarray of shape (n,), bool

    Raises
    ------
    ValueError
        If y has more than one column, mixes numbers and text, or holds what cannot be sorted.

    Examples
    --------
    >>> from skvae.vae.labels import split_labels
    >>> labels, labelled = split_labels(["ham", None, "spam"])
    >>> labels.tolist(), labelled.tolist()
    (['ham', 'spam'], [True, False, True])
    """
    y = _as_vector(y)
    if y.dtype.kind == "O":
        labelled = np.array([not _is_missing(v) for v in y], bool)
        if not _are_signs(y[labelled] if classes is None else classes):
            labelled[labelled] = [v not in _MARKS for v in y[labelled]]
        return _of_one_type(y[labelled].tolist()), labelled
    labelled = y == y  # noqa: PLR0124, NaN and NaT differ from themselves
    if y.dtype.kind in "US":
        labelled &= ~np.isin(y, np.array(_MARKS[1:], y.dtype.kind))
    elif y.dtype.kind in "iuf" and not _are_signs(y[labelled] if classes is None else classes):
        labelled &= y != UNLABELLED

    return y[labelled], labelled


def some_labels(y: Any, places: np.ndarray) -> np.ndarray:
    """Labels at these places, of what :func:`split_labels` takes."""
    some: np.ndarray = _as_vector(y)[places]

    return some


def _are_signs(values: np.ndarray) -> bool:
    """Whether -1 and 1 are all that there is: two classes, for a single one would tell nothing."""
    known = values.tolist()
    return all(value in (-1, 1) for value in known) and -1 in known and 1 in known


def _as_vector(y: Any) -> np.ndarray:
    if isinstance(y, np.ma.MaskedArray):
        y = np.where(np.ma.getmaskarray(y), np.array(None, object), y.data)
    elif isinstance(y, list | tuple):  # numpy would make text of numbers beside text
        y = np.array(y, dtype=object)
    elif (values := _with_gaps(y)) is not None:
        y = np.array(values, dtype=object)
    elif hasattr(y, "to_numpy") and not hasattr(y, "to_pylist"):
        y = y.to_numpy()
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected; pass y.ravel().",
            DataConversionWarning,
        )
        labels = labels.ravel()
    if labels.ndim != 1:
        raise ValueError(
            "y should be a 1d array of one class for each row, got an array of shape "
            f"{labels.shape} instead."
        )
    return labels


def _with_gaps(y: Any) -> list[Any] | None:
    """Labels of a column with missing values, of which numpy would make other ones: 1.0 of 1."""
    if hasattr(y, "to_pylist"):  # pyarrow
        return list(y.to_pylist())
    if hasattr(y, "null_count") and not hasattr(y, "columns"):  # polars
        return list(y.to_list()) if y.null_count() else None
    if hasattr(y, "isna") and getattr(y, "ndim", 0) == 1 and y.isna().any():  # pandas
        return list(y.tolist())
    return None


def _is_missing(value: Any) -> bool:
    """Whether a label is None, NaN, NaT or pandas.NA."""
    return is_none(value) or bool(value != value)  # noqa: PLR0124


def _of_one_type(labels: list[Any]) -> np.ndarray:
    """An array of the labels' own type, in which every label is what it was."""
    if len({isinstance(label, str) for label in labels}) > 1:
        raise ValueError("y mixes text and numbers: labels have to be all of one kind.")
    try:
        distinct = list(set(labels))
        sorted(distinct + distinct[:1])  # one alone would be compared with none
    except TypeError as error:
        raise ValueError(
            f"y holds labels that cannot be sorted, such as {labels[0]!r}: give numbers or text "
            "in their place."
        ) from error
    array = np.array(labels)
    if array.ndim == 1 and array.tolist() == labels:
        return array
    array = np.empty(len(labels), object)
    array[:] = labels

    return array


def known_classes(y: Any) -> np.ndarray:
    """The sorted labels in ``y``.

    Parameters
    ----------
    y : array-like of shape (n,)
        As for :func:`split_labels`.

    Returns
    -------
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If there are none, one beside rows without, or the labels are measurements.
    """
    labels, labelled = split_labels(y)
    if len(labels) == 0:
        raise ValueError(
            "conditional= needs labels, but all of y is -1 or missing (None, NaN), which means "
            "unlabelled."
        )
    classes = distinct_labels(labels)
    if len(classes) == 1 and not labelled.all():
        raise ValueError(
            f"y holds one class, {classes[0]!s}, beside -1 or missing values, which mean "
            "unlabelled: there is nothing to tell it from. Where more classes will come, name them "
            "in partial_fit(classes=...)."
        )
    if labels.dtype.kind in "iuf" and len(classes) > max(_MANY_CLASSES, len(labels) / 2):
        warn(
            f"y holds {len(classes)} classes in {len(labels)} labelled rows. Is it the target of a "
            "regression? conditional= learns from classes."
        )

    return classes


def announced_classes(classes: Any) -> np.ndarray:
    """The sorted classes that a user names, none of which may mean unlabelled."""
    labels, labelled = split_labels(classes)
    if not labelled.all():
        raise ValueError(
            f"classes={classes!r} names -1 or a missing value, which means unlabelled and is no "
            "class, unless the classes are -1 and 1."
        )

    return distinct_labels(labels)


def distinct_labels(labels: np.ndarray) -> np.ndarray:
    """Sorted labels of :func:`split_labels`, unless they are measurements."""
    if labels.dtype.kind == "f":
        if np.isinf(labels).any():
            raise ValueError("y contains infinity, which is no class.")
        fractions = labels[labels != np.floor(labels)]
        if len(fractions):
            raise ValueError(
                f"Unknown label type: continuous. y holds {fractions[0]:g}, and every value would "
                "be a class. Bin y into classes, or use conditional=None."
            )

    return np.unique(labels)


def encode_labels(y: Any, classes: np.ndarray) -> np.ndarray:
    """Replace labels by their place in ``classes``, and what means unlabelled by -1.

    Parameters
    ----------
    y : array-like of shape (n,)
        As for :func:`split_labels`.
    classes : ndarray of shape (n_classes,)
        Sorted.

    Returns
    -------
    class_numbers : ndarray of shape (n,), int64

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.labels import encode_labels
    >>> encode_labels(np.array([7, -1, 5]), np.array([5, 7]))
    array([ 1, -1,  0])
    """
    labels, labelled = split_labels(y, classes)
    places = {label: place for place, label in enumerate(classes.tolist())}
    values, inverse = np.unique(labels, return_inverse=True)
    unknown = values[[value not in places for value in values.tolist()]]
    if len(unknown):
        raise ValueError(
            f"y contains labels that were not seen in fit: {unknown[:5]}; classes_ is {classes}."
        )
    class_numbers = np.full(len(labelled), UNLABELLED, np.int64)
    class_numbers[labelled] = np.array([places[v] for v in values.tolist()], np.int64)[inverse]

    return class_numbers


def class_frequencies(counts: np.ndarray) -> np.ndarray:
    """Shares of classes, (n_classes,), from their counts; equal ones before the first label.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.labels import class_frequencies
    >>> class_frequencies(np.array([3, 1])), class_frequencies(np.array([0, 0]))
    (array([0.75, 0.25]), array([0.5, 0.5]))
    """
    counts = counts if counts.any() else np.ones(len(counts))
    shares: np.ndarray = counts / counts.sum()

    return shares
