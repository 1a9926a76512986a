"""Posteriors of one chunk of descriptors, and the statistics that they weigh."""

from typing import Any

import numpy as np
from scipy.sparse import csc_array

from skvae._typing import FloatArray, IntArray
from skvae.mixture.kernel import LEAST_POSTERIOR, Kernel, Moved, Part
from skvae.mixture.moments import fill_features
from skvae.mixture.statistics import float32_nats

__all__ = ["NEGLIGIBLE_NATS", "Run", "Workspace"]

# (start, n_sets, size): consecutive sets of one size.
Run = tuple[int, int, int]
# Components this many nats below the best one have posteriors that count for nothing.
NEGLIGIBLE_NATS = 16
# Of two components this close in nats, float64 says which is the nearer one.
_TIE_NATS = 1e-3


class _Part:
    """Buffers for the features of a chunk and their products with the components of a part.

    A run (start, n_sets, size) is consecutive sets of one size. Products are per set, so that their
    shapes are the set's own: neither its neighbours nor its place change a bit.
    """

    def __init__(self, part: Part | Moved, joint: FloatArray) -> None:
        self.eta, self.center, self.offset = part.eta, part.center, part.offset
        self.joint = joint  # (k, rows)
        self.phi = np.empty((joint.shape[1], self.eta.shape[1]), joint.dtype)
        self.views: dict[Run, tuple[FloatArray, FloatArray]] = {}  # of the runs of the last chunk

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
        self.views = {run: self._views(run) for run in runs}
        for phi, joint in self.views.values():
            np.matmul(self.eta, phi.transpose(0, 2, 1), out=joint)
        return self.joint[:, : len(x)]

    def totals(self, run: Run) -> FloatArray:
        """Statistics of the sets of a run: (n_sets, k, 1 + 2 d)."""
        phi, joint = self.views[run]
        totals: FloatArray = np.matmul(joint, phi)
        return totals


class Workspace:
    """Buffers for one chunk of at most ``n`` descriptors, and the E-step that fills them.

    Components are rows of ``joint``, so that maxima and sums over them run along its columns, many
    descriptors at once.
    """

    def __init__(self, kernel: Kernel, n: int) -> None:
        self.kernel = kernel
        rows = min(n, kernel.rows)
        self.joint = np.empty((len(kernel.eta), rows), kernel.dtype)
        single, *double = kernel.parts
        self.parts = [_Part(single, self.joint[: len(single.eta)])]
        self.parts += [_Part(part, np.empty((len(part.eta), rows))) for part in double]
        # Their rows of the last part's joints, over what that part says of them.
        last, first = self.parts[-1].joint, len(kernel.eta) - len(self.parts[-1].joint)
        self.moved = [
            _Part(moved, last[moved.rows.start - first : moved.rows.stop - first])
            for moved in kernel.moved
        ]

    def e_step(
        self, x: FloatArray, runs: list[Run], weights: FloatArray | None = None
    ) -> FloatArray:
        """Fill ``joint`` and the parts' features such that ``totals`` are statistics.

        Weights of descriptors, of shape (n, 1) and in float64, multiply the features.

        Returns
        -------
        log_likelihood : ndarray of shape (n,), float64
            Per descriptor, in nats; of the posteriors that are kept.
        """
        peak, total = self.fill(x, runs, weights)
        log_likelihood: FloatArray = peak if total is None else peak + np.log(total)
        return log_likelihood

    def fill(
        self, x: FloatArray, runs: list[Run], weights: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray | None]:
        """What ``e_step`` does, for those who need no likelihoods.

        Returns
        -------
        peak : ndarray of shape (n,)
            The largest log-joint of each descriptor, in nats.
        total : ndarray of shape (n,) or None
            Sum of its joints in units of the largest; None where one alone is kept.
        """
        kernel = self.kernel
        joint = self.joint[:, : len(x)]
        peak, is_far = self._log_joints(x, runs)
        if kernel.hard:
            return peak, None
        # Far components: smaller posteriors times squares would be slow denormal numbers.
        np.maximum(joint, kernel.least[: len(x)], out=joint)
        np.exp(joint, out=joint)
        if is_far:
            # They add up with the squares of huge descriptors: there they are nothing.
            far = np.flatnonzero(~(peak >= kernel.lowest))
            joint[:, far] *= joint[:, far] > 2 * LEAST_POSTERIOR
        if kernel.assignment is not None:
            kernel.assignment.sparsify(joint)
        total: FloatArray = np.add.reduce(joint, axis=0)
        if len(self.parts) > 1:
            joint /= total
            self.parts[1].joint[:, : len(x)] = joint[kernel.n_single :]
            if weights is not None:
                self._multiply_features(weights)
        # The narrower of joint and phi is divided.
        elif weights is not None:
            self._multiply_features(weights.astype(joint.dtype) / total[:, None])
        elif len(joint) <= self.parts[0].phi.shape[1]:
            joint /= total
        else:
            self._divide_features(total[:, None])
        return peak, total

    def _multiply_features(self, factors: FloatArray) -> None:
        for part in (*self.parts, *self.moved):
            part.phi[: len(factors)] *= factors.astype(part.phi.dtype, copy=False)

    def _divide_features(self, divisors: FloatArray) -> None:
        for part in (*self.parts, *self.moved):
            part.phi[: len(divisors)] /= divisors

    def _log_joints(self, x: FloatArray, runs: list[Run]) -> tuple[FloatArray, bool]:
        """Fill ``joint`` with log-joints less the largest of each descriptor.

        Returns these, and whether any of them is so low that float32 may round it too coarsely.
        """
        kernel = self.kernel
        joint = self.joint[:, : len(x)]
        joints = [part.log_joints(x, runs) for part in self.parts]
        for moved in self.moved:
            moved.log_joints(x, runs)
        tops = [np.maximum.reduce(of_part, axis=0) for of_part in joints]
        peaks = [top + part.offset for top, part in zip(tops, self.parts, strict=True)]
        peak: FloatArray
        if len(self.parts) == 1:
            (peak,) = peaks
            joint -= tops[0]
        else:
            peak = np.maximum(*peaks)
            for part, rows in zip(self.parts, np.split(joint, [kernel.n_single]), strict=True):
                shift = (peak - part.offset).astype(part.joint.dtype)
                np.subtract(part.joint[:, : len(x)], shift, out=rows, casting="same_kind")
        is_far = self._is_far(peak)
        if kernel.n_single and (kernel.hard or is_far):
            rows = self._coarse(joint, peak)
            if rows.size:
                exact = self._exact(x[rows])
                peak[rows] = exact.max(axis=0)
                joint[:, rows] = exact - peak[rows]
                is_far = self._is_far(peak)
        return peak, is_far

    def _is_far(self, peak: FloatArray) -> bool:
        lowest = self.kernel.lowest
        return not np.minimum.reduce(peak, initial=lowest) >= lowest

    def _coarse(self, joint: FloatArray, peak: FloatArray) -> IntArray:
        """Descriptors whose log-joints float32 rounds too coarsely."""
        kernel = self.kernel
        rows = np.flatnonzero(~(peak >= kernel.lowest))
        if rows.size:
            near = joint[: kernel.n_single, rows]
            depth = np.where(near > -NEGLIGIBLE_NATS, kernel.normalizers - peak[rows] - near, 0)
            rows = rows[
                (depth.max(axis=0) > float32_nats(len(kernel.center))) | ~np.isfinite(peak[rows])
            ]
        if kernel.hard:
            tied = np.flatnonzero((joint >= -_TIE_NATS).sum(axis=0) > 1)
            rows = np.union1d(rows, tied) if tied.size else rows
        return rows

    def _exact(self, x: FloatArray) -> FloatArray:
        """Log-joints in float64, (K, n): a product for each row, which no other row changes."""
        kernel = self.kernel
        phi = np.empty((len(x), kernel.eta.shape[1]))
        fill_features(x, kernel.center, phi)
        joints: FloatArray = np.matmul(kernel.eta, phi[:, :, None])[:, :, 0]
        for moved in kernel.moved:
            fill_features(x, moved.center, phi)
            joints[:, moved.rows] = np.matmul(kernel.eta[moved.rows], phi[:, :, None])[:, :, 0]
        return joints.T

    @property
    def totals_dtype(self) -> np.dtype[Any]:
        """That statistics of several descriptors are summed in."""
        return np.dtype(np.float64) if len(self.parts) > 1 else self.joint.dtype

    def totals(self, run: Run) -> FloatArray:
        """Statistics of the sets of a run: (n_sets, K, 1 + 2 d)."""
        kernel = self.kernel
        parts = [part.totals(run) for part in self.parts]
        if len(parts) == 1 and not self.moved:
            return parts[0]
        totals = np.empty((run[1], *kernel.eta.shape))
        totals[:, kernel.order] = np.concatenate(parts, axis=1)
        for moved, part in zip(kernel.moved, self.moved, strict=True):
            totals[:, moved.components] = part.totals(run)
        return totals

    def single_totals(
        self, x: FloatArray, run: Run, weights: FloatArray | None = None
    ) -> FloatArray:
        """Statistics of sets of one descriptor each: (n_sets, K, 1 + 2 d), float64.

        Nothing is summed, so float64 costs little here, and S0 S2 = S1^2 then holds far beyond
        float32: decoding rests on it.
        """
        kernel = self.kernel
        start, n_sets, _ = run
        rows = slice(start, start + n_sets)
        phi = np.empty((n_sets, kernel.eta.shape[1]))
        fill_features(x[rows].astype(np.float64), kernel.center, phi)
        gamma = np.empty((n_sets, len(kernel.eta)))
        gamma[:, kernel.order] = self.joint[:, rows].T
        gamma /= gamma.sum(axis=1, keepdims=True)
        if weights is not None:
            gamma *= weights[rows]
        totals: FloatArray = gamma[:, :, None] * phi[:, None, :]
        for moved in kernel.moved:
            fill_features(x[rows].astype(np.float64), moved.center, phi)
            totals[:, moved.components] = gamma[:, moved.components, None] * phi[:, None, :]
        return totals

    def hard_totals(
        self, x: FloatArray, sizes: IntArray, weights: FloatArray | None = None
    ) -> FloatArray:
        """Statistics of sets of which each descriptor counts towards one component, float64.

        Sums run over the descriptors of each component alone, and in their order.
        """
        kernel = self.kernel
        phi = self.parts[-1].phi[: len(x)]
        if phi.dtype != np.float64:
            phi = np.empty(phi.shape)
            fill_features(x, kernel.center, phi)
        nearest = self.joint[:, : len(x)].argmax(axis=0)
        place = np.repeat(np.arange(len(sizes)), sizes) * len(kernel.eta) + kernel.order[nearest]
        value = np.ones(len(x)) if weights is None else weights[:, 0].copy()
        value[np.isnan(self.joint[nearest, np.arange(len(x))])] = np.nan  # which one is unknown
        shape = (len(sizes) * len(kernel.eta), len(x))
        assigned = csc_array((value, place, np.arange(len(x) + 1)), shape=shape)
        totals: FloatArray = assigned @ phi
        totals = totals.reshape(len(sizes), *kernel.eta.shape)
        for moved in kernel.moved:
            own = np.add.outer(np.arange(len(sizes)) * len(kernel.eta), moved.components)
            fill_features(x, moved.center, phi)
            of_own: FloatArray = assigned[own.ravel()] @ phi
            totals[:, moved.components] = of_own.reshape(*own.shape, -1)
        return totals
