"""Variances of features: whether they vary at all, and the least that a component may have."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import FloatArray
from skvae.mixture.moments import split_totals

if TYPE_CHECKING:
    from skvae.mixture.statistics import Mixture, Statistics

__all__ = ["begin_to_vary", "floor_of", "leads", "total_variances", "varying"]

# Of the variance of all features. Patches and principal components stay far below it, on whose own
# scales k-means is worth more than on equal ones.
_LEADING_SHARE = 0.99
# Least variance of a feature, whose inverse is finite with a floor far below it too.
_LEAST_VARIANCE = 1e-290
# Least share of the largest variance: a few roundings of float64.
_LEAST_SHARE = 2.0**-92


def varying(variances: FloatArray, center: FloatArray, dtype: DTypeLike) -> FloatArray:
    """Variances of the features that vary by more than rounding; 0 for the others.

    Parameters
    ----------
    variances : ndarray of shape (d,)
        Of the descriptors.
    center : ndarray of shape (d,)
        Their mean.
    dtype : dtype
        Theirs.

    Returns
    -------
    variances : ndarray of shape (d,)
    """
    # What a rotation leaves of a direction without variance is rounding of the others.
    least = max(_LEAST_SHARE * variances.max(), _LEAST_VARIANCE)
    return np.where(variances > np.maximum(_rounding(center, dtype), least), variances, 0.0)


def leads(variances: FloatArray) -> bool:
    """Whether one feature has nearly all of the variance, so that distances are those in it.

    Parameters
    ----------
    variances : ndarray of shape (d,)
        Of the features.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.variances import leads
    >>> leads(np.array([1.0, 1000.0])), leads(np.array([1.0, 10.0]))
    (True, False)
    """
    return bool(variances.max() > _LEADING_SHARE * variances.sum())


def _rounding(center: FloatArray, dtype: DTypeLike) -> FloatArray:
    return (float(np.finfo(dtype).eps) * np.asarray(center, np.float64)) ** 2


def floor_of(
    variances: FloatArray, variance_floor: float, center: FloatArray, dtype: DTypeLike
) -> FloatArray:
    """The least variances that a component may have, in the squared units of the descriptors.

    Each feature has its own, so that its units make no difference. One that does not vary says
    nothing of its scale: it counts as being as wide as the widest, in every component.

    Parameters
    ----------
    variances : ndarray of shape (d,)
        Of the features that vary; 0 for the others.
    variance_floor : float
        Share of them.
    center : ndarray of shape (d,)
        Mean of the descriptors.
    dtype : dtype
        Theirs.

    Returns
    -------
    floor : ndarray of shape (d,)
    """
    widest = np.maximum(variances.max() or 1.0, _rounding(center, dtype))
    return np.where(variances > 0, variance_floor * variances, widest)


def total_variances(mixture: "Mixture") -> FloatArray:
    """Variances of the features over all components.

    Parameters
    ----------
    mixture : Mixture
        Parameters.

    Returns
    -------
    variances : ndarray of shape (d,)
    """
    weights, means, covariances = mixture
    return weights @ (covariances + (means - weights @ means) ** 2)


def begin_to_vary(
    mixture: "Mixture", batch: "Statistics", variances: FloatArray, dtype: DTypeLike
) -> tuple["Mixture", FloatArray]:
    """Let features that have not varied so far have the variance that they show in a batch.

    Until then it is the same in all components, so that no posterior depends on it.

    Parameters
    ----------
    mixture : Mixture
        That the statistics were made with.
    batch : Statistics
        From the E-step on a batch.
    variances : ndarray of shape (d,)
        Of the features; 0 for those that have not varied.
    dtype : dtype
        Of the descriptors.

    Returns
    -------
    mixture : Mixture
    variances : ndarray of shape (d,)
    """
    if variances.all():
        return mixture, variances
    _, s1, s2, n = split_totals(batch.totals / batch.n_descriptors, len(variances))
    value = mixture.weights @ mixture.means
    mu = value - batch.center
    in_all = n.sum(axis=0)
    share = 1 / np.where(in_all > 0, in_all, np.inf)  # of 1 where no value is missing
    shown = share * (s2 - 2 * mu * s1 + mu**2 * n).sum(axis=0)
    cancelled = 16 * np.finfo(dtype).eps * share * (s2 + mu**2 * n).sum(axis=0)
    shown = varying(np.where(shown > cancelled, shown, 0), value, dtype)
    covariances = np.where((variances == 0) & (shown > 0), shown, mixture.covariances)
    return mixture._replace(covariances=covariances), np.where(variances > 0, variances, shown)
