"""What a fitted mixture says of descriptors: likelihoods, posteriors, samples."""

from collections.abc import Callable
from copy import copy
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._typing import (
    Array,
    ArrayLike,
    BlocksLike,
    Device,
    FloatArray,
    IntArray,
    RandomStateLike,
)
from skvae.compute.devices import gpu_or_none
from skvae.compute.sizes import check_count, check_memory
from skvae.compute.threads import single_threaded
from skvae.data.blocks import ArrayBlocks, Blocks, RowBlocks, lazy_blocks
from skvae.data.containers import MISSING_ALLOWED, validate_numbers
from skvae.data.weighted_blocks import WeightedSource, weighted_blocks
from skvae.mixture.adaptation import adapted, check_relevance
from skvae.mixture.em import total_statistics
from skvae.mixture.expectation import log_posteriors
from skvae.mixture.imputation import conditional_draws, conditional_means
from skvae.mixture.magnitudes import too_large
from skvae.mixture.statistics import Mixture
from skvae.mixture.variances import total_variances

__all__ = ["MixtureDensityMixin"]


class MixtureDensityMixin:
    """Density of a fitted :class:`skvae.DiagonalGaussianMixture`: all that needs no EM."""

    weights_: FloatArray
    means_: FloatArray
    covariances_: FloatArray
    device: Device
    n_jobs: int | None
    random_state: RandomStateLike

    def _read(self, X: BlocksLike, *, reset: bool) -> RowBlocks:
        """Blocks of X, validated: at once in memory, else when they are read."""
        blocks = lazy_blocks(X)
        if blocks is None:
            return ArrayBlocks(validate_numbers(self, X, reset=reset, **MISSING_ALLOWED))
        validate_numbers(self, blocks.head, reset=reset, ensure_min_samples=0, **MISSING_ALLOWED)
        return blocks

    def _read_weighted(
        self, X: BlocksLike, sample_weight: BlocksLike | None, *, reset: bool
    ) -> RowBlocks | WeightedSource:
        """Blocks of X with their weights, where there are any."""
        blocks = self._read(X, reset=reset)
        return blocks if sample_weight is None else weighted_blocks(blocks, sample_weight)

    def _placed(self, data: Blocks) -> Blocks:
        """The blocks where sums over them are computed."""
        device = gpu_or_none(self.device)
        if device is None:
            return data
        from skvae.mixture.torch_blocks import TorchBlocks

        return TorchBlocks(data, device)

    def _mixture(self) -> Mixture:
        return Mixture(self.weights_, self.means_, self.covariances_)

    def _of_tiles(
        self, function: Callable[[FloatArray, FloatArray, FloatArray], Array], X: Any
    ) -> Array:
        """``function(x, log-likelihoods, posteriors)`` of tiles of descriptors, concatenated."""
        check_is_fitted(self)
        results, mixture = [], self._mixture()
        with single_threaded(), np.errstate(over="ignore", invalid="ignore"):
            for block in self._read(X, reset=False):
                for rows, log_likelihood, gamma in log_posteriors(block, mixture, self.n_jobs):
                    if not np.isfinite(log_likelihood).all():
                        raise too_large([block], np.sqrt(total_variances(mixture)))
                    results.append(function(block[rows], log_likelihood, gamma))
        return np.concatenate(results)

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Log-likelihood of each descriptor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,), float64
            log p(x), in nats; of what is observed where values are missing, and 0 where all are.

        Raises
        ------
        ValueError
            If a descriptor is so far away that its square leaves the range of float64.
        """
        return self._of_tiles(lambda _, log_likelihood, __: log_likelihood, X)

    def score(self, X: BlocksLike, y: Any = None, sample_weight: BlocksLike | None = None) -> float:
        """Mean log-likelihood.

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            Descriptors.
        y : Ignored
            Present for scikit-learn's conventions.
        sample_weight : array-like or iterable of blocks, of shape (n_samples,), default=None
            As of ``fit``.

        Returns
        -------
        float
            In nats per descriptor.
        """
        check_is_fitted(self)
        data = self._read_weighted(X, sample_weight, reset=False)
        mixture = self._mixture()
        with single_threaded():
            total = total_statistics(self._placed(data), mixture, self.n_jobs)
        return float(total.log_likelihood / total.n_descriptors)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Posterior probability of each component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        gamma : ndarray of shape (n_samples, n_components)
            In the dtype of ``X``; rows sum to 1. Where values are missing, given those that are
            not; without any, the weights.
        """
        return self._of_tiles(lambda _, __, gamma: gamma, X)

    def predict(self, X: ArrayLike) -> IntArray:
        """Most probable component of each descriptor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        return self._of_tiles(lambda _, __, gamma: gamma.argmax(axis=1), X)

    def impute(
        self, X: ArrayLike, *, draws: int | None = None, random_state: RandomStateLike = None
    ) -> FloatArray:
        r"""Descriptors with what is missing put in, given what is observed.

        Given the component, dimensions are independent, so that the conditional mean of a missing
        value is :math:`\sum_k p(k \mid x_\text{observed}) \, \mu_{kj}`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors, in which NaN is missing.
        draws : int, default=None
            How many draws of the conditional distribution to give of each descriptor, instead of
            its mean.
        random_state : int, RandomState instance or None, default=None
            Of the draws; None takes that of the estimator.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features) or (draws, n_samples, n_features)
            In the dtype of ``X``. What is observed stays as it is; a descriptor without any value
            becomes the mean of the mixture, or draws from it.

        Raises
        ------
        ValueError
            If ``draws`` is no positive integer.

        Examples
        --------
        >>> import numpy as np
        >>> from skvae.mixture import from_parameters
        >>> mixture = from_parameters([0.5, 0.5], [[0, 0], [9, 5]], [[1, 1], [1, 1]])
        >>> mixture.impute([[8.0, np.nan], [1.0, 2.0]])
        array([[8., 5.],
               [1., 2.]])
        """
        check_is_fitted(self)
        mixture = self._mixture()
        if draws is None:
            return self._of_tiles(lambda x, _, gamma: conditional_means(x, gamma, mixture), X)
        check_count(draws, "draws")
        check_memory(8 * int(draws) * self.means_.shape[1], f"draws={draws}")
        rng = check_random_state(self.random_state if random_state is None else random_state)
        drawn = self._of_tiles(
            lambda x, _, gamma: conditional_draws(x, gamma, mixture, int(draws), rng), X
        )
        return np.moveaxis(drawn, 1, 0)

    def adapt(
        self, X: BlocksLike, relevance: float = 16, *, sample_weight: BlocksLike | None = None
    ) -> Self:
        r"""The mixture after a set of descriptors, of which it is the prior.

        With :math:`n_k` the sum of the posteriors of component k and :math:`E_k` the mean over
        descriptors weighted by them, :math:`\alpha_k = n_k / (n_k + r)` and

        .. math::
            w'_k &\propto \alpha_k n_k / T + (1 - \alpha_k) w_k \\
            \mu'_k &= \alpha_k E_k[x] + (1 - \alpha_k) \mu_k \\
            \sigma'^2_k &= \alpha_k E_k[x^2] + (1 - \alpha_k)(\sigma_k^2 + \mu_k^2) - \mu'^2_k

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            Descriptors of the set; NaN is missing.
        relevance : float, default=16
            r, how many descriptors of a component count as much as its prior. The more, the less
            the mixture moves.
        sample_weight : array-like or iterable of blocks, of shape (n_samples,), default=None
            As of ``fit``.

        Returns
        -------
        adapted : DiagonalGaussianMixture
            With ``weights_``, ``means_`` and ``covariances_`` of its own; all else, such as the
            history of the fit, is that of this mixture, which stays as it is.

        Raises
        ------
        ValueError
            If ``relevance`` is no positive number, or X or the weights are none of ``score``.

        See Also
        --------
        FisherVectorEncoder.adapted_mixtures : Of many sets at once.

        References
        ----------
        D. A. Reynolds, T. F. Quatieri and R. B. Dunn, "Speaker verification using adapted Gaussian
        mixture models", Digital Signal Processing 10, 2000.

        Examples
        --------
        >>> from skvae.mixture import from_parameters
        >>> mixture = from_parameters([1.0], [[0.0]], [[1.0]])
        >>> adapted = mixture.adapt([[2.0], [4.0]], relevance=2)
        >>> adapted.means_, adapted.covariances_
        (array([[1.5]]), array([[3.25]]))
        """
        check_is_fitted(self)
        relevance = check_relevance(relevance)
        data = self._read_weighted(X, sample_weight, reset=False)
        mixture = self._mixture()
        with single_threaded():
            total = total_statistics(self._placed(data), mixture, self.n_jobs)
        other = copy(self)
        other.weights_, other.means_, other.covariances_ = adapted(
            total.totals, mixture, total.center, relevance
        )
        return other

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, IntArray]:
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
        check_count(n_samples, "n_samples")
        check_memory(16 * int(n_samples) * self.means_.shape[1], f"n_samples={n_samples}")
        rng = check_random_state(self.random_state)
        y = np.repeat(np.arange(len(self.weights_)), rng.multinomial(n_samples, self.weights_))
        noise = rng.standard_normal((n_samples, self.means_.shape[1]))
        return self.means_[y] + np.sqrt(self.covariances_[y]) * noise, y

    def _n_parameters(self) -> int:
        return self.weights_.size - 1 + self.means_.size + self.covariances_.size

    def bic(self, X: ArrayLike) -> float:
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        float
            -2 times the log-likelihood of X in nats, plus log(n_samples) for each free parameter.
        """
        log_likelihood = self.score_samples(X)
        return float(-2 * log_likelihood.sum() + self._n_parameters() * np.log(len(log_likelihood)))

    def aic(self, X: ArrayLike) -> float:
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Descriptors.

        Returns
        -------
        float
            -2 times the log-likelihood of X in nats, plus 2 for each free parameter.
        """
        return float(-2 * self.score_samples(X).sum() + 2 * self._n_parameters())
