"""Mixtures of other libraries as ours, and ours as scikit-learn's."""

from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skvae._typing import ArrayLike
from skvae.mixture.estimator import DiagonalGaussianMixture
from skvae.mixture.statistics import Mixture

__all__ = ["from_parameters", "from_sklearn", "to_sklearn"]

# Parameters and attributes that mean the same in both libraries.
_PARAMETERS = ("tol", "max_iter", "random_state", "warm_start", "verbose")
_ATTRIBUTES = ("n_iter_", "converged_", "lower_bound_", "lower_bounds_", "feature_names_in_")


def from_parameters(
    weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> DiagonalGaussianMixture:
    """A fitted mixture with given parameters, such as those of a published model.

    Parameters
    ----------
    weights : array-like of shape (n_components,)
        Positive, with sum 1 to the precision of float32; divided by their sum.
    means : array-like of shape (n_components, n_features)
        Means.
    covariances : array-like of shape (n_components, n_features)
        Variances, as VLFeat and scikit-learn have them too.

    Returns
    -------
    DiagonalGaussianMixture
        Ready as ``FisherVectorEncoder(mixture=...)`` and for ``partial_fit``, which counts the
        parameters as one batch. Fitting a clone starts from them.

    Raises
    ------
    ValueError
        If shapes disagree, a weight or a variance is not positive, or weights do not sum to 1.

    Examples
    --------
    >>> from skvae.mixture import from_parameters
    >>> mixture = from_parameters([0.5, 0.5], [[0.0], [4.0]], [[1.0], [1.0]])
    >>> mixture.predict([[0.3], [3.9]])
    array([0, 1])
    """
    parameters = _check_parameters(weights, means, covariances)
    mixture = DiagonalGaussianMixture(len(parameters.weights), **_start_from(parameters))
    mixture.weights_, mixture.means_, mixture.covariances_ = parameters
    mixture.n_features_in_ = parameters.means.shape[1]
    mixture.n_iter_, mixture.n_steps_, mixture.n_revived_, mixture.converged_ = 1, 1, 0, False
    mixture.lower_bound_, mixture.lower_bounds_ = np.nan, []
    return mixture


def from_sklearn(gm: GaussianMixture) -> DiagonalGaussianMixture:
    """A fitted mixture of scikit-learn as ours: the same density, to rounding.

    Parameters
    ----------
    gm : sklearn.mixture.GaussianMixture
        Fitted, with ``covariance_type`` "diag" or "spherical".

    Returns
    -------
    DiagonalGaussianMixture
        With the parameters and attributes that mean the same in both libraries. Fitting a clone
        starts from what ``gm`` found.

    Raises
    ------
    NotFittedError
        If ``gm`` is not fitted.
    ValueError
        If its covariances are not diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.mixture import GaussianMixture
    >>> from skvae.mixture import from_sklearn
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> gm = GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    >>> bool(np.allclose(from_sklearn(gm).score_samples(X), gm.score_samples(X)))
    True
    """
    check_is_fitted(gm, "covariances_")
    if gm.covariance_type not in ("diag", "spherical"):
        raise ValueError(
            f"gm has covariance_type={gm.covariance_type!r}; Fisher vectors need diagonal "
            "covariances. Fit GaussianMixture(covariance_type='diag') on descriptors that "
            "PCA(whiten=True) has decorrelated."
        )
    variances = gm.covariances_.reshape(len(gm.means_), -1)
    mixture = from_parameters(gm.weights_, gm.means_, np.broadcast_to(variances, gm.means_.shape))
    _copy_common(gm, mixture)

    return mixture


def to_sklearn(mixture: DiagonalGaussianMixture) -> GaussianMixture:
    """One of our fitted mixtures as scikit-learn's: the same density, to rounding.

    Parameters
    ----------
    mixture : DiagonalGaussianMixture
        Fitted.

    Returns
    -------
    sklearn.mixture.GaussianMixture
        With ``covariance_type="diag"`` and the parameters and attributes that mean the same in both
        libraries. Fitting a clone starts from what ``mixture`` found.

    Raises
    ------
    NotFittedError
        If ``mixture`` is not fitted.

    Examples
    --------
    >>> from skvae.mixture import from_parameters, to_sklearn
    >>> mixture = from_parameters([0.5, 0.5], [[0.0], [4.0]], [[1.0], [1.0]])
    >>> to_sklearn(mixture).predict([[0.3], [3.9]])
    array([0, 1])
    """
    check_is_fitted(mixture, "covariances_")
    parameters = Mixture(
        *(np.copy(a) for a in (mixture.weights_, mixture.means_, mixture.covariances_))
    )
    gm = GaussianMixture(len(parameters.weights), covariance_type="diag", **_start_from(parameters))
    gm.weights_, gm.means_, gm.covariances_ = parameters
    gm.precisions_ = 1 / parameters.covariances
    gm.precisions_cholesky_ = np.sqrt(gm.precisions_)
    gm.n_features_in_ = parameters.means.shape[1]
    _copy_common(mixture, gm)

    return gm


def _check_parameters(weights: Any, means: Any, covariances: Any) -> Mixture:
    weights = check_array(weights, dtype=np.float64, ensure_2d=False, input_name="weights")
    means = check_array(means, dtype=np.float64, input_name="means")
    covariances = check_array(covariances, dtype=np.float64, input_name="covariances")
    if weights.shape != means.shape[:1] or covariances.shape != means.shape:
        raise ValueError(
            f"means of shape {means.shape} need weights of shape {means.shape[:1]} and covariances "
            f"of shape {means.shape}, got {weights.shape} and {covariances.shape}."
        )
    if weights.min() <= 0 or abs(weights.sum() - 1) > 1e-4:
        raise ValueError(
            f"weights must be positive and sum to 1; the least is {weights.min():g}, the sum "
            f"{weights.sum():g}. Leave components without weight out."
        )
    if covariances.min() <= 0:
        raise ValueError(
            f"covariances are variances and must be positive; the least is {covariances.min():g}."
        )
    return Mixture(weights / weights.sum(), means, covariances)


def _start_from(parameters: Mixture) -> dict[str, Any]:
    return {
        "weights_init": parameters.weights,
        "means_init": parameters.means,
        "precisions_init": 1 / parameters.covariances,
    }


def _copy_common(source: Any, target: Any) -> None:
    target.set_params(**{name: getattr(source, name) for name in _PARAMETERS})
    for name in _ATTRIBUTES:
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))
