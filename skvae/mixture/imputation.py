"""What is missing of descriptors, given what is observed: its expectation, and draws of it."""

import numpy as np

from skvae._typing import FloatArray
from skvae.mixture.statistics import Mixture

__all__ = ["conditional_draws", "conditional_means"]


def conditional_means(x: FloatArray, gamma: FloatArray, mixture: Mixture) -> FloatArray:
    r"""Descriptors with the expectation of what is missing given what is observed.

    Dimensions are independent within a component, so that this is
    :math:`\sum_k \gamma(k) \mu_{kj}`.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Descriptors.
    gamma : ndarray of shape (n, K)
        Posteriors given what is observed.
    mixture : Mixture
        Parameters.

    Returns
    -------
    ndarray of shape (n, d)
        In the dtype of ``x``, a copy.
    """
    out = x.copy()
    rows = np.flatnonzero(np.isnan(x).any(axis=1))
    # A product for each row, so that no row changes the bits of another.
    expected = np.matmul(gamma[rows, None].astype(np.float64), mixture.means)[:, 0]
    out[rows] = np.where(np.isnan(x[rows]), expected, x[rows])
    return out


def conditional_draws(
    x: FloatArray, gamma: FloatArray, mixture: Mixture, draws: int, rng: np.random.RandomState
) -> FloatArray:
    """Descriptors with draws of what is missing given what is observed.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Descriptors.
    gamma : ndarray of shape (n, K)
        Posteriors given what is observed.
    mixture : Mixture
        Parameters.
    draws : int
        How many for each descriptor.
    rng : numpy.random.RandomState
        Of a component for each draw, then of the values.

    Returns
    -------
    ndarray of shape (n, draws, d)
        In the dtype of ``x``.
    """
    out = np.repeat(x[:, None], draws, axis=1)
    rows = np.flatnonzero(np.isnan(x).any(axis=1))
    until = np.cumsum(gamma[rows].astype(np.float64), axis=1)
    point = rng.random_sample((len(rows), draws)) * until[:, -1:]
    k = (point[:, :, None] >= until[:, None, :-1]).sum(axis=2)
    noise = rng.standard_normal((len(rows), draws, x.shape[1]))
    values = mixture.means[k] + np.sqrt(mixture.covariances[k]) * noise
    out[rows] = np.where(np.isnan(out[rows]), values, out[rows])
    return out
