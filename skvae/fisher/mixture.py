"""A diagonal Gaussian mixture, fitted by EM on additive sufficient statistics."""

import warnings
from itertools import islice
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_array, check_random_state

from skvae._containers import validate_numbers
from skvae._devices import gpu_or_none
from skvae._documentation import DocumentedMixin
from skvae._sklearn import Interval, StrOptions, fit_context
from skvae._threads import single_threaded
from skvae.exceptions import FitInterruptedWarning
from skvae.fisher.blocks import ArrayBlocks, lazy_blocks
from skvae.fisher.density import MixtureDensityMixin
from skvae.fisher.em import (
    START_METHODS,
    describe,
    em_passes,
    floor_of,
    m_step,
    start,
    stepwise,
    total_statistics,
)
from skvae.fisher.statistics import Mixture
from skvae.persistence import VersionedMixin

__all__ = ["DiagonalGaussianMixture"]


class DiagonalGaussianMixture(
    DocumentedMixin, VersionedMixin, MixtureDensityMixin, DensityMixin, BaseEstimator
):
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
        Least variance of a component, as a share of the largest variance over the features of the
        data.
    learning_decay : float, default=0.6
        Stepwise EM weighs its t-th batch by :math:`(t + 1)^{-\text{learning\_decay}}`; between
        0.5 and 1 it converges.
    warm_start : bool, default=False
        Whether ``fit`` starts from the present solution.
    device : {None, "cpu", "auto", "cuda"}, default=None
        Where sums over descriptors are computed: on a GPU by torch, else by numpy. "auto" is a GPU
        where there is one. Decided at each call, and no part of what was fitted.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the batches and ``sample``.
    verbose : int, default=0
        Prints the mean log-likelihood every ``verbose`` iterations.

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
    owns less than half a descriptor is revived; between revivals the log-likelihood of EM never
    falls.

    **X** of ``fit``, ``partial_fit`` and ``score`` is an array, a memory map, of which a few
    megabytes are held at a time, an iterable of 2-D blocks whose ``__iter__`` starts anew, since
    every pass reads it once, or a 2-D dask array, whose blocks stay where they are. All give the
    same result: the start is drawn by row, and nothing else depends on the blocks but the rounding
    of sums. Batches of stepwise EM are drawn from all over an array; of an iterable they are
    consecutive, so sorted data should be shuffled; a dask array has none.

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

    _parameter_constraints = {
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
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=1,
        *,
        tol=1e-3,
        max_iter=100,
        batch_size=None,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        variance_floor=1e-6,
        learning_decay=0.6,
        warm_start=False,
        device=None,
        random_state=None,
        verbose=0,
    ):
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
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit the mixture to all descriptors.

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            Descriptors (see Notes); float32, and what is exact in it, is worked on as float32.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : DiagonalGaussianMixture

        Raises
        ------
        ValueError
            If there are fewer descriptors than components, X or a start is not finite, or a dask
            array does not know its chunks.
        TypeError
            If X can be read only once.
        """
        data = self._read(X, reset=True)
        rng = check_random_state(self.random_state)
        warm = self.warm_start and hasattr(self, "weights_")
        best = None
        placed = self._placed(data)
        with single_threaded():
            n, center, floor = self._describe(data)
            for _ in range(1 if warm else self.n_init):
                first = self._mixture() if warm else self._start(data, n, center, floor, rng)
                run = self._run(placed, first, floor, rng, self.n_steps_ if warm else 1)
                if best is None or run["lower_bound_"] > best["lower_bound_"]:
                    best = run
        vars(self).update(best, _floor=floor)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """One step of stepwise EM on a batch of descriptors.

        The first batch also decides the start and the variance floor; after ``fit``, batches
        continue from its solution.

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            A batch; the first needs at least ``n_components`` descriptors.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : DiagonalGaussianMixture
        """
        first = not hasattr(self, "weights_")
        data = self._read(X, reset=first)
        with single_threaded():
            if first:
                n, center, self._floor = self._describe(data)
                rng = check_random_state(self.random_state)
                mixture = self._start(data, n, center, self._floor, rng)
                self.lower_bounds_, self.n_iter_, self.n_steps_, self.n_revived_ = [], 0, 0, 0
            else:
                mixture = self._mixture()
            batch = total_statistics(self._placed(data), mixture)
        rate = (self.n_steps_ + 1) ** -self.learning_decay
        self._set_mixture(stepwise(mixture, batch, rate, self._floor))
        self.lower_bound_ = batch.log_likelihood / batch.n_descriptors
        self.lower_bounds_ = [*self.lower_bounds_, self.lower_bound_]
        self.n_iter_ += 1
        self.n_steps_ += 1
        self.converged_ = False
        return self

    def _read(self, X, *, reset):
        """Blocks of X, validated: at once in memory, else when they are read."""
        blocks = lazy_blocks(X)
        if blocks is None:
            return ArrayBlocks(validate_numbers(self, X, reset=reset))
        validate_numbers(self, blocks.head, reset=reset, ensure_min_samples=0)
        return blocks

    def _placed(self, data):
        """The blocks where sums over them are computed."""
        device = gpu_or_none(self.device)
        if device is None:
            return data
        from skvae.fisher.torch_blocks import TorchBlocks

        return TorchBlocks(data, device)

    def _describe(self, data):
        """Number of descriptors, their center and the least variance."""
        n, center, variances = describe(data)
        if n < self.n_components:
            raise ValueError(
                f"A mixture of n_components={self.n_components} needs at least as many "
                f"descriptors, got n_samples={n}. Use more data or fewer components."
            )
        return n, center, floor_of(variances, center, data.dtype, self.variance_floor)

    def _start(self, data, n, center, floor, rng):
        """The first mixture: what the user gave, the rest from k-means."""
        shape = (self.n_components, len(center))
        given = (
            _check_weights(self.weights_init, self.n_components),
            _check_init(self.means_init, shape, "means_init"),
            _check_init(self.precisions_init, shape, "precisions_init", positive=True),
        )
        if any(value is None for value in given):
            found = m_step(start(data, n, self.n_components, self.init_params, center, rng), floor)
        else:
            found = (None, None, None)
        weights, means, precisions = given
        return Mixture(
            found[0] if weights is None else weights,
            found[1] if means is None else means,
            found[2] if precisions is None else 1 / precisions,
        )

    def _run(self, data, mixture, floor, rng, n_steps):
        """Passes of EM until convergence, as fitted attributes."""
        bounds, n_revived, converged = [], 0, False
        settings = {"batch_size": self.batch_size, "decay": self.learning_decay, "rng": rng}
        passes = em_passes(data, mixture, floor, n_steps=n_steps, **settings)
        try:
            for done in islice(passes, self.max_iter):
                mixture, bound, revived, n_steps = done
                n_revived += revived
                bounds.append(bound)
                if self.verbose and len(bounds) % self.verbose == 0:
                    print(f"Iteration {len(bounds)}: log-likelihood {bound:.6f} nats")
                converged = not revived and abs(np.diff([-np.inf, *bounds])[-1]) < self.tol
                if converged:
                    break
        except KeyboardInterrupt:
            if not bounds:
                raise
            warnings.warn(
                f"EM was interrupted after {len(bounds)} iterations; the mixture of the last "
                "whole one is kept.",
                FitInterruptedWarning,
                stacklevel=4,
            )
        return {
            "weights_": mixture.weights,
            "means_": mixture.means,
            "covariances_": mixture.covariances,
            "lower_bounds_": bounds,
            "lower_bound_": bounds[-1],
            "n_iter_": len(bounds),
            "n_steps_": n_steps,
            "converged_": converged,
            "n_revived_": n_revived,
        }

    def _mixture(self):
        return Mixture(self.weights_, self.means_, self.covariances_)

    def _set_mixture(self, mixture):
        self.weights_, self.means_, self.covariances_ = mixture


def _check_weights(weights, n_components):
    if weights is None:
        return None
    weights = check_array(weights, dtype=np.float64, ensure_2d=False, input_name="weights_init")
    if weights.shape != (n_components,):
        raise ValueError(f"weights_init has shape {weights.shape}, expected ({n_components},).")
    if weights.min() < 0 or not np.isclose(weights.sum(), 1):
        raise ValueError(
            f"weights_init must be non-negative and sum to 1; the least is {weights.min():g}, "
            f"the sum {weights.sum():g}."
        )
    return weights


def _check_init(value, shape, name, positive=False):
    if value is None:
        return None
    value = check_array(value, dtype=np.float64, input_name=name)
    if value.shape != shape:
        raise ValueError(f"{name} has shape {value.shape}, expected {shape}.")
    if positive and value.min() <= 0:
        raise ValueError(f"{name} must be positive; the least is {value.min():g}.")
    return value
