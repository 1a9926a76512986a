"""Vectors of sets from wherever they lie: in batches that fit into memory, by several workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pickle import PicklingError
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from numpy.typing import DTypeLike
from sklearn.utils import gen_batches

from skvae._typing import Array, FloatArray
from skvae.compute.memory import keep_freed_memory
from skvae.compute.parallel import map_ordered, n_threads
from skvae.compute.sizes import n_workers
from skvae.compute.threads import single_threaded
from skvae.data.weights import far_unit, power_near
from skvae.fisher.codec import Codec
from skvae.fisher.parts import lets_missing_through
from skvae.fisher.reduction import Reduction
from skvae.fisher.sets import PackedSets, Sets, joined_batches
from skvae.fisher.spatial import check_placed
from skvae.mixture.magnitudes import all_finite, are_finite, cast, too_large
from skvae.mixture.missing import has_missing, missing_in_sets
from skvae.mixture.moments import add_totals

__all__ = ["SetVectors", "tasks_of"]

# Descriptors of one set that are reduced and summed at a time.
_PIECE = 65_536
# Bytes of vectors that a task makes at most, and tasks for each worker, so that all end together.
_TASK_BYTES = 2**25
_TASKS_PER_WORKER = 4
# Descriptors of a set that is whitened in the precision of its statistics. Of larger sets gradients
# may be so much shorter than statistics that they take float64; so does decoding of single ones.
_SMALL = 1024
# Bytes of statistics worked on at a time: about a core's second-level cache.
_STATISTICS_BYTES = 2**21


@dataclass(frozen=True)
class SetVectors:
    """What makes vectors of sets: a reduction of their descriptors, and a codec.

    Parameters
    ----------
    reduction : Reduction
        From descriptors to those that the codec reads.
    codec : Codec
        From these to vectors.
    n_jobs : int or None, default=1
        Workers: threads as of ``skvae.compute.parallel``, unless ``joblib.parallel_config`` names
        another backend.
    """

    reduction: Reduction
    codec: Codec
    n_jobs: int | None = 1

    def batches(self, source: Sets) -> list[slice]:
        """Batches of sets whose statistics fit into memory together."""
        return source.batches(self._max_sets)

    @property
    def _max_sets(self) -> int:
        """Sets whose statistics are worked on at a time."""
        return max(1, _STATISTICS_BYTES // (8 * self.codec.statistics_size))

    def of_all(self, source: Sets, dtype: DTypeLike, *, verbose: int) -> FloatArray:
        """Vectors of all sets of a source.

        Parameters
        ----------
        source : Sets
            The sets.
        dtype : dtype
            Of the vectors.
        verbose : int
            As of ``joblib.Parallel``.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_features)
        """
        out = np.empty((len(source), self.codec.n_features), dtype)
        backend, _ = get_active_backend(prefer="threads")
        by_joblib = verbose or not getattr(backend, "uses_threads", False)
        n = n_workers(self.n_jobs) if by_joblib else n_threads(self.n_jobs)
        tasks = tasks_of(self.batches(source), out, n)
        # Fewer sets than threads: these work on one set after the other.
        n_at_once = self.n_jobs if len(tasks) >= n else 1
        work = ((source.part(sets), batches) for sets, batches in tasks)
        keep_freed_memory()
        with single_threaded():
            if by_joblib:
                # Pools of multiprocessing, and what stands on them, have no generators.
                one_by_one = getattr(backend, "supports_return_generator", False)
                return_as = "generator" if one_by_one else "list"
                parallel = Parallel(
                    self.n_jobs, prefer="threads", return_as=return_as, verbose=verbose
                )
                of_part = delayed(self.of_part)
                parts = _sent(parallel, (of_part(*one, out.dtype) for one in work))
                for (sets, _), vectors in zip(tasks, parts, strict=True):
                    out[sets] = vectors
            else:
                places = ((out[sets], *one) for (sets, _), one in zip(tasks, work, strict=True))
                for _ in map_ordered(lambda one: self._fill(*one), places, n_at_once):
                    pass
        return out

    def of_part(self, part: Sets, batches: list[slice], dtype: DTypeLike) -> FloatArray:
        """Vectors of all sets of a source, in a worker that may be a process."""
        out = np.empty((len(part), self.codec.n_features), dtype)
        with single_threaded():
            self._fill(out, part, batches)
        return out

    def _fill(self, out: FloatArray, part: Sets, batches: list[slice]) -> None:
        """Vectors of all sets of a source, batch by batch, in this thread."""
        pulled = (part.part(sets).pull() for sets in batches)
        first = 0
        for sets in joined_batches(pulled, self._max_sets):
            vectors, _ = self.of_batch(sets)
            last = first + len(vectors)
            out[first:last] = cast(vectors.reshape(len(vectors), -1), out.dtype)
            first = last

    def of_batch(self, sets: PackedSets) -> tuple[FloatArray, FloatArray]:
        """Vectors of sets in memory, and what each cell was divided by; never infinite.

        Parameters
        ----------
        sets : PackedSets
            The sets.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_cells, n_features / n_cells)
        scales : ndarray of shape (n_sets, n_cells, 1 or n_groups)
        """
        # Whitened gradients are divided by the sum of weights: only there does the unit cancel.
        sets = sets.counted() if self.codec.whitened else sets.without_zeros()
        if not self.codec.whitened and (units := sets.far_units()) is not None:
            return self._in_units(sets, units)
        self._check_positions(sets)
        if len(sets) == 1:  # as below, without arrays
            some_small = 1 < len(sets.descriptors) <= _SMALL
        else:
            small = (sets.sizes > 1) & (sets.sizes <= _SMALL)
            some_small = bool(small.any())
            if some_small and not small.all():
                return self._apart(sets, small)
        reducer = self.reduction.reducer
        looked = lets_missing_through(reducer)
        some_missing = looked and has_missing(sets.descriptors)
        if some_missing:
            missing = missing_in_sets(sets.descriptors, sets.offsets)
            if not missing.all():
                return self._apart(sets, missing)
            if reducer is not None:
                return self._reduced_first(sets)
        complete = looked and reducer is None and not some_missing
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            totals, counts = self._statistics(sets, complete)
            if not some_small:
                totals = totals.astype(np.float64, copy=False)
            vectors, scales = self.codec.vectors(totals, counts, sets.dtype)
            if all_finite(vectors, scales, self.codec.norm):
                return vectors, scales
            finite = are_finite(vectors, scales, self.codec.norm)
            vectors, scales = (a.astype(np.float64) for a in (vectors, scales))
            for i in np.flatnonzero(~finite):
                one = sets.part(slice(i, i + 1))
                vectors[i], scales[i] = self._wide([one.descriptors], one)
        return vectors, scales

    def _in_units(self, sets: PackedSets, units: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Vectors and scales of sets whose weights are very large or small: that of sums of those
        in units of their own, times these."""
        assert sets.weights is not None
        weights = sets.weights / np.repeat(units, sets.sizes)
        vectors, scales = self.of_batch(replace(sets, weights=weights))
        vectors = self._in_unit_of_weights(vectors, units[:, None, None])
        with np.errstate(over="ignore"):  # of scales, which a vector does not show
            return vectors, scales * units[:, None, None] ** self.codec.power

    def _in_unit_of_weights(self, vectors: FloatArray, units: Any) -> FloatArray:
        """Vectors as they are where weights were not divided by units, which a norm takes away."""
        if self.codec.norm is not None:
            return vectors
        with np.errstate(over="ignore", invalid="ignore"):
            vectors = vectors * units**self.codec.power
        if not np.isfinite(vectors).all():
            raise ValueError(
                f"Weights of {np.max(units):g} make infinite vectors without a norm: divide "
                "weights by their largest."
            )
        return vectors

    def _check_positions(self, sets: PackedSets) -> None:
        appended = self.reduction.xy_weight is not None
        if appended or self.codec.n_cells > 1:
            check_placed(sets.positions, self.reduction.n_positions if appended else 2)

    def _apart(self, sets: PackedSets, some: Array) -> tuple[FloatArray, FloatArray]:
        """Vectors and scales of some sets, and of the others, so that none feels the others."""
        out: list[FloatArray] = []
        for which in map(np.flatnonzero, (some, ~some)):
            found = self.of_batch(sets.part(which))
            out = out or [np.empty((len(sets), *a.shape[1:])) for a in found]
            for whole, part in zip(out, found, strict=True):
                whole[which] = part
        vectors, scales = out
        return vectors, scales

    def _reduced_first(self, sets: PackedSets) -> tuple[FloatArray, FloatArray]:
        """Vectors and scales of sets with missing values, some of which a reducer may put in."""
        reduction = replace(self.reduction, xy_weight=None)
        reduced = replace(sets, descriptors=reduction.apply(sets))
        return replace(self, reduction=replace(self.reduction, reducer=None)).of_batch(reduced)

    def of_blocks(self, blocks: Iterable[FloatArray], beside: PackedSets) -> FloatArray:
        """Vector of one set that comes in blocks, read twice where float32 overflows.

        Parameters
        ----------
        blocks : iterable of ndarray of shape (n_i, d)
            Descriptors.
        beside : PackedSets
            What the set has beside them: positions and weights; of its own descriptors, only the
            type counts.

        Returns
        -------
        vector : ndarray of shape (n_cells, n_features / n_cells), float64
        """
        if isinstance(blocks, list) and len(blocks) == 1:
            one: FloatArray = self.of_batch(beside)[0][0]
            return one
        if beside.weights is not None and self.codec.whitened:
            beside = replace(beside, weights=beside.weights / power_near(beside.weights))
        elif beside.weights is not None and (unit := far_unit(beside.weights.max())) != 1:
            moved = replace(beside, weights=beside.weights / unit)
            return self._in_unit_of_weights(self.of_blocks(blocks, moved), unit)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            totals, counts = self._sum_over(blocks, beside)
            vectors, scales = self.codec.vectors(totals, counts, beside.dtype)
            if all_finite(vectors, scales, self.codec.norm):
                first: FloatArray = vectors[0]
                return first
            return self._wide(blocks, beside)[0]

    def _statistics(self, sets: PackedSets, complete: bool = False) -> tuple[FloatArray, Array]:
        """(totals, counts) of sets, of which a large one is summed piece by piece.

        Sets that are known to be complete are not looked through for missing values.
        """
        if len(sets.descriptors) > _PIECE and len(sets) > 1 and sets.sizes.max() > _PIECE:
            ones = (sets.part(slice(i, i + 1)) for i in range(len(sets)))
            totals, counts = zip(*map(self._statistics, ones), strict=True)
            return np.concatenate(totals), np.concatenate(counts)
        if len(sets.descriptors) > _PIECE:
            rows = gen_batches(len(sets.descriptors), _PIECE)
            return self._sum_over((sets.descriptors[r] for r in rows), sets)
        if len(sets.descriptors):
            local = self.reduction.apply(sets)
        else:
            local = np.empty((0, self.codec.mixture.means.shape[1]), sets.dtype)
        beside = (sets.positions, sets.weights, self.n_jobs)
        return self.codec.statistics(
            local, sets.offsets, *beside, complete=complete, dtype=sets.dtype
        )

    def _sum_over(
        self, blocks: Iterable[FloatArray], beside: PackedSets
    ) -> tuple[FloatArray, Array]:
        """(totals, counts) of one set that comes in blocks."""
        totals: FloatArray = np.zeros(())
        counts: Array = np.zeros(())
        for piece in _pieces(blocks, beside):
            more = self._statistics(piece)
            totals, counts = add_totals(totals, more[0]), counts + more[1]
        return totals, counts

    def _wide(
        self, blocks: Iterable[FloatArray], beside: PackedSets
    ) -> tuple[FloatArray, FloatArray]:
        """One vector in float64, where float32 has overflowed."""
        wide = (block.astype(np.float64) for block in blocks)
        totals, counts = self._sum_over(wide, beside)
        vectors, scales = self.codec.vectors(totals, counts, np.float64)
        if not all_finite(vectors, scales, self.codec.norm):
            raise too_large(blocks)
        return vectors[0], scales[0]


def _sent(parallel: Parallel, calls: Iterable[Any]) -> Iterator[FloatArray]:
    """Results of workers, or an error that says what could not be sent to them."""
    try:
        yield from parallel(calls)
    except PicklingError as error:
        raise TypeError(
            "X or a part of this encoder cannot be sent to other processes, for it cannot be "
            "pickled, as no open file can (h5py). Leave out joblib.parallel_config(backend=...), "
            "so that threads encode, or pass a sequence whose __getitem__ opens the file."
        ) from error


def _pieces(blocks: Iterable[FloatArray], beside: PackedSets) -> Iterator[PackedSets]:
    """Blocks of a set with the positions and weights of their rows."""
    first = 0
    for block in blocks:
        rows = slice(first, first + len(block))
        of_rows = (None if a is None else a[rows] for a in (beside.positions, beside.weights))
        yield PackedSets.one(block, *of_rows).without_zeros()
        first = rows.stop


def tasks_of(
    batches: list[slice], out: FloatArray, n_workers: int
) -> list[tuple[slice, list[slice]]]:
    """Runs of batches, few enough that workers seldom wait for one another.

    Parameters
    ----------
    batches : list of slice
        Sets that are worked on together.
    out : ndarray of shape (n_sets, n_features)
        Takes the vectors.
    n_workers : int
        How many work at the same time.

    Returns
    -------
    tasks : list of (slice, list of slice)
        The sets of each, and its batches counted from the first of these.
    """
    batch_bytes = max(1, batches[0].stop * out.itemsize * out.shape[1])
    size = max(1, min(_TASK_BYTES // batch_bytes, len(batches) // (_TASKS_PER_WORKER * n_workers)))
    runs = (batches[i : i + size] for i in range(0, len(batches), size))
    return [
        (
            slice(run[0].start, run[-1].stop),
            [slice(b.start - run[0].start, b.stop - run[0].start) for b in run],
        )
        for run in runs
    ]
