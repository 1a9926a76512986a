"""The E-step: posteriors of chunks of descriptors, and statistics weighted by them.

Float64 descriptors are worked on in float64. Float32 descriptors are multiplied in float32 where
that loses nothing that counts, and in float64 elsewhere: components that cancel
(``statistics.in_double``), descriptors far from all components, and hard assignments.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from skvae._typing import FloatArray, IntArray
from skvae.mixture.assignment import Assignment, is_hard
from skvae.mixture.moments import fill_features
from skvae.mixture.statistics import (
    Mixture,
    Statistics,
    equal_runs,
    float32_nats,
    in_double,
    log_joints_at_means,
    natural_parameters,
    relative_parameters,
)

__all__ = ["NEGLIGIBLE_NATS", "accumulate", "log_posteriors", "set_statistics"]

# Bytes of posteriors and features worked on at a time: they stay in the cache, and each numpy call
# is long enough that threads seldom wait for one another in Python.
_CHUNK_BYTES = 2**22
# (start, n_sets, size): consecutive sets of one size.
Run = tuple[int, int, int]
# Components this many nats below the best one have posteriors that count for nothing.
NEGLIGIBLE_NATS = 16
# Least logarithm of a posterior, but for descriptors far from all components.
_LEAST = -50
# Of two components this close in nats, float64 says which is the nearer one.
_TIE_NATS = 1e-3


class _Part:
    """Components that are worked on in one precision: their features and their products.

    A run (start, n_sets, size) is consecutive sets of one size. Products are per set, so that their
    shapes are the set's own: neither its neighbours nor its place change a bit.
    """

    def __init__(self, eta: FloatArray, center: FloatArray, rows: int, joint: FloatArray) -> None:
        self.joint = joint  # (k, rows)
        eta, self.offset = relative_parameters(eta)
        self.eta, self.center = eta.astype(joint.dtype), center.astype(joint.dtype)
        self.phi = np.zeros((rows, eta.shape[1]), joint.dtype)

    def _views(self, run: Run) -> tuple[FloatArray, FloatArray]:
        """phi (n_sets, size, 1 + 2 d) and joint (n_sets, k, size)"""
        start, n_sets, size = run
        rows = slice(start, start + n_sets * size)
        phi = self.phi[rows].reshape(n_sets, size, self.phi.shape[1])
        joint = self.joint[:, rows].reshape(len(self.joint), n_sets, size)
        return phi, joint.transpose(1, 0, 2)

    def log_joints(self, x: FloatArray, runs: list[Run]) -> FloatArray:
        """Log-joints less ``offset``, (k, n)."""
        fill_features(x, self.center, self.phi[: len(x)])
        for run in runs:
            phi, joint = self._views(run)
            np.matmul(self.eta, phi.transpose(0, 2, 1), out=joint)
        return self.joint[:, : len(x)]

    def totals(self, run: Run) -> FloatArray:
        """Statistics of the sets of a run: (n_sets, k, 1 + 2 d)."""
        phi, joint = self._views(run)
        totals: FloatArray = np.matmul(joint, phi)
        return totals


class _Workspace:
    """Buffers for one chunk of descriptors, and the E-step that fills them.

    Components are rows of ``joint``, so that maxima and sums over them run along its columns, many
    descriptors at once; ``order`` says which component a row is, those in double come last.
    """

    def __init__(
        self,
        mixture: Mixture,
        center: FloatArray,
        dtype: DTypeLike,
        assignment: Assignment | None = None,
    ) -> None:
        self.assignment, self.center = assignment, center
        self.hard = is_hard(assignment)
        eta = natural_parameters(mixture, center)
        double = in_double(eta, mixture, dtype)
        self.order = np.argsort(double, kind="stable")
        self.n_single = len(eta) - int(double.sum())
        self.eta = eta[self.order]
        dtype = np.dtype(dtype if self.n_single else np.float64)
        per_row = dtype.itemsize * (len(eta) + 2 * eta.shape[1])
        if 0 < self.n_single < len(eta):
            per_row += 8 * (double.sum() + eta.shape[1])
        self.rows = int(np.clip(_CHUNK_BYTES // per_row, 256, 8192))
        self.joint = np.zeros((len(eta), self.rows), dtype)
        self.parts = self._parts(dtype)
        highest = log_joints_at_means(eta, mixture.covariances)
        self.normalizers = highest[self.order[: self.n_single], None]
        self.lowest = highest[self.order[: self.n_single or None]].max() - float32_nats(len(center))

    def _parts(self, dtype: DTypeLike) -> list[_Part]:
        n, rows = self.n_single, self.rows
        if n in (0, len(self.eta)):
            return [_Part(self.eta, self.center, rows, self.joint)]
        own = np.zeros((len(self.eta) - n, rows))
        return [
            _Part(self.eta[:n], self.center, rows, self.joint[:n]),
            _Part(self.eta[n:], self.center, rows, own),
        ]

    def e_step(
        self, x: FloatArray, runs: list[Run], weights: FloatArray | None = None
    ) -> FloatArray:
        """Fill ``joint`` and the parts' features such that ``totals`` are statistics.

        Weights of descriptors, of shape (n, 1), multiply the features.

        Returns
        -------
        log_likelihood : ndarray of shape (n,), float64
            Per descriptor, in nats; of the posteriors that are kept.
        """
        joint = self.joint[:, : len(x)]
        peak = self._log_joints(x, runs)
        if self.hard:
            return peak
        # Far components: smaller posteriors times squares would be slow denormal numbers.
        np.maximum(joint, _LEAST, out=joint)
        np.exp(joint, out=joint)
        if not peak.min(initial=self.lowest) >= self.lowest:
            # They add up with the squares of huge descriptors: there they are nothing.
            far = np.flatnonzero(~(peak >= self.lowest))
            joint[:, far] *= joint[:, far] > 2 * np.exp(_LEAST)
        if self.assignment is not None:
            self.assignment.sparsify(joint)
        total = joint.sum(axis=0)
        if len(self.parts) > 1:
            joint /= total
            self.parts[1].joint[:, : len(x)] = joint[self.n_single :]
            if weights is not None:
                for part in self.parts:
                    part.phi[: len(x)] *= weights
        else:
            # The narrower of joint and phi is divided.
            phi = self.parts[0].phi[: len(x)]
            if weights is not None:
                phi *= weights / total[:, None]
            elif len(joint) <= phi.shape[1]:
                joint /= total
            else:
                phi /= total[:, None]
        log_likelihood: FloatArray = peak + np.log(total)
        return log_likelihood

    def _log_joints(self, x: FloatArray, runs: list[Run]) -> FloatArray:
        """Fill ``joint`` with log-joints less the largest of each descriptor; returns these."""
        joint = self.joint[:, : len(x)]
        tops = [part.log_joints(x, runs).max(axis=0) for part in self.parts]
        peaks = [top + part.offset for top, part in zip(tops, self.parts, strict=True)]
        peak: FloatArray
        if len(self.parts) == 1:
            (peak,) = peaks
            joint -= tops[0]
        else:
            peak = np.maximum(*peaks)
            for part, rows in zip(self.parts, np.split(joint, [self.n_single]), strict=True):
                shift = (peak - part.offset).astype(part.joint.dtype)
                np.subtract(part.joint[:, : len(x)], shift, out=rows, casting="same_kind")
        if self.n_single and (self.hard or not peak.min(initial=self.lowest) >= self.lowest):
            rows = self._coarse(joint, peak)
            if rows.size:
                exact = self._exact(x[rows])
                peak[rows] = exact.max(axis=0)
                joint[:, rows] = exact - peak[rows]
        return peak

    def _coarse(self, joint: FloatArray, peak: FloatArray) -> IntArray:
        """Descriptors whose log-joints float32 rounds too coarsely."""
        rows = np.flatnonzero(~(peak >= self.lowest))
        if rows.size:
            near = joint[: self.n_single, rows]
            depth = np.where(near > -NEGLIGIBLE_NATS, self.normalizers - peak[rows] - near, 0)
            rows = rows[
                (depth.max(axis=0) > float32_nats(len(self.center))) | ~np.isfinite(peak[rows])
            ]
        if self.hard:
            tied = np.flatnonzero((joint >= -_TIE_NATS).sum(axis=0) > 1)
            rows = np.union1d(rows, tied)
        return rows

    def _exact(self, x: FloatArray) -> FloatArray:
        """Log-joints in float64, (K, n): a product for each row, which no other row changes."""
        phi = np.empty((len(x), self.eta.shape[1]))
        fill_features(x, self.center, phi)
        joints: FloatArray = np.matmul(self.eta, phi[:, :, None])[:, :, 0]
        return joints.T

    def totals(self, run: Run) -> FloatArray:
        """Statistics of the sets of a run: (n_sets, K, 1 + 2 d)."""
        parts = [part.totals(run) for part in self.parts]
        if len(parts) == 1:
            return parts[0]
        totals = np.empty((run[1], *self.eta.shape))
        totals[:, self.order] = np.concatenate(parts, axis=1)
        return totals

    def single_totals(
        self, x: FloatArray, run: Run, weights: FloatArray | None = None
    ) -> FloatArray:
        """Statistics of sets of one descriptor each: (n_sets, K, 1 + 2 d), float64.

        Nothing is summed, so float64 costs little here, and S0 S2 = S1^2 then holds far beyond
        float32: decoding rests on it.
        """
        start, n_sets, _ = run
        rows = slice(start, start + n_sets)
        phi = np.empty((n_sets, self.eta.shape[1]))
        fill_features(x[rows].astype(np.float64), self.center, phi)
        gamma = np.empty((n_sets, len(self.eta)))
        gamma[:, self.order] = self.joint[:, rows].T
        gamma /= gamma.sum(axis=1, keepdims=True)
        if weights is not None:
            gamma *= weights[rows]
        return gamma[:, :, None] * phi[:, None, :]

    def hard_totals(
        self, x: FloatArray, sizes: IntArray, weights: FloatArray | None = None
    ) -> FloatArray:
        """Statistics of sets of which each descriptor counts towards one component, float64.

        Sums run over the descriptors of each component alone, and in their order.
        """
        phi = self.parts[-1].phi[: len(x)]
        if phi.dtype != np.float64:
            phi = np.empty(phi.shape)
            fill_features(x, self.center, phi)
        nearest = self.joint[:, : len(x)].argmax(axis=0)
        column = np.repeat(np.arange(len(sizes)), sizes) * len(self.eta) + self.order[nearest]
        value = np.ones(len(x)) if weights is None else weights[:, 0].astype(np.float64)
        value[np.isnan(self.joint[nearest, np.arange(len(x))])] = np.nan  # which one is unknown
        shape = (len(x), len(sizes) * len(self.eta))
        assigned = csr_array((value, column, np.arange(len(x) + 1)), shape=shape)
        totals: FloatArray = assigned.T @ phi
        return totals.reshape(len(sizes), *self.eta.shape)


def accumulate(X: FloatArray, mixture: Mixture, center: FloatArray) -> Statistics:
    """E-step: expected sufficient statistics of all descriptors under ``mixture``.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
        Descriptors; read chunk by chunk, so a memory map stays on disk.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,)
        Subtracted from the descriptors.

    Returns
    -------
    Statistics
        Sums in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.expectation import accumulate
    >>> from skvae.mixture.statistics import Mixture
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> one = Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2)))
    >>> accumulate(X, one, center=np.zeros(2)).totals
    array([[ 3.,  6.,  9., 20., 35.]])
    """
    work = _Workspace(mixture, center, X.dtype)
    totals = np.zeros(work.eta.shape)
    log_likelihood = 0.0
    for start in range(0, len(X), work.rows):
        chunk = X[start : start + work.rows]
        run = (0, 1, len(chunk))
        log_likelihood += work.e_step(chunk, [run]).sum()
        totals += work.totals(run)[0]
    return Statistics(totals, len(X), log_likelihood, center)


def log_posteriors(
    X: FloatArray, mixture: Mixture
) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
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
        A chunk of the rows of ``X``.
    log_likelihood : ndarray of shape (n_rows,), float64
        log p(x), in nats.
    gamma : ndarray of shape (n_rows, K)
        p(k | x), in the dtype of ``X``.
    """
    work = _Workspace(mixture, mixture.center(X.dtype), X.dtype)
    for start in range(0, len(X), work.rows):
        chunk = X[start : start + work.rows]
        log_likelihood = work.e_step(chunk, [(0, len(chunk), 1)])
        joint = work.joint[:, : len(chunk)]
        gamma = np.empty((len(chunk), len(joint)), X.dtype)
        gamma[:, work.order] = (joint / joint.sum(axis=0)).T
        yield slice(start, start + len(chunk)), log_likelihood, gamma


def set_statistics(
    descriptors: FloatArray,
    offsets: IntArray,
    mixture: Mixture,
    assignment: Assignment | None = None,
    weights: FloatArray | None = None,
) -> Iterator[tuple[slice, FloatArray]]:
    """Statistics of each set, batch of sets by batch of sets.

    Everything but the matrix products runs on batches of sets, so that small sets cost little more
    than large ones. A set larger than a batch may be is summed in pieces that start at its own
    first descriptor.

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
        The sets of this batch.
    totals : ndarray of shape (n_batch, K, 1 + 2 d), float64
        [S0 | S1 | S2] of each set about ``mixture.center(descriptors.dtype)``.
    """
    work = _Workspace(mixture, mixture.center(descriptors.dtype), descriptors.dtype, assignment)
    if weights is not None:
        weights = weights.astype(descriptors.dtype)[:, None]
    sizes = np.diff(offsets)
    first = 0
    while first < len(sizes):
        last = int(np.searchsorted(offsets, offsets[first] + work.rows, side="right")) - 1
        last = max(last, first + 1)
        rows = slice(offsets[first], offsets[last])
        chunk, weight = descriptors[rows], None if weights is None else weights[rows]
        if len(chunk) <= work.rows:
            runs = equal_runs(sizes[first:last])
            totals = _totals_of(work, chunk, runs, weight)
        else:
            totals = np.zeros((1, *work.eta.shape))
            for start in range(0, len(chunk), work.rows):
                piece = slice(start, start + work.rows)
                x, w = chunk[piece], None if weight is None else weight[piece]
                totals += _totals_of(work, x, [(slice(1), (0, 1, len(x)))], w)
        yield slice(first, last), totals
        first = last


def _totals_of(
    work: _Workspace,
    x: FloatArray,
    runs: list[tuple[slice, Run]],
    weights: FloatArray | None,
) -> FloatArray:
    """Statistics of sets that fit into the workspace together, by runs as of ``equal_runs``."""
    work.e_step(x, [run for _, run in runs], weights)
    if work.hard:
        sizes = np.repeat([size for _, (_, _, size) in runs], [n for _, (_, n, _) in runs])
        return work.hard_totals(x, sizes, weights)
    totals = np.empty((runs[-1][0].stop, *work.eta.shape))
    for sets, run in runs:
        single = run[2] == 1
        totals[sets] = work.single_totals(x, run, weights) if single else work.totals(run)
    return totals
