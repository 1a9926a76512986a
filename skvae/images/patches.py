"""Images to sets of patches, one row per image, and back."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import Interval, fit_context
from skvae._typing import ArrayLike, Constraints, FloatArray, Names
from skvae.compute.sizes import check_memory
from skvae.data.containers import check_numbers
from skvae.data.images import shape_of_images, validate_pixels

__all__ = ["ImagePatches"]

_POSITIVE = Interval(Integral, 1, None, closed="left")


class ImagePatches(TransformerMixin, Estimator):
    """Dense square patches of images: one set of patches per image.

    Parameters
    ----------
    patch_size : int, default=7
        Height and width of a patch, in pixels.
    stride : int, default=1
        Step between patches, in pixels.
    padding : int, default=0
        Zeros put around the image, in pixels.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of an image whose pixels are a row of X.
        None means square grey images; images given as (n, h, w[, c]) need no shape.

    Attributes
    ----------
    image_shape_ : tuple of int
        (height, width, channels).
    positions_ : ndarray of shape (n_patches, 2)
        (x, y) of each patch, from -1 (first column, first row) to 1 (last).
    grid_ : (ndarray of shape (n_rows,), ndarray of shape (n_columns,))
        Rows and columns of pixels that patches are centred on.
    n_features_in_ : int
        Pixels of an image.

    Notes
    -----
    Patches come row by row. Unlike scikit-learn's ``PatchExtractor``, the number of rows is that of
    the images, so it is legal inside a supervised Pipeline. All patches of many images fill the
    memory: ``FisherVectorEncoder(extractor=ImagePatches())`` pulls them a few images at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import ImagePatches
    >>> X = np.arange(16.0).reshape(1, 16)
    >>> patches = ImagePatches(patch_size=2, stride=2).fit(X)
    >>> patches.transform(X)[0, 0]
    array([0., 1., 4., 5.])
    >>> np.array_equal(patches.inverse_transform(patches.transform(X)), X)
    True
    """

    image_shape_: tuple[int, int, int]
    positions_: FloatArray
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: Constraints = {
        "patch_size": [_POSITIVE],
        "stride": [_POSITIVE],
        "padding": [Interval(Integral, 0, None, closed="left")],
        "image_shape": [tuple, list, None],
    }

    def __init__(
        self,
        patch_size: int = 7,
        *,
        stride: int = 1,
        padding: int = 0,
        image_shape: tuple[int, ...] | list[int] | None = None,
    ) -> None:
        self.patch_size = patch_size
        self.stride = stride
        self.padding = padding
        self.image_shape = image_shape

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the shape of the images; their values play no part.

        Parameters
        ----------
        X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
            Images.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : ImagePatches

        Raises
        ------
        ValueError
            If the number of pixels does not match ``image_shape``, a patch does not fit, or the
            patches of one image fill the memory.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X: ArrayLike) -> None:
        images = validate_pixels(self, X, reset=True)
        self.image_shape_ = h, w, c = shape_of_images(images, self.image_shape)
        if min(h, w) + 2 * self.padding < self.patch_size:
            raise ValueError(
                f"patch_size={self.patch_size} does not fit into images of {h} x {w} pixels with "
                f"padding={self.padding}."
            )
        numbers = [int(n) for n in self._grid()]
        check_memory(
            numbers[0] * numbers[1] * (images.itemsize * int(self.patch_size) ** 2 * c + 16),
            f"padding={self.padding} with patch_size={self.patch_size} on images of {h} x {w}",
        )
        rows, columns = (_positions(n) for n in numbers)
        self.positions_ = np.stack(
            [np.tile(columns, len(rows)), np.repeat(rows, len(columns))], axis=1
        )

    @property
    def grid_(self) -> tuple[FloatArray, FloatArray]:
        """Rows and columns of pixels that patches are centred on."""
        middle = (self.patch_size - 1) / 2 - self.padding
        rows, columns = (middle + self.stride * np.arange(n) for n in self._grid())

        return rows, columns

    def _grid(self) -> tuple[int, int]:
        """Numbers of rows and columns of patches."""
        room = (side + 2 * self.padding - self.patch_size for side in self.image_shape_[:2])
        n_rows, n_columns = (1 + n // self.stride for n in room)
        return n_rows, n_columns

    def transform(self, X: ArrayLike) -> FloatArray:
        """Cut images into patches.

        Parameters
        ----------
        X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
            Images.

        Returns
        -------
        patches : ndarray of shape (n, n_patches, patch_size * patch_size * c)
            A copy, in the dtype of ``X``; integers of 8 or 16 bits become float32.
        """
        check_is_fitted(self)
        images = validate_pixels(self, X, reset=False)
        images = images.reshape(-1, *shape_of_images(images, self.image_shape_))
        pad = (self.padding, self.padding)
        images = np.pad(images, [(0, 0), pad, pad, (0, 0)])
        window = (self.patch_size, self.patch_size)
        windows = np.lib.stride_tricks.sliding_window_view(images, window, axis=(1, 2))
        windows = windows[:, :: self.stride, :: self.stride]  # (n, rows, columns, c, size, size)
        windows = windows.transpose(0, 1, 2, 4, 5, 3)
        return windows.reshape(len(images), len(self.positions_), -1)

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Put patches back where they came from, overlaps averaged.

        Parameters
        ----------
        X : array-like of shape (n, n_patches, patch_size * patch_size * c)
            Patches, as ``transform`` returns them.

        Returns
        -------
        images : ndarray of shape (n, h * w * c)
            Exact for unmodified patches; pixels that no patch covers are 0.
        """
        check_is_fitted(self)
        given = check_numbers(X, allow_nd=True, ensure_2d=False)
        h, w, c = self.image_shape_
        expected = (len(self.positions_), self.patch_size**2 * c)
        if given.shape[1:] != expected:
            raise ValueError(f"Patches must have shape (n, *{expected}), got {given.shape}.")
        n_rows, n_columns = self._grid()
        n = len(given)
        patches = given.reshape(n, n_rows, n_columns, self.patch_size, self.patch_size, c)
        total = np.zeros((n, h + 2 * self.padding, w + 2 * self.padding, c), given.dtype)
        cover = np.zeros(total.shape[1:], given.dtype)
        for i in range(self.patch_size):
            for j in range(self.patch_size):
                rows = slice(i, i + n_rows * self.stride, self.stride)
                columns = slice(j, j + n_columns * self.stride, self.stride)
                total[:, rows, columns] += patches[:, :, :, i, j]
                cover[rows, columns] += 1
        total /= np.maximum(cover, 1)
        inside = slice(self.padding, self.padding + h), slice(self.padding, self.padding + w)
        return total[:, inside[0], inside[1]].reshape(n, -1)


def _positions(n: int) -> FloatArray:
    return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
