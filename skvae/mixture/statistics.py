r"""Sufficient statistics of a diagonal Gaussian mixture: the one computation of this package.

With :math:`\phi(x) = [1, x, x^2]` the log-joint of component k is the linear form
:math:`\eta_k \cdot \phi(x)`, so that

.. math::
    \gamma = \mathrm{softmax}(\phi(x)\, \eta^\top), \qquad
    S = \gamma^\top \phi(x) = [S_0, S_1, S_2].

Statistics add. EM sums them over all descriptors; a Fisher vector is those of one set, minus their
expectation, whitened.

Descriptors are centred before they are squared: without that, float32 loses the variance of data
that lie far from zero. ``Mixture.centers`` says where.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import Array, FloatArray, IntArray
from skvae.mixture.moments import add_totals, join_moments, n_moments, split_moments
from skvae.mixture.variances import total_variances

__all__ = [
    "Mixture",
    "Statistics",
    "equal_runs",
    "float32_nats",
    "group_by_center",
    "hard_statistics",
    "in_double",
    "log_joints_at_means",
    "natural_parameters",
    "relative_parameters",
    "spreads",
]

# Share of a feature's variance below which a component is all but constant in it, and what its term
# of a log-joint may come to in float32, in nats.
_CONSTANT = 1e-5
_CONSTANT_NATS = 8
# How many times nearer most components have to be to their median than to their mean for it to be
# the center.
_FAR = 1e3
# Squared distance from the center, in variances, from which on float64 loses more than 1e-6 of a
# component's second moments.
_FAR_OUT = 1e9


def float32_nats(d: int) -> int:
    """What the terms of a log-joint of d dimensions may add up to in float32.

    Rounding then takes about 1e-6 nats for every dimension, and 1e-4 at most.
    """
    return min(40 * d, 1000)


class Mixture(NamedTuple):
    """Parameters of a diagonal Gaussian mixture, in float64."""

    weights: FloatArray  # (K,)
    means: FloatArray  # (K, d)
    covariances: FloatArray  # (K, d), variances

    def center(self, dtype: DTypeLike) -> FloatArray:
        """What to subtract from descriptors, rounded to ``dtype`` so that it is exact there.

        Products lose the digits of (mu_k - c)^2 / sigma_k^2. Its sum over components is least at
        the mean of the means weighted by their precisions, which is near the narrowest ones. About
        the mean of the data, float32 vectors of blank patches were wrong by half. A few components
        far out would draw it away from all others: then it is the median.
        """
        precision = 1 / self.covariances
        center: FloatArray = (precision * self.means).sum(axis=0) / precision.sum(axis=0)
        if (distance := self._usual_distance(center)) > _FAR:
            median = np.median(self.means, axis=0)
            center = median if _FAR * self._usual_distance(median) < distance else center
        return center.astype(dtype).astype(np.float64)

    def centers(self, dtype: DTypeLike) -> FloatArray:
        """What to subtract for each component: one center, and others where some lie far out.

        About a center a million standard deviations away, float64 keeps three digits of a
        component's second moments. Such components are taken together with those near them.

        Parameters
        ----------
        dtype : dtype
            As for :meth:`center`.

        Returns
        -------
        centers : ndarray of shape (d,) or (K, d)
            The second where they are not all the same.
        """
        center = self.center(dtype)
        far = self._are_far_out(center)
        if not far.any():
            return center
        if far.all():  # between groups, near none of them
            center = self.means[0].astype(dtype).astype(np.float64)
            far = self._are_far_out(center)
            far[0] = False
        centers = np.repeat(center[None], len(far), axis=0)
        if far.any():
            centers[far] = Mixture(*(parameter[far] for parameter in self)).centers(dtype)
        return centers

    def _are_far_out(self, center: FloatArray) -> Array:
        ratios = (self.means - center) ** 2 / self.covariances
        are_far: Array = ratios.max(axis=1) > _FAR_OUT
        return are_far

    def _usual_distance(self, center: FloatArray) -> float:
        """Of most components from a center, in standard deviations."""
        squares = (self.means - center) ** 2 / self.covariances
        return float(np.sqrt(np.median(squares.sum(axis=1))))


@dataclass(frozen=True)
class Statistics:
    """Sums of posterior-weighted features over descriptors; ``+`` merges two data sets.

    Parameters
    ----------
    totals : ndarray of shape (K, 1 + 2 d) or (K, 1 + 3 d), float64
        [S0 | S1 | S2] about ``center``; where values are missing [S0 | S1 | S2 | N], as
        ``moments.split_totals`` takes them apart.
    n_descriptors : float
        Number of descriptors summed over, or the sum of their weights.
    log_likelihood : float
        Sum of their log-likelihoods, in nats.
    center : ndarray of shape (d,) or (K, d)
        What was subtracted from every descriptor, or for each component; must be equal in both
        summands.
    """

    totals: FloatArray
    n_descriptors: float
    log_likelihood: float
    center: FloatArray

    def __add__(self, other: "Statistics") -> "Statistics":
        if not np.array_equal(self.center, other.center):
            raise ValueError("Statistics about different centers cannot be added.")
        return Statistics(
            add_totals(self.totals, other.totals),
            self.n_descriptors + other.n_descriptors,
            self.log_likelihood + other.log_likelihood,
            self.center,
        )

    def __mul__(self, factor: float) -> "Statistics":
        """Weigh the data by ``factor``, as stepwise EM does."""
        return Statistics(
            factor * self.totals,
            factor * self.n_descriptors,
            factor * self.log_likelihood,
            self.center,
        )

    __rmul__ = __mul__


def group_by_center(
    centers: FloatArray, n_components: int
) -> tuple[FloatArray, list[tuple[IntArray, FloatArray]]]:
    """The center of most components, and those that have others.

    Parameters
    ----------
    centers : ndarray of shape (d,) or (K, d)
        From ``Mixture.centers``.
    n_components : int
        K.

    Returns
    -------
    center : ndarray of shape (d,)
    others : list of (ndarray of int, ndarray of shape (d,))
        Components, and their center.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.statistics import group_by_center
    >>> group_by_center(np.array([[0.0], [9.0], [0.0]]), 3)
    (array([0.]), [(array([1]), array([9.]))])
    """
    if centers.ndim == 1:
        return centers, []
    found, group, counts = np.unique(centers, axis=0, return_inverse=True, return_counts=True)
    most = int(counts.argmax())
    group = group.reshape(n_components)  # numpy 2.0.0 alone gives it an axis more
    others: list[tuple[IntArray, FloatArray]] = [
        (np.flatnonzero(group == i), found[i]) for i in range(len(found)) if i != most
    ]
    return found[most], others


def natural_parameters(mixture: Mixture, center: FloatArray) -> FloatArray:
    r"""Natural parameters of every component for :math:`\phi(x - c) = [1, x - c, (x - c)^2]`.

    Parameters
    ----------
    mixture : Mixture
        Weights, means and variances.
    center : ndarray of shape (d,) or (K, d)
        The c that is subtracted from descriptors, for all components or for each.

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

    return join_moments(bias[:, None], mu * precision, -0.5 * precision)


def relative_parameters(eta: FloatArray) -> tuple[FloatArray, float]:
    """Natural parameters less a constant that a softmax does not see, and the constant.

    Small numbers keep more of their digits when they are rounded to float32: without this, vectors
    of descriptors in units of 1e-6 were wrong by 2e-5.

    Parameters
    ----------
    eta : ndarray of shape (K, 1 + 2 d)
        As ``natural_parameters`` gives them.

    Returns
    -------
    eta : ndarray of shape (K, 1 + 2 d)
    offset : float
        To be added to log-joints and log-likelihoods.
    """
    offset = eta[:, 0].max()
    eta = eta.copy()
    eta[:, 0] -= offset
    return eta, offset


def spreads(eta: FloatArray, covariances: FloatArray) -> FloatArray:
    r"""What the terms of each log-joint add up to near its mean, in nats.

    Parameters
    ----------
    eta : ndarray of shape (K, 1 + 2 d)
        As ``natural_parameters`` gives them.
    covariances : ndarray of shape (K, d)
        Variances of the same mixture.

    Returns
    -------
    spreads : ndarray of shape (K,)
        :math:`\sum_j (\mu_{kj} - c_j)^2 / \sigma_{kj}^2`.
    """
    _, slopes, _ = split_moments(eta)
    spread: FloatArray = np.einsum("kd,kd,kd->k", slopes, slopes, covariances)
    return spread


def log_joints_at_means(eta: FloatArray, covariances: FloatArray) -> FloatArray:
    """Log-joints of each component at its own mean, where they are highest.

    Parameters
    ----------
    eta : ndarray of shape (K, 1 + 2 d)
        As ``natural_parameters`` gives them.
    covariances : ndarray of shape (K, d)
        Variances of the same mixture.

    Returns
    -------
    log_joints : ndarray of shape (K,)
        In nats.
    """
    return eta[:, 0] + spreads(eta, covariances) / 2


def in_double(eta: FloatArray, mixture: Mixture, dtype: DTypeLike) -> Array:
    """Which components have to be worked on in float64.

    Of terms that add up to ``spreads`` float32 keeps seven digits: too few for components that are
    narrow where others are not, as those of bits, quantised values and blank patches are. Where a
    component is all but constant its descriptors are equal, and rounding errors of their sums do
    not cancel: there float32 has to be content with less.

    Parameters
    ----------
    eta : ndarray of shape (K, 1 + 2 d)
        As ``natural_parameters`` gives them.
    mixture : Mixture
        That they are of.
    dtype : dtype
        Of the descriptors.

    Returns
    -------
    double : ndarray of shape (K,), bool
        All of them for float64.
    """
    if dtype == np.float64:
        return np.ones(len(eta), bool)
    covariances = mixture.covariances
    most = float32_nats(covariances.shape[1])
    double: Array = spreads(eta, covariances) > most
    if covariances.min() < 1e-30 or covariances.max() > 1e30:  # float32 cannot hold such squares
        double |= ((covariances < 1e-30) | (covariances > 1e30)).any(axis=1)
    constant = covariances < _CONSTANT * total_variances(mixture)
    if constant.any():
        spread = split_moments(eta)[1] ** 2 * covariances
        double |= (constant & (spread > _CONSTANT_NATS)).any(axis=1)
    if not double.all():
        bias = eta[:, 0]
        double |= bias < bias[~double].max() - most
    # Both precisions side by side take as long as float64 alone where it has a quarter.
    double |= 4 * double.sum() > len(double)
    return double


def hard_statistics(
    X: FloatArray,
    labels: IntArray,
    n_components: int,
    center: FloatArray,
    weights: FloatArray | None = None,
) -> Statistics:
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
    weights : ndarray of shape (n,), default=None
        How often each descriptor counts; None means once.

    Returns
    -------
    Statistics
        With a log-likelihood of NaN, for there is no mixture yet.
    """
    totals = np.zeros((n_components, n_moments(X.shape[1])))
    for k in range(n_components):
        own = labels == k
        x = X[own].astype(np.float64) - center
        if weights is None:
            totals[k] = join_moments([len(x)], x.sum(axis=0), (x**2).sum(axis=0))
        else:
            w = weights[own]
            totals[k] = join_moments([w.sum()], w @ x, w @ x**2)
    n = len(X) if weights is None else float(weights.sum())
    return Statistics(totals, n, np.nan, center)


def equal_runs(sizes: IntArray) -> list[tuple[slice, tuple[int, int, int]]]:
    """(slice of sets, run) for all stretches of consecutive sets of one size."""
    if len(sizes) == 1:
        return [(slice(0, 1), (0, 1, int(sizes[0])))]
    breaks = (np.flatnonzero(sizes[1:] != sizes[:-1]) + 1).tolist()
    begins = np.cumsum(sizes) - sizes
    return [
        (slice(a, b), (int(begins[a]), b - a, int(sizes[a])))
        for a, b in zip([0, *breaks], [*breaks, len(sizes)], strict=True)
    ]
