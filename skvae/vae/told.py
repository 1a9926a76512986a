"""What a decoder is told beside z: classes or conditions, as the user names them."""

from typing import Any

import numpy as np

from skvae.vae.conditions import Conditions
from skvae.vae.fitted import FittedVAE
from skvae.vae.labels import encode_labels

__all__ = ["told_classes", "told_conditions", "told_to_draw"]

# Class numbers or a matrix of conditions, and the values of each condition.
Told = tuple[np.ndarray | None, list[np.ndarray]]


def told_conditions(
    conditions: Conditions | None, X: Any, y: Any = None, n_samples: int | None = None
) -> Told:
    """Conditions of rows: those of a table of their own, or of X where there is none.

    Parameters
    ----------
    conditions : Conditions or None
        Of the fit.
    X : array-like or None
        Rows that have their conditions among their columns.
    y : array-like or None, default=None
        A table of conditions.
    n_samples : int or None, default=None
        Rows that y is for; it may have one for all.

    Returns
    -------
    told : ndarray of shape (n, n_conditions) or None
    values : list of ndarray of shape (n,)
    """
    if conditions is None:
        return None, []
    if X is None or y is not None:
        values = conditions.of_table(y, n_samples)
        return conditions.to_matrix(values, "y"), values
    values = conditions.of_rows(X)

    return conditions.to_matrix(values), values


def told_classes(y: Any, classes: np.ndarray, n_samples: int) -> np.ndarray:
    """Class numbers of a label for all rows, or of one for each.

    Parameters
    ----------
    y : label or array-like of shape (n_samples,)
        None of them unlabelled.
    classes : ndarray of shape (n_classes,)
        In the order of their numbers.
    n_samples : int
        Number of rows.

    Returns
    -------
    class_numbers : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If there are more labels or fewer, or one is of no class.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.told import told_classes
    >>> told_classes("b", np.array(["a", "b"]), 3)
    array([1, 1, 1])
    """
    class_numbers = encode_labels([y] if np.ndim(y) == 0 else y, classes)
    if np.ndim(y) == 0:
        class_numbers = class_numbers.repeat(n_samples)
    if len(class_numbers) != n_samples:
        raise ValueError(f"y has {len(class_numbers)} labels, but n_samples={n_samples}.")
    if (class_numbers < 0).any():
        raise ValueError("y must hold labels of classes; -1 means unlabelled.")

    return class_numbers


def told_to_draw(
    fitted: FittedVAE,
    classes: np.ndarray | None,
    n_samples: int,
    y: Any,
    rng: np.random.Generator,
) -> Told:
    """Classes or conditions of rows that are to be drawn.

    Parameters
    ----------
    fitted : FittedVAE
        Has conditions, classes or neither.
    classes : ndarray of shape (n_classes,) or None
        Labels of its classes.
    n_samples : int
        Rows to draw; of 1 and several labels, as many as labels.
    y : label, array-like or None
        Labels or a table of conditions; None draws classes by their frequency.
    rng : numpy.random.Generator
        For that.

    Returns
    -------
    told : ndarray of shape (n,) or (n, n_conditions), or None
    values : list of ndarray of shape (n,)

    Raises
    ------
    ValueError
        If there are labels of a fit without classes, or they do not fit ``n_samples``.
    """
    if fitted.conditions is not None:
        return told_conditions(fitted.conditions, None, y, None if n_samples == 1 else n_samples)
    if fitted.n_classes is None or classes is None:
        if y is not None:
            raise ValueError("sample(y=...) needs a fit with conditional=.")

        return None, []
    if y is None:
        return rng.choice(fitted.n_classes, n_samples, p=fitted.class_frequencies), []

    n_samples = len(y) if np.ndim(y) and n_samples == 1 else n_samples

    return told_classes(y, classes, n_samples), []
