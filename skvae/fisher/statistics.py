r"""Sufficient statistics of a diagonal Gaussian mixture: the one computation of this package.

With :math:`\phi(x) = [1, x, x^2]` the log-joint of component k is the linear form
:math:`\eta_k \cdot \phi(x)`, so that

.. math::
    \gamma = \mathrm{softmax}(\phi(x)\, \eta^\top), \qquad
    S = \gamma^\top \phi(x) = [S_0, S_1, S_2].

Statistics add. EM sums them over all descriptors; a Fisher vector is those of one set, minus their
expectation, whitened.

Descriptors are centred before they are squared: without that, float32 loses the variance of data
that lie far from zero. ``Mixture.center`` says where.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = [
    "Mixture",
    "Statistics",
    "accumulate",
    "equal_runs",
    "hard_statistics",
    "log_posteriors",
    "natural_parameters",
    "relative_parameters",
    "set_statistics",
]

# Bytes of posteriors and features worked on at a time: they stay in the cache, and each numpy call
# is long enough that threads seldom wait for one another in Python.
_BLOCK_BYTES = 2**22


class Mixture(NamedTuple):
    """Parameters of a diagonal Gaussian mixture, in float64."""

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d)
    covariances: np.ndarray  # (K, d), variances

    def center(self, dtype):
        """What to subtract from descriptors, rounded to ``dtype`` so that it is exact there.

        Products lose the digits of (mu_k - c)^2 / sigma_k^2. Its sum over components is least at
        the mean of the means weighted by their precisions, which is near the narrowest ones. About
        the mean of the data, float32 vectors of blank patches were wrong by half.
        """
        precision = 1 / self.covariances
        center = (precision * self.means).sum(axis=0) / precision.sum(axis=0)
        return center.astype(dtype).astype(np.float64)


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


def relative_parameters(mixture, center):
    """Natural parameters less a constant that a softmax does not see, and the constant.

    Small numbers keep more of their digits when they are rounded to float32: without this, vectors
    of descriptors in units of 1e-6 were wrong by 2e-5.

    Returns
    -------
    eta : ndarray of shape (K, 1 + 2 d), float64
    offset : float
        To be added to log-joints and log-likelihoods.
    """
    eta = natural_parameters(mixture, center)
    offset = eta[:, 0].max()
    eta[:, 0] -= offset
    return eta, offset


def _fill_features(x, center, phi):
    """Write phi(x - c) into ``phi``."""
    d = x.shape[1]
    phi[:, 0] = 1
    np.subtract(x, center, out=phi[:, 1 : 1 + d], casting="same_kind")
    np.multiply(phi[:, 1 : 1 + d], phi[:, 1 : 1 + d], out=phi[:, 1 + d :])


class _Workspace:
    """Buffers for one block of descriptors, and the E-step that fills them.

    A run (start, n_sets, size) is consecutive sets of one size. Products are per set, so that their
    shapes are the set's own: neither its neighbours nor its place change a bit.
    """

    def __init__(self, mixture, center, dtype, assignment=None):
        self.assignment = assignment
        eta, self.offset = relative_parameters(mixture, center)
        self.eta = eta.astype(dtype)
        self.center = center.astype(dtype)
        n_components, width = self.eta.shape
        per_row = self.eta.itemsize * (n_components + 2 * width)
        self.rows = int(np.clip(_BLOCK_BYTES // per_row, 256, 8192))
        self.phi = np.zeros((self.rows, width), dtype)
        self.joint = np.zeros((n_components, self.rows), dtype)

    def _phi(self, run):
        """(n_sets, size, 1 + 2 d)"""
        start, n_sets, size = run
        rows = self.phi[start : start + n_sets * size]
        return rows.reshape(n_sets, size, rows.shape[1])

    def _joint(self, run):
        """(n_sets, K, size)"""
        start, n_sets, size = run
        columns = self.joint[:, start : start + n_sets * size]
        return columns.reshape(len(columns), n_sets, size).transpose(1, 0, 2)

    def e_step(self, x, runs, weights=None):
        """Fill ``joint`` and ``phi`` such that gamma.T @ features == joint @ phi.

        Components are rows of ``joint``, so that maxima and sums over them run along its columns,
        many descriptors at once. The narrower of joint and phi is divided by the softmax's sums.
        Weights of descriptors, of shape (n, 1), multiply phi.

        Returns
        -------
        log_likelihood : ndarray of shape (n,)
            Per descriptor, in nats; of the posteriors that are kept.
        """
        phi, joint = self.phi[: len(x)], self.joint[:, : len(x)]
        _fill_features(x, self.center, phi)
        for run in runs:
            np.matmul(self.eta, self._phi(run).transpose(0, 2, 1), out=self._joint(run))
        peak = joint.max(axis=0)
        joint -= peak
        # Far components: their true posterior, below 1e-34, would be a slow denormal number.
        np.maximum(joint, -80, out=joint)
        np.exp(joint, out=joint)
        if self.assignment is not None:
            self.assignment.sparsify(joint)
        total = joint.sum(axis=0)
        if weights is not None:
            phi *= weights / total[:, None]
        elif len(joint) <= phi.shape[1]:
            joint /= total
        else:
            phi /= total[:, None]
        return self.offset + (peak + np.log(total))

    def totals(self, run):
        """Statistics of the sets of a run: (n_sets, K, 1 + 2d)."""
        return np.matmul(self._joint(run), self._phi(run))

    def single_totals(self, x, run, weights=None):
        """Statistics of sets of one descriptor each: (n_sets, K, 1 + 2d), float64.

        Nothing is summed, so float64 costs little here, and S0 S2 = S1^2 then holds far beyond
        float32: decoding rests on it.
        """
        start, n_sets, _ = run
        rows = slice(start, start + n_sets)
        phi = np.zeros((n_sets, self.phi.shape[1]))
        _fill_features(x[rows].astype(np.float64), self.center, phi)
        gamma = self.joint[:, rows].T.astype(np.float64)
        gamma /= gamma.sum(axis=1, keepdims=True)
        if weights is not None:
            gamma *= weights[rows]
        return gamma[:, :, None] * phi[:, None, :]


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
        run = (0, 1, len(block))
        log_likelihood += work.e_step(block, [run]).sum()
        totals += work.totals(run)[0]
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
        log_likelihood = work.e_step(block, [(0, len(block), 1)])
        gamma = work.joint[:, : len(block)].T
        gamma /= gamma.sum(axis=1, keepdims=True)
        yield slice(start, start + len(block)), log_likelihood.astype(X.dtype), gamma


def set_statistics(descriptors, offsets, mixture, assignment=None, weights=None):
    """Statistics of each set, block of sets by block of sets.

    Everything but the matrix products runs on blocks that span sets, so that small sets cost little
    more than large ones. A set larger than a block is summed in pieces that start at its own first
    descriptor.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d), float32 or float64
        All descriptors, set after set.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    mixture : Mixture
        Parameters.
    assignment : Assignment, default=None
        Which posteriors are kept; None keeps all.
    weights : ndarray of shape (N,), default=None
        How often each descriptor counts; None means once.

    Yields
    ------
    sets : slice
        The sets of this block.
    totals : ndarray of shape (n_block, K, 1 + 2 d), float64
        [S0 | S1 | S2] of each set about ``mixture.center(descriptors.dtype)``.
    """
    center = mixture.center(descriptors.dtype)
    work = _Workspace(mixture, center, descriptors.dtype, assignment)
    if weights is not None:
        weights = weights.astype(descriptors.dtype)[:, None]
    sizes = np.diff(offsets)
    first = 0
    while first < len(sizes):
        last = int(np.searchsorted(offsets, offsets[first] + work.rows, side="right")) - 1
        last = max(last, first + 1)
        rows = slice(offsets[first], offsets[last])
        block, weight = descriptors[rows], None if weights is None else weights[rows]
        totals = np.zeros((last - first, *work.eta.shape))
        if len(block) > work.rows:
            for start in range(0, len(block), work.rows):
                piece = slice(start, start + work.rows)
                x = block[piece]
                run = (0, 1, len(x))
                work.e_step(x, [run], None if weight is None else weight[piece])
                totals += work.totals(run)
        else:
            runs = equal_runs(sizes[first:last])
            work.e_step(block, [run for _, run in runs], weight)
            for sets, run in runs:
                single = run[2] == 1
                totals[sets] = (
                    work.single_totals(block, run, weight) if single else work.totals(run)
                )
        yield slice(first, last), totals
        first = last


def equal_runs(sizes):
    """(slice of sets, run) for all stretches of consecutive sets of one size."""
    breaks = np.flatnonzero(np.diff(sizes)) + 1
    begins = np.cumsum(sizes) - sizes
    return [
        (slice(a, b), (begins[a], b - a, sizes[a]))
        for a, b in zip([0, *breaks], [*breaks, len(sizes)], strict=True)
    ]
