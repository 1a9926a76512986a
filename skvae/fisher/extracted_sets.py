"""Sets of descriptors that an extractor makes of images, a few images at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from skvae._sklearn import plain_outputs
from skvae._typing import FloatArray, IntArray
from skvae.fisher.packing import pack_sets
from skvae.fisher.sets import BATCH_DESCRIPTORS, PackedSets, check_positions

__all__ = ["ExtractedSets"]

# Batches of images fetched at a time to draw a sample from: X may lie far away.
_BATCHES_FETCHED = 64
# Of a large collection of images, at least this share of a pulled image's descriptors is used.
_LEAST_SHARE = 1 / 16


class ExtractedSets:
    """Sets that a fitted extractor makes from rows of X when they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_sets, ...)
        What the extractor transforms; or what gives rows of it by a slice or their numbers.
    extractor : transformer
        ``transform`` makes sets of rows; ``positions_`` (n_descriptors, 2) says where descriptors
        lie if that is the same in every set. Otherwise ``extract(X)`` returns the sets and, for
        each, its (n_i, 2) positions.
    """

    def __init__(self, X: Any, extractor: Any) -> None:
        self.X, self.extractor = X, extractor
        self.dtype = X.dtype

    def __len__(self) -> int:
        return len(self.X)

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` images and about ``BATCH_DESCRIPTORS`` descriptors."""
        n_descriptors = len(self.part(slice(0, 1)).pull().descriptors)
        step = max(1, min(max_sets, BATCH_DESCRIPTORS // max(1, n_descriptors)))
        return [slice(a, min(a + step, len(self))) for a in range(0, len(self), step)]

    def part(self, sets: slice | IntArray) -> "ExtractedSets":
        """Some of the sets, by a slice or an array of their numbers."""
        return ExtractedSets(self.X[sets], self.extractor)

    def pull(self) -> PackedSets:
        """All sets with the positions of their descriptors."""
        positions: FloatArray | None
        with plain_outputs():
            if hasattr(self.extractor, "extract"):
                descriptors, offsets, positions = self._extracted()
            else:
                descriptors, offsets = pack_sets(self.extractor.transform(self.X))
                positions = self._tiled_positions(np.diff(offsets))
        return PackedSets(descriptors.astype(self.dtype, copy=False), offsets, positions)

    def _extracted(self) -> tuple[FloatArray, IntArray, FloatArray]:
        sets, places = self.extractor.extract(self.X)
        descriptors, offsets = pack_sets(sets)
        positions, ends = pack_sets(places)
        if not np.array_equal(offsets, ends):
            i = np.flatnonzero(offsets != ends)[0] - 1
            raise ValueError(
                f"extractor gives {np.diff(offsets)[i]} descriptors for set {i}, but "
                f"{np.diff(ends)[i]} positions."
            )
        return descriptors, offsets, check_positions(positions, len(descriptors))

    def _tiled_positions(self, sizes: IntArray) -> FloatArray | None:
        """Positions that are the same in all images, once for each of them."""
        positions = getattr(self.extractor, "positions_", None)
        if positions is None:
            return None
        if np.any(sizes != len(positions)):
            raise ValueError(
                f"extractor gives {sizes.max()} descriptors for an image, but its "
                f"positions_ has {len(positions)} rows. Where the number varies, it needs "
                "a method extract(X) that returns sets and their positions."
            )
        return np.tile(check_positions(positions, len(positions)), (len(self), 1))

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random descriptors as one set, from images in random order."""
        order = rng.permutation(len(self))
        share, found, where, total = None, [], [], 0
        for images in self._in_order(order):
            pulled = images.pull()
            if share is None:
                expected = len(pulled.descriptors) / len(images) * len(self)
                share = np.clip(n / max(expected, 1), _LEAST_SHARE, 1)
            drawn = rng.random_sample(len(pulled.descriptors)) < share
            keep = np.flatnonzero(drawn)[: n - total]
            found.append(pulled.descriptors[keep])
            if pulled.positions is not None:
                where.append(pulled.positions[keep])
            total += len(keep)
            if total >= n:
                break
        return PackedSets.one(np.concatenate(found), np.concatenate(where) if where else None)

    def _in_order(self, order: IntArray) -> Iterator["ExtractedSets"]:
        """Batches of images in the given order, of which many are fetched at a time."""
        batches = self.batches(len(self))
        for some in gen_batches(len(batches), _BATCHES_FETCHED):
            first = batches[some][0].start
            fetched = self.part(order[first : batches[some][-1].stop])
            for batch in batches[some]:
                yield fetched.part(slice(batch.start - first, batch.stop - first))
