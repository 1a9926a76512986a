"""Sets of a sequence that are read when they are asked for, such as those in files."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skvae._typing import Array, FloatArray, IntArray
from skvae.data.blocks import random_rows
from skvae.data.containers import MISSING_ALLOWED, check_numbers, float_type
from skvae.data.maps import release
from skvae.fisher.items import ItemsOfSequence
from skvae.fisher.packing import common_width, concatenate_sets
from skvae.fisher.sets import PackedSets, batches_of

__all__ = ["SequenceSets"]


@dataclass(frozen=True, eq=False)
class SequenceSets:
    """Sets of which a few are in memory at a time.

    Parameters
    ----------
    items : ItemsOfSequence
        Reads them.
    numbers : ndarray of int
        Which of the items, ascending.
    width : int
        d of all sets.
    dtype : dtype
        Of the descriptors, float32 or float64.
    first : int
        A set that says so, for errors.
    sizes : ndarray of int, default=None
        Descriptors of each set; None where sets have to be read to know.
    """

    items: ItemsOfSequence
    numbers: IntArray
    width: int
    dtype: np.dtype[Any]
    first: int
    sizes: IntArray | None = None

    @classmethod
    def of(cls, items: ItemsOfSequence, width: int | None = None) -> "SequenceSets":
        """All sets, after a look at the first of which anything has to be read.

        Parameters
        ----------
        items : ItemsOfSequence
            Reads them.
        width : int, default=None
            d, if no set says what it is.

        Raises
        ------
        ValueError
            If sets disagree in d or none says what it is, as far as that is known yet.
        """
        numbers = np.arange(items.n)
        known = items.known()
        if known is None:
            shapes, types = _until_rows(items)
        else:
            shapes, types = known
        width = common_width(enumerate(shapes), width)
        sizes = np.array([shape[0] for shape in shapes])
        with_rows = np.flatnonzero(sizes)
        say = [types[i] for i in with_rows] or types
        first = int(with_rows[0]) if len(with_rows) else 0
        dtype = float_type(np.result_type(*set(say)))
        return cls(items, numbers, width, dtype, first, None if known is None else sizes)

    def __len__(self) -> int:
        return len(self.numbers)

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` sets; single sets while sizes are not known."""
        if self.sizes is None:
            return [slice(i, i + 1) for i in range(len(self))]
        return batches_of(np.concatenate([[0], np.cumsum(self.sizes)]), max_sets)

    def part(self, sets: slice | IntArray) -> "SequenceSets":
        """Some of the sets, by a slice or an array of their ascending numbers."""
        numbers = self.numbers[sets]
        sizes = None if self.sizes is None else self.sizes[sets]
        return replace(self, items=self.items.part(numbers), numbers=numbers, sizes=sizes)

    def pull(self) -> PackedSets:
        """All sets, read and validated.

        Raises
        ------
        ValueError
            If a set cannot be read, has another width, type or size than it should, or holds
            a number that is infinite.
        """
        sets = self._check(self.items.read(self.numbers))
        descriptors, offsets = concatenate_sets(sets)
        release(sets)
        descriptors = check_numbers(descriptors, ensure_min_samples=0, **MISSING_ALLOWED)
        return PackedSets(descriptors.astype(self.dtype, copy=False), offsets)

    def _check(self, sets: list[Array]) -> list[Array]:
        shapes = zip(self.numbers.tolist(), (s.shape for s in sets), strict=True)
        common_width([(self.first, (1, self.width)), *shapes])
        for k, (i, s) in enumerate(zip(self.numbers, sets, strict=True)):
            if len(s) and not np.can_cast(float_type(s.dtype), self.dtype):
                raise ValueError(
                    f"Set {i} of X holds {s.dtype}, but set {self.first} numbers that become "
                    f"{self.dtype}: sets that are read when they are asked for need one type, such "
                    "as by astype in __getitem__."
                )
            if self.sizes is not None and len(s) != self.sizes[k]:
                raise ValueError(
                    f"Set {i} of X had {self.sizes[k]} descriptors, and has {len(s)} when it is "
                    "read again; X[i] has to be the same set every time."
                )
        return [s if len(s) else s.reshape(0, self.width) for s in sets]

    def measured(self) -> "SequenceSets":
        """These sets with their sizes, every one of them read and validated."""
        if self.sizes is None:
            sizes = [len(self.part(one).pull().descriptors) for one in self.batches(1)]
            return replace(self, sizes=np.array(sizes))
        for batch in self.batches(len(self)):
            self.part(batch).pull()
        return self

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random descriptors, as one set; a pass over the sets if sizes are unknown."""
        if self.sizes is None:
            return self.measured().sample(n, rng)
        offsets = np.concatenate([[0], np.cumsum(self.sizes)])
        rows = random_rows(int(offsets[-1]), n, rng)
        out = np.empty((len(rows), self.width), self.dtype)
        for batch in self.batches(len(self)):
            drawn = slice(*np.searchsorted(rows, offsets[[batch.start, batch.stop]]))
            if drawn.stop > drawn.start:
                out[drawn] = self._picked(batch, rows[drawn], offsets)
        return PackedSets.one(out)

    def _picked(self, batch: slice, rows: IntArray, offsets: IntArray) -> FloatArray:
        """Descriptors by their ascending numbers, all of them in one batch."""
        owners = np.searchsorted(offsets, rows, side="right") - 1
        sets, k = np.unique(owners, return_inverse=True)
        pulled = self.part(sets).pull()
        found: FloatArray = pulled.descriptors[pulled.offsets[k] + rows - offsets[owners]]
        return found


def _until_rows(items: ItemsOfSequence) -> tuple[list[tuple[int, ...]], list[np.dtype[Any]]]:
    """Shapes and types of the first sets, up to one that has a descriptor."""
    shapes, types = [], []
    for i in range(items.n):
        (item,) = items.read(np.array([i]))
        shapes.append(item.shape)
        types.append(item.dtype)
        if item.size:
            break
    return shapes, types
