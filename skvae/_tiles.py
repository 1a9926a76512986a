"""Fixed-size padded tiles: bounded memory, and rows that do not feel their neighbours.

A matrix product picks its kernel by the shape of its operands, so the same row can give other last
bits in another batch. Every inference path therefore works on tiles of one fixed number of rows.
"""

import numpy as np

__all__ = ["map_tiles", "padded_tiles"]


def padded_tiles(X, size):
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
        rows = slice(start, start + len(tile))
        if len(tile) < size:
            padding = np.broadcast_to(tile[-1:], (size - len(tile), *tile.shape[1:]))
            tile = np.concatenate([tile, padding])
        yield rows, tile


def map_tiles(function, X, size):
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
    >>> from skvae._tiles import map_tiles
    >>> map_tiles(lambda tile: 2 * tile, np.arange(5), size=2)
    array([0, 2, 4, 6, 8])
    """
    out = None
    for rows, tile in padded_tiles(X, size):
        value = function(tile)
        if out is None:
            out = np.empty((len(X), *value.shape[1:]), value.dtype)
        out[rows] = value[: rows.stop - rows.start]
    return out
