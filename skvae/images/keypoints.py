"""Images to sets of descriptors at the keypoints that a detector finds."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import HasMethods, fit_context
from skvae._typing import Array, ArrayLike, Constraints, FloatArray, Names
from skvae.data.images import shape_of_images, validate_pixels

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

    Attributes
    ----------
    image_shape_ : tuple of int
        (height, width, channels).
    n_dimensions_ : int
        Length d of a descriptor.
    n_features_in_ : int
        Pixels of an image.

    Notes
    -----
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

    image_shape_: tuple[int, int, int]
    n_dimensions_: int
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: Constraints = {
        "detector": [HasMethods(["detect_and_extract"])],
        "image_shape": [tuple, list, None],
    }

    def __init__(
        self, detector: Any, image_shape: tuple[int, ...] | list[int] | None = None
    ) -> None:
        self.detector = detector
        self.image_shape = image_shape

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the shape of the images and the length of a descriptor.

        Parameters
        ----------
        X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
            Images.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : ImageKeypoints

        Raises
        ------
        ValueError
            If the number of pixels does not match ``image_shape``, or no image has a keypoint.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X: ArrayLike) -> None:
        images = validate_pixels(self, X, reset=True)
        self.image_shape_ = shape_of_images(images, self.image_shape)
        found = (descriptors for descriptors, _ in self._detect(images) if len(descriptors))
        first = next(found, None)
        if first is None:
            raise ValueError(
                f"{type(self.detector).__name__} finds no keypoints in any of {len(images)} images "
                f"of shape {self.image_shape_[:2]}. Enlarge the images or lower its thresholds."
            )
        self.n_dimensions_ = first.shape[1]

    def _detect(self, images: FloatArray) -> Iterator[tuple[Any, Any]]:
        """Descriptors and keypoints of one image after the other."""
        h, w, c = self.image_shape_
        detector = deepcopy(self.detector)
        for image in images.reshape((-1, h, w) if c == 1 else (-1, h, w, c)):
            try:
                # A copy: images may be read-only, which scikit-image's ORB refuses.
                detector.detect_and_extract(image.copy())
            except RuntimeError:  # scikit-image's word for an image without keypoints
                yield (), ()
            else:
                yield detector.descriptors, detector.keypoints

    def extract(self, X: ArrayLike) -> tuple[Array, Array]:
        """Descriptors of images, and where they lie.

        Parameters
        ----------
        X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
            Images.

        Returns
        -------
        sets : ndarray of shape (n,) of ndarray of shape (n_i, d)
            In the dtype of ``X``; binary descriptors become 0 and 1.
        positions : ndarray of shape (n,) of ndarray of shape (n_i, 2)
            (x, y) of each keypoint, from -1 (first column, first row) to 1 (last).
        """
        check_is_fitted(self)
        images = validate_pixels(self, X, reset=False)
        shape_of_images(images, self.image_shape_)
        last = np.maximum(np.array(self.image_shape_[:2]) - 1, 1)
        sets, positions = np.empty((2, len(images)), object)
        for i, (descriptors, keypoints) in enumerate(self._detect(images)):
            sets[i] = np.array(descriptors, images.dtype).reshape(-1, self.n_dimensions_)
            rows_columns = np.reshape(keypoints, (-1, 2)) / last
            positions[i] = np.clip(2 * rows_columns[:, ::-1] - 1, -1, 1)
        return sets, positions

    def transform(self, X: ArrayLike) -> Array:
        """Descriptors of images.

        Parameters
        ----------
        X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
            Images.

        Returns
        -------
        sets : ndarray of shape (n,) of ndarray of shape (n_i, d)
            In the dtype of ``X``; binary descriptors become 0 and 1.
        """
        return self.extract(X)[0]
