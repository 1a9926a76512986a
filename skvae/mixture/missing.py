r"""Missing values, which a diagonal mixture marginalises exactly: NaN means "not observed".

The dimensions of a Gaussian with diagonal covariance are independent, so the density of what is
observed of a descriptor is a product over the observed dimensions alone. With the mask m, 1 where a
value is observed and 0 where it is missing, the log-joint of component k is linear again,

.. math::
    \log w_k - \tfrac12 \sum_j m_j \Bigl[\log 2 \pi \sigma_{kj}^2
        + \frac{(x_j - \mu_{kj})^2}{\sigma_{kj}^2}\Bigr]
    = \eta_k \cdot [1, m x, m x^2, m],

and its statistics are :math:`[S_0, S_1, S_2, N]`: :math:`N_{kj}`, the sum of the posteriors of the
descriptors that have dimension j, is what :math:`S_0` is where nothing is missing. All of this is
computed in float64.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import Array, FloatArray, IntArray
from skvae.compute.parallel import map_ordered
from skvae.mixture.assignment import Assignment, is_hard
from skvae.mixture.moments import n_moments, split_totals
from skvae.mixture.statistics import Mixture, Statistics, equal_runs, group_by_center

__all__ = [
    "features_by_center",
    "filled",
    "has_missing",
    "marginal_features",
    "marginal_parameters",
    "marginal_posteriors",
    "marginal_set_statistics",
    "marginal_sums",
    "missing_in_sets",
    "partition_statistics",
    "settled",
]

# Components, all or some, and the features that their parameters are for; later ones hold.
FeaturesOf = list[tuple[Any, FloatArray]]

# Bytes of posteriors and features that are worked on at a time.
_CHUNK_BYTES = 2**22
# Share of all descriptors below which the values of a dimension count for nothing.
_UNSEEN = 1e-12


def has_missing(X: FloatArray) -> bool:
    """Whether any value is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.missing import has_missing
    >>> has_missing(np.array([1.0, np.inf])), has_missing(np.array([1.0, np.nan]))
    (False, True)
    """
    # Squares are positive, so that infinite ones do not cancel; BLAS reads the values just once.
    return bool(np.isnan(np.vdot(X, X)))


def missing_in_sets(descriptors: FloatArray, offsets: IntArray) -> Array:
    """Which sets have a missing value.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d)
        All descriptors, set after set.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.

    Returns
    -------
    missing : ndarray of shape (n_sets,), bool
    """
    if not has_missing(descriptors):
        return np.zeros(len(offsets) - 1, bool)
    until = np.concatenate([[0], np.cumsum(np.isnan(descriptors).any(axis=1))])[offsets]
    return np.diff(until) > 0


def filled(X: FloatArray, default: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """X with the mean of its column in the place of each missing value.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Descriptors.
    default : ndarray of shape (d,)
        For columns without any value.
    weights : ndarray of shape (n,), default=None
        How often each descriptor counts; None means once.

    Returns
    -------
    ndarray of shape (n, d)
        X itself where nothing is missing.
    """
    if not has_missing(X):
        return X
    missing = np.isnan(X)
    if weights is None:
        n, sums = len(X) - missing.sum(axis=0), np.nansum(X, axis=0)
    else:
        n, sums = weights @ ~missing, weights @ np.where(missing, 0, X)
    means = np.where(n > 0, sums / np.where(n > 0, n, 1), default)
    return np.where(missing, means, X).astype(X.dtype, copy=False)


def marginal_features(x: FloatArray, center: FloatArray) -> FloatArray:
    """The features [1, m (x - c), m (x - c)^2, m].

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Descriptors.
    center : ndarray of shape (d,)
        The c that is subtracted from them.

    Returns
    -------
    phi : ndarray of shape (n, 1 + 3 d), float64
    """
    phi = np.empty((len(x), 1 + 3 * x.shape[1]))
    one, first, second, observed = split_totals(phi, x.shape[1])
    one[:] = 1
    np.subtract(x, center, out=first)
    np.logical_not(np.isnan(first), out=observed)
    first[observed == 0] = 0
    np.multiply(first, first, out=second)
    return phi


def features_by_center(x: FloatArray, centers: FloatArray, n_components: int) -> FeaturesOf:
    """The features of descriptors about each center that components have.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Descriptors.
    centers : ndarray of shape (d,) or (K, d)
        As ``Mixture.centers`` gives them.
    n_components : int
        K.

    Returns
    -------
    features : list of (slice or ndarray of int, ndarray of shape (n, 1 + 3 d))
        Those about most components' center are for all of them, those that follow for some.
    """
    center, others = group_by_center(centers, n_components)
    rest = [(components, marginal_features(x, own)) for components, own in others]
    return [(slice(None), marginal_features(x, center)), *rest]


def _in_sets(features: FeaturesOf, n_sets: int) -> FeaturesOf:
    """Features of descriptors of sets of one size: (n_sets, size, 1 + 3 d)."""
    return [(components, phi.reshape(n_sets, -1, phi.shape[1])) for components, phi in features]


def _weighted_sums(gamma: FloatArray, features: FeaturesOf) -> FloatArray:
    """Statistics of each set, (n_sets, K, 1 + 3 d)."""
    (_, phi), *others = features
    totals: FloatArray = np.matmul(gamma.transpose(0, 2, 1), phi)
    for components, own in others:
        totals[:, components] = np.matmul(gamma[..., components].transpose(0, 2, 1), own)
    return totals


def marginal_parameters(mixture: Mixture, center: FloatArray) -> FloatArray:
    """Natural parameters of every component for ``marginal_features``.

    Parameters
    ----------
    mixture : Mixture
        Weights, means and variances.
    center : ndarray of shape (d,) or (K, d)
        The c that is subtracted from descriptors, for all components or for each.

    Returns
    -------
    eta : ndarray of shape (K, 1 + 3 d), float64
        ``phi @ eta.T`` is the log-joint of what is observed, in nats.
    """
    mu = mixture.means - center
    precision = 1 / mixture.covariances
    with np.errstate(divide="ignore"):
        log_weights = np.log(mixture.weights)[:, None]
    log_normalizer = np.log(2 * np.pi * mixture.covariances) + mu**2 * precision
    parts = (log_weights, mu * precision, -0.5 * precision, -0.5 * log_normalizer)
    return np.concatenate(parts, axis=1)


def marginal_posteriors(
    features: FeaturesOf, eta: FloatArray, assignment: Assignment | None = None
) -> tuple[FloatArray, FloatArray]:
    """Log-likelihoods of what is observed, and posteriors given it.

    Parameters
    ----------
    features : list of (slice or ndarray of int, ndarray of shape (n_sets, size, 1 + 3 d))
        From ``features_by_center``. There is a product for each set, so that no set changes the
        bits of another.
    eta : ndarray of shape (K, 1 + 3 d)
        Parameters.
    assignment : Assignment, default=None
        Which posteriors are kept; None keeps all.

    Returns
    -------
    log_likelihood : ndarray of shape (n_sets, size)
        In nats; 0 for a descriptor without any value.
    gamma : ndarray of shape (n_sets, size, K)
        Posteriors; the weights for a descriptor without any value.
    """
    (_, phi), *others = features
    joint = np.matmul(phi, eta.T)
    for components, own in others:
        joint[..., components] = np.matmul(own, eta[components].T)
    top = joint.max(axis=-1, keepdims=True)
    if is_hard(assignment):
        gamma = np.zeros_like(joint)
        np.put_along_axis(gamma, joint.argmax(axis=-1)[..., None], top * 0 + 1, axis=-1)
        return top[..., 0], gamma
    joint -= top
    gamma = np.exp(joint, out=joint)
    if assignment is not None:
        assignment.sparsify(gamma.reshape(-1, len(eta)).T)
    total = gamma.sum(axis=-1, keepdims=True)
    gamma /= total
    return (top + np.log(total))[..., 0], gamma


def marginal_sums(
    x: FloatArray, mixture: Mixture, center: FloatArray, weights: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Log-likelihood and statistics of a chunk of descriptors.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Descriptors.
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,) or (K, d)
        Subtracted from the descriptors, for all components or for each.
    weights : ndarray of shape (n,), default=None
        How often each descriptor counts; None means once.

    Returns
    -------
    log_likelihood : float
        Sum, in nats.
    totals : ndarray of shape (K, 1 + 3 d)
        [S0 | S1 | S2 | N].
    """
    features = _in_sets(features_by_center(x, center, len(mixture.weights)), 1)
    log_likelihood, gamma = marginal_posteriors(features, marginal_parameters(mixture, center))
    if weights is not None:
        log_likelihood = log_likelihood * weights
        gamma *= weights[:, None]
    return float(log_likelihood.sum()), _weighted_sums(gamma, features)[0]


def marginal_set_statistics(
    descriptors: FloatArray,
    offsets: IntArray,
    mixture: Mixture,
    assignment: Assignment | None = None,
    weights: FloatArray | None = None,
    n_jobs: int | None = 1,
    *,
    dtype: DTypeLike,
) -> FloatArray:
    """Statistics of each set, about ``mixture.centers(dtype)``.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d)
        All descriptors, set after set.
    offsets : ndarray of shape (n_sets + 1,)
        Where each set begins.
    mixture : Mixture
        Parameters.
    assignment : Assignment, default=None
        Which posteriors are kept; None keeps all.
    weights : ndarray of shape (N,), default=None
        How often each descriptor counts; None means once.
    n_jobs : int or None, default=1
        Threads, as of ``skvae.compute.parallel``.
    dtype : dtype
        That says where the centers are.

    Returns
    -------
    totals : ndarray of shape (n_sets, K, 1 + 3 d), float64
        [S0 | S1 | S2 | N] of each set.
    """
    centers = mixture.centers(dtype)
    eta = marginal_parameters(mixture, centers)

    def of_piece(piece: tuple[slice, slice]) -> tuple[slice, FloatArray]:
        sets, rows = piece
        features = features_by_center(descriptors[rows], centers, len(eta))
        features = _in_sets(features, sets.stop - sets.start)
        _, gamma = marginal_posteriors(features, eta, assignment)
        if weights is not None:
            gamma *= weights[rows].reshape(*gamma.shape[:2], 1)
        return sets, _weighted_sums(gamma, features)

    totals = np.zeros((len(offsets) - 1, *eta.shape))
    rows = int(np.clip(_CHUNK_BYTES // (8 * (len(eta) + 2 * eta.shape[1])), 256, 8192))
    for sets, of_sets in map_ordered(of_piece, _pieces(offsets, rows), n_jobs):
        totals[sets] += of_sets
    return totals


def _pieces(offsets: IntArray, n_rows: int) -> Iterator[tuple[slice, slice]]:
    """(sets, rows) of whole sets of one size, or of a part of one set larger than ``n_rows``."""
    for sets, (start, n_sets, size) in equal_runs(np.diff(offsets)):
        step = max(1, n_rows // max(size, 1))
        for first in range(0, n_sets if size else 0, step):
            last = min(first + step, n_sets)
            begin, end = start + first * size, start + last * size
            for row in range(begin, end, max(n_rows, step * size)):
                piece = slice(row, min(row + max(n_rows, size), end))
                yield slice(sets.start + first, sets.start + last), piece


def partition_statistics(
    X: FloatArray,
    labels: IntArray,
    n_components: int,
    center: FloatArray,
    weights: FloatArray | None = None,
) -> Statistics:
    """Statistics of descriptors that each belong to one component wholly, to start EM from.

    Where values are missing, a component is given one more, as wide as those of all components: a
    few values, or none, do not say how wide it is.

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
    weights : ndarray of shape (n,), default=None
        How often each descriptor counts; None means once.

    Returns
    -------
    Statistics
        With a log-likelihood of NaN, for there is no mixture yet.
    """
    d = X.shape[1]
    phi = marginal_features(X, center)
    if weights is not None:
        phi *= weights[:, None]
    totals = np.stack([phi[labels == k].sum(axis=0) for k in range(n_components)])
    s0, *sums = split_totals(totals, d)
    n = sums[-1].sum(axis=0)
    n[n == 0] = 1
    partial = sums[-1] < s0
    for part, value in zip(sums, [s.sum(axis=0) / n for s in sums[:2]] + [1.0], strict=True):
        part += partial * value
    count = len(X) if weights is None else float(weights.sum())
    return Statistics(totals, count, np.nan, center)


def settled(batch: Statistics, mixture: Mixture) -> Statistics:
    """Statistics by which a component keeps what it has in dimensions that it has no value of.

    Parameters
    ----------
    batch : Statistics
        From the E-step.
    mixture : Mixture
        That they were made with.

    Returns
    -------
    Statistics
        The batch itself where nothing is missing.
    """
    d = mixture.means.shape[1]
    if batch.totals.shape[1] == n_moments(d):  # nothing is missing
        return batch
    totals = batch.totals.copy()
    s0, s1, s2, n = split_totals(totals, d)
    unseen = n <= _UNSEEN * batch.n_descriptors
    mu = mixture.means - batch.center
    for part, moment in ((s1, mu), (s2, mixture.covariances + mu**2), (n, 1.0)):
        part[...] = np.where(unseen, s0 * moment, part)
    return replace(batch, totals=totals)
