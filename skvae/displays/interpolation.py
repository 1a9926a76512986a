"""From one image to another, through the latent space."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skvae._typing import Array, ArrayLike, Axes
from skvae.compute.sizes import check_count
from skvae.displays.canvas import Display, place, require_matplotlib
from skvae.displays.latent import decode, latent_points
from skvae.displays.mosaic import as_images, draw_mosaic, name_tiles

__all__ = ["InterpolationDisplay"]


class InterpolationDisplay(Display):
    """Images along the straight lines between the latent points of pairs of images.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_pairs, 2 + n_steps, h, w, c)
        Each row begins and ends with an original; those between are decoded.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.displays import InterpolationDisplay
    >>> X = load_digits().data / 16
    >>> vae = VAETransformer(8, max_iter=2, random_state=0).fit(X)
    >>> InterpolationDisplay.from_estimator(vae, X[:3], X[10:13]).images.shape
    (3, 11, 8, 8, 1)
    """

    def __init__(self, *, images: Array) -> None:
        self.images = images

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X_from: ArrayLike,
        X_to: ArrayLike,
        *,
        n_steps: int = 9,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Encode both ends, decode the way between, and draw it.

        Parameters
        ----------
        estimator : transformer with ``interpolate`` or ``inverse_transform``
            Fitted: a ``VAETransformer``, or another, such as ``PCA``, whose latent points are
            joined by straight lines.
        X_from, X_to : array-like of shape (n_pairs, n_features)
            Images to go from and to, as rows of pixels.
        n_steps : int, default=9
            Decoded images, those of both ends among them; at least 2.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels); None means square grey images.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : InterpolationDisplay

        Raises
        ------
        ValueError
            If the ends do not match, or ``n_steps`` is less than 2.
        """
        require_matplotlib(cls.__name__)
        if np.shape(X_from) != np.shape(X_to):
            raise ValueError(
                f"X_from has shape {np.shape(X_from)}, but X_to has {np.shape(X_to)}: one row for "
                "each pair."
            )
        check_count(n_steps, "n_steps", 2)
        way = as_images(_way(estimator, X_from, X_to, n_steps), image_shape)
        way = way.reshape(-1, n_steps, *way.shape[1:])
        first, last = (as_images(X, image_shape)[:, None] for X in (X_from, X_to))

        return cls(images=np.concatenate([first, way, last], axis=1)).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw a row for each pair.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``imshow``.

        Returns
        -------
        display : InterpolationDisplay
        """
        n_rows, n_columns = self.images.shape[:2]
        ax = place(self, ax, (0.3 + 0.75 * n_columns, 0.4 + 0.8 * n_rows))
        draw_mosaic(ax, self.images.astype(float), **kwargs)
        steps = np.linspace(0, 1, n_columns - 2)
        names = ["from", *(f"{step:.2g}" for step in steps), "to"]
        name_tiles(ax, self.images, 1, names)

        return self


def _way(estimator: Any, X_from: ArrayLike, X_to: ArrayLike, n_steps: int) -> Array:
    """Rows of pixels, pair by pair."""
    if hasattr(estimator, "interpolate"):
        way = np.asarray(estimator.interpolate(X_from, X_to, n_steps))
        return way.reshape(-1, way.shape[-1])
    start, end = (latent_points(estimator, X)[:, None] for X in (X_from, X_to))
    share = np.linspace(0, 1, n_steps)[:, None]
    Z = (1 - share) * start + share * end  # (n_pairs, n_steps, d)

    return decode(estimator, Z.reshape(-1, Z.shape[2]))
