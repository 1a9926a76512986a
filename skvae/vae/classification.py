"""The classifier that a generative model of classes brings with it."""

from typing import Any

import numpy as np
from scipy.special import log_softmax

from skvae.data.tiles import map_parts
from skvae.vae.fitted import FittedVAE

__all__ = ["log_class_probabilities"]

# Rows that a thread compares with the classes at a time: milliseconds.
_PART = 4096


def log_class_probabilities(fitted: FittedVAE, X: Any, n_importance: int) -> np.ndarray:
    r"""log p(y|x) by Bayes' rule.

    Parameters
    ----------
    fitted : FittedVAE
        Of a model with classes.
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        Admitted rows.
    n_importance : int
        Samples of the bound on log p(x|y), where the decoder sees the class.

    Returns
    -------
    log_proba : ndarray of shape (n, n_classes)
    """
    assert fitted.class_frequencies is not None
    by_class = _bounds(fitted, X, n_importance) if fitted.labels_in_decoder else _joints(fitted, X)
    with np.errstate(divide="ignore"):
        log_frequencies = np.log(fitted.class_frequencies)

    log_proba: np.ndarray = log_softmax(log_frequencies + by_class, axis=1)

    return log_proba


def _joints(fitted: FittedVAE, X: Any) -> np.ndarray:
    """-KL(q(z|x) || p(z|y)) but for what classes have in common, (n, n_classes)."""
    prior = fitted.mixture_prior()
    with_variances = prior.needs_variances()

    def joints(_: slice, posterior: np.ndarray) -> np.ndarray:
        if not with_variances:
            return prior.log_joint(posterior.astype(np.float64))
        mean, log_var = np.split(posterior.astype(np.float64), 2, axis=1)
        return prior.log_joint(mean, np.exp(log_var))

    posterior = fitted.encode(X, log_var=with_variances)

    return map_parts(joints, posterior, _PART, fitted.n_jobs)


def _bounds(fitted: FittedVAE, X: Any, n_importance: int) -> np.ndarray:
    """log p(x|y), (n, n_classes); a row has the same noise for each class."""
    assert fitted.n_classes is not None
    bounds = [
        fitted.bound_rows(X, np.full(len(X), k), n_importance) for k in range(fitted.n_classes)
    ]

    return np.stack(bounds, axis=1)
