"""Blocks of rows that count as often as their weights say."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from skvae._typing import Array, FloatArray, IntArray
from skvae.data.blocks import (
    ArrayBlocks,
    Blocks,
    DaskBlocks,
    RowBlocks,
    SummedBlocks,
    random_rows,
)
from skvae.data.containers import is_dask
from skvae.data.iterables import refuse_single_pass
from skvae.data.weights import WeightedRows, are_whole, check_weights, far_unit

__all__ = [
    "WeightedBlocks",
    "WeightedDaskBlocks",
    "WeightedSource",
    "drawn_rows",
    "weighted_blocks",
]

Sum = TypeVar("Sum")


@runtime_checkable
class WeightedSource(Blocks, Protocol):
    """Blocks of rows with weights, :class:`WeightedRows` of which every weight is positive."""

    head: FloatArray  # rows that say what d is, of any values
    n: int  # rows that the weights stand for

    def draw(self, size: int, rng: np.random.RandomState) -> tuple[FloatArray, FloatArray | None]:
        """At most ``size`` random rows, and weights that they have left: ``drawn_rows``."""


def weighted_blocks(blocks: RowBlocks, given: Any) -> WeightedSource:
    """Blocks with the weights of their rows.

    Parameters
    ----------
    blocks : RowBlocks
        Rows.
    given : array-like of shape (n,), iterable of array-like of shape (n_i,) or dask array
        As a user passes ``sample_weight``: at once, or in blocks that together are as long as X.

    Returns
    -------
    WeightedSource

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero, or do not match the rows of an array.
    TypeError
        If they can be read only once.
    """
    if isinstance(blocks, DaskBlocks):
        return WeightedDaskBlocks(blocks, given)
    parts = _Weights(given)
    if isinstance(blocks, ArrayBlocks):
        return WeightedBlocks(blocks, [check_weights(np.concatenate([*parts]), len(blocks.X))])
    return WeightedBlocks(blocks, parts)


class _Weights:
    """Weights in parts, validated, anew in every pass.

    Parameters
    ----------
    given : array-like of shape (n,), iterable of array-like of shape (n_i,) or dask array
        As the user passed them.
    """

    def __init__(self, given: Any) -> None:
        anew = "Pass an array, or an object whose __iter__ starts anew."
        refuse_single_pass(given, "sample_weight", "EM", anew)
        if is_dask(given):
            given = given.compute()
        if isinstance(given, (list, tuple)):
            at_once = not any(np.ndim(part) for part in given[:1])
        else:
            at_once = hasattr(given, "shape") or hasattr(given, "__array__")
        self._is_whole = at_once or not hasattr(given, "__iter__")
        self.given = [given] if self._is_whole else given

    def __iter__(self) -> Iterator[FloatArray]:
        for part in self.given:
            weights = check_weights(part, all_zero=True)
            yield weights if self._is_whole else weights.copy()  # as of rows: see IteratedBlocks


class _Cut:
    """Weights cut as the blocks of rows are that they belong to, in one pass."""

    def __init__(self, parts: Iterable[FloatArray]) -> None:
        self._parts, self._n = iter(parts), 0
        self._held: FloatArray = np.empty(0)

    def next(self, n: int) -> FloatArray:
        """The weights of the next n rows."""
        while len(self._held) < n:
            part = next(self._parts, None)
            if part is None:
                raise ValueError(
                    f"sample_weight has {self._n + len(self._held)} weights, but X has more rows."
                )
            self._held = np.concatenate([self._held, part]) if len(self._held) else part
        cut, self._held, self._n = self._held[:n], self._held[n:], self._n + n
        return cut

    def end(self) -> None:
        """Say that there are no more rows."""
        n = self._n + len(self._held) + sum(map(len, self._parts))
        if n > self._n:
            raise ValueError(f"sample_weight has {n} weights, but X has {self._n} rows.")


class WeightedBlocks(SummedBlocks):
    """Blocks of rows and their weights; rows that do not count are left out.

    Parameters
    ----------
    blocks : RowBlocks
        Rows, of an array or an iterable.
    weights : iterable of ndarray
        Weights in their order, cut in any way; starts anew whenever it is iterated over.
    """

    def __init__(self, blocks: RowBlocks, weights: Iterable[FloatArray]) -> None:
        self.blocks, self.weights = blocks, weights
        self.head, self.dtype = blocks.head, blocks.dtype
        self._whole = all(map(are_whole, weights))
        self.n = sum(map(self._times, weights))  # rows that the weights stand for
        if self.n == 0:
            raise ValueError("All weights are zero (sample_weight): no row is left.")
        self.unit = float(far_unit(max(part.max(initial=0.0) for part in weights)))
        if self.unit != 1:
            self.weights = [part / self.unit for part in weights]

    def _times(self, weights: FloatArray) -> int:
        return int(weights.sum() if self._whole else np.count_nonzero(weights))

    def __iter__(self) -> Iterator[WeightedRows]:
        cut = _Cut(self.weights)
        for rows in self.blocks:
            yield WeightedRows(rows, cut.next(len(rows))).counted()
        cut.end()

    def draw(self, size: int, rng: np.random.RandomState) -> tuple[FloatArray, FloatArray | None]:
        """At most ``size`` random rows, as :func:`drawn_rows`, and weights that they have left."""
        rows, weights = drawn_rows(self.weights, size, rng)
        distinct, places = np.unique(rows, return_inverse=True)
        return self.blocks.take(distinct)[places], weights

    def batches(self, size: int, rng: np.random.RandomState) -> Iterator[Blocks]:
        """Batches of about ``size`` rows that are a partition of the data."""
        for rows, weights in self._batches(size, rng):
            if weights.any():
                yield WeightedBlocks(ArrayBlocks(rows), [weights])

    def _batches(
        self, size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Rows of each batch, random ones of an array, and their weights."""
        cut = _Cut(self.weights)
        if isinstance(self.blocks, ArrayBlocks):
            weights = cut.next(len(self.blocks.X))
            for rows, run in self.blocks.batch_rows(size, rng):
                yield self.blocks.take(rows, run), weights[rows]
            return
        for batch in self.blocks.batches(size, rng):
            for block in batch:
                yield block, cut.next(len(block))


class WeightedDaskBlocks:
    """Blocks of a dask array and their weights, which go to the workers.

    Parameters
    ----------
    blocks : DaskBlocks
        Rows.
    given : array-like or dask array of shape (n,)
        Weights of the rows.
    """

    def __init__(self, blocks: DaskBlocks, given: Any) -> None:
        import dask.array as da

        self.blocks, self.head, self.dtype = blocks, blocks.head, blocks.dtype
        weights = check_weights(np.concatenate([*_Weights(given)]), blocks.X.shape[0])
        self._here = WeightedBlocks(blocks, [weights])
        self.n = self._here.n
        beside = given if is_dask(given) else da.from_array(weights)
        self._there = (beside / self._here.unit).rechunk((blocks.X.chunks[0],))

    def __iter__(self) -> Iterator[WeightedRows]:
        return iter(self._here)

    def total(self, function: Callable[[WeightedRows], Sum]) -> Sum:
        """Sum of ``function(block)`` over the blocks; one small result comes back."""
        return self.blocks.total(partial(_on_weighted, function), self._there)

    def draw(self, size: int, rng: np.random.RandomState) -> tuple[FloatArray, FloatArray | None]:
        """At most ``size`` random rows, and weights that they have left."""
        return self._here.draw(size, rng)

    def batches(self, size: int, rng: np.random.RandomState) -> Iterator[Blocks]:
        """Not offered, as of ``DaskBlocks``."""
        return self.blocks.batches(size, rng)


def _on_weighted(function: Callable[[WeightedRows], Sum], rows: Array, weights: Array) -> Sum:
    return function(WeightedRows(rows, weights.astype(np.float64)).counted())


def drawn_rows(
    parts: Iterable[FloatArray], size: int, rng: np.random.RandomState
) -> tuple[IntArray, FloatArray | None]:
    """At most ``size`` random rows of those that weights stand for.

    Whole weights say how often each row stands in a line, of which places are drawn, so that a
    weight of 2 is the row twice here too. With other weights every row that counts is as likely as
    any other, and keeps its weight.

    Parameters
    ----------
    parts : iterable of ndarray of shape (n_i,)
        Weights, starting anew whenever it is iterated over.
    size : int
        How many, at most; all of them where there are no more.
    rng : numpy.random.RandomState
        As of ``random_rows``.

    Returns
    -------
    rows : ndarray of int
        Ascending; with whole weights, each as often as it was drawn.
    weights : ndarray or None
        Of these rows; None where they count once each.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.weighted_blocks import drawn_rows
    >>> drawn_rows([np.array([2.0, 0.0, 1.0])], 10, np.random.RandomState(0))
    (array([0, 0, 2]), None)
    """
    whole = all(map(are_whole, parts))
    times = parts if whole else [np.sign(part) for part in parts]
    places = random_rows(int(sum(part.sum() for part in times)), size, rng)
    rows, weights, n_before, before = [], [], 0, 0.0
    for part, time in zip(parts, times, strict=True):
        ends = before + np.cumsum(time)
        if len(ends):
            here = places[slice(*np.searchsorted(places, [before, ends[-1]]))]
            found = np.searchsorted(ends, here, side="right")
            rows.append(n_before + found)
            weights.append(part[found])
            n_before, before = n_before + len(part), ends[-1]
    return np.concatenate(rows), None if whole else np.concatenate(weights)
