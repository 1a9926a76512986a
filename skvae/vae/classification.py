"""The classifier that a model of classes brings with it."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import log_softmax
from sklearn.utils.metaestimators import available_if

from skvae.vae.fitted import N_REFINEMENT, FittedModel, settled

__all__ = ["ClassPredictionMixin"]


def _has_classes(estimator):
    if settled(estimator, "conditional") is None:
        raise AttributeError(
            "conditional=None knows no classes to predict; put a classifier behind the features "
            "instead."
        )
    return True


class ClassPredictionMixin(FittedModel):
    """Predictions of a fitted :class:`skvae.VAETransformer` that learned from labels."""

    @available_if(_has_classes)
    def predict_proba(self, X):
        r"""Probability of each class, with the class frequencies of the fit as p(y).

        With ``conditional="prior"`` the evidence lower bound on log p(x, y) depends on y through
        the prior alone, so that in closed form

        .. math:: p(y|x) \propto p(y) \exp(-KL(q(z|x) || p(z|y)))

        which is :math:`p(y) \exp(-|E_q z - \mu_y|^2 / 2)` for class means without variances.

        With ``conditional="decoder"`` it is :math:`p(y|x) \propto p(y) p(x|y)`, p(x|y) estimated
        as in :meth:`score_samples` with 50 samples, the same for all classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        return np.exp(self._log_proba(self._check_rows(X)))

    @available_if(_has_classes)
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
        best = self._log_proba(self._check_rows(X)).argmax(axis=1)

        return self.classes_[best]

    def _log_proba(self, X):
        in_decoder = self._architecture["labels_in_decoder"]
        by_class = self._bounds_by_class if in_decoder else self._closeness
        with np.errstate(divide="ignore"):
            log_frequencies = np.log(self._class_frequencies())

        return log_softmax(log_frequencies + by_class(X), axis=1)

    def _closeness(self, X):
        """-KL(q(z|x) || p(z|y)) but for what classes have in common, (n, n_classes)."""
        if not hasattr(self, "class_variances_"):
            mean = self._encode(X).astype(np.float64)
            return -0.5 * cdist(mean, self.class_means_.astype(np.float64), "sqeuclidean")
        mean, log_var = np.split(self._encode(X, log_var=True).astype(np.float64), 2, axis=1)
        squares = [
            (((mean - mu) ** 2 + np.exp(log_var)) / variance + np.log(variance)).sum(axis=1)
            for mu, variance in zip(self.class_means_, self.class_variances_, strict=True)
        ]

        return -0.5 * np.stack(squares, axis=1)

    def _bounds_by_class(self, X):
        """log p(x|y), (n, n_classes); a row has the same noise for each class."""
        bounds = [
            self._log_density(X, np.full(len(X), k), N_REFINEMENT)
            for k in range(len(self.classes_))
        ]
        return np.stack(bounds, axis=1)
