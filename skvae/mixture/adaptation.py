r"""A mixture that is adapted to a set of descriptors: maximum a posteriori, itself the prior.

With :math:`n_k` the sum of the posteriors of component k, :math:`E_k` the mean over descriptors
weighted by them and r the relevance, :math:`\alpha_k = n_k / (n_k + r)` and

.. math::
    w'_k &\propto \alpha_k n_k / T + (1 - \alpha_k) w_k \\
    \mu'_k &= \alpha_k E_k[x] + (1 - \alpha_k) \mu_k \\
    \sigma'^2_k &= \alpha_k E_k[x^2] + (1 - \alpha_k) (\sigma_k^2 + \mu_k^2) - \mu'^2_k

(Reynolds, Quatieri and Dunn, "Speaker verification using adapted Gaussian mixture models", Digital
Signal Processing 10, 2000, eqs. 11-14). A dimension of which values are missing has a count of its
own.
"""

from numbers import Real

import numpy as np

from skvae._typing import FloatArray
from skvae.mixture.moments import split_totals
from skvae.mixture.statistics import Mixture

__all__ = ["adapted", "check_relevance"]


def check_relevance(relevance: float) -> float:
    """A number of descriptors above zero.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not isinstance(relevance, Real) or isinstance(relevance, bool) or not relevance > 0:
        raise ValueError(
            f"relevance={relevance!r} must be a positive number: how many descriptors of a set "
            "count as much as the mixture does."
        )
    return float(relevance)


def adapted(totals: FloatArray, mixture: Mixture, center: FloatArray, relevance: float) -> Mixture:
    """The mixture after a set of descriptors.

    Parameters
    ----------
    totals : ndarray of shape (K, 1 + 2 d) or (K, 1 + 3 d), float64
        [S0 | S1 | S2] of the set about ``center``, and N where values are missing.
    mixture : Mixture
        The prior.
    center : ndarray of shape (d,) or (K, d)
        What the statistics are about.
    relevance : float
        Descriptors of a component that count as much as its prior.

    Returns
    -------
    Mixture
        The prior itself where no descriptor is of a component.
    """
    s0, s1, s2, n = split_totals(totals, mixture.means.shape[1])
    counts = np.maximum(n, np.finfo(np.float64).tiny)
    means = s1 / counts
    variances = np.maximum(s2 / counts - means**2, 0)
    steps = center + means - mixture.means
    alpha = n / (n + relevance)
    alpha_of_weights = (s0 / (s0 + relevance))[:, 0]
    shares = s0[:, 0] / max(s0.sum(), np.finfo(np.float64).tiny)
    weights = alpha_of_weights * shares + (1 - alpha_of_weights) * mixture.weights
    # The variance of prior and descriptors mixed: the formula above without its differences.
    spread = variances + (1 - alpha) * steps**2
    return Mixture(
        weights / weights.sum(),
        mixture.means + alpha * steps,
        alpha * spread + (1 - alpha) * mixture.covariances,
    )
