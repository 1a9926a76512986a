"""Values over an image: where patches or keypoints lie, and the image's outline."""

from typing import Any

import numpy as np

from skvae._typing import Array, Axes

__all__ = ["draw_map", "draw_outline"]


def draw_map(ax: Axes, values: Array, centres: tuple[Array, Array], **kwargs: Any) -> Any:
    """Draw values of a grid of patches, in pixels of the image.

    Parameters
    ----------
    ax : matplotlib Axes
    values : ndarray of shape (n_rows, n_columns)
    centres : (ndarray of shape (n_rows,), ndarray of shape (n_columns,))
        Of the patches, in pixels.
    **kwargs
        To ``imshow``.

    Returns
    -------
    artist : matplotlib AxesImage
    """
    rows, columns = centres
    extent = (*_edges(columns), *_edges(rows)[::-1])
    return ax.imshow(values, **{"extent": extent, **kwargs})


def draw_outline(ax: Axes, image: Array) -> None:
    """Draw the outline of an image, and show all of it.

    Parameters
    ----------
    ax : matplotlib Axes
    image : ndarray of shape (h, w)
    """
    h, w = image.shape
    framed = np.pad(image, 1, constant_values=image.min())  # closes outlines
    outline = np.arange(-1, w + 1), np.arange(-1, h + 1), framed
    middle = (image.min() + image.max()) / 2
    ax.contour(*outline, levels=[middle], colors="white", linewidths=3)
    ax.contour(*outline, levels=[middle], colors="black", linewidths=1.2)
    ax.set(xlim=(-0.5, w - 0.5), ylim=(h - 0.5, -0.5))


def _edges(centres: Array) -> tuple[float, float]:
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5

    return centres[0] - half, centres[-1] + half
