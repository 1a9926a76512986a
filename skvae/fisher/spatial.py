"""Where descriptors lie: positions as dimensions, and pyramids of cells."""

from functools import cache, reduce
from math import lcm
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np

from skvae._typing import FloatArray, IntArray

__all__ = [
    "Spatial",
    "cells_of",
    "check_placed",
    "check_spatial",
    "levels_of",
    "n_cells",
    "pyramid",
    "pyramid_size",
    "sort_by_cell",
]

# "xy", the levels of a pyramid, or both: the parameter of encoders.
Spatial: TypeAlias = str | tuple[int | str, ...] | list[int | str] | None


def check_spatial(spatial: Any) -> None:
    """Raise an error unless a parameter ``spatial`` is one."""
    if not isinstance(spatial, (str, type(None))) and not (
        spatial and all(g == "xy" or (_is_whole(g) and g > 0) for g in spatial)
    ):
        raise ValueError(
            f"spatial={spatial!r} must be 'xy', None or a tuple of positive integers, the "
            "cells per side of each level of a pyramid, with or without 'xy' among them."
        )


def levels_of(spatial: Spatial) -> tuple[int, ...]:
    """Cells per side of each level of the pyramid, one of one cell where there is none.

    Examples
    --------
    >>> from skvae.fisher.spatial import levels_of
    >>> levels_of((1, 3, "xy")), levels_of("xy")
    ((1, 3), (1,))
    """
    if spatial is None:
        return (1,)
    return tuple(int(g) for g in spatial if _is_whole(g)) or (1,)


def _is_whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def n_cells(levels: tuple[int, ...]) -> int:
    """Cells of a pyramid whose levels are grids of g x g cells."""
    return sum(g * g for g in levels)


def cells_of(positions: Any, g: int) -> IntArray:
    """Cell of each position in a grid of g x g cells over [-1, 1]^2, row by row.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
        (x, y) in [-1, 1].
    g : int
        Cells per side.

    Returns
    -------
    cells : ndarray of shape (n,)
        From 0 to g * g - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.spatial import cells_of
    >>> cells_of(np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]]), 2)
    array([0, 1, 3])
    """
    x, y = np.clip(np.floor((positions.T + 1) / 2 * g), 0, g - 1).astype(int)
    cells: IntArray = y * g + x
    return cells


def pyramid_size(levels: tuple[int, ...]) -> int:
    """Numbers in the matrix that ``pyramid`` makes.

    Examples
    --------
    >>> from skvae.fisher.spatial import pyramid_size
    >>> pyramid_size((1, 2))
    20
    """
    return n_cells(levels) * reduce(lcm, levels) ** 2


@cache
def pyramid(levels: tuple[int, ...]) -> tuple[int, FloatArray]:
    """A pyramid as sums over its finest common grid, since statistics add.

    Parameters
    ----------
    levels : tuple of int
        Cells per side of each level.

    Returns
    -------
    fine : int
        Cells per side of the common grid.
    membership : ndarray of shape (n_cells, fine * fine)
        1 where a fine cell lies inside a cell of the pyramid; not to be written to.
    """
    fine = reduce(lcm, levels)
    y, x = np.divmod(np.arange(fine * fine), fine)
    rows = []
    for g in levels:
        cell = (y * g // fine) * g + x * g // fine
        rows.append(cell == np.arange(g * g)[:, None])
    return fine, np.concatenate(rows).astype(float)


def sort_by_cell(cells: IntArray, offsets: IntArray, n_fine: int) -> tuple[IntArray, IntArray]:
    """Order descriptors by cell within each set.

    Parameters
    ----------
    cells : ndarray of shape (N,)
        Fine cell of each descriptor.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    n_fine : int
        Number of fine cells.

    Returns
    -------
    order : ndarray of shape (N,)
        Sorted positions in the array of descriptors.
    fine_offsets : ndarray of shape (n_sets * n_fine + 1,)
        Where each cell of each set begins.
    """
    n_sets = len(offsets) - 1
    key = np.repeat(np.arange(n_sets), np.diff(offsets)) * n_fine + cells
    counts = np.bincount(key, minlength=n_sets * n_fine)
    return np.argsort(key, kind="stable"), np.concatenate([[0], np.cumsum(counts)])


def check_placed(positions: FloatArray | None, n_dims: int) -> None:
    """Raise an error unless descriptors have positions of as many dimensions as are needed.

    Parameters
    ----------
    positions : ndarray of shape (n, p) or None
        Of the descriptors.
    n_dims : int
        What p has to be.
    """
    if positions is None:
        raise ValueError(
            "spatial needs positions of the descriptors, and these sets have none: pass "
            "DescriptorSets(X, positions=...)."
        )
    if positions.shape[1] != n_dims:
        raise ValueError(
            f"spatial needs positions of {n_dims} dimensions here; these have "
            f"{positions.shape[1]}. A pyramid takes two, and 'xy' as many as in fit."
        )
