"""Finite values that are too large to compute with: made infinite, or refused by their column."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skvae.data.row_facts import RowFacts
from skvae.vae.scaling import Scaling

__all__ = ["cast", "check_answer", "check_moments", "check_reach"]

# Where gradients still have a square in float32: in standard deviations, whose noise may be a
# thousandth, or as a likelihood sees values that are not standardised.
_FARTHEST_STANDARDISED = 1e6
_FARTHEST = 1e15


def cast(x: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Numbers in another type; what it cannot hold becomes infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.overflow import cast
    >>> cast(np.array([1.5, 1e300]), np.float32)
    array([1.5, inf], dtype=float32)
    """
    with np.errstate(over="ignore"):
        return x.astype(dtype, copy=False)


def check_moments(facts: RowFacts, names: np.ndarray | None) -> None:
    """Raise an error unless the mean and scale of every column are finite.

    Parameters
    ----------
    facts : RowFacts
        With moments.
    names : ndarray of shape (n_features,) or None
        Names of the columns.
    """
    assert facts.mean is not None and facts.scale is not None
    bad = ~(np.isfinite(facts.mean) & np.isfinite(facts.scale))
    if bad.any():
        column = int(bad.argmax())
        size = max(-facts.lows[column], facts.highs[column])
        raise ValueError(
            f"The variance of {_column(column, names)} of X, with values up to {size:.3g}, is too "
            "large for a float. Divide the column by a constant first."
        )


def check_reach(
    facts: RowFacts,
    scaling: Scaling,
    names: np.ndarray | None,
    which: bool | tuple[bool, ...] = True,
) -> None:
    """Raise an error at rows from which a training in float32 could not learn.

    Parameters
    ----------
    facts : RowFacts
        Of the rows in the user's units.
    scaling : Scaling
        What the network sees of them.
    names : ndarray of shape (n_features,) or None
        Names of the columns.
    which : bool or tuple of bool, default=True
        Which columns a scaling that standardises does not take as they are.
    """
    standardised = np.logical_and(scaling.mean is not None, np.broadcast_to(which, len(facts.lows)))
    farthest = np.where(standardised, _FARTHEST_STANDARDISED, _FARTHEST)
    extremes = np.stack([facts.lows, facts.highs])
    with np.errstate(over="ignore"):
        x = np.abs(scaling.to_network(extremes))
    x[np.isnan(x)] = 0  # of columns whose values are all missing
    share = x / farthest
    if share.max() <= 1:
        return
    end, column = np.unravel_index(share.argmax(), x.shape)
    place = f"{_column(int(column), names)} of X has the value {extremes[end, column]:.3g}"
    if standardised[column]:
        raise ValueError(
            f"{place}, more than {_FARTHEST_STANDARDISED:.0e} standard deviations from the mean of "
            "the first data. Leave such rows out, or clip them."
        )
    raise ValueError(
        f"{place}; more than {_FARTHEST:.0e} is out of the reach of float32. Divide the column by "
        "a constant first."
    )


def check_answer(
    answer: np.ndarray,
    X: Any,
    names: np.ndarray | None = None,
    *,
    name: str = "X",
    center: np.ndarray | float = 0.0,
    unit: np.ndarray | float = 1.0,
) -> np.ndarray:
    """The answer about rows, if every number of it is finite.

    Parameters
    ----------
    answer : ndarray of shape (n, ...)
        A row for each row of X.
    X : ndarray or Rows of shape (n, n_features)
        Rows, NaN where values are missing.
    names : sequence of str or None
        Names of the columns.
    name : str
        Of X.
    center, unit : ndarray of shape (n_features,) or float
        The column farthest from the center, in these units, is the one to name.

    Returns
    -------
    answer : ndarray

    Raises
    ------
    ValueError
        If float32 could not hold it.
    """
    finite = np.isfinite(answer)
    if finite.all():
        return answer
    row = int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))
    values = np.asarray(X[row : row + 1][0], np.float64)
    with np.errstate(over="ignore"):
        distances = np.abs((values - center) / unit)
    column = int(np.where(np.isnan(distances), 0, distances).argmax())
    raise ValueError(
        f"Row {row} of {name} is out of the reach of float32: {_column(column, names)} is "
        f"{values[column]:.3g}. Leave such rows out, or clip them to the range of the data of the "
        "fit."
    )


def _column(column: int, names: np.ndarray | None) -> str:
    return f"column {column}" if names is None else f"column {column} ({names[column]})"
