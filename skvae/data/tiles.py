"""Fixed-size padded tiles: bounded memory, and rows that do not feel their neighbours.

A matrix product picks its kernel by the shape of its operands, so the same row can give other last
bits in another batch. Every inference path therefore works on tiles of one fixed number of rows.

Some kernels also treat rows by their place: OpenBLAS for AVX2 works on float32 rows twelve at a
time, and the last bits of a row depend on its place among the twelve. Sets of rows are therefore
aligned as well.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from skvae._typing import Array, IntArray
from skvae.compute.parallel import map_ordered
from skvae.data.maps import rows_per_block
from skvae.data.rows import in_memory

__all__ = ["map_aligned_sets", "map_framed_tiles", "map_parts", "padded"]

# Divisible by the number of rows that any common kernel treats at a time (4, 6, 8, 12, 24).
_ALIGNMENT = 24

# Columns of a product: no more than OpenBLAS keeps in one block, of which it rounds the first and
# the last eight in another way than the rest.
_FRAMED_TILE, _FRAME = 320, 8
# Tiles that a thread works through at a time, unless a row is very wide: milliseconds.
_TILES_AT_A_TIME = 8


def padded(rows: Array, size: int, before: int = 0) -> Array:
    """Exactly ``size`` rows: first and last are repeated, the first of them ``before`` times.

    They lie one after the other, whatever ``rows`` is a view of, since kernels depend on that too.

    Parameters
    ----------
    rows : ndarray of shape (n, ...)
        From 1 to ``size`` rows. What is repeated is valid input to any function.
    size : int
        How many to make of them.
    before : int, default=0
        How many of the new ones go to the front.

    Returns
    -------
    padded : ndarray of shape (size, ...)

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.tiles import padded
    >>> padded(np.arange(3), 5)
    array([0, 1, 2, 2, 2])
    """
    if len(rows) == size:
        return np.ascontiguousarray(rows)
    # Not concatenate: its memory layout depends on the number of rows.
    out = np.empty((size, *rows.shape[1:]), rows.dtype)
    after = before + len(rows)
    out[:before], out[before:after], out[after:] = rows[0], rows, rows[-1]

    return out


def map_framed_tiles(function: Callable[[Array], Array], X: Any, n_jobs: int | None = 1) -> Array:
    """Apply a row-wise ``function`` to ``X`` tile by tile, without the places at the rim of a tile.

    For products whose columns are rows of ``X``: where padded tiles serve BLAS libraries that treat
    all rows of a product alike, this serves OpenBLAS too.

    Parameters
    ----------
    function : callable
        Maps (size, ...) to (size, ...); row i of its output depends on row i of its input only.
    X : ndarray or Rows of shape (n, n_features)
        At least one row.
    n_jobs : int or None, default=1
        Threads, as of :func:`skvae.compute.parallel.map_ordered`.

    Returns
    -------
    out : ndarray of shape (n, ...)
        The outputs, in the dtype of the first one.
    """

    def without_rim(rows: slice, part: Array) -> Array:
        tile = padded(part, _FRAMED_TILE, 0 if rows.start else _FRAME)
        return function(tile)[_FRAME : _FRAME + rows.stop - rows.start]

    size = _FRAMED_TILE - 2 * _FRAME
    n_parts = int(np.clip(rows_per_block(X.shape[1]) // size, 1, _TILES_AT_A_TIME))

    return map_parts(without_rim, X, size, n_jobs, frame=_FRAME, n_parts=n_parts)


def map_parts(
    function: Callable[[slice, Array], Array],
    X: Any,
    size: int,
    n_jobs: int | None = 1,
    *,
    frame: int = 0,
    n_parts: int = 1,
) -> Array:
    """What a function says of the rows of ``X``, part by part, on several threads.

    Parameters
    ----------
    function : callable
        Gives values for the rows of a slice, of which it also gets the rows themselves.
    X : ndarray or Rows of shape (n, ...)
        At least one row. Read in the order of the rows, by the thread of the caller.
    size : int
        Rows per part; the last one may have fewer.
    n_jobs : int or None, default=1
        Threads, as of :func:`skvae.compute.parallel.map_ordered`.
    frame : int, default=0
        Rows that the function also gets before and after those of the slice, where there are any.
    n_parts : int, default=1
        Parts that are read at a time, and worked on by one thread.

    Returns
    -------
    out : ndarray of shape (n, ...)
        The values, in the dtype of the first ones. Their bits do not depend on the threads.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.tiles import map_parts
    >>> map_parts(lambda rows, part: part + rows.start, np.zeros(5), size=2)
    array([0., 0., 2., 2., 4.])
    """
    n, out = len(X), _Places(len(X))

    def framed(rows: slice) -> slice:
        return slice(max(rows.start - frame, 0), min(rows.stop + frame, n))

    def work(block: tuple[slice, Any]) -> None:
        rows, held = block
        first = framed(rows).start
        for start in range(rows.start, rows.stop, size):
            part = slice(start, min(start + size, n))
            seen = framed(part)
            out.put(part, function(part, held[seen.start - first : seen.stop - first]))

    blocks = ((rows, in_memory(X, framed(rows))) for rows in gen_batches(n, n_parts * size))
    for _ in map_ordered(work, blocks, n_jobs):
        pass

    return out.values


class _Places:
    """An array whose rows several threads fill in; the first values say what it is like."""

    def __init__(self, n: int) -> None:
        self._n, self._made, self._lock = n, False, Lock()
        self.values = np.empty(0)

    def put(self, rows: slice, values: Array) -> None:
        with self._lock:
            if not self._made:
                self.values, self._made = np.empty((self._n, *values.shape[1:]), values.dtype), True
        self.values[rows] = values


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
