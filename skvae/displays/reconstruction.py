"""Images beside what a model makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import Array, ArrayLike, Axes
from skvae.displays.canvas import Display, place, require_matplotlib
from skvae.displays.latent import decode
from skvae.displays.mosaic import as_images, draw_mosaic, name_tiles

__all__ = ["ReconstructionDisplay"]


class ReconstructionDisplay(Display):
    """Images in the first row, below them their reconstructions, one row per model.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c)
        The originals.
    reconstructions : dict of str to ndarray of shape (n, h, w, c)
        Name of a row to its images.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skvae import FisherVectorEncoder, ImagePatches
    >>> from skvae.displays import ReconstructionDisplay
    >>> X = load_digits().data / 16
    >>> encoder = FisherVectorEncoder(
    ...     8, extractor=ImagePatches(patch_size=3), reducer=PCA(4), spatial="xy", random_state=0
    ... ).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(encoder, X, name="Fisher vector")
    >>> list(display.reconstructions)
    ['Fisher vector']
    """

    def __init__(self, *, images: Array, reconstructions: dict[str, Array]) -> None:
        self.images = images
        self.reconstructions = reconstructions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_images: int = 10,
        image_shape: Sequence[int] | None = None,
        name: str = "reconstruction",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Reconstruct the first images and draw both.

        Parameters
        ----------
        estimator : transformer with ``reconstruct`` or ``inverse_transform``
            Fitted: a ``VAETransformer``, a ``FisherVectorEncoder`` with an extractor, ``PCA``, or a
            pipeline of such.
        X : array-like of shape (n, n_features)
            Images, as rows of pixels.
        n_images : int, default=10
            How many of them to show, from the first.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels); None means square grey images.
        name : str, default="reconstruction"
            Of the row.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        X = X[:n_images]
        if hasattr(estimator, "reconstruct"):
            back = estimator.reconstruct(X)
        else:
            back = decode(estimator, estimator.transform(X))

        return cls.from_predictions(X, {name: back}, image_shape=image_shape, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        X_reconstructed: ArrayLike | Mapping[str, ArrayLike],
        *,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw images and reconstructions that are there already.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Images, as rows of pixels.
        X_reconstructed : array-like of shape (n, n_features), or dict of str to such
            Their reconstructions; with names, a row for each.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels); None means square grey images.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        ValueError
            If images and reconstructions differ in shape.
        """
        require_matplotlib(cls.__name__)
        if not isinstance(X_reconstructed, Mapping):
            X_reconstructed = {"reconstruction": X_reconstructed}
        images = as_images(X, image_shape)
        rows = {}
        for name, values in X_reconstructed.items():
            if np.shape(values) != np.shape(X):
                raise ValueError(
                    f"{name!r} has shape {np.shape(values)}, but the images have {np.shape(X)}."
                )
            rows[name] = as_images(values, image_shape)

        return cls(images=images, reconstructions=rows).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``imshow``. Limits of values are those of the originals.

        Returns
        -------
        display : ReconstructionDisplay
        """
        grid = np.stack([self.images, *self.reconstructions.values()]).astype(float)
        n_rows, n_columns = grid.shape[:2]
        ax = place(self, ax, (1.4 + 0.75 * n_columns, 0.3 + 0.8 * n_rows))
        limits = {"vmin": self.images.min(), "vmax": self.images.max()}
        draw_mosaic(ax, grid, **{**limits, **kwargs})
        name_tiles(ax, grid, 0, ["image", *self.reconstructions])

        return self
