"""Sets of descriptors in dask arrays and bags: sampled where they lie, encoded lazily."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skvae._typing import Array, FloatArray, IntArray
from skvae.data.blocks import random_rows
from skvae.data.containers import (
    MISSING_ALLOWED,
    array_of,
    check_numbers,
    float_type,
    is_dask,
)
from skvae.fisher.annotated_sets import SetWeights, check_sizes
from skvae.fisher.packing import check_sets, pack_sets, type_of_sets
from skvae.fisher.sets import PackedSets, batches_of

__all__ = ["DaskRows", "DaskSets", "head_of_array", "lazy_vectors", "read_dask"]

# Rows of a dask array that an extractor is fitted on: it looks at their shape.
_HEAD_ROWS = 100


class DaskRows:
    """Images in a dask array, as an array whose rows are computed when they are asked for.

    Parameters
    ----------
    X : dask.array.Array of shape (n, ...)
        Rows or images.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self.dtype = float_type(X.dtype)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        if isinstance(rows, slice):
            return self._computed(rows)
        order = np.argsort(rows)
        out = self._computed(rows[order])
        out[order] = out.copy()
        return out

    def part(self, places: IntArray) -> "DaskRows":
        """The rows with these ascending numbers."""
        return DaskRows(self.X[places])

    def _computed(self, rows: slice | IntArray) -> FloatArray:
        return check_numbers(self.X[rows].compute(), allow_nd=True)

    @property
    def head(self) -> FloatArray:
        """A few of the first rows, in memory."""
        return self[:_HEAD_ROWS]


class DaskSets:
    """Sets in the partitions of a dask collection; what is asked for comes into memory.

    Parameters
    ----------
    partitions : list of Delayed
        Each a 3-D array, a list of (n_i, d) arrays, or a 2-D array, whose rows are sets of one.
    sizes : list of ndarray of int
        Descriptors of each set, by partition.
    dtype : dtype
        Of the descriptors.
    """

    def __init__(
        self, partitions: Sequence[Any], sizes: Sequence[IntArray], dtype: np.dtype[Any]
    ) -> None:
        self.partitions, self.dtype = partitions, dtype
        self._set_cuts = np.cumsum([0, *map(len, sizes)])
        self._offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
        self._descriptor_cuts = self._offsets[self._set_cuts]

    def __len__(self) -> int:
        return int(self._set_cuts[-1])

    @property
    def sizes(self) -> IntArray:
        """Descriptors of each set, (n_sets,)."""
        return np.diff(self._offsets)

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` sets, those that sets in memory have."""
        return batches_of(self._offsets, max_sets)

    def pull(self) -> PackedSets:
        """All sets, in memory."""
        return self.part(slice(0, len(self)))

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random descriptors, as one set."""
        rows = random_rows(int(self._descriptor_cuts[-1]), n, rng)
        parts = self._picked(_descriptors_of, rows, self._descriptor_cuts)
        return PackedSets.one(self._checked(np.concatenate(parts)))

    def part(self, sets: slice | IntArray) -> PackedSets:
        """Some of the sets in memory, by a slice or an array of their ascending numbers."""
        if isinstance(sets, slice):
            sets = np.arange(*sets.indices(len(self)))
        parts = self._picked(_sets_of, sets, self._set_cuts)
        descriptors, offsets = pack_sets([s for part in parts for s in part])
        return PackedSets(self._checked(descriptors), offsets)

    def _picked(
        self, function: Callable[[Any, IntArray], Any], numbers: IntArray, cuts: IntArray
    ) -> Sequence[Any]:
        """``function(partition, numbers in it)`` of every partition that has any."""
        from dask.base import compute
        from dask.delayed import delayed

        owner = np.searchsorted(cuts, numbers, side="right") - 1
        answers: tuple[Any, ...] = compute(
            *(
                delayed(function)(self.partitions[p], numbers[owner == p] - cuts[p])
                for p in np.unique(owner)
            )
        )
        return answers

    def _checked(self, descriptors: Array) -> FloatArray:
        descriptors = check_numbers(descriptors, ensure_min_samples=0, **MISSING_ALLOWED)
        return descriptors.astype(self.dtype, copy=False)


def read_dask(X: Any, reader: str, *, of_sets: bool) -> tuple[Any, Array]:
    """Validate a dask collection, as far as that can be done without reading it.

    Parameters
    ----------
    X : dask.array.Array or dask.bag.Bag
        Sets of descriptors, or rows for an extractor.
    reader : str
        Who is to read it, for errors.
    of_sets : bool
        Whether they are sets.

    Returns
    -------
    source : DaskSets or DaskRows
    head : ndarray of shape (n, n_features)
        Rows, or none, that say what one of the descriptors or images is.

    Raises
    ------
    TypeError
        For collections other than arrays and, of sets, bags.
    ValueError
        If chunks are unknown, dimensions are impossible, or a bag holds no descriptors.
    """
    if not hasattr(X, "chunks"):
        return _read_bag(X, reader, of_sets=of_sets)
    if np.isnan(X.shape).any():
        raise ValueError(
            f"X has unknown chunk sizes (shape {X.shape}): call X.compute_chunk_sizes() first."
        )
    head = head_of_array(X, of_sets=of_sets)
    X = _whole_rows(X)
    if not of_sets:
        return DaskRows(X), head
    size = X.shape[1] if X.ndim == 3 else 1
    sizes = [np.full(n, size) for n in X.chunks[0]]
    return DaskSets(list(X.to_delayed().ravel()), sizes, float_type(X.dtype)), head


def head_of_array(X: Any, *, of_sets: bool) -> Array:
    """A row that says what the descriptors, or images, of a dask array are; it reads nothing."""
    if of_sets and X.ndim not in (2, 3):
        raise ValueError(
            f"Expected a 3D array of sets or a 2D array, got a dask array of {X.ndim} dimensions."
        )
    width = X.shape[-1] if of_sets else int(np.prod(X.shape[1:]))
    return np.zeros((1, width), X.dtype)


def _read_bag(X: Any, reader: str, *, of_sets: bool) -> tuple["DaskSets", Array]:
    from dask.base import compute
    from dask.delayed import delayed

    if not hasattr(X, "map_partitions") or hasattr(X, "columns") or not of_sets:
        raise TypeError(
            f"X is a dask {type(X).__name__}; {reader} reads dask arrays and, "
            "without an extractor, bags of sets. A data frame gives an array by "
            "to_dask_array(lengths=True)."
        )
    partitions = X.to_delayed()
    sizes, heads = zip(*compute(*map(delayed(_measured), partitions)), strict=True)
    if not any(s.sum() for s in sizes):
        raise ValueError("X holds no descriptors: every set is empty.")
    head, _ = pack_sets([head for head in heads if head is not None])
    return DaskSets(partitions, sizes, float_type(head.dtype)), head


def lazy_vectors(
    X: Any,
    transform: Callable[..., FloatArray],
    n_features: int,
    dtype: Any = None,
    sample_weight: Any = None,
    *,
    of_sets: bool = True,
) -> Any:
    """Vectors of the sets in a dask collection, as a dask array that is still to be computed.

    Parameters
    ----------
    X : dask.array.Array or dask.bag.Bag
        Sets of descriptors, or rows for an extractor; an array need not know its chunks.
    transform : callable
        Vectors of the sets in one partition, and of their weights where there are any.
    n_features : int
        Length of a vector.
    dtype : dtype, default=None
        Of the vectors. None: that of the descriptors of an array, float64 for a bag.
    sample_weight : sequence, dask.array.Array or dask.bag.Bag, default=None
        Weights of the sets, or of their descriptors.
    of_sets : bool, default=True
        Whether X has sets, not rows for an extractor.

    Returns
    -------
    vectors : dask.array.Array of shape (n_sets, n_features)
        A block for every block of X. Those of a bag are of unknown length.

    Raises
    ------
    ValueError
        If there are not as many weights, or partitions of them, as X has, or weights in memory are
        negative or not finite.
    """
    import dask.array as da
    from dask.delayed import delayed

    if hasattr(X, "chunks"):
        X = _whole_rows(X)
        dtype, lengths = dtype or float_type(X.dtype), X.chunks[0]
    else:
        dtype, lengths = dtype or np.float64, [np.nan] * X.npartitions
    task = delayed(_encoded, pure=False)
    worker = delayed(transform, pure=False)
    partitions = np.ravel(X.to_delayed())
    if sample_weight is None:
        weights: Sequence[Any] = [None] * len(partitions)
    else:
        size = X.shape[1] if of_sets and getattr(X, "ndim", 0) == 3 else None
        weights = _weights_by_partition(sample_weight, lengths, size)
    vectors = [
        da.from_delayed(task(part, beside, worker, n_features, dtype), (length, n_features), dtype)
        for part, beside, length in zip(partitions, weights, lengths, strict=True)
    ]
    return da.concatenate(vectors, allow_unknown_chunksizes=True)


def _weights_by_partition(
    weights: Any, lengths: Sequence[float], size: int | None
) -> Sequence[Any]:
    """Weights beside the sets of each partition, still to be computed where they are of dask.

    ``size`` is the number of descriptors of every set, where one is known.
    """
    in_blocks = hasattr(weights, "chunks")
    if is_dask(weights) and not in_blocks:
        if weights.npartitions != len(lengths):
            raise ValueError(
                f"sample_weight has {weights.npartitions} partitions, but X has {len(lengths)}: "
                "weights have to lie in the partitions of their sets."
            )
        partitions: Sequence[Any] = weights.to_delayed()
        return partitions
    if np.isnan(lengths).any():
        raise ValueError(
            "X does not say how many sets lie in each partition: give sample_weight as a dask bag "
            "with the partitions of X, or call X.compute_chunk_sizes() where X is a dask array."
        )
    n_sets = int(sum(lengths))
    if in_blocks:
        _check_blocks(weights, n_sets, size)
        return list(np.ravel(_whole_rows(weights.rechunk({0: tuple(lengths)})).to_delayed()))
    read = SetWeights.read(weights, n_sets, all_zero=True)
    if read.of_descriptors is not None and size is not None:
        sizes = np.full(n_sets, size)
        check_sizes(sizes, read.of_descriptors, np.arange(n_sets), f"weights in {read.name}")
    parts = (read.part(slice(a, b)) for a, b in pairwise(np.cumsum([0, *lengths]).tolist()))
    return [part.of_sets if part.of_descriptors is None else part.of_descriptors for part in parts]


def _check_blocks(weights: Any, n_sets: int, size: int | None) -> None:
    """Raise an error if the shape or type of weights in a dask array is impossible."""
    if weights.dtype.kind not in "buifO":
        raise ValueError(f"sample_weight is a dask array of {weights.dtype}: weights are numbers.")
    if len(weights) != n_sets:
        raise ValueError(
            f"sample_weight has weights of {len(weights)} sets, but there are {n_sets} sets."
        )
    n_each = weights.shape[1] if weights.ndim == 2 else size
    if weights.ndim > 2 or (size is not None and n_each != size):
        raise ValueError(
            f"sample_weight is a dask array of shape {weights.shape}: pass ({n_sets},), a weight "
            f"for each set, or ({n_sets}, {size or 'n_descriptors'}), one for each descriptor."
        )


def _whole_rows(X: Any) -> Any:
    return X.rechunk(dict.fromkeys(range(1, X.ndim), -1))


def _packed(partition: Any) -> tuple[Array, IntArray]:
    if getattr(partition, "ndim", None) == 2:
        return array_of(partition), np.arange(len(partition) + 1)
    return pack_sets(partition, width=0)  # that of sets without rows, where no set has any


def _measured(partition: Any) -> tuple[IntArray, Array | None]:
    """Sizes of the sets in a partition of a bag, and no rows of their type and width."""
    given = list(partition)
    if not given:
        return np.zeros(0, int), None
    sets = check_sets(given, width=0)
    sizes = np.array([len(s) for s in sets])
    return sizes, np.empty((0, sets[0].shape[1]), type_of_sets(sets)) if sizes.any() else None


def _descriptors_of(partition: Any, rows: IntArray) -> Array:
    return _packed(partition)[0][rows]


def _sets_of(partition: Any, numbers: IntArray) -> list[Array]:
    # Copies: views would keep the whole partition in memory.
    descriptors, offsets = _packed(partition)
    return [descriptors[offsets[i] : offsets[i + 1]].copy() for i in numbers]


def _encoded(
    partition: Any,
    weights: Any,
    transform: Callable[..., FloatArray],
    n_features: int,
    dtype: Any,
) -> FloatArray:
    if len(partition) == 0:
        return np.empty((0, n_features), dtype)
    beside = {} if weights is None else {"sample_weight": weights}
    return np.asarray(transform(partition, **beside)).astype(dtype, copy=False)
