"""Rows and labels of a comparison, checked before any work."""

from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skvae._typing import ArrayLike
from skvae.comparison.labels import check_labels
from skvae.data.containers import numbers
from skvae.table_recipes import check_frame, with_none

__all__ = ["check_folds", "check_test", "check_training"]


def check_training(X: ArrayLike, y: ArrayLike, *, table: bool) -> dict[str, Any]:
    """Training rows and labels, by the names of their files.

    Parameters
    ----------
    X : array-like of shape (n_train, n_features)
    y : array-like of shape (n_train,)
    table : bool
        Whether X is to stay a DataFrame.

    Returns
    -------
    arrays : dict
        ``X_train`` and ``y_train``.

    Raises
    ------
    ValueError
        If rows or labels are none, do not fit each other, or all labels are the same.
    """
    rows, labels = _checked(X, "X_train", table), check_labels(y, "y_train")
    check_consistent_length(rows, labels)
    if len(classes := np.unique(labels)) < 2:
        raise ValueError(
            f"y_train has one class only, {classes.tolist()[0]!r}: classifiers need two or more."
        )

    return {"X_train": rows, "y_train": labels}


def check_test(
    X: ArrayLike | None, y: ArrayLike | None, arrays: dict[str, Any], *, table: bool
) -> dict[str, Any]:
    """Test rows and labels, by the names of their files.

    Parameters
    ----------
    X : array-like of shape (n_test, n_features)
    y : array-like of shape (n_test,)
    arrays : dict
        From :func:`check_training`.
    table : bool
        Whether X is to stay a DataFrame.

    Returns
    -------
    arrays : dict
        ``X_test`` and ``y_test``.

    Raises
    ------
    ValueError
        If one of the two is missing, or they do not fit each other or the training rows.
    """
    if X is None or y is None:
        missing = "X_test" if X is None else "y_test"
        raise ValueError(f"{missing} is missing: give both, or neither for a cross-validation.")
    rows, labels = _checked(X, "X_test", table), check_labels(y, "y_test")
    check_consistent_length(rows, labels)
    known, known_labels = arrays["X_train"], arrays["y_train"]
    if known.shape[1] != rows.shape[1]:
        raise ValueError(f"X_train has {known.shape[1]} features, but X_test has {rows.shape[1]}.")
    if (known_labels.dtype.kind == "U") != (labels.dtype.kind == "U"):
        raise ValueError(
            f"y_train holds labels like {known_labels[0]!r} and y_test like {labels[0]!r}: "
            "none could ever be right. Give both as strings or both as numbers."
        )

    return {"X_test": rows, "y_test": labels}


def check_folds(y: np.ndarray, cv: int) -> None:
    """Raise if there cannot be so many folds of every class.

    Raises
    ------
    ValueError
        If ``cv`` is no integer of at least 2, or a class has fewer rows than that.
    """
    if not isinstance(cv, int | np.integer) or cv < 2:
        raise ValueError(f"cv={cv!r} must be an integer of at least 2.")
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < cv:
        rare = ", ".join(
            f"{label} ({n})" for label, n in zip(classes, counts, strict=True) if n < cv
        )
        raise ValueError(
            f"{cv} folds need {cv} rows of every class, but there are fewer of {rare}: take fewer "
            "folds (--folds, cv=), or leave these rows out."
        )


def _checked(X: Any, name: str, table: bool) -> Any:
    if not table:
        return check_array(numbers(X, name), dtype=[np.float32, np.float64], input_name=name)
    check_frame(X, name)

    return with_none(X.reset_index(drop=True))
