"""Where descriptors come from: sets that the user gave, or an extractor pulled tile by tile."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_batches
from sklearn.utils.validation import validate_data

from skvae.data.blocks import random_rows
from skvae.data.containers import check_numbers, float_type, is_frame, numbers, validate_numbers
from skvae.data.maps import give_pages_back, memory_map_of
from skvae.fisher.sets import (
    check_sets,
    concatenate_sets,
    is_table,
    pack_sets,
    sequence_of,
    type_of_sets,
)

__all__ = [
    "ExtractedSets",
    "MappedSets",
    "PackedSets",
    "Sets",
    "check_positions",
    "set_source",
    "validate_images",
    "validate_pixels",
]

# Descriptors pulled at a time: bounds memory, and is enough to keep the matrix products busy.
_BLOCK_DESCRIPTORS = 32_768
# Descriptors sampled from memory maps at a time: each of them may map 2 MB around it.
_GATHERED = 64
# Blocks of images fetched at a time to draw a sample from: X may lie far away.
_BLOCKS_FETCHED = 64
# Of a large collection of images, at least this share of a pulled image's descriptors is used.
_LEAST_SHARE = 1 / 16


class Sets(NamedTuple):
    """Descriptors of some sets, one set after the other."""

    descriptors: np.ndarray  # (N, d)
    offsets: np.ndarray  # (n_sets + 1,), where each set begins
    positions: np.ndarray | None  # (N, 2), (x, y) in [-1, 1]


class PackedSets:
    """Sets held in memory as concatenated descriptors and offsets.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d)
        All descriptors.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    """

    def __init__(self, descriptors, offsets):
        self.descriptors, self.offsets = descriptors, offsets
        self.dtype = descriptors.dtype

    def __len__(self):
        return len(self.offsets) - 1

    def blocks(self, max_sets):
        """Slices of at most ``max_sets`` sets and about ``_BLOCK_DESCRIPTORS`` descriptors."""
        return _blocks_of_sets(self.offsets, max_sets)

    def part(self, sets):
        """Some of the sets, by a slice or an array of their numbers."""
        if isinstance(sets, slice):
            offsets = self.offsets[sets.start : sets.stop + 1]
            return PackedSets(self.descriptors[offsets[0] : offsets[-1]], offsets - offsets[0])
        pieces = [self.descriptors[self.offsets[i] : self.offsets[i + 1]] for i in sets]
        return PackedSets(*pack_sets(pieces))

    def pull(self):
        """All descriptors, without positions."""
        return Sets(self.descriptors, self.offsets, None)

    def sample(self, n, rng):
        """At most n random descriptors, and no positions."""
        if n >= len(self.descriptors):
            return self.descriptors, None
        return self.descriptors[random_rows(len(self.descriptors), n, rng)], None


class MappedSets:
    """Sets of which some lie in memory maps; what is pulled is copied, and its pages given back.

    Parameters
    ----------
    sets : ndarray of shape (n_sets, n_descriptors, d) or list of ndarray of shape (n_i, d)
        As from ``check_sets``.
    dtype : dtype
        Of the descriptors that are pulled.
    """

    def __init__(self, sets, dtype):
        self.sets, self.dtype = sets, dtype

    def __len__(self):
        return len(self.sets)

    def _offsets(self):
        return np.concatenate([[0], np.cumsum([len(s) for s in self.sets])])

    def blocks(self, max_sets):
        """Slices of at most ``max_sets`` sets, those that sets in memory have."""
        return _blocks_of_sets(self._offsets(), max_sets)

    def part(self, sets):
        """Some of the sets, by a slice or an array of their numbers."""
        some = self.sets[sets] if isinstance(sets, slice) else [self.sets[i] for i in sets]
        return MappedSets(some, self.dtype)

    def pull(self):
        """All descriptors, without positions."""
        descriptors, offsets = concatenate_sets(self.sets)
        descriptors = check_numbers(descriptors, ensure_min_samples=0)
        in_file = memory_map_of(descriptors) is not None
        descriptors = descriptors.astype(self.dtype, copy=in_file)
        _give_back(self.sets)
        return Sets(descriptors, offsets, None)

    def sample(self, n, rng):
        """At most n random descriptors, and no positions."""
        offsets = self._offsets()
        rows = random_rows(int(offsets[-1]), n, rng)
        owners = np.searchsorted(offsets, rows, side="right") - 1
        out = np.empty((len(rows), self.sets[0].shape[1]), self.dtype)
        for part in gen_batches(len(rows), _GATHERED):
            some = np.unique(owners[part])
            for i in some:
                here = part.start + np.flatnonzero(owners[part] == i)
                out[here] = self.sets[i][rows[here] - offsets[i]]
            _give_back([self.sets[i] for i in some])
        return check_numbers(out, ensure_min_samples=0), None

    def check(self):
        """Raise an error unless all values are finite."""
        for block in self.blocks(len(self)):
            self.part(block).pull()


def _give_back(sets):
    maps = {id(mapped): mapped for mapped in map(memory_map_of, sets) if mapped is not None}
    for mapped in maps.values():
        give_pages_back(mapped)


def _blocks_of_sets(offsets, max_sets):
    """Slices of at most ``max_sets`` sets and about ``_BLOCK_DESCRIPTORS`` descriptors."""
    n = len(offsets) - 1
    by_size = np.searchsorted(offsets, np.arange(0, offsets[-1], _BLOCK_DESCRIPTORS), side="left")
    cuts = np.unique([0, *by_size, *range(0, n, max_sets), n])
    return [slice(int(a), int(b)) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]


class ExtractedSets:
    """Sets that a fitted extractor makes from rows of X when they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_sets, ...)
        What the extractor transforms.
    extractor : transformer
        ``transform`` makes sets of rows; ``positions_`` (n_descriptors, 2) says where descriptors
        lie if that is the same in every set. Otherwise ``extract(X)`` returns the sets and, for
        each, its (n_i, 2) positions.
    """

    def __init__(self, X, extractor):
        self.X, self.extractor = X, extractor
        self.dtype = X.dtype

    def __len__(self):
        return len(self.X)

    def blocks(self, max_sets):
        """Slices of at most ``max_sets`` images and about ``_BLOCK_DESCRIPTORS`` descriptors."""
        n_descriptors = len(self.part(slice(0, 1)).pull().descriptors)
        step = max(1, min(max_sets, _BLOCK_DESCRIPTORS // max(1, n_descriptors)))
        return [slice(a, min(a + step, len(self))) for a in range(0, len(self), step)]

    def part(self, sets):
        """Some of the sets, by a slice or an array of their numbers."""
        return ExtractedSets(self.X[sets], self.extractor)

    def pull(self):
        """All descriptors with their positions."""
        if hasattr(self.extractor, "extract"):
            sets, positions = self.extractor.extract(self.X)
            descriptors, offsets = pack_sets(sets)
            positions, ends = pack_sets(positions)
            if not np.array_equal(offsets, ends):
                i = np.flatnonzero(offsets != ends)[0] - 1
                raise ValueError(
                    f"extractor gives {np.diff(offsets)[i]} descriptors for set {i}, but "
                    f"{np.diff(ends)[i]} positions."
                )
            positions = check_positions(positions, len(descriptors))
        else:
            descriptors, offsets = pack_sets(self.extractor.transform(self.X))
            positions = getattr(self.extractor, "positions_", None)
            if positions is not None:
                sizes = np.diff(offsets)
                if np.any(sizes != len(positions)):
                    raise ValueError(
                        f"extractor gives {sizes.max()} descriptors for an image, but its "
                        f"positions_ has {len(positions)} rows. Where the number varies, it needs "
                        "a method extract(X) that returns sets and their positions."
                    )
                positions = np.tile(check_positions(positions, len(positions)), (len(self), 1))
        return Sets(descriptors.astype(self.dtype, copy=False), offsets, positions)

    def sample(self, n, rng):
        """At most n random descriptors and their positions, from images in random order."""
        order = rng.permutation(len(self))
        share, found, where, total = None, [], [], 0
        for images in self._in_order(order):
            descriptors, _, positions = images.pull()
            if share is None:
                expected = len(descriptors) / len(images) * len(self)
                share = np.clip(n / max(expected, 1), _LEAST_SHARE, 1)
            keep = np.flatnonzero(rng.random_sample(len(descriptors)) < share)[: n - total]
            found.append(descriptors[keep])
            if positions is not None:
                where.append(positions[keep])
            total += len(keep)
            if total >= n:
                break
        return np.concatenate(found), np.concatenate(where) if where else None

    def _in_order(self, order):
        """Blocks of images in the given order, of which many are fetched at a time."""
        blocks = self.blocks(len(self))
        for some in gen_batches(len(blocks), _BLOCKS_FETCHED):
            first = blocks[some][0].start
            fetched = self.part(order[first : blocks[some][-1].stop])
            for block in blocks[some]:
                yield fetched.part(slice(block.start - first, block.stop - first))


def check_positions(positions, n_descriptors):
    """Validate (x, y) of each descriptor.

    Parameters
    ----------
    positions : array-like of shape (n_descriptors, 2)
        In [-1, 1].
    n_descriptors : int
        How many there must be.

    Returns
    -------
    positions : ndarray of shape (n_descriptors, 2)
    """
    positions = check_numbers(positions, "positions", ensure_min_samples=0)
    if positions.shape != (n_descriptors, 2):
        raise ValueError(
            f"positions must have shape ({n_descriptors}, 2), an (x, y) for every descriptor; got "
            f"{positions.shape}."
        )
    return positions


def set_source(estimator, X, *, reset):
    """Validate sets of descriptors.

    Parameters
    ----------
    estimator : SetEncoder
        Its ``n_features_in_`` is set or compared with.
    X : array-like, sequence or iterable
        Sets; every row of a 2-D table is a set of one descriptor.
    reset : bool
        Whether to set or to compare.

    Returns
    -------
    PackedSets or MappedSets
        The latter where any set lies in a memory map.
    """
    given, X = X, sequence_of(X, type(estimator).__name__)
    if is_table(X):
        _check_levels(given)
        if memory_map_of(X) is None or X.ndim != 2:
            X = validate_numbers(estimator, X, reset=reset)
            return PackedSets(X, np.arange(len(X) + 1))
        X = X[:, None]
    sets = check_sets(X, None if reset else estimator.n_features_in_)
    arrays = [sets] if isinstance(sets, np.ndarray) else sets
    if all(memory_map_of(array) is None for array in arrays):
        return _packed_source(estimator, sets, reset=reset)
    dtype = float_type(type_of_sets(sets))
    validate_numbers(estimator, np.zeros((1, sets[0].shape[1]), dtype), reset=reset)
    source = MappedSets(sets, dtype)
    if reset:
        source.check()
    return source


def _packed_source(estimator, sets, *, reset):
    descriptors, offsets = concatenate_sets(sets)
    if len(descriptors) == 0 and reset:
        raise ValueError("X holds no descriptors: every set is empty.")
    descriptors = validate_numbers(estimator, descriptors, reset=reset, ensure_min_samples=0)
    return PackedSets(descriptors, offsets)


def _check_levels(X):
    """Raise an error if a data frame says which rows belong together."""
    for axis, way in {
        "index": "pass sets, [rows.to_numpy() for _, rows in X.groupby(level=0)], or leave it out "
        "by X.reset_index(drop=True)",
        "columns": "pass an array of shape (n_sets, n_descriptors, n_features), or columns "
        "without levels",
    }.items():
        names = getattr(getattr(X, axis, None), "names", ())
        if len(names) > 1:
            raise ValueError(
                f"X has a MultiIndex as its {axis}, with levels {list(names)}, but every row of a "
                f"table is a set of one descriptor: {way}."
            )


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

    Raises
    ------
    ValueError
        If images differ in shape.
    """
    X = sequence_of(X, type(estimator).__name__)
    if isinstance(X, list | tuple):
        shapes = {}
        for i, image in enumerate(X):
            shapes.setdefault(None if isinstance(image, list | tuple) else np.shape(image), i)
        if len(shapes) > 1:
            (a, i), (b, j) = list(shapes.items())[:2]
            raise ValueError(
                f"All images of X must have the same shape: image {i} has {a}, image {j} has {b}. "
                "Resize or crop them; or find the descriptors of each image yourself, and pass "
                "the sets to an encoder without an extractor."
            )
    X = numbers(X)
    if is_frame(X) or np.ndim(X) <= 2:
        return validate_numbers(estimator, X, reset=reset)
    X = check_numbers(X, allow_nd=True)
    validate_data(estimator, X.reshape(len(X), -1), reset=reset, skip_check_array=True)
    return X


def validate_pixels(estimator, X, *, reset):
    """Validate rows of pixels, images (n, h, w) or images with channels (n, h, w, c).

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set or compared with.
    X : array-like of shape (n, h * w * c) or (n, h, w) or (n, h, w, c)
        Images.
    reset : bool
        Whether to set or to compare.

    Returns
    -------
    X : ndarray
        float32 or float64, in the shape it came in.
    """
    X = validate_images(estimator, X, reset=reset)
    if X.ndim > 4:
        raise ValueError(f"Images must be (n, h, w) or (n, h, w, c), got shape {X.shape}.")
    return X
