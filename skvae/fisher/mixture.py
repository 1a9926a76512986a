"""A diagonal Gaussian mixture, fitted by EM on additive sufficient statistics."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skvae._sklearn import Interval, StrOptions, fit_context
from skvae._threads import single_threaded
from skvae.exceptions import FitInterruptedWarning
from skvae.fisher.em import START_METHODS, floor_of, m_step, revive, start
from skvae.fisher.statistics import Mixture, Statistics, accumulate, log_posteriors
from skvae.persistence import VersionedMixin

__all__ = ["DiagonalGaussianMixture"]


class DiagonalGaussianMixture(VersionedMixin, DensityMixin, BaseEstimator):
    r"""Gaussian mixture with diagonal covariances for large sets of descriptors.

    Maximises the mean log-likelihood :math:`\frac1n \sum_i \log \sum_k w_k N(x_i; \mu_k,
    \sigma_k^2)` by expectation maximisation. The E-step reads the data in blocks and keeps sums
    only, in float64, about the mean of the data: memory does not grow with n times K, and float32
    data far from zero lose nothing.

    Parameters
    ----------
    n_components : int, default=1
        K, the number of Gaussians.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood gains less than this (nats per descriptor).
    max_iter : int, default=100
        EM iterations at most.
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
    learning_decay : float, default=0.7
        ``partial_fit`` weighs its t-th batch by :math:`(t + 1)^{-\text{learning\_decay}}`; between
        0.5 and 1 stepwise EM converges.
    warm_start : bool, default=False
        Whether ``fit`` starts from the present solution.
    random_state : int, RandomState instance or None, default=None
        Decides the start and ``sample``.
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
        Mean log-likelihood before each M-step, in nats.
    lower_bound_ : float
        The last of them.
    n_iter_ : int
        EM iterations done, or batches seen by ``partial_fit``.
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
    owns less than half a descriptor is revived; between revivals the log-likelihood never falls.

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the
    EM algorithm", J. R. Stat. Soc. B 39, 1977.

    O. Cappé and E. Moulines, "On-line expectation-maximization algorithm for latent data models",
    J. R. Stat. Soc. B 71, 2009 (``partial_fit``).

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
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions(set(START_METHODS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "variance_floor": [Interval(Real, 0, 1, closed="left")],
        "learning_decay": [Interval(Real, 0.5, 1, closed="right")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=1,
        *,
        tol=1e-3,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        variance_floor=1e-6,
        learning_decay=0.7,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.variance_floor = variance_floor
        self.learning_decay = learning_decay
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit the mixture to all descriptors at once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors; float32 is worked on as float32.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : DiagonalGaussianMixture

        Raises
        ------
        ValueError
            If there are fewer descriptors than components, or X or a start is not finite.
        """
        X = self._validate(X, reset=True, ensure_min=self.n_components)
        center = _center_of(X)
        floor = floor_of(X, center, self.variance_floor)
        rng = check_random_state(self.random_state)
        warm = self.warm_start and hasattr(self, "weights_")
        best = None
        for _ in range(1 if warm else self.n_init):
            with single_threaded():
                first = self._mixture() if warm else self._start(X, center, floor, rng)
                run = self._expectation_maximization(X, first, center, floor)
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
        X : array-like of shape (n_samples, n_features)
            A batch; the first needs at least ``n_components`` descriptors.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : DiagonalGaussianMixture
        """
        first = not hasattr(self, "weights_")
        X = self._validate(X, reset=first, ensure_min=self.n_components if first else 1)
        if first:
            self._center = _center_of(X)
            self._floor = floor_of(X, self._center, self.variance_floor)
            rng = check_random_state(self.random_state)
            with single_threaded():
                self._set_mixture(self._start(X, self._center, self._floor, rng))
            self.lower_bounds_, self.n_iter_, self.n_revived_ = [], 0, 0
        if not np.array_equal(self._center, self._center.astype(X.dtype)):
            X = X.astype(np.float64)
        with single_threaded():
            batch = accumulate(X, self._mixture(), self._center)
        bound = batch.log_likelihood / len(X)
        step = 1.0 if first else (self.n_iter_ + 1) ** -self.learning_decay
        past = 0.0 if first else (1 - step) * self._running_totals
        self._running_totals = past + step / len(X) * batch.totals
        running = Statistics(self._running_totals, 1.0, bound, self._center)
        self._set_mixture(m_step(running, self._floor))
        self.lower_bounds_ = [*self.lower_bounds_, bound]
        self.lower_bound_ = bound
        self.n_iter_ += 1
        self.converged_ = False
        return self

    def _validate(self, X, *, reset, ensure_min=1):
        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        if len(X) < ensure_min:
            raise ValueError(
                f"A mixture of n_components={ensure_min} needs at least as many descriptors, got "
                f"n_samples={len(X)}. Use more data or fewer components."
            )
        return X

    def _start(self, X, center, floor, rng):
        """The first mixture: what the user gave, the rest from k-means."""
        shape = (self.n_components, X.shape[1])
        given = (
            _check_weights(self.weights_init, self.n_components),
            _check_init(self.means_init, shape, "means_init"),
            _check_init(self.precisions_init, shape, "precisions_init", positive=True),
        )
        if any(value is None for value in given):
            statistics = start(X, self.n_components, self.init_params, center, rng)
            found = m_step(statistics, floor)
        else:
            found = (None, None, None)
        weights, means, precisions = given
        return Mixture(
            found[0] if weights is None else weights,
            found[1] if means is None else means,
            found[2] if precisions is None else 1 / precisions,
        )

    def _expectation_maximization(self, X, mixture, center, floor):
        bounds, n_revived, converged = [], 0, False
        try:
            while len(bounds) < self.max_iter and not converged:
                statistics = accumulate(X, mixture, center)
                mixture, revived = revive(m_step(statistics, floor), statistics, floor)
                n_revived += revived
                bounds.append(statistics.log_likelihood / len(X))
                converged = not revived and abs(np.diff([-np.inf, *bounds])[-1]) < self.tol
                if self.verbose and len(bounds) % self.verbose == 0:
                    print(f"Iteration {len(bounds)}: log-likelihood {bounds[-1]:.6f} nats")
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
            "converged_": converged,
            "n_revived_": n_revived,
            "_center": center,
            "_running_totals": statistics.totals / len(X),
        }

    def _mixture(self):
        return Mixture(self.weights_, self.means_, self.covariances_)

    def _set_mixture(self, mixture):
        self.weights_, self.means_, self.covariances_ = mixture

    def _posterior_blocks(self, X):
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        return X, log_posteriors(X, self._mixture())

    def score_samples(self, X):
        """Log-likelihood of each descriptor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            log p(x), in nats.
        """
        X, blocks = self._posterior_blocks(X)
        return np.concatenate([log_likelihood for _, log_likelihood, _ in blocks])

    def score(self, X, y=None):
        """Mean log-likelihood.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        float
            In nats per descriptor.
        """
        return float(self.score_samples(X).mean())

    def predict_proba(self, X):
        """Posterior probability of each component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        gamma : ndarray of shape (n_samples, n_components)
            In the dtype of ``X``; rows sum to 1.
        """
        X, blocks = self._posterior_blocks(X)
        out = np.empty((len(X), len(self.weights_)), X.dtype)
        for rows, _, gamma in blocks:
            out[rows] = gamma
        return out

    def predict(self, X):
        """Most probable component of each descriptor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        _, blocks = self._posterior_blocks(X)
        return np.concatenate([gamma.argmax(axis=1) for _, _, gamma in blocks])

    def sample(self, n_samples=1):
        """Draw descriptors from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            How many.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Descriptors, ordered by component as in scikit-learn.
        y : ndarray of shape (n_samples,)
            Their components.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples={n_samples} must be at least 1.")
        rng = check_random_state(self.random_state)
        y = np.repeat(np.arange(len(self.weights_)), rng.multinomial(n_samples, self.weights_))
        noise = rng.standard_normal((n_samples, self.means_.shape[1]))
        return self.means_[y] + np.sqrt(self.covariances_[y]) * noise, y

    def _n_parameters(self):
        return self.weights_.size - 1 + self.means_.size + self.covariances_.size

    def bic(self, X):
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        float
        """
        log_likelihood = self.score_samples(X)
        return float(-2 * log_likelihood.sum() + self._n_parameters() * np.log(len(log_likelihood)))

    def aic(self, X):
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        float
        """
        return float(-2 * self.score_samples(X).sum() + 2 * self._n_parameters())


def _center_of(X):
    """Mean of the data, rounded to their dtype so that subtracting it there is exact."""
    return X.mean(axis=0, dtype=np.float64).astype(X.dtype).astype(np.float64)


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
