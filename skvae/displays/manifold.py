"""The decoder's images over a plane of the latent space."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skvae._typing import Array, Axes
from skvae.displays.canvas import Display, place, require_matplotlib
from skvae.displays.latent import class_normal, decode, n_latent
from skvae.displays.mosaic import as_images, draw_mosaic

__all__ = ["ManifoldDisplay"]


class ManifoldDisplay(Display):
    """Images that a model decodes from a grid of latent points around the mean of the prior.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n, n, h, w, c)
        Rows from the largest second coordinate down, columns from the least first one up.
    first, second : ndarray of shape (n,)
        Coordinates of columns and of rows, in rising order.
    dimensions : (int, int), default=(0, 1)
        Latent dimensions that the coordinates belong to.

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
    >>> from skvae.displays import ManifoldDisplay
    >>> X = load_digits().data / 16
    >>> vae = VAETransformer(2, max_iter=2, random_state=0).fit(X)
    >>> ManifoldDisplay.from_estimator(vae, n_steps=5).images.shape
    (5, 5, 8, 8, 1)
    """

    def __init__(
        self, *, images: Array, first: Array, second: Array, dimensions: tuple[int, int] = (0, 1)
    ) -> None:
        self.images = images
        self.first = first
        self.second = second
        self.dimensions = dimensions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_steps: int = 20,
        limit: float = 3.0,
        dimensions: tuple[int, int] | None = None,
        y: Any = None,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Decode a grid and draw its images.

        Parameters
        ----------
        estimator : transformer with ``inverse_transform``
            Fitted, such as a ``VAETransformer``.
        n_steps : int, default=20
            Images per side.
        limit : float, default=3.0
            The grid reaches so far on either side of the mean, in standard deviations of the prior.
        dimensions : (int, int), default=None
            Latent dimensions that the grid varies, the others being at the mean. None takes both
            of a two-dimensional space, and no other.
        y : label, default=None
            For a fit with ``conditional``, the class: its mean is gone around, or the decoder is
            told of it. None goes around 0.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels); None means square grey images.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : ManifoldDisplay

        Raises
        ------
        ValueError
            If the latent space is no plane and ``dimensions`` does not choose one, or the class is
            unknown.
        """
        require_matplotlib(cls.__name__)
        d = n_latent(estimator)
        i, j = _check_dimensions(dimensions, d)
        label = {} if y is None else {"y": _check_class(estimator, y)}
        mean, std = class_normal(estimator, y, d) if label else (np.zeros(d), np.ones(d))
        offsets = np.linspace(-limit, limit, n_steps)
        first, second = mean[i] + std[i] * offsets, mean[j] + std[j] * offsets
        Z = np.tile(mean, (n_steps, n_steps, 1))
        Z[:, :, i], Z[:, :, j] = first, second[::-1, None]
        images = as_images(decode(estimator, Z.reshape(-1, d), **label), image_shape)
        images = images.reshape(n_steps, n_steps, *images.shape[1:])

        return cls(images=images, first=first, second=second, dimensions=(i, j)).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the images, each centred on its latent point.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``imshow``.

        Returns
        -------
        display : ManifoldDisplay
        """
        ax = place(self, ax, (6.4, 6.4))
        h, w = self.images.shape[2:4]
        extent = (*_edges(self.first), *_edges(self.second))
        draw_mosaic(ax, self.images, **{"gap": 0, "extent": extent, "aspect": h / w, **kwargs})
        for axis, name, place_ in zip(
            (ax.xaxis, ax.yaxis), self.dimensions, (self.first, self.second), strict=True
        ):
            axis.set_ticks(np.linspace(place_[0], place_[-1], 5))
            axis.set_major_formatter("{x:.3g}")
            axis.set_label_text(f"z{name + 1}")

        return self


def _check_dimensions(dimensions: tuple[int, int] | None, d: int) -> tuple[int, int]:
    if dimensions is None and d != 2:
        raise ValueError(
            f"A manifold needs 2 latent dimensions, but this model has {d}: fit with "
            "n_components=2, or choose two by dimensions=(i, j)."
        )
    pair = (0, 1) if dimensions is None else tuple(dimensions)
    if len(set(pair)) != 2 or not all(0 <= i < d for i in pair):
        raise ValueError(f"dimensions={dimensions!r} must be two different ones of 0 to {d - 1}.")
    i, j = pair

    return i, j


def _check_class(estimator: Any, y: Any) -> Any:
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise ValueError(f"y={y!r} needs a fit with classes: conditional='prior' or 'decoder'.")
    if y not in classes:
        raise ValueError(f"y={y!r} is none of the classes {classes.tolist()}.")

    return y


def _edges(coordinates: Array) -> tuple[float, float]:
    """First and last edge of cells that the coordinates are the centres of."""
    half = (coordinates[-1] - coordinates[0]) / max(len(coordinates) - 1, 1) / 2 or 0.5

    return coordinates[0] - half, coordinates[-1] + half
