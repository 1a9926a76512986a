"""Rows read in passes over blocks, wherever they lie: in memory, on disk, on a cluster.

Everything EM asks of the data is a sum over blocks, so a class with the few methods of ``Blocks``
is all that it takes to outgrow memory, and one machine.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from operator import add
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from sklearn.utils import gen_batches

from skvae._typing import FloatArray, IntArray
from skvae.compute.threads import single_threaded
from skvae.data.containers import MISSING_ALLOWED, float_type, is_dask
from skvae.data.iterables import BlockPasses, check_block, yields_blocks
from skvae.data.maps import give_pages_back, memory_map_of

__all__ = [
    "ArrayBlocks",
    "Blocks",
    "DaskBlocks",
    "IteratedBlocks",
    "RowBlocks",
    "SummedBlocks",
    "lazy_blocks",
    "random_rows",
]

# Bytes of a block of an array, in float64.
_BLOCK_BYTES = 2**24
# Runs of rows gathered from a memory map at a time: each of them may map 2 MB around it.
_GATHERED_RUNS = 64
# A random batch is made of runs of rows that fill a page of memory, and of many such runs.
_PAGE_BYTES = 4096
_RUNS_PER_BATCH = 256
# Sums of blocks that one task adds.
_TREE_WIDTH = 8


Sum = TypeVar("Sum")


@runtime_checkable
class Blocks(Protocol):
    """What EM reads: descriptors in blocks, as many times as it passes over them.

    Each pass gives the same rows in the same order, and no result may depend on how they are cut
    but by the rounding of sums.
    """

    dtype: np.dtype[Any]  # of the descriptors, float32 or float64

    def __iter__(self) -> Iterator[Any]:
        """One pass: validated arrays, or tensors, of shape (n_i, d)."""

    def total(self, function: Callable[[Any], Sum]) -> Sum:
        """Sum of ``function(block)`` over the blocks, computed where they lie."""

    def batches(self, size: int, rng: np.random.RandomState) -> Iterator["Blocks"]:
        """Batches of about ``size`` rows that are a partition of the data."""


@runtime_checkable
class RowBlocks(Blocks, Protocol):
    """Blocks of which single rows can be had, in main memory: where EM starts."""

    head: FloatArray  # rows that say what d is, of any values

    def take(self, rows: IntArray) -> FloatArray:
        """The rows of these sorted indices."""


def lazy_blocks(X: Any) -> RowBlocks | None:
    """Blocks of data that are not in memory, or None for what is.

    Parameters
    ----------
    X : memory map, dask array, iterable or array-like
        An iterable starts anew whenever it is iterated over, and yields 2-D arrays.

    Returns
    -------
    RowBlocks or None

    Raises
    ------
    TypeError
        For what can be read only once, and for dask collections other than arrays.
    ValueError
        For dask arrays that are not 2-D or do not know their chunks.
    """
    if is_dask(X):
        return DaskBlocks(X)
    if memory_map_of(X) is not None:
        return ArrayBlocks(X)
    return IteratedBlocks(X) if yields_blocks(X, "the model") else None


def random_rows(n: int, size: int, rng: np.random.RandomState) -> IntArray:
    """Sorted numbers of at most ``size`` random rows of n, in memory that does not grow with n.

    Parameters
    ----------
    n, size : int
        Rows that there are, and that are wanted.
    rng : numpy.random.RandomState
        Gives one seed, if rows have to be drawn.

    Returns
    -------
    rows : ndarray of int
    """
    if size >= n:
        return np.arange(n)
    draw = np.random.default_rng(rng.randint(2**31 - 1))  # RandomState.choice permutes all n
    return np.sort(draw.choice(n, size, replace=False, shuffle=False))


def _check_block(block: Any, n_features: int) -> FloatArray:
    return check_block(block, n_features, (), **MISSING_ALLOWED)


class SummedBlocks:
    """Blocks that are summed one after the other, in this process."""

    def total(self: Iterable[Any], function: Callable[[Any], Sum]) -> Sum:
        """Sum of ``function(block)`` over the blocks."""
        return _sum(map(function, self))


class ArrayBlocks(SummedBlocks):
    """Blocks of an array; of a memory map, no more than a block is held in memory.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        A memory map is validated block by block; another array has to be valid.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self._map = memory_map_of(X)
        self.head = X if self._map is None else X[:1]
        self.dtype = float_type(X.dtype)

    def _check(self, block: Any) -> FloatArray:
        return block if self._map is None else _check_block(block, self.X.shape[1])

    def _release(self) -> None:
        if self._map is not None:
            give_pages_back(self._map)

    def __iter__(self) -> Iterator[FloatArray]:
        n, d = self.X.shape
        for rows in gen_batches(n, max(1, _BLOCK_BYTES // (8 * d))):
            yield self._check(self.X[rows])
            self._release()

    def take(self, rows: IntArray, run: int = 1) -> FloatArray:
        """The rows of these sorted indices, which come in runs of ``run`` consecutive ones."""
        out = np.empty((len(rows), self.X.shape[1]), self.dtype)
        for part in gen_batches(len(rows), _GATHERED_RUNS * run):
            out[part] = self.X[rows[part]]
            self._release()
        return self._check(out)

    def batches(self, size: int, rng: np.random.RandomState) -> Iterator[Blocks]:
        """Random batches of about ``size`` rows that are a partition of the data.

        A batch is made of short runs of rows at random places: a page of a file is read once, and
        data in any order give batches that look alike.
        """
        for rows, run in self.batch_rows(size, rng):
            yield ArrayBlocks(self.take(rows, run))

    def batch_rows(self, size: int, rng: np.random.RandomState) -> Iterator[tuple[IntArray, int]]:
        """Rows of each random batch, and the length of the runs that they come in."""
        n, d = self.X.shape
        run = int(np.clip(_PAGE_BYTES // (d * self.X.itemsize), 1, max(1, size // _RUNS_PER_BATCH)))
        order = rng.permutation(-(-n // run))
        for runs in np.array_split(order, max(1, round(n / size))):
            rows = (np.sort(runs)[:, None] * run + np.arange(run)).ravel()
            yield rows[rows < n], run


class IteratedBlocks(SummedBlocks, BlockPasses):
    """Blocks that an iterable yields, every time that it is iterated over.

    Parameters
    ----------
    X : iterable of array-like of shape (n_i, d)
        Re-iterable.
    """

    def __init__(self, X: Any) -> None:
        super().__init__(X, (), **MISSING_ALLOWED)

    def __iter__(self) -> Iterator[FloatArray]:
        # Copies: blocks are read ahead, and the next one may be written where this one lies.
        return map(np.array, super().__iter__())

    def take(self, rows: IntArray) -> FloatArray:
        """The rows of these sorted indices, counted over all blocks."""
        parts, first = [], 0
        for block in self:
            here = slice(*np.searchsorted(rows, [first, first + len(block)]))
            parts.append(block[rows[here] - first])
            first += len(block)
            if here.stop == len(rows):
                break
        return np.concatenate(parts)

    def batches(self, size: int, rng: np.random.RandomState | None) -> Iterator[Blocks]:
        """Consecutive batches of ``size`` rows, the last of less than twice as many."""
        rows = np.empty((0, self.head.shape[1]), self.dtype)
        for block in self:
            rows = np.concatenate([rows, block])
            while len(rows) >= 2 * size:
                yield ArrayBlocks(rows[:size])
                rows = rows[size:]
        yield ArrayBlocks(rows)


class DaskBlocks:
    """Blocks of a dask array; sums are computed where the blocks are.

    Parameters
    ----------
    X : dask.array.Array of shape (n, d)
        Chunks along the rows may be of any size.
    """

    def __init__(self, X: Any) -> None:
        if not hasattr(X, "rechunk"):
            raise TypeError(
                f"X is a dask {type(X).__name__}; a mixture reads dask arrays. A data frame gives "
                "one by to_dask_array(lengths=True)."
            )
        if X.ndim != 2:
            raise ValueError(f"Expected 2D array, got a dask array of {X.ndim} dimensions instead.")
        if np.isnan(X.shape).any():
            raise ValueError(
                f"X has unknown chunk sizes (shape {X.shape}): call X.compute_chunk_sizes() first."
            )
        self.X = X.rechunk({1: -1})
        self.head = np.zeros((1, X.shape[1]), X.dtype)
        self.dtype = float_type(X.dtype)

    def __iter__(self) -> Iterator[FloatArray]:
        for block in self.X.to_delayed().ravel():
            yield _check_block(block.compute(), self.X.shape[1])

    def total(self, function: Callable[..., Sum], *beside: Any) -> Sum:
        """Sum of ``function(block)`` over the blocks; one small result comes back.

        The function takes blocks of dask arrays ``beside`` too, whose rows are cut as those of X.
        """
        from dask.delayed import delayed

        task = delayed(partial(_on_block, function, self.X.shape[1]), pure=False)
        blocks = (np.ravel(array.to_delayed()) for array in (self.X, *beside))
        parts = [task(*block) for block in zip(*blocks, strict=True)]
        while len(parts) > 1:
            parts = [delayed(_sum)(parts[rows]) for rows in gen_batches(len(parts), _TREE_WIDTH)]
        total: Sum = parts[0].compute()
        return total

    def take(self, rows: IntArray) -> FloatArray:
        """The rows of these sorted indices."""
        return _check_block(self.X[rows].compute(), self.X.shape[1])

    def batches(self, size: int, rng: np.random.RandomState | None) -> Iterator[Blocks]:
        """Not offered: every small batch would go through the whole graph."""
        raise ValueError(
            f"batch_size={size} needs data whose rows can be read at random; a dask array is "
            "fitted with batch_size=None, or by partial_fit on a part of its blocks at a time."
        )


def _on_block(function: Callable[..., Sum], n_features: int, block: Any, *beside: Any) -> Sum:
    # In the process of a worker, whose threads are already busy with other blocks.
    with single_threaded():
        return function(_check_block(block, n_features), *beside)


def _sum(parts: Iterable[Sum]) -> Sum:
    total: Sum = reduce(add, parts)
    return total
