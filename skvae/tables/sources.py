"""A source of sets that are rows of a table, described when they are asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skvae._typing import FloatArray, IntArray
from skvae.fisher.sets import PackedSets

__all__ = ["DescribedSets"]


class DescribedSets:
    """Sets of rows, by their numbers, and what makes descriptors of them.

    Parameters
    ----------
    numbers : PackedSets
        Numbers of rows in the place of descriptors, in a single column.
    describe : callable
        Takes numbers of rows (n,) to descriptors (n, d) in float64.

    Notes
    -----
    In another process these are sets in memory: descriptors travel there, the table stays.
    """

    def __init__(self, numbers: PackedSets, describe: Callable[[IntArray], FloatArray]) -> None:
        self.numbers, self.describe = numbers, describe
        self.dtype: np.dtype[Any] = np.dtype(np.float64)

    @classmethod
    def of(
        cls, rows: IntArray, offsets: IntArray, describe: Callable[[IntArray], FloatArray]
    ) -> "DescribedSets":
        """Sets of rows by their numbers, one after the other, and where those of each begin."""
        column: Any = rows[:, None]
        return cls(PackedSets(column, offsets), describe)

    def __len__(self) -> int:
        return len(self.numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        pulled = self.pull()
        return PackedSets, (pulled.descriptors, pulled.offsets)

    @property
    def sizes(self) -> IntArray:
        """Rows of each set, (n_sets,)."""
        return self.numbers.sizes

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` sets and about ``BATCH_DESCRIPTORS`` rows."""
        return self.numbers.batches(max_sets)

    def part(self, sets: slice | IntArray) -> "DescribedSets":
        """Some of the sets, by a slice or an array of their ascending numbers."""
        return DescribedSets(self.numbers.part(sets), self.describe)

    def pull(self) -> PackedSets:
        """Descriptors of all sets."""
        return self._described(self.numbers)

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """Descriptors of at most n random rows, as one set."""
        return self._described(self.numbers.sample(n, rng))

    def _described(self, numbers: PackedSets) -> PackedSets:
        rows: Any = numbers.descriptors[:, 0]
        return PackedSets(self.describe(rows), numbers.offsets)
