"""Images at several sizes, and where a place in one lies in the original."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from skvae._typing import FloatArray

__all__ = ["check_scales", "in_original", "resized", "scaled_size"]

# An image that becomes larger gains no detail, but patches by the square.
_LARGEST = 100


def check_scales(scales: Any) -> tuple[float, ...]:
    """Validate factors of height and width.

    Parameters
    ----------
    scales : sequence of float
        Positive.

    Raises
    ------
    ValueError
        If there is none, or one is no positive number or above 100.
    """
    given = tuple(scales) if isinstance(scales, (tuple, list, np.ndarray)) else ()
    if not given or not all(
        isinstance(s, Real) and not isinstance(s, bool) and 0 < float(s) <= _LARGEST for s in given
    ):
        raise ValueError(
            f"scales={scales!r} must be a tuple of positive numbers up to {_LARGEST}, factors of "
            "the height and width of an image, such as (1, 0.7, 0.5)."
        )
    return tuple(map(float, given))


def scaled_size(size: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Height and width times a scale, rounded, and a pixel at least.

    Examples
    --------
    >>> from skvae.images.scales import scaled_size
    >>> scaled_size((5, 100), 0.5)
    (2, 50)
    """
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def resized(image: FloatArray, size: tuple[int, int]) -> FloatArray:
    """An image of another height and width, as by scikit-image's ``resize`` with anti-aliasing.

    A Gaussian of (factor - 1) / 2 pixels where it becomes smaller, then linear interpolation.

    Parameters
    ----------
    image : ndarray of shape (h, w, c)
        The image.
    size : (int, int)
        Height and width to be.

    Returns
    -------
    image : ndarray of shape (height, width, c)
        The image itself, if it has that size.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.images.scales import resized
    >>> resized(np.ones((6, 8, 1)), (3, 4)).shape
    (3, 4, 1)
    """
    if image.shape[:2] == size:
        return image
    factors = [old / new for old, new in zip(image.shape, size, strict=False)]
    sigmas = [max(0.0, (factor - 1) / 2) for factor in factors]
    channels = []
    for channel in np.moveaxis(image, 2, 0):
        smooth = gaussian_filter(channel, sigmas, mode="mirror")
        zooms = [1 / factor for factor in factors]
        channels.append(zoom(smooth, zooms, order=1, mode="mirror", grid_mode=True))
    return np.stack(channels, axis=2)


def in_original(
    pixels: FloatArray, size: int | tuple[int, int], original: int | tuple[int, int]
) -> FloatArray:
    """Where pixels of a resized image lie in the original.

    Parameters
    ----------
    pixels : ndarray of shape (n,) or (n, 2)
        Rows, columns, or both.
    size, original : int or (int, int)
        Heights or widths, or both, of the resized image and of the original.

    Returns
    -------
    pixels : ndarray of shape (n,) or (n, 2)
        Of the original; as they are where sizes are equal.
    """
    if size == original:
        return pixels
    found: FloatArray = (pixels + 0.5) * np.divide(original, size) - 0.5
    return found
