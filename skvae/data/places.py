"""Where in X a number is that an error is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["placed"]


@contextmanager
def placed(X: Any, first_row: int = 0) -> Iterator[None]:
    """Say where the first of the numbers is that scikit-learn finds not to be finite.

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n, n_features)
        What is checked inside the context.
    first_row : int, default=0
        Its place among all rows.

    Raises
    ------
    ValueError
        Scikit-learn's, with row and column.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.utils import check_array
    >>> from skvae.data.places import placed
    >>> X = np.array([[1.0, 2.0], [np.inf, 4.0]])
    >>> with placed(X):
    ...     check_array(X)
    Traceback (most recent call last):
    ValueError: Input contains infinity or a value too large for dtype('float64'). The first ...
    """
    try:
        yield
    except ValueError as error:
        found, _, advice = str(error).partition("\n")
        place = _first_place(X, first_row, infinite="infinity" in found)
        if place is None or not ("infinity" in found or "NaN" in found):
            raise
        said = f"{found} The first one is in {place}."
        raise ValueError(f"{said}\n{advice}" if advice else said) from error


def _first_place(X: Any, first_row: int, *, infinite: bool) -> str | None:
    if getattr(getattr(X, "dtype", None), "kind", "") == "c":
        return None
    try:
        values = np.asarray(X, np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim != 2:
        return None
    where = np.argwhere(np.isinf(values) if infinite else np.isnan(values))
    if not len(where):
        return None
    row, column = where[0]
    names = getattr(X, "columns", None)
    name = f"column {column}" if names is None else f"column {list(names)[column]!r}"

    return f"row {first_row + row}, {name}"
