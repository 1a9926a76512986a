"""Images: validated, and the shape of those that rows of pixels stand for."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from skvae._typing import Array, FloatArray
from skvae.data.containers import check_numbers, is_frame, numbers, validate_numbers
from skvae.data.image_sequence import ImageSequence, paths_of
from skvae.data.sequences import sequence_of

__all__ = ["shape_of_images", "validate_images", "validate_pixels", "with_channels"]


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
    height, width, channels = (*X.shape[1:], 1)[:3]
    shape = height, width, channels
    if image_shape is not None and shape != with_channels(image_shape):
        raise ValueError(f"X holds images of shape {X.shape[1:]}, but image_shape={image_shape}.")
    return shape


def with_channels(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """(height, width, channels) of what the user says; grey images have one.

    Raises
    ------
    ValueError
        If it is no shape of an image.
    """
    shape: Any = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and int(n) > 0 for n in shape):
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
    shape = with_channels(image_shape)
    if np.prod(shape) != n_pixels:
        raise ValueError(
            f"X has {n_pixels} features, but image_shape={tuple(image_shape)} means "
            f"{np.prod(shape)} pixels."
        )
    return shape


def validate_images(
    estimator: BaseEstimator, X: Any, *, reset: bool, files: bool = False
) -> FloatArray | ImageSequence:
    """Validate rows of pixels or images, of one size or of different ones.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_``, the pixels of an image, is set or compared with.
    X : array-like of shape (n, ...), or sequence of images or of names of files
        Rows or images.
    reset : bool
        Whether to set or to compare.
    files : bool, default=False
        Whether names of files are taken, and images of any size once some of another were fitted.

    Returns
    -------
    X : ndarray or ImageSequence
        float32 or float64, in the shape it came in. A sequence where images differ in shape or are
        in files: then nothing is set, compared or read.
    """
    X = sequence_of(X, type(estimator).__name__)
    paths = paths_of(X) if files else None
    if paths is not None or _is_ragged(X):
        if reset:
            vars(estimator).pop("n_features_in_", None)
            vars(estimator).pop("feature_names_in_", None)
        return ImageSequence.of(X if paths is None else paths)
    X = numbers(X)
    if is_frame(X) or np.ndim(X) <= 2:
        rows: FloatArray = validate_numbers(estimator, X, reset=reset)
        return rows
    images = check_numbers(X, allow_nd=True)
    if reset or not files:
        flat = images.reshape(len(images), -1)
        validate_data(estimator, flat, reset=reset, skip_check_array=True)
    return images


def _is_ragged(X: Any) -> bool:
    """Whether the elements of a sequence differ in shape."""
    return isinstance(X, (list, tuple)) and len(set(map(_shape, X))) > 1


def _shape(x: Any) -> tuple[int, ...]:
    """Shape of an array, or of the first elements of nested lists."""
    if isinstance(x, (list, tuple)):
        return (len(x), *(_shape(x[0]) if x else ()))
    return tuple(np.shape(x))


def validate_pixels(estimator: BaseEstimator, X: Any, *, reset: bool) -> FloatArray | ImageSequence:
    """Validate rows of pixels, images (n, h, w[, c]), or images of any size, also in files.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set or compared with.
    X : array-like of shape (n, h * w * c), (n, h, w) or (n, h, w, c), or sequence
        Images.
    reset : bool
        Whether to set or to compare.

    Returns
    -------
    X : ndarray or ImageSequence
        As from :func:`validate_images`.
    """
    if isinstance(X, ImageSequence):
        return X
    images = validate_images(estimator, X, reset=reset, files=True)
    if isinstance(images, np.ndarray) and images.ndim > 4:
        raise ValueError(f"Images must be (n, h, w) or (n, h, w, c), got shape {images.shape}.")
    return images
