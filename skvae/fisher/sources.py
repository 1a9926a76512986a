"""Where descriptors come from: sets that the user gave, or an extractor pulled tile by tile."""

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from skvae.fisher.sets import pack_sets

__all__ = ["ExtractedSets", "PackedSets", "validate_images"]

# Descriptors pulled at a time: bounds memory, and is enough to keep the matrix products busy.
_BLOCK_DESCRIPTORS = 32_768
# Of a large collection of images, at least this share of a pulled image's descriptors is used.
_LEAST_SHARE = 1 / 16


class PackedSets:
    """Sets held in memory as concatenated descriptors and offsets.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d)
        All descriptors.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    """

    positions = None

    def __init__(self, descriptors, offsets):
        self.descriptors, self.offsets = descriptors, offsets
        self.dtype = descriptors.dtype

    def __len__(self):
        return len(self.offsets) - 1

    def blocks(self, max_sets):
        """Slices of at most ``max_sets`` sets and about ``_BLOCK_DESCRIPTORS`` descriptors."""
        by_size = np.searchsorted(
            self.offsets, np.arange(0, self.offsets[-1], _BLOCK_DESCRIPTORS), side="left"
        )
        cuts = np.unique([0, *by_size, *range(0, len(self), max_sets), len(self)])
        return [slice(int(a), int(b)) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]

    def take(self, sets):
        """(descriptors, offsets) of a slice of sets."""
        offsets = self.offsets[sets.start : sets.stop + 1]
        return self.descriptors[offsets[0] : offsets[-1]], offsets - offsets[0]

    def sample(self, n, rng):
        """At most n random descriptors, and no positions."""
        total = len(self.descriptors)
        if n >= total:
            return self.descriptors, None
        return self.descriptors[np.sort(rng.choice(total, n, replace=False))], None


class ExtractedSets:
    """Sets that a fitted extractor makes from rows of X when they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_sets, ...)
        What the extractor transforms.
    extractor : transformer
        Rows to sets; ``positions_`` (n_descriptors, 2) where it knows them.
    """

    def __init__(self, X, extractor):
        self.X, self.extractor = X, extractor
        self.dtype = X.dtype
        self.positions = getattr(extractor, "positions_", None)

    def __len__(self):
        return len(self.X)

    def blocks(self, max_sets):
        """Slices of at most ``max_sets`` images and about ``_BLOCK_DESCRIPTORS`` descriptors."""
        descriptors, _ = self.take(slice(0, 1))
        step = max(1, min(max_sets, _BLOCK_DESCRIPTORS // max(1, len(descriptors))))
        return [slice(a, min(a + step, len(self))) for a in range(0, len(self), step)]

    def take(self, sets):
        """(descriptors, offsets) of a slice of images."""
        descriptors, offsets = pack_sets(self.extractor.transform(self.X[sets]))
        if self.positions is not None and np.any(np.diff(offsets) != len(self.positions)):
            raise ValueError(
                f"extractor gives {np.diff(offsets).max()} descriptors for an image, but its "
                f"positions_ has {len(self.positions)} rows."
            )
        return descriptors.astype(self.dtype, copy=False), offsets

    def sample(self, n, rng):
        """At most n random descriptors and their positions, from images in random order."""
        order = rng.permutation(len(self))
        share, found, where, total = None, [], [], 0
        for block in self.blocks(len(self)):
            rows = ExtractedSets(self.X[order[block]], self.extractor)
            descriptors, offsets = rows.take(slice(0, len(rows)))
            if share is None:
                expected = len(descriptors) / len(rows) * len(self)
                share = np.clip(n / max(expected, 1), _LEAST_SHARE, 1)
            keep = np.flatnonzero(rng.random_sample(len(descriptors)) < share)[: n - total]
            found.append(descriptors[keep])
            where.append(np.concatenate([np.arange(t) for t in np.diff(offsets)])[keep])
            total += len(keep)
            if total >= n:
                break
        index = np.concatenate(where)
        positions = None if self.positions is None else self.positions[index]
        return np.concatenate(found), positions


def validate_images(estimator, X, *, reset):
    """Validate rows of pixels or images (n, h, w[, c]), whose features are their pixels.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set or compared with.
    X : array-like of shape (n, ...)
        Rows or images.
    reset : bool
        Whether to set or to compare.

    Returns
    -------
    X : ndarray
        float32 or float64, in the shape it came in.
    """
    dtype = [np.float64, np.float32]
    if np.ndim(X) <= 2:
        return validate_data(estimator, X, reset=reset, dtype=dtype)
    X = check_array(X, dtype=dtype, allow_nd=True)
    validate_data(estimator, X.reshape(len(X), -1), reset=reset, skip_check_array=True)
    return X
