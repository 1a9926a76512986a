r"""From statistics to a Fisher vector: whitening, power and norm.

With :math:`(S_0, S_1, S_2)` the statistics of a set of T descriptors (Sánchez, Perronnin, Mensink
and Verbeek, "Image classification with the Fisher vector: theory and practice", IJCV 2013, eqs.
16-18 and Alg. 1):

.. math::
    G_{w_k} &= \frac{S_0 - T w_k}{T \sqrt{w_k}} \\
    G_{\mu_k} &= \frac{S_1 - \mu_k S_0}{T \sqrt{w_k}\, \sigma_k} \\
    G_{\sigma_k} &= \frac{S_2 - 2 \mu_k S_1 + (\mu_k^2 - \sigma_k^2) S_0}
                         {T \sqrt{2 w_k}\, \sigma_k^2}
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from skvae._typing import Array, FloatArray
from skvae.mixture.kernel import recent
from skvae.mixture.moments import (
    by_moment,
    join_moments,
    n_moments,
    split_by_moment,
    split_moments,
    split_totals,
)
from skvae.mixture.statistics import Mixture

__all__ = [
    "cell_statistics",
    "expand",
    "normalize",
    "residuals",
    "rounding",
    "signed_power",
    "whiten",
    "whitened_rounding",
]

# Rounding errors of sums, in units of eps times the statistics.
_NOISE = 4
# The bit that is a number's sign, by the bytes of the number.
_SIGN_BITS: dict[int, Any] = {2: np.uint16(1 << 15), 4: np.uint32(1 << 31), 8: np.uint64(1 << 63)}


def cell_statistics(
    batches: Iterable[tuple[slice, FloatArray]],
    offsets: Array,
    membership: FloatArray,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, Array]:
    """Statistics of every cell of every set.

    Parameters
    ----------
    batches : iterable of (slice, ndarray)
        What ``set_statistics`` yields for n_sets * n_fine fine cells, one after the other.
    offsets : ndarray of shape (n_sets * n_fine + 1,)
        Where each fine cell begins.
    membership : ndarray of shape (n_cells, n_fine)
        1 where a fine cell lies in a cell; statistics add.
    weights : ndarray of shape (N,), default=None
        How often each descriptor counts; None means once.

    Returns
    -------
    totals : ndarray of shape (n_sets, n_cells, K, 1 + 2 d), float64
        [S0 | S1 | S2] about the mixture's center.
    counts : ndarray of shape (n_sets, n_cells)
        Descriptors in each cell, or the sum of their weights.
    """
    n_cells, n_fine = membership.shape
    parts = [totals for _, totals in batches]
    totals = parts[0] if len(parts) == 1 else np.concatenate(parts)
    shape = totals.shape[1:]
    counts = offsets[1:] - offsets[:-1]
    if weights is not None:  # sums of each cell's own, which no other cell rounds
        cells = np.repeat(np.arange(len(counts)), counts)
        counts = np.bincount(cells, weights, len(counts))
    counts = counts.reshape(-1, n_fine)
    if n_fine > 1:
        # Products for each set, so that no set changes the bits of another.
        totals = membership @ totals.reshape(-1, n_fine, shape[0] * shape[1])
        counts = (membership @ counts[:, :, None])[:, :, 0]
    return totals.reshape(-1, n_cells, *shape), counts


def residuals(totals: FloatArray, means: FloatArray) -> FloatArray:
    """Statistics of each component about its own mean.

    Parameters
    ----------
    totals : ndarray of shape (..., K, 1 + 2 d) or (..., K, 1 + 3 d)
        [S0 | S1 | S2], and N where values are missing.
    means : ndarray of shape (K, d)
        About the same center.

    Returns
    -------
    residuals : ndarray of shape (..., K (1 + 2 d))
        [sums of gamma | sums of gamma (x - mu) | sums of gamma (x - mu)^2], in the dtype of
        ``totals``, which ``means`` should have too. Missing values have no part in the sums.
    """
    return _about_means(totals, means)[0]


def _about_means(
    totals: FloatArray, means: FloatArray
) -> tuple[FloatArray, tuple[Any, Any, Any], FloatArray | None]:
    """``residuals``, their three parts as views, and N where values may be missing."""
    k, d = means.shape
    out = by_moment(totals[..., : n_moments(d)])
    _, s1, s2 = parts = split_by_moment(out, k)
    s0, _, _, n = split_totals(totals, d)
    r1 = means * n
    np.subtract(s1, r1, out=r1)
    s1 += r1
    s1 *= means
    s2 -= s1
    s1[...] = r1
    return out, parts, None if n is s0 else n


def whiten(
    totals: FloatArray, n_descriptors: Array, mixture: Mixture, center: FloatArray
) -> FloatArray:
    """Gradient of the mean log-likelihood of each set, times the inverse root of Fisher's matrix.

    Parameters
    ----------
    totals : ndarray of shape (n_sets, K, 1 + 2 d) or (n_sets, K, 1 + 3 d)
        [S0 | S1 | S2] of each set about ``center``, and N where values are missing.
    n_descriptors : ndarray of shape (n_sets,)
        T of each set, or the sum of their weights; a set without descriptors gets zeros.
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,) or (K, d)
        What the statistics are about.

    Returns
    -------
    gradients : ndarray of shape (n_sets, K (1 + 2 d))
        In the dtype of ``totals``: [G_w (K) | G_mu (K d) | G_sigma (K d)], as
        ``skvae.mixture.moments.by_moment`` lays out. A dimension without a value in the set has
        none: zeros.
    """
    w, mu, variances, inverse_roots = _whitening(mixture, center.tobytes(), totals.dtype)
    gradients, (g_w, _, g_sigma), n = _about_means(totals, mu)
    some_empty = np.count_nonzero(n_descriptors) < len(n_descriptors)
    shares = 1 / (np.where(n_descriptors == 0, 1, n_descriptors) if some_empty else n_descriptors)
    gradients *= shares[:, None]
    counted = g_w if n is None else (n * shares[:, None, None]).astype(totals.dtype, copy=False)
    g_sigma -= variances * counted
    g_w -= w
    gradients *= inverse_roots
    if some_empty:
        gradients[n_descriptors == 0] = 0
    return gradients


@recent
def _whitening(
    mixture: Mixture, center: bytes, dtype: np.dtype[Any]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Weights, means about centers, variances and inverse Fisher roots, in a dtype."""
    centers = np.frombuffer(center).reshape(-1, mixture.means.shape[1])
    w, mu = mixture.weights[:, None], mixture.means - centers
    inverse_roots = by_moment(1 / _fisher_roots(w, mixture.covariances))
    parameters = (w, mu, mixture.covariances, inverse_roots)
    w, mu, variances, inverse_roots = (a.astype(dtype) for a in parameters)
    return w, mu, variances, inverse_roots


def _fisher_roots(w: FloatArray, variances: FloatArray) -> FloatArray:
    """Roots of Fisher's matrix for (log-odds of weights, means, deviations) and their units."""
    return join_moments(np.sqrt(w), np.sqrt(w * variances), np.sqrt(2 * w) * variances)


def rounding(
    totals: FloatArray, mixture: Mixture, center: FloatArray, eps: FloatArray, eps_means: Any
) -> FloatArray:
    """What rounding may leave of residuals that are zero.

    Parameters
    ----------
    totals : ndarray of shape (n_sets, K, 1 + 2 d) or (n_sets, K, 1 + 3 d)
        [S0 | S1 | S2] of each set about ``center``, and N where values are missing.
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,) or (K, d)
        What the statistics are about.
    eps : ndarray of shape (K, 1) or (n_sets, K, 1)
        Relative error of the statistics of each component.
    eps_means : float or ndarray of shape (n_sets, 1, 1)
        That of the mixture's means.

    Returns
    -------
    noise : ndarray of shape (n_sets, K, 1 + 2 d)
        Of the sums of gamma (x - mu) and gamma (x - mu)^2; counts have none.
    """
    mu = mixture.means - center
    _, _, s2, n = split_totals(totals, mu.shape[1])
    spread = np.sqrt(n * s2)
    noise = np.zeros((*totals.shape[:-1], n_moments(mu.shape[1])))
    _, n1, n2 = split_moments(noise)
    n1[...] = eps * (spread + np.abs(mu) * n)
    n1 += eps_means * (spread + np.abs(mixture.means).max(axis=0) * n)
    n2[...] = eps * (s2 + mu**2 * n)
    return _NOISE * noise


def whitened_rounding(
    noise: FloatArray,
    totals: FloatArray,
    n_descriptors: Array,
    mixture: Mixture,
    eps: FloatArray,
) -> FloatArray:
    """What rounding may leave of whitened gradients that are zero.

    ``whiten`` subtracts expectations, whose rounding adds to that of the residuals: the less, the
    fewer descriptors a component has.

    Parameters
    ----------
    noise : ndarray of shape (n_sets, K, 1 + 2 d)
        From ``rounding``.
    totals : ndarray of shape (n_sets, K, 1 + 2 d) or (n_sets, K, 1 + 3 d)
        [S0 | S1 | S2] of each set, and N where values are missing.
    n_descriptors : ndarray of shape (n_sets,)
        T of each set, or the sum of their weights.
    mixture : Mixture
        Parameters.
    eps : ndarray of shape (n_sets, K, 1)
        Relative error of the statistics of each component.

    Returns
    -------
    noise : ndarray of shape (n_sets, K, 1 + 2 d)
        A set without descriptors has none.
    """
    w, variances = mixture.weights[:, None], mixture.covariances
    t = np.where(n_descriptors == 0, np.inf, n_descriptors)[:, None, None]
    *_, n = split_totals(totals, variances.shape[1])
    expected = np.broadcast_to(w, (len(t), *w.shape))
    units = join_moments(expected, np.sqrt(variances) * n / t, variances * n / t)
    return (noise / t + _NOISE * eps * units) / _fisher_roots(w, variances)


def signed_power(vectors: FloatArray, power: float) -> FloatArray:
    """sign(v) |v|^power."""
    if power == 1:
        return vectors
    powers = np.abs(vectors)
    powers **= power
    # numpy's copysign does the same one number after the other.
    sign_bit = _SIGN_BITS[vectors.itemsize]
    bits = powers.view(sign_bit.dtype)
    bits |= vectors.view(sign_bit.dtype) & sign_bit
    return powers


def normalize(vectors: FloatArray, norm: str | None, starts: Any) -> tuple[FloatArray, FloatArray]:
    """Divide vectors by their norms.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_features)
        Vectors.
    norm : {"l2", "l1", "intra"} or None
        Of the whole; ``"intra"``: L2 of every group of features, then of the whole (Arandjelović
        and Zisserman, "All about VLAD", CVPR 2013).
    starts : ndarray of int or None
        Where the groups of ``"intra"`` begin; the other norms have none.

    Returns
    -------
    normalized : ndarray of shape (n, n_features)
        Zero vectors stay zero.
    scales : ndarray of shape (n, 1) or (n, n_groups)
        What each vector, or group of it, was divided by.
    """
    if norm is None:
        return vectors, np.ones((len(vectors), 1))
    # A vector of zeros has no direction: it is divided by 1.
    if norm == "intra":
        scales = np.sqrt(np.add.reduceat(vectors**2, starts, axis=1))
        root = np.sqrt((scales > 0).sum(axis=1, keepdims=True))
        scales = np.where(scales > 0, scales * root, 1)
    else:
        terms = vectors * vectors if norm == "l2" else np.abs(vectors)
        scales = np.add.reduce(terms, axis=1, keepdims=True)
        if norm == "l2":
            np.sqrt(scales, out=scales)
        if np.count_nonzero(scales) < scales.size:
            scales[scales == 0] = 1
    return vectors / expand(scales, starts, vectors.shape[1]), scales


def expand(scales: FloatArray, starts: Any, n_features: int) -> FloatArray:
    """One scale per feature from one per group, or from one alone."""
    if scales.shape[1] == 1:
        return scales
    return np.repeat(scales, np.diff([*starts, n_features]), axis=1)
