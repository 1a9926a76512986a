"""From what a user passes as sets of descriptors to a source of them."""

from typing import Any

import numpy as np

from skvae._typing import Array, IntArray
from skvae.data.blocks import lazy_blocks
from skvae.data.containers import MISSING_ALLOWED, check_numbers, float_type, is_frame
from skvae.data.maps import memory_map_of
from skvae.data.sequences import inner_ndim, is_table, outer_ndim, sequence_of
from skvae.data.tables import column_names
from skvae.data.weights import check_weights
from skvae.fisher.items import ItemsOfSequence
from skvae.fisher.mapped_sets import MappedSets
from skvae.fisher.packing import check_sets, concatenate_sets, type_of_sets
from skvae.fisher.sequence_sets import SequenceSets
from skvae.fisher.sets import PackedSets, check_positions
from skvae.mixture.missing import has_missing

__all__ = ["is_table_in_memory", "read_items", "read_one_set", "read_sets", "sequence_of_sets"]


def sequence_of_sets(X: Any, reader: str) -> Any:
    """Sets as a container that has a length and an order.

    Parameters
    ----------
    X : array-like, sequence, iterable or data frame
        As for :func:`skvae.data.sequences.sequence_of`; an iterable may yield blocks of sets, as
        torch's DataLoader does: arrays (n_i, n_descriptors, d) or lists of (n_j, d).
    reader : str
        Who is to read it, for errors.

    Raises
    ------
    TypeError
        For what can be read only once, and for mappings.
    ValueError
        If there is nothing in X, sets come with labels, or a list holds blocks of sets.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.sources import sequence_of_sets
    >>> blocks = {"first": np.zeros((2, 5, 3)), "second": np.zeros((1, 5, 3))}.values()
    >>> [s.shape for s in sequence_of_sets(blocks, "FisherVectorEncoder")]
    [(5, 3), (5, 3), (5, 3)]
    """
    found = sequence_of(X, reader)
    if not isinstance(X, (list, tuple)) and isinstance(found, list):
        return [s for block in found for s in _sets_of_block(block)]
    if isinstance(found, (list, tuple)) and inner_ndim(found) > 3:
        if isinstance(found[0], tuple) and any(inner_ndim(part) < 2 for part in found[0][1:]):
            raise ValueError(
                f"X holds tuples of {len(found[0])} things, such as sets with their labels: pass "
                "sets alone, [one[0] for one in X], and labels as y."
            )
        raise ValueError(
            "X holds arrays of more than two dimensions, but a set has two. Blocks of sets are "
            "opened by [s for block in X for s in block]; of sets that are padded to one length, "
            "pass [x[:n] for x, n in zip(X, lengths)]."
        )
    return found


def _sets_of_block(block: Any) -> list[Any]:
    """Sets of a block, or the set that it is."""
    n = inner_ndim(block)
    if n < 3:
        return [block]
    if isinstance(block, (list, tuple)):
        if n == 4 and len(block) == 1:
            return list(block[0])
        if n == 4 or any(inner_ndim(s) < 2 for s in block[1:]):
            raise ValueError(
                f"X yields a {type(block).__name__} of {len(block)} things, such as sets with "
                "their labels: let it yield sets alone, and pass labels as y."
            )
    return list(block)


def is_table_in_memory(X: Any) -> bool:
    """Whether X is a 2-D table, of which every row is a set of one descriptor, and in no file.

    Parameters
    ----------
    X : array-like or sequence
        As from ``data.sequences.sequence_of``.

    Raises
    ------
    ValueError
        For a data frame that says which rows belong together, or has sequences in its cells.
    """
    if not is_table(X):
        return False
    _check_levels(X)
    _check_cells(X)
    return memory_map_of(X) is None or X.ndim != 2


def read_sets(
    X: Any, reader: str, width: int | None = None
) -> tuple[PackedSets | MappedSets, Array]:
    """Validate sets of descriptors.

    Parameters
    ----------
    X : array-like or sequence
        Sets, as from ``data.sequences.sequence_of``; every row of a 2-D file is a set of one.
    reader : str
        Who is to read them, for errors.
    width : int, default=None
        d of the sets that the reader was fitted on; None reads for a fit, which needs a descriptor
        and looks at all values at once.

    Returns
    -------
    source : PackedSets or MappedSets
        The latter where any set lies in a memory map.
    head : ndarray of shape (0, d)
        Says what the descriptors are.

    Raises
    ------
    ValueError
        If sets disagree in d, hold infinity or no numbers, or there is no descriptor to fit on.
    """
    sets = check_sets(X[:, None] if is_table(X) else X, width)
    arrays = [sets] if isinstance(sets, np.ndarray) else sets
    if any(memory_map_of(array) is not None for array in arrays):
        source = MappedSets(sets, float_type(type_of_sets(sets)))
        if width is None:
            source.check()
        return source, np.empty((0, sets[0].shape[1]), source.dtype)
    descriptors, offsets = concatenate_sets(sets)
    _check_ends(descriptors, offsets)
    if len(descriptors) == 0 and width is None:
        raise ValueError("X holds no descriptors: every set is empty.")
    options = {"estimator": reader, "ensure_min_samples": 0, **MISSING_ALLOWED}
    descriptors = check_numbers(descriptors, **options)
    return PackedSets(descriptors, offsets), descriptors[:0]


def read_items(items: ItemsOfSequence, width: int | None = None) -> tuple[SequenceSets, Array]:
    """Validate sets that are read when they are asked for.

    Parameters
    ----------
    items : ItemsOfSequence
        Reads them.
    width : int, default=None
        As of :func:`read_sets`; a reader with a width looks at values when it reads them.

    Returns
    -------
    source : SequenceSets
    head : ndarray of shape (0, d)
        Says what the descriptors are.

    Raises
    ------
    ValueError
        As of :func:`read_sets`, or if a set cannot be read.
    """
    if items.n == 0:
        raise ValueError("X is empty: found 0 sample(s), at least one is required.")
    source = SequenceSets.of(items, width)
    if width is None:
        source = source.measured()
        if not np.any(source.sizes):
            raise ValueError("X holds no descriptors: every set is empty.")
    return source, np.empty((0, source.width), source.dtype)


def read_one_set(
    descriptors: Any, positions: Any, weights: Any, width: int, n_positions: int | None
) -> tuple[Any, PackedSets]:
    """Validate a single set, which may come in blocks.

    Parameters
    ----------
    descriptors : array-like or iterable of blocks, of shape (n, d)
        A block of a memory map or an iterable is in memory at a time.
    positions : array-like of shape (n, p) or None
        Where they lie.
    weights : array-like of shape (n,) or None
        How much each counts.
    width : int
        The d that is wanted.
    n_positions : int or None
        The p that is wanted; None ignores positions.

    Returns
    -------
    blocks : iterable of ndarray of shape (n_i, d)
    beside : PackedSets
        One set of the first descriptors, or of all in memory, with the positions and weights of
        all.

    Raises
    ------
    ValueError
        If descriptors have another d, or positions or weights do not match.
    """
    lazy = lazy_blocks(descriptors)
    in_memory = descriptors if lazy is None else lazy.head
    head = check_numbers(in_memory, "descriptors", ensure_min_samples=0, **MISSING_ALLOWED)
    if head.shape[1] != width:
        raise ValueError(
            f"descriptors have {head.shape[1]} features; this encoder was fitted on {width}."
        )
    blocks: Any = [head] if lazy is None else lazy
    if n_positions is None:
        positions = None
    else:
        positions = check_positions(positions, sum(map(len, blocks)), n_positions)
    if weights is not None:
        weights = check_weights(weights, sum(map(len, blocks)), "weights", "descriptor")
    return blocks, PackedSets.one(head, positions, weights)


def _check_levels(X: Any) -> None:
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


def _check_cells(X: Any) -> None:
    """Raise an error if what should be rows of a table are sequences of any length."""
    if is_frame(X) and outer_ndim(X) == 2:
        are_sequences = any(inner_ndim(X[name]) == 2 for name in column_names(X))
    else:
        ragged = isinstance(X, (list, tuple)) and inner_ndim(X) == 2
        are_sequences = ragged and len({len(x) for x in X if hasattr(x, "__len__")}) > 1
    if are_sequences:
        raise ValueError(
            "X holds sequences of numbers, but a set is a table with a descriptor in each row. "
            "extractor=SeriesWindows(1) makes a descriptor of the numbers at the same place of all "
            "columns, or of each number where there is but one."
        )


def _check_ends(descriptors: Array, offsets: IntArray) -> None:
    """Raise an error if sets are padded with NaN: to one size, and nothing is missing inside."""
    sizes = np.diff(offsets)
    if len(sizes) < 2 or sizes.min() != sizes.max() or not has_missing(descriptors):
        return
    absent = np.isnan(descriptors).all(axis=1).reshape(len(sizes), -1)
    ends = np.logical_and.accumulate(absent[:, ::-1], axis=1)
    if absent.any() and ends.sum() == absent.sum():
        padded = np.argmax(absent.any(axis=1))
        raise ValueError(
            f"Set {padded} of X ends in a descriptor of nothing but NaN. If that is padding, pass "
            "sets without it, [x[:n] for x, n in zip(X, lengths)]."
        )
