r"""Sufficient statistics of a diagonal Gaussian mixture: the one computation of this package.

With :math:`\phi(x) = [1, x, x^2]` the log-joint of component k is the linear form
:math:`\eta_k \cdot \phi(x)`, so that

.. math::
    \gamma = \mathrm{softmax}(\phi(x)\, \eta^\top), \qquad
    S = \gamma^\top \phi(x) = [S_0, S_1, S_2].

Statistics add. EM sums them over all descriptors; a Fisher vector is those of one set, minus their
expectation, whitened.

Descriptors are centred before they are squared: without that, float32 loses the variance of data
that lie far from zero.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = [
    "Mixture",
    "Statistics",
    "accumulate",
    "hard_statistics",
    "log_posteriors",
    "natural_parameters",
    "set_statistics",
]

# Rows of one matrix product. Fixed, so that a row's last bits do not depend on its neighbours.
_TILE = 512
# Bytes of posteriors and features worked on at a time: about a core's second-level cache.
_BLOCK_BYTES = 2**21


class Mixture(NamedTuple):
    """Parameters of a diagonal Gaussian mixture, in float64."""

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d)
    covariances: np.ndarray  # (K, d), variances

    def center(self, dtype):
        """Mean of the mixture, rounded to ``dtype`` so that subtracting it there is exact."""
        return (self.weights @ self.means).astype(dtype).astype(np.float64)


@dataclass(frozen=True)
class Statistics:
    """Sums of posterior-weighted features over descriptors; ``+`` merges two data sets.

    Parameters
    ----------
    totals : ndarray of shape (K, 1 + 2 d), float64
        [S0 | S1 | S2] about ``center``.
    n_descriptors : float
        Number of descriptors summed over.
    log_likelihood : float
        Sum of their log-likelihoods, in nats.
    center : ndarray of shape (d,)
        What was subtracted from every descriptor; must be equal in both summands.
    """

    totals: np.ndarray
    n_descriptors: float
    log_likelihood: float
    center: np.ndarray

    def __add__(self, other):
        if not np.array_equal(self.center, other.center):
            raise ValueError("Statistics about different centers cannot be added.")
        return Statistics(
            self.totals + other.totals,
            self.n_descriptors + other.n_descriptors,
            self.log_likelihood + other.log_likelihood,
            self.center,
        )

    def __mul__(self, factor):
        """Weigh the data by ``factor``, as stepwise EM does."""
        return Statistics(
            factor * self.totals,
            factor * self.n_descriptors,
            factor * self.log_likelihood,
            self.center,
        )

    __rmul__ = __mul__


def natural_parameters(mixture, center):
    r"""Natural parameters of every component for :math:`\phi(x - c) = [1, x - c, (x - c)^2]`.

    Parameters
    ----------
    mixture : Mixture
        Weights, means and variances.
    center : ndarray of shape (d,)
        The c that is subtracted from descriptors.

    Returns
    -------
    eta : ndarray of shape (K, 1 + 2 d), float64
        ``phi @ eta.T`` is the log-joint log(w_k N(x; mu_k, sigma_k^2)), in nats.
    """
    mu = mixture.means - center
    precision = 1 / mixture.covariances
    with np.errstate(divide="ignore"):
        log_weights = np.log(mixture.weights)
    log_normalizer = np.log(2 * np.pi * mixture.covariances) + mu**2 * precision
    bias = log_weights - 0.5 * log_normalizer.sum(axis=1)

    return np.concatenate([bias[:, None], mu * precision, -0.5 * precision], axis=1)


def _fill_features(x, center, phi):
    """Write phi(x - c) into the first rows of ``phi``, phi(0) into the rest of their last tile."""
    n, d = x.shape
    centred = phi[:n, 1 : 1 + d]
    phi[:, 0] = 1
    phi[n : n + _TILE, 1:] = 0
    np.subtract(x, center, out=centred, casting="same_kind")
    np.multiply(centred, centred, out=phi[:n, 1 + d :])


def _joint(phi, eta, out):
    """Write exp(logit - max) into ``out``; return the maxima and the sums, each (n, 1)."""
    np.matmul(phi, eta.T, out=out)
    peak = out.max(axis=1, keepdims=True)
    out -= peak
    # Far components: their true posterior, below 1e-37, would be a slow denormal number.
    np.maximum(out, -80, out=out)
    np.exp(out, out=out)
    return peak, out.sum(axis=1, keepdims=True)


def _block_rows(n_components, d, itemsize):
    """Rows of a block: a multiple of the tile that keeps all work arrays in the cache."""
    per_row = itemsize * (n_components + 2 * (1 + 2 * d))
    return _TILE * int(np.clip(_BLOCK_BYTES // (per_row * _TILE), 1, 16))


class _Workspace:
    """Buffers for one block of descriptors, and the E-step that fills them."""

    def __init__(self, mixture, center, dtype):
        self.eta = natural_parameters(mixture, center).astype(dtype)
        self.center = center.astype(dtype)
        n_components, width = self.eta.shape
        self.rows = _block_rows(n_components, (width - 1) // 2, self.eta.itemsize)
        self.phi = np.zeros((self.rows, width), dtype)
        self.joint = np.zeros((self.rows, n_components), dtype)

    def e_step(self, x):
        """Fill ``joint`` and ``phi`` such that gamma.T @ features == joint.T @ phi.

        Dividing the narrow phi by the softmax's sums replaces dividing the wide joint.

        Returns
        -------
        log_likelihood : ndarray of shape (n,)
            Per descriptor, in nats.
        """
        n = len(x)
        _fill_features(x, self.center, self.phi)
        log_likelihood = np.empty(-(-n // _TILE) * _TILE)
        for start in range(0, n, _TILE):
            tile = slice(start, start + _TILE)
            peak, total = _joint(self.phi[tile], self.eta, self.joint[tile])
            log_likelihood[tile] = (peak + np.log(total))[:, 0]
            self.phi[tile] /= total
        return log_likelihood[:n]

    def totals(self, start, n_sets, size):
        """Statistics of ``n_sets`` consecutive sets of ``size`` descriptors: (n_sets, K, 1 + 2d).

        One matrix product per set, whose shape is the set's own: set order changes no bit.
        """
        rows = slice(start, start + n_sets * size)
        joint = self.joint[rows].reshape(n_sets, size, -1)
        phi = self.phi[rows].reshape(n_sets, size, -1)
        return np.matmul(joint.transpose(0, 2, 1), phi)


def accumulate(X, mixture, center):
    """E-step: expected sufficient statistics of all descriptors under ``mixture``.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
        Descriptors; read block by block, so a memory map stays on disk.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,)
        Subtracted from the descriptors.

    Returns
    -------
    Statistics
        Products in the dtype of ``X``, sums in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.statistics import Mixture, accumulate
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> one = Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2)))
    >>> accumulate(X, one, center=np.zeros(2)).totals
    array([[ 3.,  6.,  9., 20., 35.]])
    """
    work = _Workspace(mixture, center, X.dtype)
    totals = np.zeros(work.eta.shape)
    log_likelihood = 0.0
    for start in range(0, len(X), work.rows):
        block = X[start : start + work.rows]
        log_likelihood += work.e_step(block).sum()
        totals += work.totals(0, 1, len(block))[0]
    return Statistics(totals, len(X), log_likelihood, center)


def hard_statistics(X, labels, n_components, center):
    """Statistics of descriptors that each belong to one component wholly (k-means).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Descriptors.
    labels : ndarray of shape (n,)
        Component of each.
    n_components : int
        K.
    center : ndarray of shape (d,)
        Subtracted from the descriptors.

    Returns
    -------
    Statistics
        With a log-likelihood of NaN, for there is no mixture yet.
    """
    d = X.shape[1]
    totals = np.zeros((n_components, 1 + 2 * d))
    for k in range(n_components):
        x = X[labels == k].astype(np.float64) - center
        totals[k] = np.concatenate([[len(x)], x.sum(axis=0), (x**2).sum(axis=0)])
    return Statistics(totals, len(X), np.nan, center)


def log_posteriors(X, mixture):
    """Log-likelihood and posteriors of descriptors.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
        Descriptors.
    mixture : Mixture
        Parameters.

    Yields
    ------
    rows : slice
        A block of rows of ``X``.
    log_likelihood : ndarray of shape (n_rows,)
        log p(x), in nats.
    gamma : ndarray of shape (n_rows, K)
        p(k | x); a buffer that the next block overwrites.
    """
    work = _Workspace(mixture, mixture.center(X.dtype), X.dtype)
    for start in range(0, len(X), work.rows):
        block = X[start : start + work.rows]
        log_likelihood = work.e_step(block)
        gamma = work.joint[: len(block)]
        gamma /= gamma.sum(axis=1, keepdims=True)
        yield slice(start, start + len(block)), log_likelihood, gamma


def set_statistics(descriptors, offsets, mixture):
    """Statistics of each set, block of sets by block of sets.

    The E-step runs on tiles that span sets, so that small sets cost no more than large ones; the
    sums are one product per set. A set larger than a block is summed in pieces that start at its
    own first descriptor.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d), float32 or float64
        All descriptors, set after set.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    mixture : Mixture
        Parameters.

    Yields
    ------
    sets : slice
        The sets of this block.
    totals : ndarray of shape (n_block, K, 1 + 2 d), float64
        [S0 | S1 | S2] of each set about ``mixture.center(descriptors.dtype)``.
    """
    work = _Workspace(mixture, mixture.center(descriptors.dtype), descriptors.dtype)
    sizes = np.diff(offsets)
    first = 0
    while first < len(sizes):
        last = int(np.searchsorted(offsets, offsets[first] + work.rows, side="right")) - 1
        last = max(last, first + 1)
        block = descriptors[offsets[first] : offsets[last]]
        totals = np.zeros((last - first, *work.eta.shape))
        if len(block) > work.rows:
            for start in range(0, len(block), work.rows):
                piece = block[start : start + work.rows]
                work.e_step(piece)
                totals += work.totals(0, 1, len(piece))
        else:
            work.e_step(block)
            for run in _equal_runs(sizes[first:last]):
                size, begin = sizes[first + run.start], offsets[first + run.start] - offsets[first]
                totals[run] = work.totals(begin, run.stop - run.start, size)
        yield slice(first, last), totals
        first = last


def _equal_runs(sizes):
    """Slices of consecutive equal values."""
    breaks = np.flatnonzero(np.diff(sizes)) + 1
    return [slice(a, b) for a, b in zip([0, *breaks], [*breaks, len(sizes)], strict=True)]
