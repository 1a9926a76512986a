"""The classifier that class means as priors bring with them."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import log_softmax
from sklearn.utils.metaestimators import available_if

__all__ = ["ClassMeansMixin"]


def _has_class_means(estimator):
    if estimator.conditional != "prior":
        raise AttributeError(
            "Only conditional='prior' has class means to predict from; put a classifier behind the "
            "features instead."
        )
    return True


class ClassMeansMixin:
    """Predictions of a fitted :class:`skvae.VAETransformer` with ``conditional="prior"``."""

    @available_if(_has_class_means)
    def predict_proba(self, X):
        r"""Probability of each class.

        The evidence lower bound on log p(x, y) depends on y through the prior alone, so that in
        closed form

        .. math:: p(y|x) \propto p(y) \exp(-KL(q(z|x) || N(\mu_y, I)))
                  \propto p(y) \exp(-|E_q z - \mu_y|^2 / 2)

        with the class frequencies of the fit as p(y).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        return np.exp(self._log_proba(X))

    @available_if(_has_class_means)
    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels among ``classes_``.
        """
        best = self._log_proba(X).argmax(axis=1)

        return self.classes_[best]

    def _log_proba(self, X):
        params = self._encode(self._check_rows(X))
        mean = params[:, : self._architecture["n_components"]].astype(np.float64)
        squares = cdist(mean, self.class_means_.astype(np.float64), "sqeuclidean")
        with np.errstate(divide="ignore"):
            log_frequencies = np.log(self._class_frequencies())
        return log_softmax(log_frequencies - 0.5 * squares, axis=1)
