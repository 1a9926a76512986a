"""Sets that an extractor makes of images of different sizes, or in files, one after the other."""

from typing import Any

import numpy as np

from skvae._typing import FloatArray, IntArray
from skvae.data.image_sequence import ImageSequence
from skvae.fisher.extracted_sets import ExtractedSets
from skvae.fisher.sets import BATCH_DESCRIPTORS, PackedSets, batches_of, joined

__all__ = ["ListedSets"]

# A sample is drawn from this many times as many descriptors, if there are so many.
_SEEN = 16


class ListedSets:
    """Sets of images whose numbers of descriptors nobody knows before they are read.

    Parameters
    ----------
    images : ImageSequence
        The images.
    extractor : transformer
        Fitted, as of :class:`ExtractedSets`.
    """

    def __init__(self, images: ImageSequence, extractor: Any) -> None:
        self.images, self.extractor = images, extractor
        self.dtype = images.dtype

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` images and about ``BATCH_DESCRIPTORS`` pixels.

        No slice has two files, whose sizes are not known.
        """
        sizes = [
            BATCH_DESCRIPTORS if shape is None else int(np.prod(shape[:2]))
            for shape in self.images.shapes()
        ]
        return batches_of(np.cumsum([0, *sizes]), max_sets)

    def part(self, sets: slice | IntArray) -> "ListedSets":
        """Some of the sets, by a slice or an array of their numbers."""
        return ListedSets(self.images[sets], self.extractor)

    def pull(self) -> PackedSets:
        """All sets with the positions of their descriptors."""
        return ExtractedSets(self.images, self.extractor).pull()

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random descriptors as one set, from images in random order.

        Every descriptor has a random number, and the n least are kept: any of those that are read
        is as likely as another, however many its image has.
        """
        kept: list[PackedSets] = []
        numbers: list[FloatArray] = []
        n_kept, bound = 0, 1.0
        for i in rng.permutation(len(self)):
            pulled = self.part(np.array([i])).pull()
            drawn = rng.random_sample(len(pulled.descriptors))
            below = np.flatnonzero(drawn < bound)
            kept.append(pulled.picked(below))
            numbers.append(drawn[below])
            n_kept += len(below)
            if n_kept > 2 * n:
                kept, numbers, bound = _least(kept, numbers, n)
                n_kept = n
                if bound < 1 / _SEEN:
                    break
        if n_kept > n:
            kept, _, _ = _least(kept, numbers, n)
        return joined(kept).sample(n, rng)


def _least(
    kept: list[PackedSets], numbers: list[FloatArray], n: int
) -> tuple[list[PackedSets], list[FloatArray], float]:
    """The n descriptors of the least numbers, in their order, and a bound for those to come."""
    drawn = np.concatenate(numbers)
    rows = np.sort(np.argpartition(drawn, n - 1)[:n])
    return [joined(kept).picked(rows)], [drawn[rows]], float(drawn[rows].max())
