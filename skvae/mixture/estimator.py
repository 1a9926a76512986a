"""A diagonal Gaussian mixture, fitted by EM on additive sufficient statistics."""

from copy import copy
from numbers import Integral, Real
from operator import itemgetter
from typing import Any, Self

import numpy as np
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state

from skvae._estimator import Estimator
from skvae._progress import Steps
from skvae._refit import fitted_aside
from skvae._sklearn import Interval, StrOptions, fit_context
from skvae._typing import (
    ArrayLike,
    BlocksLike,
    Constraints,
    Device,
    FloatArray,
    IntArray,
    Names,
    RandomStateLike,
)
from skvae._warnings import warn
from skvae.compute.sizes import N_JOBS
from skvae.compute.threads import single_threaded
from skvae.data.blocks import RowBlocks
from skvae.data.weighted_blocks import WeightedSource
from skvae.exceptions import FitInterruptedWarning
from skvae.mixture.density import MixtureDensityMixin
from skvae.mixture.description import describe
from skvae.mixture.em import em_passes, m_step, stepwise, total_statistics, until_converged
from skvae.mixture.starts import START_METHODS, given_start, start
from skvae.mixture.statistics import Mixture
from skvae.mixture.variances import begin_to_vary, floor_of, total_variances

__all__ = ["DiagonalGaussianMixture", "with_parameters"]


class DiagonalGaussianMixture(MixtureDensityMixin, DensityMixin, Estimator):
    r"""Gaussian mixture with diagonal covariances for large sets of descriptors.

    Maximises the mean log-likelihood :math:`\frac1n \sum_i \log \sum_k w_k N(x_i; \mu_k,
    \sigma_k^2)` by expectation maximisation. The E-step reads the data in blocks and keeps sums
    only, in float64, about the mean of the data: memory does not grow with n times K, and float32
    data far from zero lose nothing. So the data may lie on disk or on a cluster (see Notes).

    Parameters
    ----------
    n_components : int, default=1
        K, the number of Gaussians.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood gains less than this (nats per descriptor).
    max_iter : int, default=100
        EM iterations, or passes of stepwise EM, at most.
    batch_size : int, default=None
        Descriptors per step of stepwise EM, which takes a step after every batch and comes near the
        solution in a few passes over the data: 5,000 suits millions of descriptors. None is EM.
    n_init : int, default=1
        Starts; the one with the highest log-likelihood is kept.
    init_params : {"kmeans", "k-means++"}, default="kmeans"
        How the start is found, by scikit-learn's algorithm of that name on a sample of the data.
    weights_init : array-like of shape (n_components,), default=None
        Starting weights, instead of those of the k-means start.
    means_init : array-like of shape (n_components, n_features), default=None
        Starting means.
    precisions_init : array-like of shape (n_components, n_features), default=None
        Starting inverse variances.
    variance_floor : float, default=1e-6
        Least variance of a component in each feature, as a share of the feature's variance in the
        data. A feature that does not vary has the largest variance of the others, or 1.
    learning_decay : float, default=0.6
        Stepwise EM weighs its t-th batch by :math:`(t + 1)^{-\text{learning\_decay}}`; between
        0.5 and 1 it converges.
    warm_start : bool, default=False
        Whether ``fit`` starts from the present solution, which has to have ``n_components``.
    device : {None, "cpu", "auto", "cuda"}, default=None
        Where sums over descriptors are computed: on a GPU by torch, else by numpy. "auto" is a GPU
        where there is one. Decided at each call, and no part of what was fitted.
    n_jobs : int, default=None
        Threads that compute, each with one BLAS thread; results have the same bits for any number.
        None takes the cores that are there (``OMP_NUM_THREADS`` and ``joblib.parallel_config``
        limit them, and workers of joblib have one); -1 is all cores.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the batches and ``sample``.
    verbose : int, default=0
        Prints the start, and the mean log-likelihood every ``verbose`` iterations.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,), float64
        Mixture weights.
    means_ : ndarray of shape (n_components, n_features), float64
        Means.
    covariances_ : ndarray of shape (n_components, n_features), float64
        Variances.
    lower_bounds_ : list of float
        Mean log-likelihood in each pass over the data, in nats; descriptors count under the mixture
        that they met, before the M-step that they led to.
    lower_bound_ : float
        The last of them.
    n_iter_ : int
        Passes over the data done, or batches seen by ``partial_fit``.
    n_steps_ : int
        M-steps done, from which ``partial_fit`` counts on; the start of stepwise EM is one.
    converged_ : bool
        Whether ``tol`` was reached.
    n_revived_ : int
        Empty components that were given half of the heaviest one.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    With ``variance_floor=0`` and no empty component, parameters agree with scikit-learn's
    ``GaussianMixture(covariance_type="diag", reg_covar=0)`` from the same start. A component that
    owns less than half a descriptor is revived; between revivals the log-likelihood of EM in
    float64 does not fall by more than the rounding of its sums.

    Multiplying a feature by a number changes neither posteriors nor what EM makes of a given
    start. The k-means start, though, goes by distances, which one feature in large units leads:
    where units are arbitrary, as in tables of unlike measurements, put a ``StandardScaler`` before.

    ``fit`` gives a ``ConvergenceWarning`` where EM stops at ``max_iter``, but not with
    ``batch_size``, whose passes are chosen.

    **X** of ``fit``, ``partial_fit`` and ``score`` is an array, a memory map, of which a few
    megabytes are held at a time, an iterable of 2-D blocks whose ``__iter__`` starts anew, since
    every pass reads it once, or a 2-D dask array, whose blocks stay where they are. All give the
    same result: the start is drawn by row, and nothing else depends on the blocks but the rounding
    of sums. Batches of stepwise EM are drawn from all over an array; of an iterable they are
    consecutive, so sorted data should be shuffled; a dask array has none.

    **NaN is a missing value**, in every method. Densities and posteriors are exactly those of what
    is observed, EM maximises its likelihood, and ``impute`` gives the conditional mean of what is
    missing; k-means starts with the mean of its column in the place of each. That is right where
    whether a value is missing does not depend on the value itself. A row without any value has
    log-likelihood 0, and the weights as posteriors. Blocks with missing values are worked on in
    float64; without any, nothing changes.

    **Weights.** ``sample_weight=2`` is the row twice, to rounding, and 0 leaves it out. Batches of
    stepwise EM are drawn by row whatever the weights, so there this holds on average.

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the
    EM algorithm", J. R. Stat. Soc. B 39, 1977.

    O. Cappé and E. Moulines, "On-line expectation-maximization algorithm for latent data models",
    J. R. Stat. Soc. B 71, 2009 (``batch_size`` and ``partial_fit``).

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import DiagonalGaussianMixture
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> mixture = DiagonalGaussianMixture(2, random_state=0).fit(X)
    >>> np.sort(mixture.means_.ravel())
    array([ 0.5, 10.5])
    """

    _parameter_constraints: Constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions(set(START_METHODS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "variance_floor": [Interval(Real, 0, 1, closed="left")],
        "learning_decay": [Interval(Real, 0.5, 1, closed="right")],
        "warm_start": ["boolean"],
        "device": [StrOptions({"cpu", "auto", "cuda"}), None],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Of features in the data that were seen, which floors are shares of.
    _variances: FloatArray
    lower_bounds_: list[float]
    lower_bound_: float
    n_iter_: int
    n_steps_: int
    converged_: bool
    n_revived_: int
    n_features_in_: int
    feature_names_in_: Names

    def __init__(
        self,
        n_components: int = 1,
        *,
        tol: float = 1e-3,
        max_iter: int = 100,
        batch_size: int | None = None,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        variance_floor: float = 1e-6,
        learning_decay: float = 0.6,
        warm_start: bool = False,
        device: Device = None,
        n_jobs: int | None = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.variance_floor = variance_floor
        self.learning_decay = learning_decay
        self.warm_start = warm_start
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: BlocksLike, y: Any = None, sample_weight: BlocksLike | None = None) -> Self:
        """Fit the mixture to all descriptors.

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            Descriptors (see Notes); float32, and what is exact in it, is worked on as float32. NaN
            is missing.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like or iterable of blocks, of shape (n_samples,), default=None
            How often each descriptor counts: 2 is the descriptor twice, 0 leaves it out. At once,
            or in blocks; of a dask array it may be one too. None means once.

        Returns
        -------
        self : DiagonalGaussianMixture

        Raises
        ------
        ValueError
            If there are fewer descriptors than components, a column has no value, X or a start is
            infinite or has squares that are, weights are negative, not finite, all zero or do not
            match, a dask array does not know its chunks, or ``warm_start`` meets another number of
            components or features. The fit before stays.
        TypeError
            If X or the weights can be read only once.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X, sample_weight)
        self._warn_unless_converged()
        return self

    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> IntArray:
        """Fit the mixture, and give the most probable component of each descriptor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_samples,), default=None
            As of ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def _fit(self, X: BlocksLike, sample_weight: BlocksLike | None) -> None:
        warm = self.warm_start and hasattr(self, "weights_")
        if warm:
            self._check_n_components("warm_start")
        data = self._read_weighted(X, sample_weight, reset=not warm)
        rng = check_random_state(self.random_state)
        placed = self._placed(data)
        steps: Any = {"batch_size": self.batch_size, "decay": float(self.learning_decay)}
        steps["n_jobs"] = self.n_jobs
        limits: Any = {"max_iter": self.max_iter, "tol": self.tol, "verbose": self.verbose}
        with single_threaded():
            n, center, variances = self._describe(data)
            floor = floor_of(variances, self.variance_floor, center, data.dtype)
            runs: dict[int, dict[str, Any]] = {}  # the last whole pass from each start
            try:
                for i in range(1 if warm else self.n_init):
                    first = self._mixture() if warm else self._start(data, n, center, floor, rng)
                    n_steps = self.n_steps_ if warm else 1
                    passes = em_passes(placed, first, floor, n_steps=n_steps, n=n, rng=rng, **steps)
                    for runs[i] in until_converged(passes, **limits):
                        pass
            except KeyboardInterrupt:
                if not runs:
                    raise
                n_iter = list(runs.values())[-1]["n_iter_"]
                warn(
                    f"EM was interrupted after {n_iter} iterations; the mixture of the last whole "
                    "one is kept.",
                    FitInterruptedWarning,
                )
        best = max(runs.values(), key=itemgetter("lower_bound_"))
        self.__dict__.update(best, _variances=variances)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: BlocksLike, y: Any = None, sample_weight: BlocksLike | None = None
    ) -> Self:
        """One step of stepwise EM on a batch of descriptors.

        The first batch also decides the start and the variance floor; after ``fit``, batches
        continue from its solution.

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            A batch; the first needs at least ``n_components`` descriptors.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like or iterable of blocks, of shape (n_samples,), default=None
            As of ``fit``.

        Returns
        -------
        self : DiagonalGaussianMixture

        Raises
        ------
        ValueError
            As for ``fit``, or if ``n_components`` has changed. The fit before stays.
        """
        with fitted_aside(self) as fitted:
            fitted._partial_fit(X, sample_weight)
        return self

    def _partial_fit(self, X: BlocksLike, sample_weight: BlocksLike | None) -> None:
        first = not hasattr(self, "weights_")
        if not first:
            self._check_n_components("partial_fit")
        data = self._read_weighted(X, sample_weight, reset=first)
        with single_threaded():
            if first:
                n, center, self._variances = self._describe(data)
                rng = check_random_state(self.random_state)
                floor = floor_of(self._variances, self.variance_floor, center, data.dtype)
                mixture = self._start(data, n, center, floor, rng)
                self.lower_bounds_, self.n_iter_, self.n_steps_, self.n_revived_ = [], 0, 0, 0
            else:
                mixture = self._mixture()
                if not hasattr(self, "_variances"):  # of given parameters: no data were seen
                    self._variances = total_variances(mixture)
            batch = total_statistics(self._placed(data), mixture, self.n_jobs)
        rate = (self.n_steps_ + 1) ** -float(self.learning_decay)
        mixture, self._variances = begin_to_vary(mixture, batch, self._variances, data.dtype)
        center = mixture.weights @ mixture.means
        floor = floor_of(self._variances, self.variance_floor, center, data.dtype)
        self.weights_, self.means_, self.covariances_ = stepwise(mixture, batch, rate, floor)
        self.lower_bound_ = batch.log_likelihood / batch.n_descriptors
        self.lower_bounds_ = [*self.lower_bounds_, self.lower_bound_]
        self.n_iter_ += 1
        self.n_steps_ += 1
        self.converged_ = False

    def _check_n_components(self, method: str) -> None:
        """Refuse to continue a mixture of another size."""
        if len(self.weights_) != self.n_components:
            raise ValueError(
                f"n_components={self.n_components}, but {method} continues a mixture of "
                f"{len(self.weights_)} components. Set n_components back, or fit a clone."
            )

    def _describe(self, data: RowBlocks | WeightedSource) -> tuple[int, FloatArray, FloatArray]:
        """Number of descriptors, their center and their variances."""
        weight, center, variances = describe(data, self.n_jobs)
        n = data.n if isinstance(data, WeightedSource) else int(weight)
        if n < self.n_components:
            raise ValueError(
                f"A mixture of n_components={self.n_components} needs at least as many "
                f"descriptors, got n_samples={n}. Use more data or fewer components."
            )
        if not variances.any():
            warn("No feature of X varies: every variance is set to 1.")
        return n, center, variances

    def _start(
        self,
        data: RowBlocks | WeightedSource,
        n: int,
        center: FloatArray,
        floor: FloatArray,
        rng: np.random.RandomState,
    ) -> Mixture:
        """The first mixture: what the user gave, the rest from k-means."""
        given = given_start(
            self.weights_init, self.means_init, self.precisions_init, self.n_components, len(center)
        )
        weights, means, precisions = given
        parts: Any = (weights, means, None if precisions is None else 1 / precisions)
        if any(part is None for part in parts):
            steps = Steps(self.verbose)
            found = m_step(start(data, n, self.n_components, self.init_params, center, rng), floor)
            parts = (f if part is None else part for part, f in zip(parts, found, strict=True))
            steps.done(f"Found a start by {self.init_params}")
        return Mixture(*parts)

    def _warn_unless_converged(self) -> None:
        if self.batch_size is None and not self.converged_ and self.n_iter_ == self.max_iter:
            gain = np.diff(self.lower_bounds_)[-1:]
            warn(
                f"EM stopped at max_iter={self.max_iter}, still gaining "
                f"{gain[0] if len(gain) else np.inf:.2g} nats per descriptor in a pass "
                f"(tol={self.tol}). Raise max_iter or tol if that matters.",
                ConvergenceWarning,
            )


def with_parameters(
    mixture: DiagonalGaussianMixture, means: FloatArray, covariances: FloatArray
) -> DiagonalGaussianMixture:
    """A fitted mixture whose components lie elsewhere, from where ``partial_fit`` goes on.

    Parameters
    ----------
    mixture : DiagonalGaussianMixture
        Fitted; stays as it is.
    means, covariances : ndarray of shape (n_components, n_features)
        Means and variances.

    Returns
    -------
    DiagonalGaussianMixture
        With the weights and counts of steps of ``mixture``.
    """
    moved = copy(mixture)
    moved.means_, moved.covariances_ = means, covariances
    moved._variances = total_variances(Mixture(moved.weights_, means, covariances))
    return moved
