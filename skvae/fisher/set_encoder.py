"""What encoders of sets have in common: everything but the model of their descriptors."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._progress import Steps
from skvae._refit import fitted_aside
from skvae._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    available_if,
    fit_context,
    sequence_shown,
)
from skvae._typing import ArrayLike, BlocksLike, Constraints, FloatArray, Names, SetsLike
from skvae.compute.sizes import N_JOBS, check_memory
from skvae.compute.threads import single_threaded
from skvae.data.containers import is_dask, validate_numbers
from skvae.data.repeats import order_if_repeated
from skvae.data.weights import moderate, repeated_rows
from skvae.fisher.codec import Codec
from skvae.fisher.coordinates import Move
from skvae.fisher.dask_sets import head_of_array, lazy_vectors
from skvae.fisher.interpretation import InterpretationMixin
from skvae.fisher.parts import check_learns, fitted_clone, is_fitted, naming_missing_values
from skvae.fisher.reduction import Reduction, rounds_coarsely
from skvae.fisher.set_input import SetInputMixin
from skvae.fisher.sets import PackedSets, Sets
from skvae.fisher.sources import read_one_set
from skvae.fisher.spatial import check_placed, check_spatial, levels_of, pyramid_size
from skvae.fisher.vectors import SetVectors
from skvae.mixture.magnitudes import cast, squarable

__all__ = ["SetEncoder"]


class SetEncoder(SetInputMixin, InterpretationMixin, TransformerMixin, Estimator):
    """Base of transformers that make one vector of each set of local descriptors.

    Extractor, reducer, positions, sampling, parallel encoding and names are here. A subclass has
    the parameters below, names the one that is its model of local descriptors, and has five methods
    about it: ``_n_model_components``, ``_new_model``, ``_fit_model``, ``_learn_model``, ``_codec``.
    """

    _model: str  # the parameter, and the attribute without its underscore
    _centers: str  # what a fitted model has, of shape (K, d)

    n_components: int
    extractor: Any
    reducer: Any
    power: float
    norm: str | None
    spatial: Any
    xy_weight: float
    max_descriptors: int
    dtype: Any
    n_jobs: int | None
    random_state: Any
    verbose: int

    extractor_: Any
    reducer_: Any
    n_features_in_: int
    feature_names_in_: Names
    # What the fit has settled: positions, their weight where they are appended, the precision that
    # the reducer works in, and `_AT_ONCE`.
    _n_positions: int = 2
    _xy_weight: float | None = None
    _reduces_in_double: bool = False
    _settings_of_fit: dict[str, Any] = {}

    # Parameters that vectors follow from the next call on, and not from the next fit.
    _AT_ONCE: tuple[str, ...] = ("power", "norm", "spatial", "dtype", "device")

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

    @property
    def _n_model_components(self) -> int:
        """How many components the model will have."""
        raise NotImplementedError

    def _fit_model(
        self, local: FloatArray, rng: np.random.RandomState, weights: FloatArray | None
    ) -> None:
        """Fit the model to reduced descriptors, with positions where those are appended."""
        raise NotImplementedError

    def _new_model(self) -> Any:
        """An unfitted model, for where none is given."""
        raise NotImplementedError

    def _codec(self) -> Codec:
        """What makes vectors of reduced descriptors, from the fitted model."""
        raise NotImplementedError

    def _sk_visual_block_(self) -> Any:
        parts = {
            name: getattr(self, f"{name}_", getattr(self, name))
            for name in ("extractor", "reducer", self._model)
        }
        if parts[self._model] is None:
            parts[self._model] = self._new_model()

        return sequence_shown({name: part for name, part in parts.items() if part is not None})

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.extractor is None and (
            self.reducer is None or get_tags(self.reducer).input_tags.allow_nan
        )
        if self.dtype is None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: SetsLike, y: Any = None, sample_weight: Iterable[Any] | None = None) -> Self:
        """Fit extractor, reducer and the model of local descriptors.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_sets,), or of n_sets arrays (n_i,), default=None
            How often each set counts, or each descriptor of each set: 2 is twice, 0 leaves it out.
            Parts that take no weights are fitted on descriptors repeated in proportion.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If sets disagree in d, there are fewer descriptors than components, values or their
            squares are infinite, no descriptor has a value of a dimension, the reducer does not
            take missing values, weights are negative, not finite, all zero or do not match, or a
            model does not fit the descriptors. The fit before stays.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X, sample_weight)
        return self

    def _fit(self, X: SetsLike, sample_weight: Any = None) -> None:
        self._check_options()
        self._settings_of_fit = self._settings()
        appended = self.spatial is not None and "xy" in self.spatial
        self._xy_weight = float(self.xy_weight) if appended else None
        rng = check_random_state(self.random_state)
        rows_or_sets, weights = self._validate_weighted(X, sample_weight, reset=True)
        head = getattr(rows_or_sets, "head", rows_or_sets)
        self.extractor_ = fitted_clone(self.extractor, head, rng)
        source = self._source(rows_or_sets, weights)
        steps = Steps(self.verbose)
        sample = self._sample(source, rng)
        n_samples, self._n_local = sample.descriptors.shape
        steps.done(f"Sampled {n_samples:,} descriptors of {self._n_local} features")
        if n_samples < self._n_model_components:
            raise ValueError(
                f"n_components={self._n_model_components} needs at least as many descriptors, got "
                f"n_samples={n_samples}. Use more data or fewer components."
            )
        self._n_positions = 2 if sample.positions is None else sample.positions.shape[1]
        sample = replace(sample, descriptors=squarable(sample.descriptors))
        with single_threaded():
            self._fit_parts(source, sample, rng)

    def _sample(self, source: Sets, rng: np.random.RandomState) -> PackedSets:
        """Random descriptors, with their positions if those are needed."""
        sample = source.sample(self.max_descriptors, rng)
        if self._is_placed and sample.positions is None:
            raise ValueError(
                f"spatial={self.spatial!r} needs an extractor that says where descriptors lie, by "
                "positions_ or extract, such as ImagePatches(), or DescriptorSets with positions."
            )
        if self._levels != (1,):
            check_placed(sample.positions, 2)
        if sample.weights is not None:
            return replace(sample, weights=moderate(sample.weights))
        rows = sample.descriptors
        if sample.positions is not None:
            rows = np.concatenate([rows, sample.positions], axis=1)
        order = order_if_repeated(rows)
        return sample if order is None else sample.picked(order)

    def _fit_parts(self, source: Sets, sample: PackedSets, rng: np.random.RandomState) -> None:
        """Fit reducer and model to a sample of the descriptors."""
        steps = Steps(self.verbose)
        with naming_missing_values(sample.descriptors, self.reducer):
            self.reducer_ = fitted_clone(self.reducer, sample.descriptors, rng, sample.weights)
        self._reduces_in_double = False
        local = self._reduction().apply(sample)
        if self.reducer is not None:
            steps.done(f"Reduced them to {local.shape[1]} features")
        self._fit_model(local, rng, sample.weights)
        self._reduces_in_double = rounds_coarsely(self._reduction(), sample, self._codec().mixture)
        steps.done(f"Fitted the {self._model}")

    def _learn_model(
        self, local: FloatArray, move: Move | None, weights: FloatArray | None
    ) -> None:
        """Let the model learn from a batch, after a move of its coordinates if there is one."""
        raise NotImplementedError

    def _stays(self) -> bool:
        """Whether the model was given fitted, so that no batch changes it."""
        given, model = getattr(self, self._model), getattr(self, f"{self._model}_", None)
        return is_fitted(given, self._centers) if model is None else given is model

    def _learns(self) -> bool:
        model = getattr(self, self._model)
        if not self._stays():
            check_learns(getattr(self, "reducer_", self.reducer), "reducer")
        return model is None or hasattr(model, "partial_fit")

    @available_if(_learns)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: SetsLike, y: Any = None, sample_weight: Iterable[Any] | None = None
    ) -> Self:
        """Fit to a first batch of sets, or learn from a further one.

        The first batch is fitted as ``fit`` does, unless ``fit`` was called before. From each later
        batch the reducer and the model of local descriptors learn: the reducer by its own
        ``partial_fit``, which moves the coordinates and with them the model; a mixture by one step
        of stepwise EM, words as means of all descriptors that they have been nearest to. All else
        stays. A model that was given fitted stays as it is, and the reducer with it.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_sets,), or of n_sets arrays (n_i,), default=None
            As of ``fit``.

        Returns
        -------
        self : estimator

        Raises
        ------
        AttributeError
            If a reducer such as ``PCA``, or a model such as ``KMeans``, has no ``partial_fit``.
        ValueError
            As for ``fit``, or if ``n_components`` has changed. The fit before stays.
        """
        with fitted_aside(self) as fitted:
            fitted._partial_fit(X, sample_weight)
        return self

    def _partial_fit(self, X: SetsLike, sample_weight: Any) -> None:
        given, model = getattr(self, self._model), getattr(self, f"{self._model}_", None)
        if model is None:
            self._fit(X, sample_weight)
            return
        n_components = len(getattr(model, self._centers))
        if given is None and n_components != self.n_components:
            raise ValueError(
                f"n_components={self.n_components}, but partial_fit continues a {self._model} of "
                f"{n_components} components. Set n_components back, or fit a clone."
            )
        self._check_options()
        source = self._source(*self._validate_weighted(X, sample_weight, reset=False))
        rng = check_random_state(self.random_state)
        sample = self._sample(source, rng)
        sample = replace(sample, descriptors=squarable(sample.descriptors))
        if not self._stays() and len(sample.descriptors):
            with single_threaded():
                self._learn(source, sample, rng)

    def _learn(self, source: Sets, sample: PackedSets, rng: np.random.RandomState) -> None:
        """Let reducer and model learn from a sample of the descriptors of a batch."""
        local, move = self._reduction().apply(sample), None
        if self.reducer_ is not None and not isinstance(self.reducer_, FrozenEstimator):
            model = getattr(self, f"{self._model}_")
            centers = getattr(model, self._centers)
            before, labels = local, model.predict(local.astype(centers.dtype, copy=False))
            rows = slice(None) if sample.weights is None else repeated_rows(sample.weights)
            with naming_missing_values(sample.descriptors, self.reducer):
                learned = deepcopy(self.reducer_).partial_fit(sample.descriptors[rows])
            self.reducer_ = learned
            local = self._reduction().apply(sample)
            move = Move.between(before[rows], local[rows], labels[rows], len(centers))
        self._learn_model(local, move, sample.weights)
        self._reduces_in_double = rounds_coarsely(self._reduction(), sample, self._codec().mixture)

    def _check_options(self) -> None:
        check_spatial(self.spatial)
        check_memory(8 * pyramid_size(self._levels), f"spatial={self.spatial!r}")
        if self._n_model_components > self.max_descriptors:
            raise ValueError(
                f"n_components={self._n_model_components} needs at least as many descriptors; "
                f"max_descriptors={self.max_descriptors} allows fewer."
            )

    @property
    def _levels(self) -> tuple[int, ...]:
        return levels_of(self.spatial)

    @property
    def _is_placed(self) -> bool:
        """Whether vectors depend on where descriptors lie."""
        return self.spatial is not None or self._xy_weight is not None

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._AT_ONCE}

    def _check_settings(self) -> None:
        """Refuse parameters that were set since the fit, and are none."""
        if self._settings() != self._settings_of_fit:
            self._validate_params()
            self._check_options()

    def _reduction(self) -> Reduction:
        return Reduction(self.reducer_, self._xy_weight, self._n_positions, self._reduces_in_double)

    def _vectors(self) -> SetVectors:
        return SetVectors(self._reduction(), self._codec(), self.n_jobs)

    def fit_transform(
        self, X: SetsLike, y: Any = None, sample_weight: Iterable[Any] | None = None
    ) -> FloatArray:
        """Fit, and give vectors of the same sets.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_sets,), or of n_sets arrays (n_i,), default=None
            As of ``fit`` and ``transform``.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_features_out)

        Raises
        ------
        ValueError
            As for ``fit``. The fit before stays.
        """
        fitted = self.fit(X, y, sample_weight=sample_weight)
        return fitted.transform(X, sample_weight=sample_weight)

    def transform(self, X: SetsLike, sample_weight: Iterable[Any] | None = None) -> FloatArray:
        """Vectors of sets.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        sample_weight : sequence of n_sets array-like of shape (n_i,), default=None
            How often each descriptor counts: 2 is the descriptor twice, and a set of zeros is an
            empty one. A weight for each set, of shape (n_sets,), changes no vector. Beside a dask
            bag, a bag of as many partitions; beside a dask array, in memory or a dask array.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_features_out)
            In ``dtype``; if that is None, that of the descriptors. For dask, a dask
            array that is still to be computed.

        Raises
        ------
        ValueError
            If weights or positions do not match, or weights are negative or not finite.
        """
        check_is_fitted(self)
        if is_dask(X):
            lazy: FloatArray = self._lazy_vectors(X, sample_weight)  # to the user it is an array
            return lazy
        source = self._source_of(X, sample_weight)
        dtype = self.dtype or source.dtype
        return self._vectors().of_all(source, dtype, verbose=self.verbose)

    def _lazy_vectors(self, X: Any, sample_weight: Any) -> Any:
        if hasattr(X, "chunks"):
            head = head_of_array(X, of_sets=self.extractor is None)
            validate_numbers(self, head, reset=False)
        # A copy: what happens to the encoder later does not change the result.
        encoder = deepcopy(self).set_params(n_jobs=1)
        n_features = self._codec().n_features
        of_sets = self.extractor is None
        return lazy_vectors(
            X, encoder.transform, n_features, self.dtype, sample_weight, of_sets=of_sets
        )

    def encode(
        self,
        descriptors: BlocksLike,
        positions: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> FloatArray:
        """Vector of one set.

        Parameters
        ----------
        descriptors : array-like or iterable of blocks, of shape (n_descriptors, d)
            Local descriptors, before the reducer; with an extractor, such as it returns them. Of a
            memory map or an iterable of arrays, a block is in memory at a time.
        positions : array-like of shape (n_descriptors, p), default=None
            In [-1, 1], where ``spatial`` asks for them; (x, y) in an image, by default those of the
            extractor.
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
        if not hasattr(self, f"{self._model}_"):
            check_is_fitted(self)  # takes as long as a product of a small set
        blocks, beside = self._one_set(descriptors, positions, weights)
        with single_threaded():
            vector = self._vectors().of_blocks(blocks, beside)
        return cast(vector.reshape(-1), self.dtype or beside.dtype)

    def _one_set(
        self, descriptors: BlocksLike, positions: Any, weights: Any = None
    ) -> tuple[Any, PackedSets]:
        """Blocks of the descriptors of one set, and what it has beside them."""
        if self._is_placed and positions is None:
            positions = getattr(self.extractor_, "positions_", None)
        if self._is_placed and positions is None:
            raise ValueError(
                f"spatial={self.spatial!r} needs positions of the descriptors, for the "
                "extractor has no positions_ of its own."
            )
        n_positions = self._n_positions if self._is_placed else None
        return read_one_set(descriptors, positions, weights, self._n_local, n_positions)

    @property
    def _n_features_out(self) -> int:
        return self._codec().n_features

    def get_feature_names_out(self, input_features: Any = None) -> Names:
        """Names of the features, in the order of a vector.

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
