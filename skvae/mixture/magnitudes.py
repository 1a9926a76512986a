"""Values so large, or so small, that their squares leave the range of a floating-point type."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import FloatArray

__all__ = ["all_finite", "are_finite", "cast", "squarable", "too_large"]

# Squares of these, summed over many, are normal numbers of float32; and of float64.
_FLOAT32 = (1e-15, 1e15)
_FLOAT64 = 1e150


def squarable(X: FloatArray, name: str = "X") -> FloatArray:
    """X, as float64 where float32 cannot hold its squares.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
        Finite, or missing (NaN).
    name : str
        What errors call it.

    Returns
    -------
    X : ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If float64 cannot hold them either.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.magnitudes import squarable
    >>> squarable(np.array([[1e20]], np.float32)).dtype
    dtype('float64')
    """
    largest = float(np.fmax.reduce(np.abs(X), axis=None, initial=0))  # of what is not missing
    if largest > _FLOAT64:
        raise too_large([X], name=name)
    low, high = _FLOAT32
    return X if largest == 0 or low < largest < high else X.astype(np.float64, copy=False)


def too_large(
    blocks: Iterable[Any], scale: FloatArray | float = 1.0, name: str = "X"
) -> ValueError:
    """The error that says which value is too large to compute with.

    Parameters
    ----------
    blocks : iterable of ndarray or torch.Tensor of shape (n_i, d)
        Descriptors.
    scale : float or ndarray of shape (d,)
        Units in which columns are compared, such as standard deviations.
    name : str
        What the error calls them.

    Returns
    -------
    ValueError
    """
    arrays = [np.abs(np.asarray(_host(b), float)) for b in blocks if len(b)]
    largest = np.fmax.reduce([np.fmax.reduce(array, axis=0, initial=0) for array in arrays])
    j = int(np.argmax(largest / scale))
    return ValueError(
        f"Column {j} of {name} holds {largest[j]:.3g}, and float64 cannot hold the squares that "
        "are summed here. Take such values out, or scale the column, by StandardScaler for "
        "instance."
    )


def _host(block: Any) -> Any:
    return block.cpu() if hasattr(block, "cpu") else block


def are_finite(vectors: FloatArray, scales: FloatArray, norm: str | None) -> Any:
    """Whether the vectors of each set are finite, and so is what they were divided by.

    A norm of the whole tells that of every entry, which saves looking at all of them.

    Parameters
    ----------
    vectors : ndarray of shape (n_sets, n_cells, n_features)
        Vectors.
    scales : ndarray of shape (n_sets, n_cells, 1 or n_groups)
        What they were divided by.
    norm : {"l2", "l1", "intra"} or None
        The norm.

    Returns
    -------
    ndarray of shape (n_sets,), bool
    """
    finite = np.isfinite(scales).all(axis=(1, 2))
    return finite if norm in ("l1", "l2") else finite & np.isfinite(vectors).all(axis=(1, 2))


def all_finite(vectors: FloatArray, scales: FloatArray, norm: str | None) -> bool:
    """Whether ``are_finite`` is true of every set, by one look at the norms where these tell."""
    if norm in ("l1", "l2"):
        return bool(np.count_nonzero(scales < np.inf) == scales.size)  # NaN is not
    return bool(are_finite(vectors, scales, norm).all())


def cast(vectors: FloatArray, dtype: DTypeLike) -> FloatArray:
    """Vectors in another dtype.

    Parameters
    ----------
    vectors : ndarray
        Finite.
    dtype : dtype
        Wanted.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If a value leaves its range.
    """
    if vectors.dtype == dtype:
        return vectors
    with np.errstate(over="ignore"):
        result = vectors.astype(dtype)
    if result.itemsize < vectors.itemsize and not np.isfinite(result).all():
        raise ValueError(
            f"Values up to {np.abs(vectors).max():.3g} do not fit into dtype={str(result.dtype)!r} "
            f"({np.finfo(result.dtype).max:,.6g} at most). Use norm='l2', or a wider dtype."
        )
    return result
