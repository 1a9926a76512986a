"""From what a user passes as sets of descriptors to a source of them."""

from typing import Any

import numpy as np

from skvae._typing import Array
from skvae.data.containers import check_numbers, float_type
from skvae.data.maps import memory_map_of
from skvae.data.sequences import is_table
from skvae.fisher.items import ItemsOfSequence
from skvae.fisher.mapped_sets import MappedSets
from skvae.fisher.packing import check_sets, concatenate_sets, type_of_sets
from skvae.fisher.sequence_sets import SequenceSets
from skvae.fisher.sets import PackedSets

__all__ = ["is_table_in_memory", "read_items", "read_sets"]


def is_table_in_memory(X: Any) -> bool:
    """Whether X is a 2-D table, of which every row is a set of one descriptor, and in no file.

    Parameters
    ----------
    X : array-like or sequence
        As from ``data.sequences.sequence_of``.

    Raises
    ------
    ValueError
        For a data frame that says which rows belong together.
    """
    if not is_table(X):
        return False
    _check_levels(X)
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
        If sets disagree in d, hold no finite numbers, or there is no descriptor to fit on.
    """
    sets = check_sets(X[:, None] if is_table(X) else X, width)
    arrays = [sets] if isinstance(sets, np.ndarray) else sets
    if any(memory_map_of(array) is not None for array in arrays):
        source = MappedSets(sets, float_type(type_of_sets(sets)))
        if width is None:
            source.check()
        return source, np.empty((0, sets[0].shape[1]), source.dtype)
    descriptors, offsets = concatenate_sets(sets)
    if len(descriptors) == 0 and width is None:
        raise ValueError("X holds no descriptors: every set is empty.")
    descriptors = check_numbers(descriptors, estimator=reader, ensure_min_samples=0)
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
