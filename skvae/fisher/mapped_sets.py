"""Sets of descriptors in files: read a few at a time."""

from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from skvae._typing import Array, IntArray
from skvae.data.blocks import random_rows
from skvae.data.containers import MISSING_ALLOWED, check_numbers
from skvae.data.maps import memory_map_of, release
from skvae.fisher.packing import concatenate_sets
from skvae.fisher.sets import PackedSets, batches_of

__all__ = ["MappedSets"]

# Descriptors sampled from memory maps at a time: each of them may map 2 MB around it.
_GATHERED = 64


class MappedSets:
    """Sets of which some lie in memory maps; what is pulled is copied, and its pages given back.

    Parameters
    ----------
    sets : ndarray of shape (n_sets, n_descriptors, d) or list of ndarray of shape (n_i, d)
        As from ``check_sets``.
    dtype : dtype
        Of the descriptors that are pulled.
    """

    def __init__(self, sets: Array | list[Array], dtype: np.dtype[Any]) -> None:
        self.sets, self.dtype = sets, dtype

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def sizes(self) -> IntArray:
        """Descriptors of each set, (n_sets,)."""
        return np.array([len(s) for s in self.sets])

    def _offsets(self) -> IntArray:
        return np.concatenate([[0], np.cumsum(self.sizes)])

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` sets, those that sets in memory have."""
        return batches_of(self._offsets(), max_sets)

    def part(self, sets: slice | IntArray) -> "MappedSets":
        """Some of the sets, by a slice or an array of their numbers."""
        some = self.sets[sets] if isinstance(sets, slice) else [self.sets[i] for i in sets]
        return MappedSets(some, self.dtype)

    def pull(self) -> PackedSets:
        """All sets, copied into memory."""
        descriptors, offsets = concatenate_sets(self.sets)
        descriptors = check_numbers(descriptors, ensure_min_samples=0, **MISSING_ALLOWED)
        in_file = memory_map_of(descriptors) is not None
        descriptors = descriptors.astype(self.dtype, copy=in_file)
        release(self.sets)
        return PackedSets(descriptors, offsets)

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random descriptors, as one set."""
        offsets = self._offsets()
        rows = random_rows(int(offsets[-1]), n, rng)
        owners = np.searchsorted(offsets, rows, side="right") - 1
        out = np.empty((len(rows), self.sets[0].shape[1]), self.dtype)
        for part in gen_batches(len(rows), _GATHERED):
            some = np.unique(owners[part])
            for i in some:
                here = part.start + np.flatnonzero(owners[part] == i)
                out[here] = self.sets[i][rows[here] - offsets[i]]
            release([self.sets[i] for i in some])
        return PackedSets.one(check_numbers(out, ensure_min_samples=0, **MISSING_ALLOWED))

    def check(self) -> None:
        """Raise an error if a value is infinite."""
        for batch in self.batches(len(self)):
            self.part(batch).pull()
