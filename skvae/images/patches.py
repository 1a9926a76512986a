"""Images to sets of patches, one row per image, and back."""

from collections.abc import Sequence
from math import prod
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import Interval, fit_context
from skvae._typing import Array, Constraints, FloatArray, Names, SetsLike
from skvae.compute.sizes import check_memory
from skvae.data.containers import check_numbers
from skvae.data.image_sequence import ImageSequence
from skvae.data.images import validate_pixels
from skvae.data.tables import objects
from skvae.images.patch_grid import PatchGrid
from skvae.images.scales import check_scales, resized, scaled_size
from skvae.images.shapes import ImageShapes, Reader, check_dimensions

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
    scales : tuple of float, default=(1,)
        Patches are cut from the image resized by each of these factors, such as (1, 0.7, 0.5), and
        are one set. A scale at which an image is smaller than a patch gives none of it.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of an image whose pixels are a row of X.
        None means square grey images; images given as (n, h, w[, c]) need no shape.
    reader : callable, default=None
        Takes the name of a file, as it stands in X, to an array of shape (h, w) or (h, w, c). None
        is :func:`skvae.read_image`.

    Attributes
    ----------
    image_shape_ : tuple of int
        (height, width, channels) of the images of the fit; height and width are None if those
        differ, or images are in files.
    positions_ : ndarray of shape (n_patches, 2)
        (x, y) of each patch of such an image, from -1 (first column, first row) to 1 (last).
    grid_ : (ndarray of shape (n_rows,), ndarray of shape (n_columns,))
        Rows and columns of pixels that patches are centred on, before scales.
    n_features_in_ : int
        Pixels of an image, if all have as many.

    Notes
    -----
    **X** is an array of rows of pixels, (n, h * w * c), an array of images, (n, h, w) or
    (n, h, w, c), a sequence of images (h, w) or (h, w, c) of any sizes, or of names of files, which
    are read one at a time. All have the same number of channels. Fitted on rows of pixels, or with
    ``image_shape``, patches are those of images of that shape; fitted on images, of any size.

    Patches come scale by scale, row by row. Unlike scikit-learn's ``PatchExtractor``, the number of
    rows is that of the images, so it is legal inside a supervised Pipeline. All patches of many
    images fill the memory: ``FisherVectorEncoder(extractor=ImagePatches())`` pulls them a few
    images at a time.

    Resizing is that of ``skimage.transform.resize`` with anti-aliasing and linear interpolation.
    Positions are places in the original, among the middles of its patches: a patch of a smaller
    image shows more of the original, and where it lies farther out than these it counts as -1 or 1.

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
    >>> photos = [np.zeros((20, 30, 3)), np.zeros((12, 9, 3))]
    >>> [s.shape for s in ImagePatches(scales=(1, 0.5)).fit_transform(photos)]
    [(372, 147), (18, 147)]
    """

    image_shape_: tuple[int | None, int | None, int]
    _any_size: bool
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: Constraints = {
        "patch_size": [_POSITIVE],
        "stride": [_POSITIVE],
        "padding": [Interval(Integral, 0, None, closed="left")],
        "image_shape": [tuple, list, None],
        "reader": [callable, None],
    }

    def __init__(
        self,
        patch_size: int = 7,
        *,
        stride: int = 1,
        padding: int = 0,
        scales: Sequence[float] = (1,),
        image_shape: tuple[int, ...] | list[int] | None = None,
        reader: Reader = None,
    ) -> None:
        self.patch_size = patch_size
        self.stride = stride
        self.padding = padding
        self.scales = scales
        self.image_shape = image_shape
        self.reader = reader

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: SetsLike, y: Any = None) -> Self:
        """Learn the shape of the images; their values play no part.

        Parameters
        ----------
        X : array-like or sequence
            Images, or names of files (see Notes). Of files alone, only the first is read.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : ImagePatches

        Raises
        ------
        ValueError
            If the number of pixels does not match ``image_shape``, some images are grey and others
            are not, a patch does not fit, or the patches of one image fill the memory.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X: SetsLike) -> None:
        check_scales(self.scales)
        images = validate_pixels(self, X, reset=True)
        shapes = ImageShapes.of(images, self.image_shape, self.reader)
        self.image_shape_, self._any_size = shapes.shape, shapes.any_size
        if not isinstance(images, ImageSequence):
            self._check_size(self._size(), images.dtype, "the images")
            return
        for i, shape in enumerate(images.shapes()):
            if shape is not None:
                check_dimensions(shape, images.name(i))
                self._check_size(shape[:2], images.dtype, images.name(i))

    @property
    def _shapes(self) -> ImageShapes:
        return ImageShapes(self.image_shape_, self._any_size)

    def _check_size(self, size: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
        """Raise an error if an image has no patches, or more than fill the memory."""
        # len() ends where numbers of Python do not.
        n_patches = sum(prod(grid.numbers) for grid in self._grids(size))
        if not n_patches:
            scaled = "" if tuple(self.scales) == (1,) else f" and scales={self.scales!r}"
            raise ValueError(
                f"patch_size={self.patch_size} does not fit into {name}, of {size[0]} x {size[1]} "
                f"pixels, with padding={self.padding}{scaled}: leave it out, enlarge it, or raise "
                "padding."
            )
        values = int(self.patch_size) ** 2 * self.image_shape_[2]
        check_memory(
            n_patches * (dtype.itemsize * values + 16),
            f"padding={self.padding} with patch_size={self.patch_size} on {name}, of {size[0]} x "
            f"{size[1]}",
        )

    def _grids(self, size: tuple[int, ...]) -> list[PatchGrid]:
        """Where the patches of an image lie at each scale."""
        return [self._grid(scaled_size(size, scale)) for scale in check_scales(self.scales)]

    def _grid(self, size: tuple[int, ...]) -> PatchGrid:
        height, width = size
        return PatchGrid((height, width), self.patch_size, self.stride, self.padding)

    def _positions(self, size: tuple[int, ...]) -> FloatArray:
        original = self._grid(size)
        return np.concatenate([g.positions_in(original) for g in self._grids(size) if len(g)])

    def _size(self) -> tuple[int, int]:
        height, width, _ = self.image_shape_
        if height is None or width is None:
            raise AttributeError(
                "Patches of images of different sizes, or in files, have no places in common: "
                "extract(X) returns the patches of each image with theirs."
            )
        return height, width

    @property
    def positions_(self) -> FloatArray:
        """(x, y) of each patch, from -1 (first column, first row) to 1 (last)."""
        return self._positions(self._size())

    @property
    def grid_(self) -> tuple[FloatArray, FloatArray]:
        """Rows and columns of pixels that patches are centred on."""
        size = self._size()
        if check_scales(self.scales) != (1,):
            raise AttributeError(f"Patches of scales={self.scales!r} lie on no one grid.")
        return self._grid(size).centres

    def transform(self, X: SetsLike) -> Array:
        """Cut images into patches.

        Parameters
        ----------
        X : array-like or sequence
            Images, or names of files (see Notes).

        Returns
        -------
        patches : ndarray of shape (n, n_patches, patch_size * patch_size * c)
            A copy, in the dtype of ``X``; integers of 8 or 16 bits, and pixels of files, become
            float32. Of a sequence with different sizes or files, an ndarray of shape (n,) of
            ndarray of shape (n_patches_i, patch_size * patch_size * c).

        Raises
        ------
        ValueError
            As for ``extract``.
        """
        check_is_fitted(self)
        images = validate_pixels(self, X, reset=False)
        if not isinstance(images, ImageSequence):
            return self._cut(self._shapes.of_array(images), "the images")
        named = self._shapes.checked(images, self.reader)
        return objects([self._cut(image[None], name)[0] for name, image in named])

    def extract(self, X: SetsLike) -> tuple[Array, Array]:
        """Patches of images, and where they lie.

        Parameters
        ----------
        X : array-like or sequence
            Images, or names of files (see Notes).

        Returns
        -------
        patches : ndarray
            As from ``transform``.
        positions : ndarray of shape (n, n_patches, 2) or ndarray of shape (n,) of ndarray
            (x, y) of each patch, from -1 (first column, first row) to 1 (last).

        Raises
        ------
        ValueError
            If a file cannot be read, or an image has other channels than those of the fit, another
            shape where one is needed, or no patches.
        """
        check_is_fitted(self)
        images = validate_pixels(self, X, reset=False)
        if not isinstance(images, ImageSequence):
            where = self._positions(self._shapes.of_array(images).shape[1:3])
            return self.transform(images), np.repeat(where[None], len(images), axis=0)
        sets, positions = [], []
        for name, image in self._shapes.checked(images, self.reader):
            self._check_size(image.shape[:2], image.dtype, name)
            sets.append(self.transform(image[None])[0])
            positions.append(self._positions(image.shape[:2]))
        return objects(sets), objects(positions)

    def _cut(self, images: FloatArray, name: str) -> FloatArray:
        """Patches (n, n_patches, d) of images (n, h, w, c)."""
        size = images.shape[1:3]
        self._check_size(size, images.dtype, name)
        grids = [grid for grid in self._grids(size) if len(grid)]
        parts = [grid.cut(_resized(images, grid.size)) for grid in grids]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def inverse_transform(self, X: Any) -> FloatArray:
        """Put patches back where they came from, overlaps averaged.

        Parameters
        ----------
        X : array-like of shape (n, n_patches, patch_size * patch_size * c)
            Patches, as ``transform`` returns them of images of one size and scale.

        Returns
        -------
        images : ndarray of shape (n, h * w * c)
            Exact for unmodified patches; pixels that no patch covers are 0.

        Raises
        ------
        ValueError
            If patches have another shape, or are of several scales.
        AttributeError
            If images of the fit had different sizes, or were in files.
        """
        check_is_fitted(self)
        size, channels = self._size(), self.image_shape_[2]
        if check_scales(self.scales) != (1,):
            raise ValueError(
                f"Patches of scales={self.scales!r} cannot be put back: images need scales=(1,)."
            )
        given = check_numbers(X, allow_nd=True, ensure_2d=False)
        grid = self._grid(size)
        expected = (len(grid), self.patch_size**2 * channels)
        if given.shape[1:] != expected:
            raise ValueError(f"Patches must have shape (n, *{expected}), got {given.shape}.")
        return grid.put_back(given, channels).reshape(len(given), -1)


def _resized(images: FloatArray, size: tuple[int, int]) -> FloatArray:
    if images.shape[1:3] == size:
        return images
    return np.stack([resized(image, size) for image in images])
