"""What the hand can tell a decoder beside z: conditions, as categories or numbers."""

from typing import Any

import numpy as np

from skvae._typing import Array
from skvae.vae.conditions import Condition, Conditions

__all__ = ["conditions_of", "some_conditions"]

# Standard deviations from the mean that a slider reaches.
_REACH = 2.5


def conditions_of(conditions: Conditions) -> list[dict[str, Any]]:
    """Conditions as values that JSON can hold.

    Parameters
    ----------
    conditions : Conditions
        Of a fit.

    Returns
    -------
    told : list of dict
        Of each its ``name``, and its ``categories``, dicts with a ``name``, or the ``mean`` and
        ``scale`` that standardise it and the ``ends`` of its slider.

    Examples
    --------
    >>> from skvae.explorer.conditions import conditions_of
    >>> from skvae.vae.conditions import Conditions
    >>> conditions_of(Conditions.fit([0], [[38, 1], [42, 2]]))
    [{'name': '0', 'mean': 40.0, 'scale': 2.0, 'ends': [35.0, 45.0]}]
    """
    return [{"name": str(column.name), **_told(column)} for column in conditions.columns]


def some_conditions(conditions: Conditions, n_rows: int) -> Array:
    """A table of conditions that has each category in turn, and numbers from end to end.

    Parameters
    ----------
    conditions : Conditions
        Of a fit.
    n_rows : int
        Its length.

    Returns
    -------
    y : ndarray of objects of shape (n_rows, n_conditions)
    """
    y = np.empty((n_rows, len(conditions.columns)), object)
    for i, column in enumerate(conditions.columns):
        known = column.categories
        y[:, i] = (
            np.linspace(*_ends(column), n_rows)
            if known is None
            else np.resize(known.values, n_rows)
        )

    return y


def _told(column: Condition) -> dict[str, Any]:
    if column.categories is not None:
        return {"categories": [{"name": str(value)} for value in column.categories.values]}

    return {"mean": column.mean, "scale": column.scale, "ends": [*_ends(column)]}


def _ends(column: Condition) -> tuple[float, float]:
    reach = _REACH * column.scale

    return column.mean - reach, column.mean + reach
