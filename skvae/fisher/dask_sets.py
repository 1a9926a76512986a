"""Sets of descriptors in dask arrays and bags: sampled where they lie, encoded lazily."""

from copy import deepcopy

import numpy as np

from skvae.data.blocks import random_rows
from skvae.data.containers import array_of, check_numbers, float_type, validate_numbers
from skvae.fisher.sets import check_sets, pack_sets, type_of_sets
from skvae.fisher.sources import PackedSets

__all__ = ["DaskRows", "DaskSets", "dask_source", "lazy_vectors"]

# Rows of a dask array that an extractor is fitted on: it looks at their shape.
_HEAD_ROWS = 100


class DaskRows:
    """Images in a dask array, as an array whose rows are computed when they are asked for.

    Parameters
    ----------
    X : dask.array.Array of shape (n, ...)
        Rows or images.
    """

    def __init__(self, X):
        self.X = X
        self.dtype = float_type(X.dtype)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            return self._computed(rows)
        order = np.argsort(rows)
        out = self._computed(rows[order])
        out[order] = out.copy()
        return out

    def _computed(self, rows):
        return check_numbers(self.X[rows].compute(), allow_nd=True)

    @property
    def head(self):
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

    def __init__(self, partitions, sizes, dtype):
        self.partitions, self.dtype = partitions, dtype
        self._set_cuts = np.cumsum([0, *map(len, sizes)])
        self._descriptor_cuts = np.cumsum([0, *(s.sum() for s in sizes)])

    def __len__(self):
        return int(self._set_cuts[-1])

    def sample(self, n, rng):
        """At most n random descriptors, and no positions."""
        rows = random_rows(int(self._descriptor_cuts[-1]), n, rng)
        parts = self._picked(_descriptors_of, rows, self._descriptor_cuts)
        return self._checked(np.concatenate(parts)), None

    def part(self, sets):
        """Some of the sets, by their sorted numbers."""
        parts = self._picked(_sets_of, sets, self._set_cuts)
        descriptors, offsets = pack_sets([s for part in parts for s in part])
        return PackedSets(self._checked(descriptors), offsets)

    def _picked(self, function, numbers, cuts):
        """``function(partition, numbers in it)`` of every partition that has any."""
        from dask import compute, delayed

        owner = np.searchsorted(cuts, numbers, side="right") - 1
        return compute(
            *(
                delayed(function)(self.partitions[p], numbers[owner == p] - cuts[p])
                for p in np.unique(owner)
            )
        )

    def _checked(self, descriptors):
        descriptors = check_numbers(descriptors, ensure_min_samples=0)
        return descriptors.astype(self.dtype, copy=False)


def dask_source(estimator, X, *, reset):
    """Validate a dask collection, as far as that can be done without reading it.

    Parameters
    ----------
    estimator : SetEncoder
        Its ``n_features_in_`` is set or compared with.
    X : dask.array.Array or dask.bag.Bag
        Sets of descriptors, or rows for the extractor.
    reset : bool
        Whether to set or to compare.

    Returns
    -------
    DaskSets or DaskRows
    """
    if not hasattr(X, "chunks"):
        return _source_of_bag(estimator, X, reset=reset)
    if np.isnan(X.shape).any():
        raise ValueError(
            f"X has unknown chunk sizes (shape {X.shape}): call X.compute_chunk_sizes() first."
        )
    _check_width(estimator, X, reset=reset)
    X = _whole_rows(X)
    if estimator.extractor is not None:
        return DaskRows(X)
    size = X.shape[1] if X.ndim == 3 else 1
    sizes = [np.full(n, size) for n in X.chunks[0]]
    return DaskSets(list(X.to_delayed().ravel()), sizes, float_type(X.dtype))


def _check_width(estimator, X, *, reset):
    if estimator.extractor is None and X.ndim not in (2, 3):
        raise ValueError(
            f"Expected a 3D array of sets or a 2D array, got a dask array of {X.ndim} dimensions."
        )
    width = X.shape[-1] if estimator.extractor is None else int(np.prod(X.shape[1:]))
    validate_numbers(estimator, np.zeros((1, width), X.dtype), reset=reset)


def _source_of_bag(estimator, X, *, reset):
    from dask import compute, delayed

    if not hasattr(X, "map_partitions") or hasattr(X, "columns") or estimator.extractor is not None:
        raise TypeError(
            f"X is a dask {type(X).__name__}; {type(estimator).__name__} reads dask arrays and, "
            "without an extractor, bags of sets. A data frame gives an array by "
            "to_dask_array(lengths=True)."
        )
    partitions = X.to_delayed()
    sizes, heads = zip(*compute(*map(delayed(_measured), partitions)), strict=True)
    if not any(s.sum() for s in sizes):
        raise ValueError("X holds no descriptors: every set is empty.")
    head, _ = pack_sets([head for head in heads if head is not None])
    validate_numbers(estimator, head, reset=reset, ensure_min_samples=0)
    return DaskSets(partitions, sizes, float_type(head.dtype))


def lazy_vectors(encoder, X):
    """Vectors of the sets in a dask collection, as a dask array that is still to be computed.

    Parameters
    ----------
    encoder : SetEncoder
        Fitted; what happens to it later does not change the result.
    X : dask.array.Array or dask.bag.Bag
        As for ``transform``; an array need not know its chunks.

    Returns
    -------
    vectors : dask.array.Array of shape (n_sets, n_features_out)
        A block for every block of X. Those of a bag are of unknown length, and float64 unless the
        encoder has a ``dtype``.
    """
    import dask.array as da
    from dask import delayed

    if hasattr(X, "chunks"):
        _check_width(encoder, X, reset=False)
        X = _whole_rows(X)
        dtype, lengths = encoder.dtype or float_type(X.dtype), X.chunks[0]
    else:
        dtype, lengths = encoder.dtype or np.float64, [np.nan] * X.npartitions
    width = len(encoder.get_feature_names_out())
    task = delayed(_encoded, pure=False)
    worker = delayed(deepcopy(encoder).set_params(n_jobs=None), pure=False)
    partitions = np.ravel(X.to_delayed())
    vectors = [
        da.from_delayed(task(part, worker, width, dtype), (length, width), dtype)
        for part, length in zip(partitions, lengths, strict=True)
    ]
    return da.concatenate(vectors, allow_unknown_chunksizes=True)


def _whole_rows(X):
    return X.rechunk(dict.fromkeys(range(1, X.ndim), -1))


def _packed(partition):
    if getattr(partition, "ndim", None) == 2:
        return array_of(partition), np.arange(len(partition) + 1)
    return pack_sets(partition, width=0)  # that of sets without rows, where no set has any


def _measured(partition):
    """Sizes of the sets in a partition of a bag, and no rows of their type and width."""
    sets = list(partition)
    if not sets:
        return np.zeros(0, int), None
    sets = check_sets(sets, width=0)
    sizes = np.array([len(s) for s in sets])
    return sizes, np.empty((0, sets[0].shape[1]), type_of_sets(sets)) if sizes.any() else None


def _descriptors_of(partition, rows):
    return _packed(partition)[0][rows]


def _sets_of(partition, numbers):
    # Copies: views would keep the whole partition in memory.
    descriptors, offsets = _packed(partition)
    return [descriptors[offsets[i] : offsets[i + 1]].copy() for i in numbers]


def _encoded(partition, encoder, width, dtype):
    if len(partition) == 0:
        return np.empty((0, width), dtype)
    return np.asarray(encoder.transform(partition)).astype(dtype, copy=False)
