"""Finite values that float32 cannot compute with: refused by their column and size."""

import numpy as np

from skvae.data.maps import row_blocks

__all__ = ["check_answer", "check_moments", "check_reach"]

# Where gradients still have a square in float32: in standard deviations, whose noise may be a
# thousandth, or as a likelihood sees values that are not standardised.
_FARTHEST_STANDARDISED = 1e6
_FARTHEST = 1e15


def check_moments(mean, scale, X, names):
    """Raise an error unless the mean and scale of every column of X are finite.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
        Of the standardisation.
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        Rows.
    names : sequence of str or None
        Names of the columns.
    """
    bad = ~(np.isfinite(mean) & np.isfinite(scale))
    if bad.any():
        column = int(bad.argmax())
        size = max(np.abs(block[:, column]).max() for block in row_blocks(X))
        raise ValueError(
            f"The variance of {_column(column, names)} of X, with values up to {size:.3g}, is too "
            "large for a float. Divide the column by a constant first."
        )


def check_reach(X, scaling, names):
    """Raise an error at a row from which a training in float32 could not learn.

    Parameters
    ----------
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        Rows in the user's units.
    scaling : Scaling
        What the network sees of them.
    names : sequence of str or None
        Names of the columns.
    """
    standardised = scaling.mean is not None
    farthest = _FARTHEST_STANDARDISED if standardised else _FARTHEST
    with np.errstate(over="ignore"):
        for block in row_blocks(X):
            x = np.abs(scaling.to_network(block))
            if x.max() > farthest:
                row, column = np.unravel_index(x.argmax(), x.shape)
                place = f"{_column(column, names)} of X has the value {block[row, column]:.3g}"
                if standardised:
                    raise ValueError(
                        f"{place}, more than {farthest:.0e} standard deviations from the mean of "
                        "the first data. Leave such rows out, or clip them."
                    )
                raise ValueError(
                    f"{place}; more than {farthest:.0e} is out of the reach of float32. Divide the "
                    "column by a constant first."
                )


def check_answer(answer, X, names=None, *, name="X", center=0.0, unit=1.0):
    """The answer about rows, if every number of it is finite.

    Parameters
    ----------
    answer : ndarray of shape (n, ...)
        A row for each row of X.
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        Finite rows.
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
        column = int(np.argmax(np.abs((values - center) / unit)))
    raise ValueError(
        f"Row {row} of {name} is out of the reach of float32: {_column(column, names)} is "
        f"{values[column]:.3g}. Leave such rows out, or clip them to the range of the data of the "
        "fit."
    )


def _column(column, names):
    return f"column {column}" if names is None else f"column {column} ({names[column]})"
