"""The units of a pipeline's X, where its steps before the VAE change each feature by itself."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from skvae._typing import FloatArray

__all__ = ["decoder_in_units", "inverse_of"]

# Each multiplies a feature by a number and adds another, and so does its inverse.
_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)


def inverse_of(steps: Sequence[Any]) -> Callable[[FloatArray], FloatArray] | None:
    """The way back from the rows of the last step to those of the first.

    Parameters
    ----------
    steps : sequence of transformers
        Fitted, in their order; "passthrough" and None change nothing.

    Returns
    -------
    inverse : callable or None
        From rows to rows; None where no step changes them, or one does more than to scale features
        one by one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from skvae.explorer.units import inverse_of
    >>> inverse = inverse_of([MinMaxScaler().fit([[0.0, 10.0], [4.0, 30.0]]), "passthrough"])
    >>> inverse(np.array([[0.5, 0.5]]))
    array([[ 2., 20.]])
    """
    scalers = [step for step in steps if step not in ("passthrough", None)]
    if not scalers or not all(isinstance(step, _SCALERS) for step in scalers):
        return None

    def inverse(rows: FloatArray) -> FloatArray:
        for step in reversed(scalers):
            rows = np.asarray(step.inverse_transform(np.array(rows, np.float64)))
        return rows

    return inverse


def decoder_in_units(
    decoder: dict[str, Any], inverse: Callable[[FloatArray], FloatArray]
) -> dict[str, Any]:
    """A decoder of the page that gives other units.

    Parameters
    ----------
    decoder : dict
        From ``export_decoder``.
    inverse : callable
        From :func:`inverse_of`.

    Returns
    -------
    decoder : dict
    """
    offset, scale = np.array(decoder["offset"]), np.array(decoder["scale"])
    zero, one = inverse(np.stack([offset, offset + scale]))

    return decoder | {"offset": zero.tolist(), "scale": (one - zero).tolist()}
