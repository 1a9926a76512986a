"""From a Fisher vector back to statistics, descriptors and images."""

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from skvae._typing import Array, FloatArray
from skvae.fisher.encoding import expand, signed_power
from skvae.mixture.moments import split_moments
from skvae.mixture.statistics import Mixture

__all__ = ["denormalize", "lost_scale", "mixture_regression", "shift", "unwhiten"]

# A vector counts as that of one descriptor when its components agree to this on the lost scale.
_SINGLE_TOL = 1e-4
# Weight of the fitted mixture against a component's own statistics, as a share of its weight.
_SHRINKAGE = 1e-3
# Least variance of a decoded component, as a share of the fitted one.
_LEAST_VARIANCE = 1e-2


def denormalize(vectors: FloatArray, power: float, scales: FloatArray, starts: Array) -> FloatArray:
    """Undo norm and power.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_features)
        Fisher vectors.
    power : float
        That they were raised to.
    scales : ndarray of shape (n or 1, 1 or n_groups)
        What they were divided by.
    starts : ndarray
        Where the groups of features begin that have a scale each.

    Returns
    -------
    vectors : ndarray of shape (n, n_features)
    """
    vectors = vectors.astype(np.float64, copy=False)
    return signed_power(vectors * expand(scales, starts, vectors.shape[1]), 1 / power)


def unwhiten(
    gradients: FloatArray, mixture: Mixture, center: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Statistics per descriptor from whitened gradients: ``whiten`` backwards.

    Parameters
    ----------
    gradients : ndarray of shape (n, K, 1 + 2 d)
        [G_w | G_mu | G_sigma].
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,)
        What the statistics shall be about.

    Returns
    -------
    s0 : ndarray of shape (n, K, 1)
        S0 / T.
    s1, s2 : ndarray of shape (n, K, d)
        S1 / T and S2 / T about ``center``.
    """
    w, mu, sigma = mixture.weights[:, None], mixture.means - center, np.sqrt(mixture.covariances)
    g0, g1, g2 = split_moments(gradients * np.sqrt(w))
    s0 = w + g0
    s1 = mu * s0 + sigma * g1
    s2 = np.sqrt(2) * sigma**2 * g2 + 2 * mu * s1 - (mu**2 - sigma**2) * s0
    return s0, s1, s2


def shift(
    s0: FloatArray, s1: FloatArray, s2: FloatArray, center: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Statistics about zero from statistics about ``center``."""
    return s0, s1 + center * s0, s2 + 2 * center * s1 + center**2 * s0


def lost_scale(
    gradients: FloatArray, weights: FloatArray, mean_scale: FloatArray | float
) -> FloatArray:
    r"""The factor that L2 normalisation took from a vector with all three gradients.

    With gradients known up to a factor c and t = 1/c, for component k and dimension j

    .. math::
        t S_0 / w = t + p, \quad t S_2 / w = t + q, \quad t S_1 / w = m,
        \qquad p = g_w / \sqrt w, \quad q = (g_w + \sqrt 2\, g_\sigma) / \sqrt w, \quad
        m = g_\mu / \sqrt w

    about the component's own mean and deviation. For a single descriptor S0 S2 = S1^2, so that
    every component and dimension gives (t + p)(t + q) = m^2, hence the same

    .. math:: t_{kj} = -\tfrac{p + q}{2} + \sqrt{\left(\tfrac{p - q}{2}\right)^2 + m^2}.

    For larger sets S0 S2 >= S1^2, so that t is at least every t_kj.

    Parameters
    ----------
    gradients : ndarray of shape (n, K, 1 + 2 d)
        Whitened gradients divided by an unknown c > 0.
    weights : ndarray of shape (K,)
        Mixture weights.
    mean_scale : float or ndarray of shape (n,)
        The c of an average set, for sets of several distinct descriptors; lowered where it would
        make S0 S2 < S1^2.

    Returns
    -------
    c : ndarray of shape (n,)
    """
    g_w, g_mu, g_sigma = split_moments(gradients)
    root = np.sqrt(weights)[:, None]
    p = g_w / root
    q = p + np.sqrt(2) * g_sigma / root
    m = g_mu / root
    t_kj = -(p + q) / 2 + np.hypot((p - q) / 2, m)  # (n, K, d)
    # Each is as precise as its terms are small; all terms vanish in the vector of an empty set.
    precision = 1 / np.maximum(p**2 + q**2 + m**2, np.finfo(float).tiny)
    precision /= precision.sum(axis=(1, 2), keepdims=True)
    t = (precision * t_kj).sum(axis=(1, 2))
    spread = np.sqrt((precision * (t_kj - t[:, None, None]) ** 2).sum(axis=(1, 2)))
    bound = 1 / np.maximum(t_kj.max(axis=(1, 2)), 1 / mean_scale)
    with np.errstate(divide="ignore"):
        found: FloatArray = np.where(spread < _SINGLE_TOL * t, 1 / t, bound)

    return found


def mixture_regression(
    statistics: Sequence[FloatArray], mixture: Mixture, center: FloatArray, positions: FloatArray
) -> FloatArray:
    """Expected descriptor at each position under the mixture that the statistics describe.

    Parameters
    ----------
    statistics : tuple of ndarray
        (s0, s1, s2) of shapes (n, P or 1, K, 1), (n, P or 1, K, d), (n, P or 1, K, d) about
        ``center``.
    mixture : Mixture
        The fitted mixture, toward which components that own almost nothing are shrunk.
    center : ndarray of shape (d,)
        What the statistics are about.
    positions : ndarray of shape (P, p)
        Values of the last p dimensions; p = 0 asks for the plain mean.

    Returns
    -------
    expected : ndarray of shape (n, P, d - p)
        About zero.

    References
    ----------
    Z. Ghahramani and M. I. Jordan, "Supervised learning from incomplete data via an EM approach",
    NIPS 1993 (regression with a mixture).
    """
    mu, prior = mixture.means - center, _SHRINKAGE * mixture.weights[:, None]
    s0 = np.maximum(statistics[0], 0) + prior
    means = (statistics[1] + prior * mu) / s0
    variances = (statistics[2] + prior * (mu**2 + mixture.covariances)) / s0 - means**2
    variances = np.maximum(variances, _LEAST_VARIANCE * mixture.covariances)

    split = means.shape[-1] - positions.shape[1]
    x = positions[:, None, :] - center[split:]  # (P, 1, p)
    v = variances[..., split:]
    log_joint = np.log(s0[..., 0]) - 0.5 * (np.log(v) + (x - means[..., split:]) ** 2 / v).sum(
        axis=-1
    )  # (n, P, K)
    responsibility = softmax(log_joint, axis=-1)
    expected: FloatArray
    if means.shape[1] == 1:
        expected = responsibility @ means[:, 0, :, :split]
    else:
        expected = (responsibility[:, :, None] @ means[..., :split])[:, :, 0]

    return expected + center[:split]
