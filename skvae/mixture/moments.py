r"""The features :math:`\phi(x) = [1, x, x^2]` of a descriptor: where each stands in an array.

Whatever is linear in them lies in memory as they do, along the last axis of 1 + 2 d columns:
natural parameters and statistics. The gradients of a Fisher vector lie moment after moment: what
belongs to 1 of all components, then what belongs to x, then to x^2.

Statistics of descriptors with missing values have d more columns, N: the sum of posteriors of those
that have a dimension, which elsewhere is S0 for all of them (``skvae.mixture.missing``).
"""

from typing import Any

import numpy as np

from skvae._typing import ArrayLike, FloatArray

__all__ = [
    "add_totals",
    "by_moment",
    "fill_features",
    "join_moments",
    "n_moments",
    "split_by_moment",
    "split_moments",
    "split_totals",
]


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


def by_moment(array: FloatArray) -> FloatArray:
    """What lies component after component, (..., K, 1 + 2 d), moment after moment: a copy.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.moments import by_moment
    >>> by_moment(np.array([[0, 1, 2], [10, 11, 12]]))
    array([ 0, 10,  1, 11,  2, 12])
    """
    *shape, k, width = array.shape
    out = np.empty((*shape, k * width), array.dtype)
    for place, part in zip(split_by_moment(out, k), split_moments(array), strict=True):
        place[...] = part
    return out


def split_by_moment(array: FloatArray, n_components: int) -> tuple[Any, Any, Any]:
    """Parts of what lies moment after moment, as views.

    Parameters
    ----------
    array : ndarray of shape (..., K (1 + 2 d))
        As :func:`by_moment` gives it.
    n_components : int
        K.

    Returns
    -------
    zeroth : ndarray of shape (..., K, 1)
    first, second : ndarray of shape (..., K, d)
    """
    k, width = n_components, (array.shape[-1] - n_components) // 2
    shape = (*array.shape[:-1], k, -1)
    zeroth, first, second = array[..., :k], array[..., k : k + width], array[..., k + width :]
    return zeroth.reshape(shape), first.reshape(shape), second.reshape(shape)


def split_totals(totals: Any, d: int) -> tuple[Any, Any, Any, Any]:
    """Statistics of descriptors of d dimensions, of which values may be missing, as views.

    Parameters
    ----------
    totals : ndarray or torch.Tensor of shape (..., 1 + 2 d) or (..., 1 + 3 d)
        [S0 | S1 | S2], or [S0 | S1 | S2 | N].
    d : int
        Dimensions.

    Returns
    -------
    s0 : ndarray or torch.Tensor of shape (..., 1)
    s1, s2 : ndarray or torch.Tensor of shape (..., d)
    n : ndarray or torch.Tensor of shape (..., 1) or (..., d)
        What the values of each dimension count; S0 itself where none is missing.
    """
    s0, s1, s2 = split_moments(totals[..., : n_moments(d)])
    return s0, s1, s2, totals[..., n_moments(d) :] if totals.shape[-1] > n_moments(d) else s0


def add_totals(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum of statistics, of which one may come from descriptors with missing values.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.moments import add_totals
    >>> add_totals(np.array([2.0, 5.0, 13.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    array([ 3.,  5., 13.,  2.])
    """
    if a.ndim and a.shape[-1] != b.shape[-1]:
        a, b = sorted((a, b), key=lambda totals: totals.shape[-1])
        d = b.shape[-1] - a.shape[-1]
        a = np.concatenate([a, np.repeat(a[..., :1], d, axis=-1)], axis=-1)
    return a + b


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
    np.square(first, out=second)
