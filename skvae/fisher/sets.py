"""Sets of local descriptors: what a source of them gives, and those that lie in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from skvae._typing import ArrayLike, FloatArray, IntArray
from skvae.data.blocks import random_rows
from skvae.data.containers import check_numbers
from skvae.data.weighted_blocks import drawn_rows
from skvae.data.weights import far_unit

__all__ = [
    "BATCH_DESCRIPTORS",
    "PackedSets",
    "Sets",
    "batches_of",
    "check_positions",
    "joined",
    "joined_batches",
    "single_sets",
]

# Descriptors pulled at a time: bounds memory, and is enough to keep the matrix products busy.
BATCH_DESCRIPTORS = 32_768


@runtime_checkable
class Sets(Protocol):
    """A source of sets: all that encoders read of them, wherever they lie.

    What a set has beside its descriptors, such as positions and weights, comes with it in the
    ``PackedSets`` that ``pull`` and ``sample`` give. Reading a set anew gives the same set.
    """

    dtype: np.dtype[Any]  # of the descriptors, float32 or float64

    def __len__(self) -> int:
        """Number of sets."""

    def batches(self, max_sets: int) -> list[slice]:
        """Consecutive sets that are worked on together, at most ``max_sets``: all, in order."""

    def part(self, sets: slice | IntArray) -> "Sets":
        """Some of the sets, by a slice or an array of their ascending numbers."""

    def pull(self) -> "PackedSets":
        """All sets, validated and in memory."""

    def sample(self, n: int, rng: np.random.RandomState) -> "PackedSets":
        """At most n random descriptors of all sets, as one set; all of them where n allows it."""


@dataclass(frozen=True, eq=False)
class PackedSets:
    """Sets in memory, one after the other.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d)
        All descriptors.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    positions : ndarray of shape (N, p), default=None
        Where each descriptor lies, in [-1, 1]: (x, y) in an image, the time in a series.
    weights : ndarray of shape (N,), default=None
        How much each descriptor counts; None means once.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.sets import PackedSets
    >>> sets = PackedSets(np.arange(6.0).reshape(3, 2), np.array([0, 1, 3]))
    >>> sets.part(slice(1, 2)).descriptors
    array([[2., 3.],
           [4., 5.]])
    """

    descriptors: FloatArray
    offsets: IntArray
    positions: FloatArray | None = None
    weights: FloatArray | None = None

    @classmethod
    def one(
        cls,
        descriptors: FloatArray,
        positions: FloatArray | None = None,
        weights: FloatArray | None = None,
    ) -> "PackedSets":
        """A single set."""
        return cls(descriptors, np.array([0, len(descriptors)]), positions, weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the descriptors."""
        return self.descriptors.dtype

    @property
    def sizes(self) -> IntArray:
        """Descriptors of each set, (n_sets,)."""
        return self.offsets[1:] - self.offsets[:-1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def _rows(self, rows: slice | IntArray, offsets: IntArray) -> "PackedSets":
        beside = (None if a is None else a[rows] for a in (self.positions, self.weights))
        return PackedSets(self.descriptors[rows], offsets, *beside)

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` sets and about ``BATCH_DESCRIPTORS`` descriptors."""
        return batches_of(self.offsets, max_sets)

    def part(self, sets: slice | IntArray) -> "PackedSets":
        """Some of the sets, by a slice or an array of their numbers."""
        if isinstance(sets, slice):
            first, last, _ = sets.indices(len(self))
            offsets = self.offsets[first : last + 1]
            return self._rows(slice(offsets[0], offsets[-1]), offsets - offsets[0])
        sizes = self.sizes[sets]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[sets] - offsets[:-1], sizes)
        return self._rows(rows, offsets)

    def pull(self) -> "PackedSets":
        """The sets themselves."""
        return self

    def picked(self, rows: IntArray) -> "PackedSets":
        """Some descriptors, by their numbers, as one set."""
        return self._rows(rows, np.array([0, len(rows)]))

    def without_zeros(self) -> "PackedSets":
        """The sets without descriptors of weight zero."""
        if self.weights is None or self.weights.all():
            return self
        until = np.concatenate([[0], np.cumsum(self.weights > 0)])
        return self._rows(np.flatnonzero(self.weights), until[self.offsets])

    def counted(self) -> "PackedSets":
        """The sets without zeros, their weights in units that float32 can hold.

        The unit of each set is a power of two, so that weights keep their digits.
        """
        sets = self.without_zeros()
        if sets.weights is None or len(sets.weights) == 0:
            return sets
        sizes = sets.sizes
        largest = np.maximum.reduceat(sets.weights, sets.offsets[:-1][sizes > 0])
        units = 2.0 ** np.floor(np.log2(largest))
        return replace(sets, weights=sets.weights / np.repeat(units, sizes[sizes > 0]))

    def far_units(self) -> FloatArray | None:
        """Units of the weights of each set, which has no zeros, or None where all are 1."""
        if self.weights is None or len(self.weights) == 0:
            return None
        filled = self.sizes > 0
        units = np.ones(len(filled))
        units[filled] = far_unit(np.maximum.reduceat(self.weights, self.offsets[:-1][filled]))
        return None if (units == 1).all() else units

    def sample(self, n: int, rng: np.random.RandomState) -> "PackedSets":
        """At most n random descriptors, as one set; with whole weights, as often as they say."""
        if self.weights is not None:
            rows, weights = drawn_rows([self.weights], n, rng)
            return replace(self.picked(rows), weights=weights)
        n_all = len(self.descriptors)
        if n >= n_all:
            return self._rows(slice(None), np.array([0, n_all]))
        return self._rows(random_rows(n_all, n, rng), np.array([0, n]))


def batches_of(offsets: IntArray | Sequence[int], max_sets: int) -> list[slice]:
    """Slices of at most ``max_sets`` sets and about ``BATCH_DESCRIPTORS`` descriptors.

    Parameters
    ----------
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    max_sets : int
        Sets in a batch, at most.

    Returns
    -------
    batches : list of slice
        All sets, in order.
    """
    n = len(offsets) - 1
    by_size = np.searchsorted(offsets, np.arange(0, offsets[-1], BATCH_DESCRIPTORS), side="left")
    cuts = np.unique([0, *by_size, *range(0, n, max_sets), n])
    return [slice(int(a), int(b)) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]


def joined_batches(pulled: Iterable[PackedSets], max_sets: int) -> Iterator[PackedSets]:
    """Sets that follow each other in larger batches, where those that come are small.

    Parameters
    ----------
    pulled : iterable of PackedSets
        Batches, such as single sets whose size was not known before they were read.
    max_sets : int
        Sets in a batch, at most.

    Yields
    ------
    PackedSets
        All sets in order, those of a batch with no more than ``BATCH_DESCRIPTORS`` descriptors,
        unless it came with more.
    """
    held: list[PackedSets] = []
    for batch in pulled:
        n_sets = sum(map(len, held)) + len(batch)
        n_descriptors = sum(len(one.descriptors) for one in [*held, batch])
        if held and (n_sets > max_sets or n_descriptors > BATCH_DESCRIPTORS):
            yield joined(held)
            held = []
        held.append(batch)
    if held:
        yield joined(held)


def joined(parts: Sequence[PackedSets]) -> PackedSets:
    """The sets of some parts, at least one, as they follow each other."""
    if len(parts) == 1:
        return parts[0]
    cuts = np.cumsum([0, *(one.offsets[-1] for one in parts)])
    offsets = [one.offsets[1:] + cut for one, cut in zip(parts, cuts, strict=False)]
    return PackedSets(
        np.concatenate([one.descriptors for one in parts]),
        np.concatenate([[0], *offsets]),
        _concatenated(one.positions for one in parts),
        _concatenated(one.weights for one in parts),
    )


def _concatenated(parts: Iterable[FloatArray | None]) -> FloatArray | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None


def single_sets(source: Sets, batches: Iterable[slice]) -> Iterator[PackedSets]:
    """One set after the other, of batches that are pulled when they are reached.

    Parameters
    ----------
    source : Sets
        The sets.
    batches : iterable of slice
        Of the source, in order.

    Yields
    ------
    one : PackedSets
        A single set.
    """
    for batch in batches:
        pulled = source.part(batch).pull()
        for i in range(len(pulled)):
            yield pulled.part(slice(i, i + 1))


def check_positions(positions: ArrayLike, n_descriptors: int, n_dims: int = 2) -> FloatArray:
    """Validate the position of each descriptor.

    Parameters
    ----------
    positions : array-like of shape (n_descriptors, n_dims)
        In [-1, 1].
    n_descriptors : int
        How many there must be.
    n_dims : int, default=2
        Numbers of each: 2 are (x, y).

    Returns
    -------
    positions : ndarray of shape (n_descriptors, n_dims)

    Raises
    ------
    ValueError
        If the shape is another one, or a number is not finite.
    """
    found = check_numbers(positions, "positions", ensure_min_samples=0)
    if found.shape != (n_descriptors, n_dims):
        one = "an (x, y)" if n_dims == 2 else f"{n_dims} numbers"
        raise ValueError(
            f"positions must have shape ({n_descriptors}, {n_dims}), {one} for every descriptor; "
            f"got {found.shape}."
        )
    return found
