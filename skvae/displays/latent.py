"""What displays ask of an estimator with a latent space."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import Array, ArrayLike
from skvae.vae.latent import LatentPrior

__all__ = ["class_normal", "decode", "latent_points", "n_latent"]


def latent_points(estimator: Any, X: ArrayLike) -> Array:
    """Latent points of rows, also where ``transform`` gives more than their means.

    Parameters
    ----------
    estimator : transformer
        Fitted.
    X : array-like of shape (n, n_features)
        Rows.

    Returns
    -------
    Z : ndarray of shape (n, d)
    """
    check_is_fitted(estimator)
    Z = np.asarray(estimator.transform(X))

    return Z[:, : Z.shape[1] // _parts(estimator)]


def n_latent(estimator: Any) -> int:
    """Latent dimensions of a fitted estimator."""
    check_is_fitted(estimator)

    return len(estimator.get_feature_names_out()) // _parts(estimator)


def class_normal(estimator: Any, y: object, d: int) -> tuple[Array, Array]:
    """Mean and standard deviations of p(z|y), (d,) each: N(0, I) where classes share the prior."""
    prior = getattr(getattr(estimator, "fitted_", None), "prior", None)
    if not isinstance(prior, LatentPrior) or not prior.of_classes:
        return np.zeros(d), np.ones(d)
    own = np.flatnonzero(estimator.classes_ == y)[0]

    return prior.mixture.means[own], prior.scales[own]


def decode(estimator: Any, Z: Array, **kwargs: Any) -> Array:
    """Rows of pixels of latent points, in the units of the data; ``kwargs`` go to the decoder."""
    if not hasattr(estimator, "inverse_transform"):
        raise TypeError(
            f"{type(estimator).__name__} has no inverse_transform, so its latent points are no "
            "images."
        )

    return np.asarray(estimator.inverse_transform(Z, **kwargs))


def _parts(estimator: object) -> int:
    """2 where transform gives [mean | log_var]."""
    return 2 if getattr(estimator, "output", None) == "params" else 1
