"""Fixed-size padded tiles: bounded memory, and rows that do not feel their neighbours.

A matrix product picks its kernel by the shape of its operands, so the same row can give other last
bits in another batch. Every inference path therefore works on tiles of one fixed number of rows.

Some kernels also treat rows by their place: OpenBLAS for AVX2 works on float32 rows twelve at a
time, and the last bits of a row depend on its place among the twelve. Sets of rows are therefore
aligned as well.
"""

from collections.abc import Callable, Iterator

import numpy as np

from skvae._typing import Array, IntArray

__all__ = ["map_aligned_sets", "map_framed_tiles", "map_tiles", "padded_tiles"]

# Divisible by the number of rows that any common kernel treats at a time (4, 6, 8, 12, 24).
_ALIGNMENT = 24

# Columns of a product: no more than OpenBLAS keeps in one block, of which it rounds the first and
# the last eight in another way than the rest.
_FRAMED_TILE, _FRAME = 320, 8


def padded_tiles(X: Array, size: int) -> Iterator[tuple[slice, Array]]:
    """Cut the rows of ``X`` into tiles of exactly ``size`` rows, the last one padded.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        At least one row for anything to be yielded.
    size : int
        Rows per tile.

    Yields
    ------
    rows : slice
        The rows of ``X`` that the tile holds.
    tile : ndarray of shape (size, ...)
        Those rows; padding repeats the last one, so that it is valid input to any function.
    """
    for start in range(0, len(X), size):
        tile = X[start : start + size]
        yield slice(start, start + len(tile)), _padded(tile, size)


def _padded(tile: Array, size: int, before: int = 0) -> Array:
    """Exactly ``size`` rows: first and last are repeated, the first of them ``before`` times.

    They lie one after the other, whatever X is a view of, since kernels depend on that too.
    """
    if len(tile) == size:
        return np.ascontiguousarray(tile)
    # Not concatenate: its memory layout depends on the number of rows.
    padded = np.empty((size, *tile.shape[1:]), tile.dtype)
    after = before + len(tile)
    padded[:before], padded[before:after], padded[after:] = tile[0], tile, tile[-1]

    return padded


def map_tiles(function: Callable[[Array], Array], X: Array, size: int) -> Array:
    """Apply a row-wise ``function`` to ``X`` tile by tile.

    Parameters
    ----------
    function : callable
        Maps (size, ...) to (size, ...); row i of its output depends on row i of its input only.
    X : ndarray of shape (n, ...)
        At least one row.
    size : int
        Rows per tile.

    Returns
    -------
    out : ndarray of shape (n, ...)
        The outputs, in the dtype of the first one.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.tiles import map_tiles
    >>> map_tiles(lambda tile: 2 * tile, np.arange(5), size=2)
    array([0, 2, 4, 6, 8])
    """
    out = np.empty(0)
    for rows, tile in padded_tiles(X, size):
        value = function(tile)
        if rows.start == 0:
            out = np.empty((len(X), *value.shape[1:]), value.dtype)
        out[rows] = value[: rows.stop - rows.start]
    return out


def map_aligned_sets(
    function: Callable[[Array], Array], X: Array, offsets: IntArray, size: int
) -> Array:
    """Apply a row-wise ``function`` to the rows of sets that each start at an aligned place.

    Parameters
    ----------
    function : callable
        Maps (size, d) to (size, d'); row i of its output depends on row i of its input only.
    X : ndarray of shape (N, d)
        The rows of all sets, at least one.
    offsets : ndarray of shape (n_sets + 1,)
        Set i is ``X[offsets[i] : offsets[i + 1]]``.
    size : int
        Rows per tile, a multiple of 24.

    Returns
    -------
    out : ndarray of shape (N, d')
        Bits of a set's rows do not depend on the other sets.
    """
    sizes = np.diff(offsets)
    room = -(-sizes // _ALIGNMENT) * _ALIGNMENT
    start = np.concatenate([[0], np.cumsum(room)])
    place = np.arange(len(X)) + np.repeat(start[:-1] - offsets[:-1], sizes)
    # Rows that only fill up room repeat the first row of X, which is valid input.
    source = np.zeros(-(-start[-1] // size) * size, dtype=np.intp)
    source[place] = np.arange(len(X))
    out = np.empty(0)
    for tile in range(0, len(source), size):
        value = function(X[source[tile : tile + size]])
        first, last = np.searchsorted(place, [tile, tile + size])
        if tile == 0:
            out = np.empty((len(X), *value.shape[1:]), value.dtype)
        out[first:last] = value[place[first:last] - tile]
    return out


def map_framed_tiles(function: Callable[[Array], Array], X: Array) -> Array:
    """Apply a row-wise ``function`` to ``X`` tile by tile, without the places at the rim of a tile.

    For products whose columns are rows of ``X``: where :func:`map_tiles` serves BLAS libraries that
    treat all rows of a product alike, this serves OpenBLAS too.

    Parameters
    ----------
    function : callable
        As for :func:`map_tiles`.
    X : ndarray of shape (n, ...)
        At least one row.

    Returns
    -------
    out : ndarray of shape (n, ...)
        The outputs, in the dtype of the first one.
    """
    n = len(X)
    out = np.empty(0)
    for start in range(0, n, _FRAMED_TILE - 2 * _FRAME):
        first, last = start - _FRAME, start + _FRAMED_TILE - _FRAME
        tile = _padded(X[max(first, 0) : min(last, n)], _FRAMED_TILE, max(-first, 0))
        rows = slice(start, min(last - _FRAME, n))
        value = function(tile)
        if start == 0:
            out = np.empty((n, *value.shape[1:]), value.dtype)
        out[rows] = value[_FRAME : _FRAME + rows.stop - start]
    return out
