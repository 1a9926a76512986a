"""Fisher vectors of sets of local descriptors, as a scikit-learn transformer."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skvae._sklearn import (
    HasMethods,
    Interval,
    derive_random_states,
)
from skvae._typing import (
    ArrayLike,
    BlocksLike,
    Constraints,
    Device,
    FloatArray,
    Names,
    RandomStateLike,
    SetsLike,
)
from skvae._warnings import unwarned
from skvae.compute.devices import gpu_or_none
from skvae.compute.parallel import map_ordered
from skvae.compute.threads import single_threaded
from skvae.data.weights import moderate
from skvae.fisher.adapted_mixtures import adapted_mixture
from skvae.fisher.annotated_sets import random_sets
from skvae.fisher.codec import Codec, recent_codec
from skvae.fisher.component_changes import (
    component_changes,
    frame_of_changes,
    of_whole_sets,
)
from skvae.fisher.coordinates import Move
from skvae.fisher.decoding import DecodingMixin
from skvae.fisher.energy import energies
from skvae.fisher.layout import GRADIENTS
from skvae.fisher.parts import fitted_model
from skvae.fisher.set_encoder import SetEncoder
from skvae.fisher.sets import PackedSets, Sets, single_sets
from skvae.fisher.spatial import Spatial
from skvae.mixture.adaptation import check_relevance
from skvae.mixture.assignment import Assignment
from skvae.mixture.estimator import DiagonalGaussianMixture, with_parameters
from skvae.mixture.statistics import Mixture

__all__ = ["FisherVectorEncoder"]

# Sets whose norms are averaged in fit, for decoding.
_NORM_SETS = 500


class FisherVectorEncoder(DecodingMixin, SetEncoder):
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
        Makes sets from rows of X (such as ``ImagePatches``), a few rows at a time; or from images
        of any size and names of files, one at a time. None means that X holds sets.
    reducer : transformer, default=None
        Fitted on local descriptors and applied to them (``PCA(20)``, ``VAETransformer(16)``), to
        float32 ones in float64 where components would feel its rounding.
    mixture : DiagonalGaussianMixture or GaussianMixture, default=None
        A fitted one is used as it is; an unfitted one is cloned and fitted. ``clone`` forgets what
        was fitted, so inside ``GridSearchCV`` wrap it in ``sklearn.frozen.FrozenEstimator``.
        scikit-learn's needs ``covariance_type="diag"``.
    gradients : tuple of {"weights", "means", "stds"}, default=("weights", "means", "stds")
        Parameters whose gradients are kept; always laid out in this order.
    top_k : int, default=None
        Posteriors of a descriptor that are kept, the largest; 1 is hard assignment. None keeps all.
    min_posterior : float, default=0.0
        Smaller posteriors count as zero, except a descriptor's largest. What is kept is divided by
        its sum.
    power : float, default=0.5
        Exponent of the signed power; 1 leaves the gradients as they are.
    norm : {"l2", "l1", "intra"} or None, default="l2"
        ``"l2"`` and ``"l1"`` of the whole; ``"intra"``: L2 of the weights, of each component's
        means and of each component's deviations, then of the whole.
    spatial : "xy", tuple or None, default=None
        ``"xy"`` appends positions, in [-1, 1] times ``xy_weight``, to the reduced descriptors.
        ``(1, 2)`` is a pyramid: one cell and 2 x 2 cells, each with a vector of its own.
        ``("xy", 1, 2)`` is both. They need ``DescriptorSets`` with positions, or an extractor that
        says where descriptors lie: the same ``positions_`` (n_descriptors, 2) for every image, or a
        method ``extract(X)`` that returns sets and the positions of each.
    xy_weight : float, default=1.0
        Scale of appended positions, in units of the reduced descriptors. It acts through the
        k-means start.
    max_descriptors : int, default=200_000
        Random descriptors that reducer and mixture are fitted on, at most.
    device : {None, "cpu", "auto", "cuda"}, default=None
        Where statistics are computed: on a GPU by torch, else by numpy. "auto" is a GPU where there
        is one. Decided at each call, and no part of what was fitted.
    dtype : {"float16", "float32", "float64"} or None, default=None
        Of the vectors. None: that of the descriptors, float32 or float64.
    n_jobs : int, default=None
        Workers that fit the mixture and encode, with the same bits for any number: threads, with
        one BLAS thread each, unless ``joblib.parallel_config`` names another backend for encoding.
        None takes the cores that are there (``OMP_NUM_THREADS`` and ``joblib.parallel_config``
        limit them, and workers of joblib have one); -1 is all cores. With 1, an extractor and a
        reducer that several threads must not use at a time are used by one.
    random_state : int, RandomState instance or None, default=None
        Decides the sample of descriptors, and seeds every nested ``random_state`` that is None.
    verbose : int, default=0
        From 1 on, ``fit`` prints its steps (the sample of descriptors, the reducer, k-means, each
        iteration of EM), and joblib the progress of the encoding.

    Attributes
    ----------
    mixture_ : estimator
        The fitted mixture.
    reducer_ : transformer or None
        The fitted reducer.
    extractor_ : transformer or None
        The fitted extractor.
    mean_scales_ : ndarray of shape (n_cells, 1) or (n_cells, n_groups)
        Average norms of the training sets, which stand in for the lost ones when decoding.
    n_features_in_ : int
        Columns of X: d of a descriptor, or the pixels of an image with an extractor.

    Notes
    -----
    **X** is a 3-D array (n_sets, n_descriptors, d), a sequence or re-iterable of (n_i, d) arrays, a
    column of them, or a 2-D array, whose **every row is a set of one descriptor**. One image's
    descriptors passed as a 2-D array therefore give one vector per descriptor: use ``encode`` for
    one set. An empty set becomes a vector of zeros. Descriptors are float32 if X is, or is of a
    type that float32 holds exactly, such as bytes; else float64. Sets in memory maps, arrays of
    h5py and zarr, and what has ``__len__`` and ``__getitem__`` are read a few at a time.
    ``DescriptorSets`` have positions and weights beside them.

    **NaN is a missing value**, which has no gradient: the vector is that of the likelihood of what
    is observed. A reducer has to take missing values too, or to impute them. A mixture that takes
    none, such as scikit-learn's, is fitted on the mean of its dimension in the place of each.

    **Layout.** [weights (K) | means (K d) | stds (K d)], component-major, in the sign of the paper.
    scikit-image's ``fisher_vector`` has the sign of the gradients of deviations reversed; VLFeat
    has none of the weights, and otherwise this order.

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

    _parameter_constraints: Constraints = {
        **SetEncoder._parameter_constraints,
        "mixture": [HasMethods(["fit"]), None],
        "gradients": [tuple, list],
        "top_k": [Interval(Integral, 1, None, closed="left"), None],
        "min_posterior": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 64,
        *,
        extractor: Any = None,
        reducer: Any = None,
        mixture: Any = None,
        gradients: Sequence[str] = tuple(GRADIENTS),
        top_k: int | None = None,
        min_posterior: float = 0.0,
        power: float = 0.5,
        norm: str | None = "l2",
        spatial: Spatial = None,
        xy_weight: float = 1.0,
        max_descriptors: int = 200_000,
        device: Device = None,
        dtype: str | None = None,
        n_jobs: int | None = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.extractor = extractor
        self.reducer = reducer
        self.mixture = mixture
        self.gradients = gradients
        self.top_k = top_k
        self.min_posterior = min_posterior
        self.power = power
        self.norm = norm
        self.spatial = spatial
        self.xy_weight = xy_weight
        self.max_descriptors = max_descriptors
        self.device = device
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    _model, _centers = "mixture", "means_"
    _AT_ONCE = ("gradients", "top_k", "min_posterior", *SetEncoder._AT_ONCE)

    mixture_: Any
    mean_scales_: FloatArray

    def _check_options(self) -> None:
        super()._check_options()
        unknown = [g for g in self.gradients if g not in GRADIENTS]
        if unknown or not self.gradients:
            raise ValueError(
                f"gradients={self.gradients!r} must name one or more of {tuple(GRADIENTS)}."
            )

    @property
    def _n_model_components(self) -> int:
        return getattr(self.mixture, "n_components", self.n_components)

    def _learn(self, source: Sets, sample: PackedSets, rng: np.random.RandomState) -> None:
        super()._learn(source, sample, rng)
        self._settings_of_fit = self._settings()
        self.mean_scales_ = self._mean_scales(*random_sets(source, _NORM_SETS, rng))

    def _learn_model(
        self, local: FloatArray, move: Move | None, weights: FloatArray | None
    ) -> None:
        mixture = deepcopy(self.mixture_)
        if move is not None:
            means = move.of_means(np.asarray(mixture.means_))
            variances = move.of_variances(np.asarray(mixture.covariances_))
            if isinstance(mixture, DiagonalGaussianMixture):
                mixture = with_parameters(mixture, means, variances)
            else:
                mixture.means_, mixture.covariances_ = means, variances
        beside = {} if weights is None else {"sample_weight": weights}
        self.mixture_ = mixture.partial_fit(local, **beside)

    def _fit_parts(self, source: Sets, sample: PackedSets, rng: np.random.RandomState) -> None:
        some = random_sets(source, _NORM_SETS, rng)
        super()._fit_parts(source, sample, rng)
        self.mean_scales_ = self._mean_scales(*some)

    def _fit_model(
        self, local: FloatArray, rng: np.random.RandomState, weights: FloatArray | None
    ) -> None:
        if self.mixture is None:
            self.mixture_ = self._new_model()
            derive_random_states(self.mixture_, rng)
            with unwarned(ConvergenceWarning):  # vectors gain nothing from the last nats
                self.mixture_.fit(local, sample_weight=weights)
            return
        kind = getattr(self.mixture, "covariance_type", "diag")
        if kind != "diag":
            raise ValueError(f"mixture has covariance_type={kind!r}; Fisher vectors need 'diag'.")
        self.mixture_ = fitted_model(self.mixture, "means_", local, rng, "mixture", weights)
        _check_mixture(self.mixture_)

    def _new_model(self) -> DiagonalGaussianMixture:
        return DiagonalGaussianMixture(
            self.n_components,
            device=self.device,
            n_jobs=self.n_jobs,
            verbose=int(self.verbose > 0),
        )

    def _codec(self) -> Codec:
        self._check_settings()
        m = self.mixture_
        arrays = (np.asarray(a, np.float64) for a in (m.weights_, m.means_, m.covariances_))
        soft = self.top_k is None and self.min_posterior == 0
        return recent_codec(
            Mixture(*arrays),
            tuple(self.gradients),
            float(self.power),
            self.norm,
            self._levels,
            None if soft else Assignment(self.top_k, self.min_posterior),
            device=gpu_or_none(self.device),
        )

    def _mean_scales(self, source: Sets, times: FloatArray) -> FloatArray:
        """Averages over sets that count some times each."""
        of_sets, times = self._vectors(), moderate(times)
        total, count = np.zeros(()), np.zeros(())
        batches = of_sets.batches(source)
        parts = (source.part(batch) for batch in batches)
        encoded = map_ordered(lambda part: of_sets.of_batch(part.pull()), parts, self.n_jobs)
        for batch, (vectors, scales) in zip(batches, encoded, strict=True):
            seen = np.any(vectors, axis=2)[:, :, None] * times[batch, None, None]
            seen = seen.astype(scales.dtype)
            total, count = total + (scales * seen).sum(axis=0), count + seen.sum(axis=0)
        return np.where(count > 0, total / np.where(count > 0, count, 1), 1.0)

    def energies(self, descriptors: BlocksLike, positions: ArrayLike | None = None) -> FloatArray:
        r"""Where the length of a set's Fisher vector comes from.

        The gradient G of a set, before power, norm and pyramid, is the mean of those of its T
        descriptors, so that :math:`|G|^2 = \sum_{k, t} g_{tk} \cdot G_k / T`. A term is negative
        where a descriptor pulls against the rest of its set.

        Parameters
        ----------
        descriptors : array-like or iterable of blocks, of shape (n_descriptors, d)
            Of one set, as of ``encode``.
        positions : array-like of shape (n_descriptors, 2), default=None
            As of ``encode``.

        Returns
        -------
        shares : ndarray of shape (3, n_components, n_descriptors)
            Of each gradient (weights, means, standard deviations), component and descriptor.

        Raises
        ------
        ValueError
            If positions do not match the descriptors.
        """
        check_is_fitted(self)
        blocks, beside = self._one_set(descriptors, positions)
        one = PackedSets.one(np.concatenate(list(blocks)), beside.positions)
        with single_threaded():
            return energies(self._codec(), self._reduction().apply(one))

    def adapted_mixtures(
        self, X: SetsLike, relevance: float = 16, sample_weight: Iterable[Any] | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The mixture after each set, by ``DiagonalGaussianMixture.adapt``.

        Side by side in a row, these parameters are the supervector of a speaker or the prototypes
        of a slide.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        relevance : float, default=16
            How many descriptors of a component count as much as its prior.
        sample_weight : sequence of n_sets array-like of shape (n_i,), default=None
            How often each descriptor counts; here 2 for all is twice as many descriptors.

        Returns
        -------
        weights : ndarray of shape (n_sets, K), float64
            Those of ``mixture_`` for an empty set, like the others.
        means, covariances : ndarray of shape (n_sets, K, d), float64
            Means and variances over reduced descriptors, with positions where those are appended.
            Power, norm and pyramid play no part.

        Raises
        ------
        ValueError
            If ``relevance`` is no positive number, or as of ``transform``.

        Examples
        --------
        >>> import numpy as np
        >>> from skvae import FisherVectorEncoder
        >>> rng = np.random.default_rng(0)
        >>> X = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
        >>> weights, means, variances = FisherVectorEncoder(4).fit(X).adapted_mixtures(X)
        >>> means.shape
        (3, 4, 3)
        """
        check_is_fitted(self)
        relevance = check_relevance(relevance)
        source = self._source_of(X, sample_weight)
        of_sets = replace(self._vectors(), codec=of_whole_sets(self._codec()))
        with single_threaded():
            found = map_ordered(
                lambda one: adapted_mixture(of_sets, one, relevance),
                single_sets(source, of_sets.batches(source)),
                self.n_jobs,
            )
            weights, means, covariances = map(np.stack, zip(*found, strict=True))
        return weights, means, covariances

    def component_changes(self, X: SetsLike) -> Any:
        """What each set would change of the mixture, for reading.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.

        Returns
        -------
        changes : pandas.DataFrame of n_sets * n_components rows
            Its index are the sets, by that of X where this is of pandas, and the components. Its
            columns are

            - ``prevalence``: share of the set's descriptors, by their posteriors, from 0 to 1;
            - ``weight``: share of those of ``fit``, which is the weight of the component;
            - ``shift_<dimension>``: mean of these descriptors less that of the component, in
              standard deviations of the component;
            - ``variance_<dimension>``: their variance about their own mean, as a share of the
              component's: 1 is no change, of a single descriptor it is 0.

            Dimensions are ``d0``, ``d1``, ... of the reduced descriptors, or have the names that an
            extractor such as ``TableSets`` has for them; with ``spatial="xy"``, the last are
            positions, ``x`` and ``y``. Shift and variance are NaN where no descriptor belongs to a
            component; missing values have no part in them.

        Raises
        ------
        ImportError
            If pandas is not installed. ``decode_statistics`` does without.

        Examples
        --------
        >>> import numpy as np
        >>> from skvae import FisherVectorEncoder
        >>> rng = np.random.default_rng(0)
        >>> X = [rng.normal(size=(n, 1)) for n in (20, 35, 50)]
        >>> encoder = FisherVectorEncoder(2, random_state=0).fit(X)
        >>> list(encoder.component_changes(X))
        ['prevalence', 'weight', 'shift_d0', 'variance_d0']
        """
        check_is_fitted(self)
        source = self._source(self._validate(X, reset=False))
        of_sets = replace(self._vectors(), codec=of_whole_sets(self._codec()))
        with single_threaded():
            changes = list(
                map_ordered(
                    partial(component_changes, of_sets),
                    single_sets(source, of_sets.batches(source)),
                    self.n_jobs,
                )
            )
        weights = of_sets.codec.mixture.weights
        return frame_of_changes(np.stack(changes), weights, self._dimension_names(), X)

    def _dimension_names(self) -> list[str]:
        """Of reduced descriptors, with positions where those are appended."""
        n_positions = 0 if self._reduction().xy_weight is None else self._n_positions
        axes = "xyz" if n_positions <= 3 else [f"position{j}" for j in range(n_positions)]
        appended = list(axes[:n_positions])
        known = (
            None
            if self.reducer_ is not None
            else getattr(self.extractor_, "descriptor_names_", None)
        )
        d = self._codec().layout.d - len(appended)
        return [*([f"d{j}" for j in range(d)] if known is None else map(str, known)), *appended]

    def get_feature_names_out(self, input_features: Any = None) -> Names:
        """Names such as ``fisher_mean_k3_d7``: gradient, component and dimension.

        With a pyramid its cell comes first, as in ``fisher_cell2_mean_k3_d7``.

        Parameters
        ----------
        input_features : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        names : ndarray of str
        """
        return super().get_feature_names_out(input_features)


def _check_mixture(mixture: Any) -> None:
    missing = [a for a in ("weights_", "covariances_") if not hasattr(mixture, a)]
    if missing:
        raise ValueError(
            f"mixture={mixture!r} has no {' and no '.join(missing)}: it is no mixture."
        )
    weights, variances = np.asarray(mixture.weights_), np.asarray(mixture.covariances_)
    if not all(np.isfinite(a).all() for a in (weights, mixture.means_, variances)):
        raise ValueError("mixture has weights_, means_ or covariances_ that are not finite.")
    if weights.min() <= 0 or not np.isclose(weights.sum(), 1):
        raise ValueError(
            "mixture needs weights_ that are positive and sum to 1; the least is "
            f"{weights.min():g}, the sum {weights.sum():g}."
        )
    if variances.min() <= 0:
        raise ValueError(f"mixture needs positive covariances_; the least is {variances.min():g}.")
