"""Images to sets of descriptors at the keypoints that a detector finds."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import HasMethods, fit_context
from skvae._typing import Array, Constraints, FloatArray, Names, SetsLike
from skvae.data.image_sequence import ImageSequence
from skvae.data.images import validate_pixels
from skvae.data.tables import objects
from skvae.images.scales import check_scales, in_original, resized, scaled_size
from skvae.images.shapes import ImageShapes, Reader

__all__ = ["ImageKeypoints"]


class ImageKeypoints(TransformerMixin, Estimator):
    """Descriptors at the keypoints of images, such as SIFT or ORB: one set per image.

    Parameters
    ----------
    detector : object
        Has scikit-image's interface, as its ``SIFT`` and ``ORB`` do:
        ``detect_and_extract(image)`` leaves ``keypoints`` (row, column) and ``descriptors`` on the
        object, or raises ``RuntimeError`` where an image has none.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of an image whose pixels are a row of X.
        None means square grey images; images given as (n, h, w[, c]) need no shape.
    scales : tuple of float, default=(1,)
        Keypoints are found in the image resized by each of these factors, and are one set. For
        detectors that look at one scale; SIFT and ORB look at several by themselves.
    reader : callable, default=None
        Takes the name of a file, as it stands in X, to an array of shape (h, w) or (h, w, c). None
        is :func:`skvae.read_image`.

    Attributes
    ----------
    image_shape_ : tuple of int
        (height, width, channels) of the images of the fit; height and width are None if those
        differ, or images are in files.
    n_dimensions_ : int
        Length d of a descriptor.
    n_features_in_ : int
        Pixels of an image, if all have as many.

    Notes
    -----
    **X** is an array of rows of pixels, (n, h * w * c), an array of images, (n, h, w) or
    (n, h, w, c), a sequence of images (h, w) or (h, w, c) of any sizes, or of names of files, which
    are read one at a time. All have the same number of channels; detectors of scikit-image want
    one: ``reader=functools.partial(skvae.read_image, mode="L")``.

    The detector is copied for every call, so the one that was passed never changes and threads may
    share a fitted ``ImageKeypoints``. It gets grey images as (h, w), others as (h, w, c), with
    their values as they are: the thresholds of scikit-image's detectors are meant for [0, 1].

    It is no scikit-learn estimator, so a search over its settings lists whole detectors:
    ``{"extractor__detector": [SIFT(upsampling=1), ORB()]}``.

    Every pass over images detects anew: ``fit_transform`` of an encoder makes three, one of them
    over 500 images at most.

    Examples
    --------
    >>> from skimage.feature import SIFT
    >>> from sklearn.datasets import load_sample_images
    >>> from skvae import ImageKeypoints
    >>> X = [image[::4, ::4].mean(axis=2) / 255 for image in load_sample_images().images]
    >>> sets, positions = ImageKeypoints(SIFT()).fit(X).extract(X)
    >>> [(d.shape[1], p.shape == (len(d), 2)) for d, p in zip(sets, positions)]
    [(128, True), (128, True)]
    """

    image_shape_: tuple[int | None, int | None, int]
    _any_size: bool
    n_dimensions_: int
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: Constraints = {
        "detector": [HasMethods(["detect_and_extract"])],
        "image_shape": [tuple, list, None],
        "reader": [callable, None],
    }

    def __init__(
        self,
        detector: Any,
        image_shape: tuple[int, ...] | list[int] | None = None,
        *,
        scales: Sequence[float] = (1,),
        reader: Reader = None,
    ) -> None:
        self.detector = detector
        self.image_shape = image_shape
        self.scales = scales
        self.reader = reader

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: SetsLike, y: Any = None) -> Self:
        """Learn the shape of the images and the length of a descriptor.

        Parameters
        ----------
        X : array-like or sequence
            Images, or names of files (see Notes).
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : ImageKeypoints

        Raises
        ------
        ValueError
            If the number of pixels does not match ``image_shape``, some images are grey and others
            are not, a file cannot be read, the detector refuses an image, or none has a keypoint.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X: SetsLike) -> None:
        check_scales(self.scales)
        images = validate_pixels(self, X, reset=True)
        shapes = ImageShapes.of(images, self.image_shape, self.reader)
        self.image_shape_, self._any_size = shapes.shape, shapes.any_size
        found = (descriptors for descriptors, _ in self._detect(images) if descriptors is not None)
        first = next(found, None)
        if first is None:
            raise ValueError(
                f"{type(self.detector).__name__} finds no keypoints in any of {len(images)} "
                "images. Enlarge the images or lower its thresholds."
            )
        self.n_dimensions_ = first.shape[1]

    def _detect(self, images: FloatArray | ImageSequence) -> Iterator[tuple[Any, FloatArray]]:
        """Descriptors, None without any, and positions of one image after the other."""
        detector = deepcopy(self.detector)
        shapes = ImageShapes(self.image_shape_, self._any_size)
        for name, image in shapes.checked(images, self.reader):
            size = image.shape[:2]
            found: list[Array] = []
            places: list[FloatArray] = [np.empty((0, 2))]
            for scale in check_scales(self.scales):
                smaller = resized(image, scaled_size(size, scale))
                if _detects(detector, smaller, name):
                    found.append(np.asarray(detector.descriptors))
                    pixels = np.reshape(detector.keypoints, (-1, 2))
                    places.append(in_original(pixels, smaller.shape[:2], size))
            rows_columns = np.concatenate(places) / np.maximum(np.array(size) - 1, 1)
            positions = np.clip(2 * rows_columns[:, ::-1] - 1, -1, 1)
            yield (np.concatenate(found) if found else None), positions

    def extract(self, X: SetsLike) -> tuple[Array, Array]:
        """Descriptors of images, and where they lie.

        Parameters
        ----------
        X : array-like or sequence
            Images, or names of files (see Notes).

        Returns
        -------
        sets : ndarray of shape (n,) of ndarray of shape (n_i, d)
            In the dtype of ``X``; binary descriptors become 0 and 1.
        positions : ndarray of shape (n,) of ndarray of shape (n_i, 2)
            (x, y) of each keypoint, from -1 (first column, first row) to 1 (last).

        Raises
        ------
        ValueError
            If a file cannot be read, the detector refuses an image, or an image has other channels
            than those of the fit, or another shape where one is needed.
        """
        check_is_fitted(self)
        images = validate_pixels(self, X, reset=False)
        none = np.empty((0, self.n_dimensions_), images.dtype)
        sets, positions = [], []
        for descriptors, where in self._detect(images):
            sets.append(none if descriptors is None else np.array(descriptors, images.dtype))
            positions.append(where)
        return objects(sets), objects(positions)

    def transform(self, X: SetsLike) -> Array:
        """Descriptors of images.

        Parameters
        ----------
        X : array-like or sequence
            Images, or names of files (see Notes).

        Returns
        -------
        sets : ndarray of shape (n,) of ndarray of shape (n_i, d)
            In the dtype of ``X``; binary descriptors become 0 and 1.

        Raises
        ------
        ValueError
            As for ``extract``.
        """
        return self.extract(X)[0]


def _detects(detector: Any, image: FloatArray, name: str) -> bool:
    """Whether a detector, which then has them, finds keypoints in an image (h, w, c)."""
    # A copy: images may be read-only, which scikit-image's ORB refuses.
    pixels = image[:, :, 0].copy() if image.shape[2] == 1 else image.copy()
    try:
        detector.detect_and_extract(pixels)
    except RuntimeError:  # scikit-image's word for an image without keypoints
        return False
    except ValueError as error:
        raise ValueError(
            f"{type(detector).__name__} refuses {name}, of shape {pixels.shape}: {error}"
        ) from error
    return len(detector.descriptors) > 0
