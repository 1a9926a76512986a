"""The shape of the images that rows of pixels stand for."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from skvae._typing import Array

__all__ = ["shape_of_images"]


def shape_of_images(X: Array, image_shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Height, width and channels of the images in X.

    Parameters
    ----------
    X : ndarray of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
        Images.
    image_shape : tuple of int or None
        What the user says: (height, width) or (height, width, channels). None means square grey
        images where X holds rows.

    Returns
    -------
    shape : tuple of int
        (height, width, channels).

    Raises
    ------
    ValueError
        If ``image_shape`` is no shape of an image, or X does not agree with it.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.images import shape_of_images
    >>> shape_of_images(np.zeros((5, 784)), None)
    (28, 28, 1)
    """
    if X.ndim == 2:
        return _shape_of_rows(X.shape[1], image_shape)
    shape = (*X.shape[1:], 1)[:3]
    if image_shape is not None and shape != _with_channels(image_shape):
        raise ValueError(f"X holds images of shape {X.shape[1:]}, but image_shape={image_shape}.")
    return shape


def _with_channels(image_shape: Sequence[int]) -> tuple[int, int, int]:
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and n > 0 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width, channels)."
        )
    height, width, channels = (*shape, 1)[:3]

    return height, width, channels


def _shape_of_rows(n_pixels: int, image_shape: Sequence[int] | None) -> tuple[int, int, int]:
    if image_shape is None:
        side = round(n_pixels**0.5)
        if side * side != n_pixels:
            raise ValueError(
                f"Rows of {n_pixels} pixels are not square grey images; give image_shape."
            )
        return (side, side, 1)
    shape = _with_channels(image_shape)
    if np.prod(shape) != n_pixels:
        raise ValueError(
            f"X has {n_pixels} features, but image_shape={tuple(image_shape)} means "
            f"{np.prod(shape)} pixels."
        )
    return shape
