r"""The features :math:`\phi(x) = [1, x, x^2]` of a descriptor: where each stands in an array.

Whatever is linear in them lies in memory as they do, along the last axis of 1 + 2 d columns:
natural parameters, statistics, and the gradients of a Fisher vector before they are laid out.
"""

from typing import Any

import numpy as np

from skvae._typing import ArrayLike, FloatArray

__all__ = ["fill_features", "join_moments", "n_moments", "split_moments"]


def n_moments(d: int) -> int:
    """Numbers that a component has: one, and two for each of d dimensions."""
    return 1 + 2 * d


def split_moments(array: Any) -> tuple[Any, Any, Any]:
    """What belongs to 1, to x and to x^2, as views.

    Parameters
    ----------
    array : ndarray or torch.Tensor of shape (..., 1 + 2 d)
        Features, or what is linear in them.

    Returns
    -------
    zeroth : ndarray or torch.Tensor of shape (..., 1)
    first, second : ndarray or torch.Tensor of shape (..., d)

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.moments import split_moments
    >>> split_moments(np.arange(5))
    (array([0]), array([1, 2]), array([3, 4]))
    """
    d = array.shape[-1] // 2
    return array[..., :1], array[..., 1 : 1 + d], array[..., 1 + d :]


def join_moments(zeroth: ArrayLike, first: ArrayLike, second: ArrayLike) -> FloatArray:
    """One array of what belongs to 1, (..., 1), and to x and x^2, (..., d): a copy."""
    return np.concatenate([zeroth, first, second], axis=-1)


def fill_features(x: FloatArray, center: FloatArray, phi: FloatArray) -> None:
    """Write the features of x - c into ``phi``.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Descriptors.
    center : ndarray of shape (d,)
        The c that is subtracted from them.
    phi : ndarray of shape (n, 1 + 2 d)
        Takes the features.
    """
    one, first, second = split_moments(phi)
    one[:] = 1
    np.subtract(x, center, out=first, casting="same_kind")
    np.multiply(first, first, out=second)
