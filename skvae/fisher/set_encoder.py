"""What encoders of sets have in common: everything but the vector itself."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import TransformerMixin
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import HasMethods, Interval, StrOptions, fit_context
from skvae._typing import Constraints
from skvae.compute.memory import keep_freed_memory
from skvae.compute.sizes import N_JOBS, check_memory, n_workers
from skvae.compute.threads import single_threaded
from skvae.data.blocks import lazy_blocks
from skvae.data.containers import check_numbers, is_dask
from skvae.data.tiles import map_aligned_sets
from skvae.fisher.dask_sets import dask_source, lazy_vectors
from skvae.fisher.parts import fitted_clone
from skvae.fisher.sources import ExtractedSets, Sets, check_positions, set_source, validate_images
from skvae.fisher.spatial import pyramid_size
from skvae.fisher.tasks import blocks_of, tasks_of
from skvae.mixture.magnitudes import are_finite, cast, squarable, too_large

__all__ = ["SetEncoder"]

# Rows that a reducer transforms at a time: fixed, see skvae.data.tiles.
_REDUCER_TILE = 1920
# Descriptors of one set that are reduced and summed at a time.
_PIECE = 65_536


class SetEncoder(TransformerMixin, Estimator):
    """Base of transformers that make one vector of each set of local descriptors.

    A subclass fits its model of local descriptors in ``_fit_model`` and puts it into a ``Codec`` in
    ``_codec``; ``_n_model_components`` is the model's size. Extractor, reducer, positions,
    sampling, parallel encoding and names are here.
    """

    _parameter_constraints: Constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "extractor": [HasMethods(["fit", "transform"]), None],
        "reducer": [HasMethods(["fit", "transform"]), None],
        "power": [Interval(Real, 0, None, closed="neither")],
        "norm": [StrOptions({"l2", "l1", "intra"}), None],
        "spatial": [StrOptions({"xy"}), tuple, list, None],
        "xy_weight": [Interval(Real, 0, None, closed="neither")],
        "max_descriptors": [Interval(Integral, 1, None, closed="left")],
        "device": [StrOptions({"cpu", "auto", "cuda"}), None],
        "dtype": [StrOptions({"float16", "float32", "float64"}), None],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        if self.dtype is None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit extractor, reducer and the model of local descriptors.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If sets disagree in d, there are fewer descriptors than components, values or their
            squares are not finite, or a model does not fit the descriptors. The fit before stays.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X):
        self._check_options()
        rng = check_random_state(self.random_state)
        X = self._validate(X, reset=True)
        self.extractor_ = fitted_clone(self.extractor, getattr(X, "head", X), rng)
        source = self._source(X)
        sample, positions = self._sample(source, rng)
        if len(sample) < self._n_model_components:
            raise ValueError(
                f"n_components={self._n_model_components} needs at least as many descriptors, got "
                f"n_samples={len(sample)}. Use more data or fewer components."
            )
        self._n_local = sample.shape[1]
        with single_threaded():
            self._fit_parts(source, squarable(sample), positions, rng)

    def _sample(self, source, rng):
        """Random descriptors, and their positions if those are needed."""
        sample, positions = source.sample(self.max_descriptors, rng)
        if self.spatial is not None and positions is None:
            raise ValueError(
                f"spatial={self.spatial!r} needs an extractor that says where descriptors lie, by "
                "positions_ or extract, such as ImagePatches()."
            )
        return sample, positions

    def _local(self, sample, positions):
        """What the model is fitted on."""
        reduced = self._reduce(sample, np.array([0, len(sample)]))
        return self._append_positions(reduced, positions)

    def _fit_parts(self, source, sample, positions, rng):
        """Fit reducer and model to a sample of the descriptors."""
        self.reducer_ = fitted_clone(self.reducer, sample, rng)
        self._fit_model(self._local(sample, positions), rng)

    def _check_options(self):
        if not isinstance(self.spatial, (str, type(None))) and not (
            self.spatial and all(g == "xy" or (_is_whole(g) and g > 0) for g in self.spatial)
        ):
            raise ValueError(
                f"spatial={self.spatial!r} must be 'xy', None or a tuple of positive integers, the "
                "cells per side of each level of a pyramid, with or without 'xy' among them."
            )
        check_memory(8 * pyramid_size(self._levels), f"spatial={self.spatial!r}")
        if self._n_model_components > self.max_descriptors:
            raise ValueError(
                f"n_components={self._n_model_components} needs at least as many descriptors; "
                f"max_descriptors={self.max_descriptors} allows fewer."
            )

    @property
    def _has_xy(self):
        return self.spatial is not None and "xy" in self.spatial

    @property
    def _levels(self):
        return tuple(int(g) for g in self.spatial or () if _is_whole(g)) or (1,)

    def _validate(self, X, *, reset):
        """X as an array of rows for the extractor, or as sets."""
        if is_dask(X):
            return dask_source(self, X, reset=reset)
        if self.extractor is not None:
            return validate_images(self, X, reset=reset)
        return set_source(self, X, reset=reset)

    def _source(self, X):
        return X if self.extractor is None else ExtractedSets(X, self.extractor_)

    def _reduce(self, descriptors, offsets):
        if self.reducer_ is None or len(descriptors) == 0:
            return descriptors
        reduced = map_aligned_sets(
            lambda tile: np.asarray(self.reducer_.transform(tile)),
            descriptors,
            offsets,
            _REDUCER_TILE,
        )
        return reduced.astype(descriptors.dtype, copy=False)

    def _unreduce(self, local):
        if self.reducer_ is None:
            return local
        if not hasattr(self.reducer_, "inverse_transform"):
            raise AttributeError(
                f"{type(self.reducer_).__name__} has no inverse_transform, so what it "
                "reduced cannot be inverted."
            )
        return np.asarray(self.reducer_.inverse_transform(local))

    def _append_positions(self, local, positions):
        if not self._has_xy:
            return local
        positions = (self.xy_weight * positions).astype(local.dtype)
        return np.concatenate([local, positions], axis=1)

    def _statistics(self, codec, sets, weights=None):
        """(totals, counts) of sets, of which a large one is summed piece by piece."""
        sizes = np.diff(sets.offsets)
        if len(sizes) > 1 and sizes.max() > _PIECE:
            parts = [self._statistics(codec, one) for one in _one_by_one(sets)]
            totals, counts = (np.concatenate(a) for a in zip(*parts, strict=True))
            return totals, counts
        if len(sets.descriptors) > _PIECE:
            pieces = (sets.descriptors[rows] for rows in gen_batches(len(sets.descriptors), _PIECE))
            return self._sum_over(codec, pieces, sets.positions, weights)
        local = self._reduce(sets.descriptors, sets.offsets)
        if len(local) == 0:
            local = np.empty((0, codec.mixture.means.shape[1]), local.dtype)
        else:
            local = self._append_positions(local, sets.positions)
        return codec.statistics(local, sets.offsets, sets.positions, weights)

    def _sum_over(self, codec, blocks, positions, weights):
        """(totals, counts) of one set that comes in blocks."""
        totals, counts, first = 0.0, 0.0, 0
        for block in blocks:
            rows = slice(first, first + len(block))
            where = None if positions is None else positions[rows]
            sets = Sets(block, np.array([0, len(block)]), where)
            more = self._statistics(codec, sets, None if weights is None else weights[rows])
            totals, counts, first = totals + more[0], counts + more[1], rows.stop
        return totals, counts

    def _vectors(self, codec, sets):
        """Vectors of sets, and what each cell was divided by; never infinite."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            totals, counts = self._statistics(codec, sets)
            vectors, scales = codec.vectors(totals, counts, sets.descriptors.dtype)
            for i in np.flatnonzero(~are_finite(vectors, scales, self.norm)):
                rows = slice(*sets.offsets[i : i + 2])
                where = None if sets.positions is None else sets.positions[rows]
                vectors[i], scales[i] = self._wide_vector(codec, [sets.descriptors[rows]], where)
        return vectors, scales

    def _wide_vector(self, codec, blocks, positions, weights=None):
        """One vector in float64, where float32 has overflowed."""
        wide = (block.astype(np.float64) for block in blocks)
        totals, counts = self._sum_over(codec, wide, positions, weights)
        vectors, scales = codec.vectors(totals, counts, np.float64)
        if not are_finite(vectors, scales, self.norm).all():
            raise too_large(blocks)
        return vectors[0], scales[0]

    def _encode_part(self, codec, part, blocks, dtype):
        # The limit is set here as well for workers that are processes.
        out = np.empty((len(part), codec.n_features), dtype)
        with single_threaded():
            for sets in blocks:
                vectors, _ = self._vectors(codec, part.part(sets).pull())
                out[sets] = cast(vectors.reshape(len(vectors), -1), dtype)
        return out

    def transform(self, X):
        """Vectors of sets.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_features_out)
            In ``dtype``; if that is None, that of the descriptors. For dask, a dask
            array that is still to be computed.
        """
        check_is_fitted(self)
        if is_dask(X):
            return lazy_vectors(self, X)
        source = self._source(self._validate(X, reset=False))
        codec = self._codec()
        out = np.empty((len(source), codec.n_features), self.dtype or source.dtype)
        tasks = tasks_of(blocks_of(source, codec), out, n_workers(self.n_jobs))
        keep_freed_memory()
        with single_threaded():
            parallel = Parallel(
                n_jobs=self.n_jobs, prefer="threads", return_as="generator", verbose=self.verbose
            )
            parts = parallel(
                delayed(self._encode_part)(codec, source.part(sets), blocks, out.dtype)
                for sets, blocks in tasks
            )
            for (sets, _), vectors in zip(tasks, parts, strict=True):
                out[sets] = vectors
        return out

    def encode(self, descriptors, positions=None, weights=None):
        """Vector of one set.

        Parameters
        ----------
        descriptors : array-like or iterable of blocks, of shape (n_descriptors, d)
            Local descriptors, before the reducer; with an extractor, such as it returns them. Of a
            memory map or an iterable of arrays, a block is in memory at a time.
        positions : array-like of shape (n_descriptors, 2), default=None
            (x, y) in [-1, 1], where ``spatial`` asks for them; by default the extractor's.
        weights : array-like of shape (n_descriptors,), default=None
            How much each descriptor counts; a weight of 2 is the descriptor twice.

        Returns
        -------
        vector : ndarray of shape (n_features_out,)

        Raises
        ------
        ValueError
            If positions or weights do not match the descriptors, weights are negative or all
            zero, or descriptors are so large that their squares are not finite.
        """
        check_is_fitted(self)
        lazy = lazy_blocks(descriptors)
        head = descriptors if lazy is None else lazy.head
        head = check_numbers(head, "descriptors", ensure_min_samples=0)
        if head.shape[1] != self._n_local:
            raise ValueError(
                f"descriptors have {head.shape[1]} features; this encoder was fitted on "
                f"{self._n_local}."
            )
        blocks = [head] if lazy is None else lazy
        if self.spatial is not None:
            if positions is None:
                positions = getattr(self.extractor_, "positions_", None)
            if positions is None:
                raise ValueError(
                    f"spatial={self.spatial!r} needs positions of the descriptors, for the "
                    "extractor has no positions_ of its own."
                )
            positions = check_positions(positions, sum(map(len, blocks)))
        if weights is not None:
            weights = _check_weights(weights, sum(map(len, blocks)))
        codec = self._codec()
        with single_threaded(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            totals, counts = self._sum_over(codec, blocks, positions, weights)
            vectors, scales = codec.vectors(totals, counts, head.dtype)
            if not are_finite(vectors, scales, self.norm).all():
                vectors, _ = self._wide_vector(codec, blocks, positions, weights)
        return cast(vectors.reshape(-1), self.dtype or head.dtype)

    @property
    def _n_features_out(self):
        return self._codec().n_features

    def get_feature_names_out(self, input_features=None):
        """Names such as ``fisher_mean_k3_d7``, ``vlad_k3_d7`` or ``bag_k3``.

        That is block, component and dimension; with a pyramid its cell comes first, as in
        ``fisher_cell2_mean_k3_d7``.

        Parameters
        ----------
        input_features : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        return self._codec().feature_names()


def _one_by_one(sets):
    descriptors, offsets, positions = sets
    for a, b in zip(offsets[:-1], offsets[1:], strict=True):
        where = None if positions is None else positions[a:b]
        yield Sets(descriptors[a:b], np.array([0, b - a]), where)


def _is_whole(number):
    return isinstance(number, Integral) and not isinstance(number, bool)


def _check_weights(weights, n_descriptors):
    weights = check_numbers(weights, "weights", ensure_2d=False, ensure_min_samples=0)
    weights = weights.astype(np.float64, copy=False)
    if weights.shape != (n_descriptors,):
        raise ValueError(
            f"weights must have shape ({n_descriptors},), one for every descriptor; got "
            f"{weights.shape}."
        )
    if n_descriptors and (weights.min() < 0 or weights.max() == 0):
        raise ValueError(
            "weights must be non-negative and not all zero; they lie between "
            f"{weights.min():g} and {weights.max():g}."
        )
    return weights
