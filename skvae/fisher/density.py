"""What a fitted mixture says of descriptors: likelihoods, posteriors, samples."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._threads import single_threaded
from skvae.fisher.em import total_statistics
from skvae.fisher.expectation import log_posteriors

__all__ = ["MixtureDensityMixin"]


class MixtureDensityMixin:
    """Density of a fitted :class:`skvae.DiagonalGaussianMixture`."""

    def _posteriors(self, X):
        """(log-likelihoods, posteriors) of tiles of descriptors."""
        check_is_fitted(self)
        for block in self._read(X, reset=False):
            for _, log_likelihood, gamma in log_posteriors(block, self._mixture()):
                yield log_likelihood, gamma

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
        return np.concatenate([log_likelihood for log_likelihood, _ in self._posteriors(X)])

    def score(self, X, y=None):
        """Mean log-likelihood.

        Parameters
        ----------
        X : array-like, iterable of blocks or dask array of shape (n_samples, n_features)
            Descriptors.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        float
            In nats per descriptor.
        """
        check_is_fitted(self)
        data, mixture = self._read(X, reset=False), self._mixture()
        with single_threaded():
            total = total_statistics(self._placed(data), mixture)
        return float(total.log_likelihood / total.n_descriptors)

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
        return np.concatenate([gamma for _, gamma in self._posteriors(X)])

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
        return np.concatenate([gamma.argmax(axis=1) for _, gamma in self._posteriors(X)])

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
