"""Many small images as one, so that a display of images needs but one pair of axes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae._text import one_line
from skvae._typing import Array, ArrayLike, Axes
from skvae.data.images import shape_of_images
from skvae.displays.canvas import LITERAL

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

__all__ = ["as_images", "draw_mosaic", "fill_grid", "name_tiles", "tile_centres"]


def as_images(X: ArrayLike, image_shape: Sequence[int] | None) -> Array:
    """Rows of pixels as images.

    Parameters
    ----------
    X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
        Images.
    image_shape : tuple of int or None
        As in :func:`skvae.data.images.shape_of_images`.

    Returns
    -------
    images : ndarray of shape (n, h, w, c)
        With 1, 3 or 4 channels.

    Raises
    ------
    ValueError
        If images differ in size, or cannot be drawn.
    """
    try:
        X = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "Images of different sizes do not make one picture: pass images of one size."
        ) from error
    if X.ndim not in (2, 3, 4) or len(X) == 0:
        raise ValueError(f"Expected images, one or more rows of pixels; got an array of {X.shape}.")
    shape = shape_of_images(X, image_shape)
    if shape[2] not in (1, 3, 4):
        raise ValueError(f"Images of {shape[2]} channels cannot be drawn: only 1, 3 or 4.")

    return X.reshape(len(X), *shape)


def fill_grid(images: Array, n_columns: int) -> Array:
    """Images row by row in a grid, with NaN where there is none.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c)
    n_columns : int

    Returns
    -------
    grid : ndarray of shape (n_rows, n_columns, h, w, c), float
    """
    n_rows = -(-len(images) // n_columns)
    grid = np.full((n_rows * n_columns, *images.shape[1:]), np.nan)
    grid[: len(images)] = images

    return grid.reshape(n_rows, n_columns, *images.shape[1:])


def draw_mosaic(ax: Axes, grid: Array, *, gap: int | None = None, **kwargs: Any) -> "AxesImage":
    """Draw a grid of images on one pair of axes.

    Parameters
    ----------
    ax : matplotlib Axes
    grid : ndarray of shape (n_rows, n_columns, h, w, c)
        NaN is left blank.
    gap : int, default=None
        Pixels between images; None takes an eighth of an image.
    **kwargs
        To ``imshow``. By default grey images are dark on light, and values go from the least to
        the greatest.

    Returns
    -------
    artist : matplotlib AxesImage
    """
    gap = _gap(grid) if gap is None else gap
    canvas = _joined(grid, gap)
    limits = {"vmin": np.nanmin(grid), "vmax": np.nanmax(grid)} if "norm" not in kwargs else {}
    kwargs = {"cmap": "gray_r", "interpolation": "nearest", **limits, **kwargs}
    if grid.shape[-1] == 1:
        canvas = canvas[:, :, 0]
    else:
        canvas = _coloured(canvas, kwargs["vmin"], kwargs["vmax"])
    artist = ax.imshow(canvas, **kwargs)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)

    return artist


def name_tiles(ax: Axes, grid: Array, axis: int, names: Iterable[object]) -> None:
    """Write names beside the rows (axis 0) or below the columns (axis 1) of a drawn mosaic.

    Parameters
    ----------
    ax : matplotlib Axes
        With the mosaic, drawn with the usual gap.
    grid : ndarray of shape (n_rows, n_columns, h, w, c)
    axis : {0, 1}
    names : list of str
        Shown as they are.
    """
    which = (ax.yaxis, ax.xaxis)[axis]
    which.set_ticks(tile_centres(grid, axis), map(one_line, names), **LITERAL)
    which.set_tick_params(length=0)


def tile_centres(grid: Array, axis: int, *, gap: int | None = None) -> Array:
    """Where the middle of each row (axis 0) or column (axis 1) of a drawn mosaic lies, in pixels.

    Parameters
    ----------
    grid : ndarray of shape (n_rows, n_columns, h, w, c)
    axis : {0, 1}
    gap : int, default=None
        As it was drawn with.

    Returns
    -------
    centres : ndarray of shape (n_rows,) or (n_columns,)
    """
    side, gap = grid.shape[2 + axis], _gap(grid) if gap is None else gap

    centres: Array = np.arange(grid.shape[axis]) * (side + gap) + (side - 1) / 2

    return centres


def _gap(grid: Array) -> int:
    return int(max(1, round(grid.shape[2] / 8)))


def _joined(grid: Array, gap: int) -> Array:
    """One array of shape (height, width, c), with ``gap`` of NaN between images."""
    n_rows, n_columns, h, w, c = grid.shape
    canvas = np.full((n_rows, h + gap, n_columns, w + gap, c), np.nan)
    canvas[:, :h, :, :w] = grid.transpose(0, 2, 1, 3, 4)
    canvas = canvas.reshape(n_rows * (h + gap), n_columns * (w + gap), c)

    return canvas[: len(canvas) - gap, : canvas.shape[1] - gap]


def _coloured(canvas: Array, low: float, high: float) -> Array:
    """Colours from 0 to 1, and opaque where there is an image."""
    blank = np.isnan(canvas).any(axis=2, keepdims=True)
    scaled = np.clip((np.nan_to_num(canvas) - low) / max(high - low, np.finfo(float).tiny), 0, 1)
    if scaled.shape[2] == 3:
        scaled = np.concatenate([scaled, np.ones_like(blank, float)], axis=2)

    return np.where(blank, 0.0, scaled)
