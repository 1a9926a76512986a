"""Rows of memory maps, read a few at a time, their pages given back as soon as they are read."""

import mmap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from skvae._typing import Array, IntArray

__all__ = [
    "MappedRows",
    "give_pages_back",
    "memory_map_of",
    "release",
    "row_blocks",
    "rows_per_block",
]

# Rows gathered at a time: each of them may map 2 MB around it.
_GATHERED = 32
# Bytes of a block of rows, in float64.
_BLOCK_BYTES = 2**24


def memory_map_of(X: Any) -> np.memmap | None:
    """The ``numpy.memmap`` that the array X is a view of, or None."""
    while X is not None and not isinstance(getattr(X, "base", None), mmap.mmap):
        X = getattr(X, "base", None)
    return X if isinstance(X, np.memmap) else None


def give_pages_back(mapped: np.memmap) -> None:
    """Let go of the pages of a memory map.

    They count as memory of the process until then. Pages of a map in mode "c" are kept: changes
    would be lost.
    """
    base: Any = mapped.base
    if mapped.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def release(arrays: Iterable[Array]) -> None:
    """Let go of the pages of all memory maps of which arrays are views."""
    maps = {id(mapped): mapped for mapped in map(memory_map_of, arrays) if mapped is not None}
    for mapped in maps.values():
        give_pages_back(mapped)


class MappedRows:
    """Rows of a memory map, copied into memory when they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        A memory map, or a view of one.
    places : ndarray of int or None
        Which rows; None means all.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from skvae.data.maps import MappedRows
    >>> with tempfile.NamedTemporaryFile(suffix=".npy") as file:
    ...     np.save(file.name, np.arange(8).reshape(4, 2))
    ...     rows = MappedRows(np.load(file.name, mmap_mode="r"))
    ...     rows[1:3]
    array([[2, 3],
           [4, 5]])
    """

    is_in_memory = False

    def __init__(self, X: Array, places: IntArray | None = None) -> None:
        self.X = X
        self._map: Any = memory_map_of(X)
        self._places = places
        self.dtype = X.dtype
        n = len(X) if places is None else len(places)
        self.shape = n, *X.shape[1:]

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice | IntArray) -> Array:
        """Rows of a slice, or of an array of numbers, as an array of their own."""
        if self._places is not None:
            rows = self._places[rows]
        if isinstance(rows, slice):
            out = np.array(self.X[rows])
            give_pages_back(self._map)
            return out
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for part in gen_batches(len(rows), _GATHERED):
            out[part] = self.X[rows[part]]
            give_pages_back(self._map)
        return out

    def part(self, places: IntArray) -> "MappedRows":
        """The rows with these numbers, still in the file."""
        return MappedRows(self.X, places if self._places is None else self._places[places])


def rows_per_block(n_features: int) -> int:
    """Rows of a block of a few megabytes."""
    return max(1, _BLOCK_BYTES // (8 * n_features))


def row_blocks(X: Any) -> Iterator[Array]:
    """Blocks of rows of an array or any other source of rows, a few megabytes each."""
    return (X[rows] for rows in gen_batches(len(X), rows_per_block(X.shape[1])))
