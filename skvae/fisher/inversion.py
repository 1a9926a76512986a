"""From a Fisher vector back to statistics, descriptors and images."""

import numpy as np

from skvae.fisher.encoding import expand, signed_power

__all__ = ["denormalize", "mixture_regression", "shift", "single_descriptor_scale", "unwhiten"]

# A vector counts as that of one descriptor when the equations below hold to this precision.
_SINGLE_TOL = 1e-4
# Weight of the fitted mixture against a component's own statistics, as a share of its weight.
_SHRINKAGE = 1e-3
# Least variance of a decoded component, as a share of the fitted one.
_LEAST_VARIANCE = 1e-2


def denormalize(vectors, power, scales, starts):
    """Undo norm and power.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_features)
        Fisher vectors.
    power : float
        That they were raised to.
    scales : ndarray of shape (n or 1, 1 or n_blocks)
        What they were divided by.
    starts : ndarray
        Where the blocks of the scales begin.

    Returns
    -------
    vectors : ndarray of shape (n, n_features)
    """
    vectors = vectors.astype(np.float64, copy=False)
    return signed_power(vectors * expand(scales, starts, vectors.shape[1]), 1 / power)


def unwhiten(gradients, mixture, center):
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
    d = mu.shape[1]
    g0, g1, g2 = np.split(gradients * np.sqrt(w), [1, 1 + d], axis=2)
    s0 = w + g0
    s1 = mu * s0 + sigma * g1
    s2 = np.sqrt(2) * sigma**2 * g2 + 2 * mu * s1 - (mu**2 - sigma**2) * s0
    return s0, s1, s2


def shift(s0, s1, s2, center):
    """Statistics about zero from statistics about ``center``."""
    return s0, s1 + center * s0, s2 + 2 * center * s1 + center**2 * s0


def single_descriptor_scale(gradients, weights):
    r"""The factor that normalisation took from the vector of a single descriptor.

    For one descriptor :math:`S_0 S_2 = S_1^2` about each mean. With gradients known up to a factor
    c, and t = 1/c, that reads for every component and dimension

    .. math::
        w\, t^2 + \sqrt w\, (2 g_w + \sqrt 2 g_\sigma)\, t
        + g_w^2 + \sqrt 2 g_w g_\sigma - g_\mu^2 = 0.

    Parameters
    ----------
    gradients : ndarray of shape (n, K, 1 + 2 d)
        Whitened gradients divided by an unknown c > 0.
    weights : ndarray of shape (K,)
        Mixture weights.

    Returns
    -------
    c : ndarray of shape (n,)
        NaN where no c solves all equations: the set held more than one distinct descriptor.
    """
    d = (gradients.shape[2] - 1) // 2
    g_w, g_mu, g_sigma = np.split(gradients, [1, 1 + d], axis=2)
    quadratic = np.repeat(weights, d)
    linear = (np.sqrt(weights)[:, None] * (2 * g_w + np.sqrt(2) * g_sigma)).reshape(len(g_w), -1)
    constant = (g_w**2 + np.sqrt(2) * g_w * g_sigma - g_mu**2).reshape(len(g_w), -1)
    scales = np.full(len(g_w), np.nan)
    for i, (beta, a) in enumerate(zip(linear, constant, strict=True)):
        t = _common_root(quadratic, beta, a)
        if t is not None:
            scales[i] = 1 / t
    return scales


def _common_root(alpha, beta, a):
    """The t > 0 with alpha t^2 + beta t + a = 0 for all entries, or None."""
    # Roots of the derivative of the summed squares, then Gauss-Newton to the last digit.
    derivative = [
        4 * alpha @ alpha,
        6 * alpha @ beta,
        2 * (beta @ beta + 2 * alpha @ a),
        2 * beta @ a,
    ]
    roots = np.roots(derivative)
    roots = roots.real[(np.abs(roots.imag) < 1e-3 * np.abs(roots)) & (roots.real > 0)]
    if not len(roots):
        return None
    residuals = alpha * roots[:, None] ** 2 + beta * roots[:, None] + a
    t = roots[np.argmin((residuals**2).sum(axis=1))]
    for _ in range(4):
        slope = 2 * alpha * t + beta
        t -= slope @ (alpha * t**2 + beta * t + a) / max(slope @ slope, np.finfo(float).tiny)
    size = np.linalg.norm(alpha * t**2) + np.linalg.norm(beta * t) + np.linalg.norm(a)
    solved = t > 0 and np.linalg.norm(alpha * t**2 + beta * t + a) < _SINGLE_TOL * size
    return t if solved else None


def mixture_regression(statistics, mixture, center, positions):
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
    log_joint -= log_joint.max(axis=-1, keepdims=True)
    responsibility = np.exp(log_joint)
    responsibility /= responsibility.sum(axis=-1, keepdims=True)
    if means.shape[1] == 1:
        return responsibility @ means[:, 0, :, :split] + center[:split]
    return (responsibility[:, :, None] @ means[..., :split])[:, :, 0] + center[:split]
