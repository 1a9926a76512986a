"""Fisher vectors of sets of local descriptors, as a scikit-learn transformer."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skvae._sklearn import HasMethods, Interval, StrOptions, derive_random_states, fit_context
from skvae._threads import single_threaded
from skvae._tiles import map_aligned_sets
from skvae.fisher.codec import Codec
from skvae.fisher.encoding import BLOCKS
from skvae.fisher.inversion import mixture_regression, shift
from skvae.fisher.mixture import DiagonalGaussianMixture
from skvae.fisher.sets import is_table, pack_sets
from skvae.fisher.sources import ExtractedSets, PackedSets, validate_images
from skvae.fisher.spatial import cells_of
from skvae.fisher.statistics import Mixture
from skvae.persistence import VersionedMixin

__all__ = ["FisherVectorEncoder"]

# Rows that a reducer transforms at a time: fixed, see skvae._tiles.
_REDUCER_TILE = 1920
# Bytes of statistics held at a time.
_STATISTICS_BYTES = 2**26
# Sets whose norms are averaged in fit, for decoding.
_NORM_SETS = 500


class FisherVectorEncoder(VersionedMixin, TransformerMixin, BaseEstimator):
    r"""Fisher vectors: a set of local descriptors as a gradient of its log-likelihood.

    A Gaussian mixture :math:`p(x) = \sum_k w_k N(x; \mu_k, \sigma_k^2)` of local descriptors is
    fitted once. The vector of a set is the gradient of its mean log-likelihood with respect to the
    mixture's parameters, whitened by the diagonal Fisher information, then raised to a signed power
    and normalised.

    Parameters
    ----------
    n_components : int, default=64
        K, the number of Gaussians. A ``mixture`` brings its own.
    extractor : transformer, default=None
        Makes sets from rows of X (such as ``ImagePatches``), a few rows at a time. None means that
        X holds sets.
    reducer : transformer, default=None
        Fitted on local descriptors and applied to them (``PCA(20)``, ``VAETransformer(16)``).
    mixture : DiagonalGaussianMixture or GaussianMixture, default=None
        A fitted one is used as it is; an unfitted one is cloned and fitted. ``clone`` forgets what
        was fitted, so inside ``GridSearchCV`` wrap it in ``sklearn.frozen.FrozenEstimator``.
        scikit-learn's needs ``covariance_type="diag"``.
    gradients : tuple of {"weights", "means", "stds"}, default=("weights", "means", "stds")
        Parameters whose gradients are kept; always laid out in this order.
    power : float, default=0.5
        Exponent of the signed power; 1 leaves the gradients as they are.
    norm : {"l2", "intra"} or None, default="l2"
        ``"l2"`` of the whole; ``"intra"``: L2 of the weights, of each component's means and of each
        component's deviations, then of the whole.
    spatial : "xy", tuple of int or None, default=None
        ``"xy"`` appends positions, in [-1, 1] times ``xy_weight``, to the reduced descriptors.
        ``(1, 2)`` is a pyramid: one cell and 2 x 2 cells, each with a vector of its own. Both need
        an extractor with ``positions_``.
    xy_weight : float, default=1.0
        Scale of appended positions, in units of the reduced descriptors. It acts through the
        k-means start and the variance floor.
    max_descriptors : int, default=200_000
        Random descriptors that reducer and mixture are fitted on, at most.
    n_jobs : int, default=None
        Threads that encode; None means 1. Each uses one BLAS thread.
    random_state : int, RandomState instance or None, default=None
        Decides the sample of descriptors, and seeds every nested ``random_state`` that is None.
    verbose : int, default=0
        Progress of the encoding, as joblib prints it.

    Attributes
    ----------
    mixture_ : estimator
        The fitted mixture.
    reducer_ : transformer or None
        The fitted reducer.
    extractor_ : transformer or None
        The fitted extractor.
    mean_scales_ : ndarray of shape (n_cells, 1) or (n_cells, n_blocks)
        Average norms of the training sets, which stand in for the lost ones when decoding.
    n_features_in_ : int
        Columns of X: d of a descriptor, or the pixels of an image with an extractor.

    Notes
    -----
    **X** is a 3-D array (n_sets, n_descriptors, d), a sequence of (n_i, d) arrays, or a 2-D array,
    whose **every row is a set of one descriptor**. One image's descriptors passed as a 2-D array
    therefore give one vector per descriptor: use ``encode`` for one set. An empty set becomes a
    vector of zeros.

    **Layout.** [weights (K) | means (K d) | stds (K d)], component-major, in the sign of the paper.
    scikit-image's ``fisher_vector`` has the sign of the last block reversed; VLFeat has no weights
    block, otherwise the same order.

    Row i of the output depends on set i alone, to the last bit.

    References
    ----------
    J. Sánchez, F. Perronnin, T. Mensink and J. Verbeek, "Image classification with the Fisher
    vector: theory and practice", IJCV 105, 2013 (Algorithm 1).

    F. Perronnin, J. Sánchez and T. Mensink, "Improving the Fisher kernel for large-scale image
    classification", ECCV 2010 (power and norm).

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import FisherVectorEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
    >>> fv = FisherVectorEncoder(4, random_state=0).fit(X)
    >>> fv.transform(X).shape
    (3, 28)
    >>> fv.encode(X[0]).shape
    (28,)
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "extractor": [HasMethods(["fit", "transform"]), None],
        "reducer": [HasMethods(["fit", "transform"]), None],
        "mixture": [HasMethods(["fit"]), None],
        "gradients": [tuple, list],
        "power": [Interval(Real, 0, None, closed="neither")],
        "norm": [StrOptions({"l2", "intra"}), None],
        "spatial": [StrOptions({"xy"}), tuple, list, None],
        "xy_weight": [Interval(Real, 0, None, closed="neither")],
        "max_descriptors": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=64,
        *,
        extractor=None,
        reducer=None,
        mixture=None,
        gradients=BLOCKS,
        power=0.5,
        norm="l2",
        spatial=None,
        xy_weight=1.0,
        max_descriptors=200_000,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.extractor = extractor
        self.reducer = reducer
        self.mixture = mixture
        self.gradients = gradients
        self.power = power
        self.norm = norm
        self.spatial = spatial
        self.xy_weight = xy_weight
        self.max_descriptors = max_descriptors
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit extractor, reducer and mixture.

        Parameters
        ----------
        X : array or sequence
            Sets of descriptors (see Notes), or rows for the extractor.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : FisherVectorEncoder

        Raises
        ------
        ValueError
            If sets disagree in d, there are fewer descriptors than components, values are not
            finite, or the mixture does not fit the descriptors.
        """
        self._check_options()
        rng = check_random_state(self.random_state)
        X = self._validate(X, reset=True)
        self.extractor_ = _fitted_clone(self.extractor, X, rng)
        source = self._source(X)
        sample, positions = source.sample(self.max_descriptors, rng)
        if self.spatial is not None and positions is None:
            raise ValueError(
                f"spatial={self.spatial!r} needs an extractor whose positions_ say where "
                "descriptors lie, such as ImagePatches()."
            )
        self._check_n_descriptors(len(sample))
        self._n_local = sample.shape[1]
        chosen = np.sort(rng.permutation(len(source))[:_NORM_SETS])
        with single_threaded():
            self.reducer_ = _fitted_clone(self.reducer, sample, rng)
            local = self._reduce(sample, np.array([0, len(sample)]))
            self.mixture_ = self._fit_mixture(self._append_positions(local, positions), rng)
            self.mean_scales_ = self._mean_scales(self._source(_rows(X, chosen)))
        return self

    def _check_options(self):
        unknown = [g for g in self.gradients if g not in BLOCKS]
        if unknown or not self.gradients:
            raise ValueError(f"gradients={self.gradients!r} must name one or more of {BLOCKS}.")
        if not isinstance(self.spatial, (str, type(None))) and not (
            self.spatial and all(isinstance(g, Integral) and g > 0 for g in self.spatial)
        ):
            raise ValueError(
                f"spatial={self.spatial!r} must be 'xy', None or a tuple of positive integers, the "
                "cells per side of each level of a pyramid."
            )

    def _check_n_descriptors(self, n):
        n_components = getattr(self.mixture, "n_components", self.n_components)
        if n < n_components:
            raise ValueError(
                f"A mixture of n_components={n_components} needs at least as many descriptors, "
                f"got n_samples={n}. Use more data or fewer components."
            )

    def _validate(self, X, *, reset):
        """X as an array of rows for the extractor, or as sets."""
        if self.extractor is not None:
            return validate_images(self, X, reset=reset)
        check = {"dtype": [np.float64, np.float32], "reset": reset}
        if isinstance(X, (list, tuple)) and not X:
            raise ValueError("X is empty: found 0 sample(s), at least one set is required.")
        if is_table(X):
            X = validate_data(self, X, **check)
            return PackedSets(X, np.arange(len(X) + 1))
        descriptors, offsets = pack_sets(X)
        if len(descriptors) == 0 and reset:
            raise ValueError("X holds no descriptors: every set is empty.")
        return PackedSets(validate_data(self, descriptors, ensure_min_samples=0, **check), offsets)

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

    def _append_positions(self, local, positions):
        if self.spatial != "xy":
            return local
        positions = (self.xy_weight * positions).astype(local.dtype)
        return np.concatenate([local, positions], axis=1)

    def _fit_mixture(self, local, rng):
        mixture = (
            DiagonalGaussianMixture(self.n_components) if self.mixture is None else self.mixture
        )
        kind = getattr(mixture, "covariance_type", "diag")
        if kind != "diag":
            raise ValueError(f"mixture has covariance_type={kind!r}; Fisher vectors need 'diag'.")
        try:
            check_is_fitted(mixture, "weights_")
        except NotFittedError:
            mixture = clone(mixture)
            derive_random_states(mixture, rng)
            return mixture.fit(local)
        if mixture.means_.shape[1] != local.shape[1]:
            raise ValueError(
                f"mixture was fitted on {mixture.means_.shape[1]} features, but the local "
                f"descriptors have {local.shape[1]} after reducer and spatial."
            )
        return mixture

    def _codec(self):
        m = self.mixture_
        arrays = (np.asarray(a, np.float64) for a in (m.weights_, m.means_, m.covariances_))
        levels = (1,) if self.spatial in (None, "xy") else tuple(self.spatial)
        return Codec(Mixture(*arrays), tuple(self.gradients), self.power, self.norm, levels)

    def _encode(self, codec, descriptors, offsets, positions):
        local = self._reduce(descriptors, offsets)
        if len(local) == 0:
            return codec.encode(
                np.empty((0, codec.mixture.means.shape[1])), offsets, np.empty((0, 2))
            )
        if self.spatial is not None:
            positions = np.tile(positions, (len(offsets) - 1, 1))
            local = self._append_positions(local, positions)
        return codec.encode(local, offsets, positions)

    def _mean_scales(self, source):
        codec = self._codec()
        total, count = 0.0, 0
        for sets in _blocks(source, codec):
            vectors, scales = self._encode(codec, *source.take(sets), source.positions)
            seen = vectors.any(axis=2)[:, :, None]
            total, count = total + (scales * seen).sum(axis=0), count + seen.sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), 1.0)

    def transform(self, X):
        """Fisher vectors of sets.

        Parameters
        ----------
        X : array or sequence
            Sets of descriptors (see Notes), or rows for the extractor.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_features_out)
            float32 for float32 X, else float64.
        """
        check_is_fitted(self)
        source = self._source(self._validate(X, reset=False))
        codec = self._codec()
        out = np.empty((len(source), codec.n_features), source.dtype)

        def encode(sets):
            vectors, _ = self._encode(codec, *source.take(sets), source.positions)
            out[sets] = vectors.reshape(len(vectors), -1)

        with single_threaded():
            Parallel(n_jobs=self.n_jobs, require="sharedmem", verbose=self.verbose)(
                delayed(encode)(sets) for sets in _blocks(source, codec)
            )
        return out

    def encode(self, descriptors, positions=None):
        """Fisher vector of one set.

        Parameters
        ----------
        descriptors : array-like of shape (n_descriptors, d)
            Local descriptors, before the reducer; with an extractor, such as it returns them.
        positions : array-like of shape (n_descriptors, 2), default=None
            (x, y) in [-1, 1], where ``spatial`` asks for them; by default the extractor's.

        Returns
        -------
        vector : ndarray of shape (n_features_out,)
        """
        check_is_fitted(self)
        descriptors = check_array(descriptors, dtype=[np.float64, np.float32], ensure_min_samples=0)
        if descriptors.shape[1] != self._n_local:
            raise ValueError(
                f"descriptors have {descriptors.shape[1]} features; this encoder was fitted on "
                f"{self._n_local}."
            )
        if self.spatial is not None:
            positions = self.extractor_.positions_ if positions is None else check_array(positions)
            if positions.shape != (len(descriptors), 2):
                raise ValueError(
                    f"positions must have shape ({len(descriptors)}, 2), got {positions.shape}."
                )
        offsets = np.array([0, len(descriptors)])
        with single_threaded():
            vectors, _ = self._encode(self._codec(), descriptors, offsets, positions)
        return vectors.reshape(-1).astype(descriptors.dtype)

    def _decode(self, F):
        check_is_fitted(self)
        F = check_array(F, dtype=[np.float64, np.float32])
        codec = self._codec()
        if F.shape[1] != codec.n_features:
            raise ValueError(f"F has {F.shape[1]} features; this encoder gives {codec.n_features}.")
        return codec.decode(F, self.mean_scales_), codec, F.dtype

    def decode_statistics(self, F):
        """Soft counts, means and squares that a Fisher vector was made of.

        Exact for ``norm=None`` with all three blocks; exact with ``norm="l2"`` too for sets of one
        distinct descriptor, whose statistics fix the lost scale; otherwise the average norm seen in
        ``fit`` stands in for it. A block that was not kept counts as zero gradient.

        Parameters
        ----------
        F : array-like of shape (n_sets, n_features_out)
            Fisher vectors.

        Returns
        -------
        s0 : ndarray of shape (n_sets, K)
            Sum of posteriors, divided by the number T of descriptors. With a pyramid, all three
            have an axis of cells after the first.
        s1, s2 : ndarray of shape (n_sets, K, d)
            Posterior-weighted sums of reduced descriptors and of their squares, divided by T.
        """
        statistics, codec, _ = self._decode(F)
        s0, s1, s2 = shift(*statistics, codec.mixture.center(np.float64))
        s0 = s0[..., 0]
        return (s0[:, 0], s1[:, 0], s2[:, 0]) if s0.shape[1] == 1 else (s0, s1, s2)

    def inverse_transform(self, F):
        """What X was made of, as well as a Fisher vector can say it.

        Parameters
        ----------
        F : array-like of shape (n_sets, n_features_out)
            Fisher vectors.

        Returns
        -------
        X : ndarray of shape (n_sets, d) or (n_sets, n_pixels)
            The mean descriptor of each set, which for sets of one descriptor is the descriptor.
            With an extractor that can invert, images: each position's expected patch under the
            decoded mixture (with ``spatial="xy"`` given its position, with a pyramid given its cell
            of the last level), overlaps averaged.

        Raises
        ------
        AttributeError
            If the reducer cannot invert.
        """
        (s0, s1, s2), codec, dtype = self._decode(F)
        center = codec.mixture.center(np.float64)
        if not hasattr(self.extractor_, "inverse_transform"):
            mean = s1[:, 0].sum(axis=1) / s0[:, 0].sum(axis=1) + center
            return self._unreduce(mean).astype(dtype)
        positions = self.extractor_.positions_
        g = codec.levels[-1]
        images = []
        for image in zip(s0, s1, s2, strict=True):
            last = [s[None, -g * g :] for s in image]
            if self.spatial == "xy":
                where = self.xy_weight * positions
                patches = mixture_regression(last, codec.mixture, center, where)[0]
            else:
                nowhere = np.empty((g * g, 0))
                cells = mixture_regression(last, codec.mixture, center, nowhere)[0]
                patches = cells[cells_of(positions, g)]
            images.append(self.extractor_.inverse_transform(self._unreduce(patches)[None])[0])
        return np.asarray(images, dtype)

    def _unreduce(self, local):
        if self.reducer_ is None:
            return local
        if not hasattr(self.reducer_, "inverse_transform"):
            raise AttributeError(
                f"{type(self.reducer_).__name__} has no inverse_transform, so Fisher vectors of "
                "what it reduced cannot be inverted."
            )
        return np.asarray(self.reducer_.inverse_transform(local))

    @property
    def _n_features_out(self):
        return self._codec().n_features

    def get_feature_names_out(self, input_features=None):
        """Names such as ``fisher_mean_k3_d7``; with a pyramid ``fisher_cell2_mean_k3_d7``.

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


def _fitted_clone(estimator, X, rng):
    if estimator is None:
        return None
    estimator = clone(estimator)
    derive_random_states(estimator, rng)
    return estimator.fit(X, None)


def _rows(X, chosen):
    """Some sets of a validated collection."""
    if not isinstance(X, PackedSets):
        return X[chosen]
    parts = [X.take(slice(i, i + 1))[0] for i in chosen]
    return PackedSets(*pack_sets(parts))


def _blocks(source, codec):
    return source.blocks(max(1, _STATISTICS_BYTES // (8 * codec.statistics_size)))
