"""Missing values, NaN: what an encoder sees of rows that have some, and the units of densities."""

from collections.abc import Callable

import numpy as np

from skvae.data.maps import row_blocks
from skvae.data.row_facts import RowFacts
from skvae.vae.examples import Examples
from skvae.vae.scaling import Scaling

__all__ = ["check_observed", "encoder_view", "log_jacobians", "mean_log_jacobian"]


def encoder_view(
    x: np.ndarray, to_encoder: Callable[[np.ndarray], np.ndarray], sees_mask: bool
) -> np.ndarray:
    """What an encoder sees of rows: zeros where values are missing, and which are not.

    Parameters
    ----------
    x : ndarray of shape (n, n_features), float32
        Rows as the network sees them, NaN where missing.
    to_encoder : callable
        What the likelihood shows of rows without missing values.
    sees_mask : bool
        Whether what is observed, 1 or 0, follows the values.

    Returns
    -------
    view : ndarray of shape (n, n_features) or (n, 2 * n_features), float32
    """
    missing = np.isnan(x)
    if missing.any():
        x = np.where(missing, 0, to_encoder(np.where(missing, 0, x)))
    else:
        x = to_encoder(x)

    return np.hstack([x, ~missing], dtype=np.float32) if sees_mask else x


def check_observed(facts: RowFacts, names: np.ndarray | None) -> None:
    """Raise an error unless every column has a value, for a fit to learn from.

    Parameters
    ----------
    facts : RowFacts
        Of the rows.
    names : ndarray of shape (n_features,) or None
        Of the columns, for the message.
    """
    empty = np.isnan(facts.lows)
    if empty.any():
        column = int(empty.argmax())
        name = "" if names is None else f" ({names[column]})"
        raise ValueError(
            f"Column {column}{name} of X has no value in any row: all are missing (NaN). Leave the "
            "column out."
        )


def log_jacobians(scaling: Scaling, X: np.ndarray) -> float | np.ndarray:
    """log |d standardised x / d x| of what is observed of each row.

    Parameters
    ----------
    scaling : Scaling
        Units of X and of the network.
    X : ndarray of shape (n, n_features)
        NaN where missing.

    Returns
    -------
    log_jacobian : ndarray of shape (n,), or float where no value is missing
    """
    whole = scaling.log_jacobian()
    if scaling.scale is None or not (missing := np.isnan(X)).any():
        return whole
    own = -(~missing @ np.log(scaling.scale))

    return np.where(missing.any(axis=1), own, whole)


def mean_log_jacobian(scaling: Scaling, examples: Examples) -> float:
    """The weighted mean over rows of :func:`log_jacobians`."""
    if scaling.scale is None or not examples.has_missing:
        return scaling.log_jacobian()
    by_block = [
        np.broadcast_to(log_jacobians(scaling, b), len(b)) for b in row_blocks(examples.rows)
    ]

    return float(np.average(np.concatenate(by_block), weights=examples.weights))
