"""The statistics of ``skvae.mixture.statistics`` by torch, for descriptors on a GPU."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import DTypeLike

from skvae._typing import FloatArray, IntArray
from skvae.compute.process import SharedSetting
from skvae.data.weights import WeightedRows, power_near, split_weights
from skvae.mixture.assignment import Assignment, is_hard
from skvae.mixture.moments import split_moments
from skvae.mixture.statistics import (
    Mixture,
    Statistics,
    equal_runs,
    float32_nats,
    group_by_center,
    in_double,
    log_joints_at_means,
    natural_parameters,
    relative_parameters,
)
from skvae.mixture.torch_assignment import sparse
from skvae.mixture.torch_missing import MarginalKernel, has_missing
from skvae.mixture.workspace import NEGLIGIBLE_NATS

__all__ = ["accumulate", "chunk_rows", "set_statistics"]

# Bytes of posteriors worked on at a time: enough to fill a large GPU.
_CHUNK_BYTES = 2**30
_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


def chunk_rows(n_components: int, itemsize: int) -> int:
    """Descriptors worked on at a time."""
    return max(1024, _CHUNK_BYTES // (itemsize * n_components))


_MATMUL = torch.backends.cuda.matmul
# Name and value of what keeps TF32 out, the second before torch 2.9.
_NAME, _FULL = (
    ("fp32_precision", "ieee") if hasattr(_MATMUL, "fp32_precision") else ("allow_tf32", False)
)
_PRECISION = SharedSetting(
    lambda: [(lambda: getattr(_MATMUL, _NAME), lambda value: setattr(_MATMUL, _NAME, value))]
)


def _full_precision() -> AbstractContextManager[None]:
    """Float32 products in float32: TF32 keeps eleven bits of the mantissa."""
    return _PRECISION.at(_FULL)


class _Part:
    """Components that are worked on in one precision, on a device."""

    def __init__(
        self, eta: FloatArray, center: FloatArray, dtype: torch.dtype, device: torch.device
    ) -> None:
        eta, self.offset = relative_parameters(eta)
        self.eta = torch.as_tensor(eta).to(device, dtype)
        self.center = torch.as_tensor(center).to(device, dtype)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """phi(x - c), (n, 1 + 2 d)"""
        phi = torch.empty((len(x), self.eta.shape[1]), dtype=self.eta.dtype, device=x.device)
        one, first, second = split_moments(phi)
        one[:] = 1
        torch.sub(x, self.center, out=first)
        torch.square(first, out=second)
        return phi


class _Kernel:
    """E-step of a mixture on the device and in the dtype of some descriptors.

    As in ``skvae.mixture.expectation``, float32 is multiplied in float32 where that loses nothing
    that counts; ``order`` has the components in double last, and of these those with other
    centers, of which each center has a part.
    """

    def __init__(
        self,
        mixture: Mixture,
        centers: FloatArray,
        like: torch.Tensor,
        assignment: Assignment | None = None,
    ) -> None:
        self.assignment, device = assignment, like.device
        eta = natural_parameters(mixture, centers)
        dtype = np.float64 if is_hard(assignment) else _NUMPY[like.dtype]
        center, others = group_by_center(centers, len(eta))
        double, elsewhere = in_double(eta, mixture, dtype), np.zeros(len(eta), bool)
        for components, _ in others:
            elsewhere[components] = True
        single, double = (np.flatnonzero(a & ~elsewhere) for a in (~double, double))
        order = np.concatenate([single, double, *(components for components, _ in others)])
        self.order = torch.as_tensor(order).to(device)

        far = [(components, own, torch.float64) for components, own in others]
        usual = order[: len(single) + len(double)]
        self.exact = self._parts(eta, [(usual, center, torch.float64), *far], device)
        both = [(single, center, torch.float32), (double, center, torch.float64)]
        self.parts = self._parts(eta, [*both, *far], device)
        highest = log_joints_at_means(eta, mixture.covariances)[single]
        self.normalizers = torch.as_tensor(highest).to(device)
        self.rows = chunk_rows(len(eta), like.element_size())
        self.shape = eta.shape

    @staticmethod
    def _parts(
        eta: FloatArray,
        groups: list[tuple[IntArray, FloatArray, torch.dtype]],
        device: torch.device,
    ) -> list[_Part]:
        return [_Part(eta[ks], center, dtype, device) for ks, center, dtype in groups if len(ks)]

    def e_step(
        self, x: torch.Tensor, weights: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """What ``totals`` needs, and log-likelihoods (n, 1) in float64."""
        phis = [part.features(x) for part in self.parts]
        log_joints = [phi @ part.eta.T for phi, part in zip(phis, self.parts, strict=True)]
        peak, joint = self._relative(x, log_joints)
        if self.assignment is not None:
            joint = sparse(joint, self.assignment)
        gamma = torch.softmax(joint, dim=1)
        total = -gamma.amax(dim=1, keepdim=True).log()
        if weights is not None:
            gamma *= weights.to(gamma.dtype)
        return gamma, phis, peak + total.double()

    def _relative(
        self, x: torch.Tensor, log_joints: list[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Largest log-joint of each row, (n, 1) in float64, and all up to a constant of the row."""
        tops = [joint.amax(dim=1, keepdim=True) for joint in log_joints]
        peaks = [top.double() + part.offset for top, part in zip(tops, self.parts, strict=True)]
        peak = torch.stack(peaks).amax(dim=0)
        joint = log_joints[0]
        if len(log_joints) > 1:  # with one offset there is nothing to make equal
            for log_joint, part in zip(log_joints, self.parts, strict=True):
                log_joint.sub_((peak - part.offset).to(log_joint.dtype))
            joint = torch.cat([log_joint.to(joint.dtype) for log_joint in log_joints], dim=1)
        rows = self._coarse(joint, peak) if len(self.normalizers) else ()
        if len(rows):
            exact = torch.cat(
                [part.features(x[rows]) @ part.eta.T + part.offset for part in self.exact], dim=1
            )
            peak[rows] = exact.amax(dim=1, keepdim=True)
            joint[rows] = (exact - peak[rows]).to(joint.dtype)
        return peak, joint

    def _coarse(self, joint: torch.Tensor, peak: torch.Tensor) -> torch.Tensor:
        """Rows whose log-joints float32 rounds too coarsely."""
        most = float32_nats(len(self.exact[0].center))
        rows = torch.nonzero(~(peak[:, 0] >= self.normalizers.max() - most))[:, 0]
        near, peak = joint[rows], peak[rows]
        near = (near - near.amax(dim=1, keepdim=True))[:, : len(self.normalizers)]
        depth = torch.where(near > -NEGLIGIBLE_NATS, self.normalizers - peak - near, 0)
        return rows[((depth > most) | ~peak.isfinite()).any(dim=1)]

    def totals(self, gamma: torch.Tensor, phis: list[torch.Tensor], n_sets: int) -> torch.Tensor:
        """Statistics of consecutive sets of one size, (n_sets, K, 1 + 2 d) in float64."""
        parts, first = [], 0
        for phi, part in zip(phis, self.parts, strict=True):
            own = gamma[:, first : first + len(part.eta)].to(phi.dtype)
            first += len(part.eta)
            shape = (n_sets, len(phi) // n_sets, -1)
            parts.append((own.reshape(shape).mT @ phi.view(shape)).double())
        totals = torch.empty((n_sets, *self.shape), dtype=torch.float64, device=gamma.device)
        totals[:, self.order] = torch.cat(parts, dim=1)
        return totals


def accumulate(
    block: torch.Tensor | WeightedRows, mixture: Mixture, center: FloatArray
) -> Statistics:
    """Expected sufficient statistics of descriptors on a device, as ``expectation.accumulate``.

    Parameters
    ----------
    block : torch.Tensor or WeightedRows of shape (n, d), float32 or float64
        Descriptors, on the device to work on.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,) or (K, d)
        Subtracted from the descriptors, for all components or for each.

    Returns
    -------
    Statistics
        In main memory.
    """
    X, weights = split_weights(block)
    kernel = (MarginalKernel if has_missing(X) else _Kernel)(mixture, center, X)
    totals = torch.zeros(kernel.shape, dtype=torch.float64, device=X.device)
    log_likelihood = torch.zeros((), dtype=torch.float64, device=X.device)
    unit = 1.0 if weights is None else power_near(weights)
    with _full_precision():
        for first in range(0, max(len(X), 1), kernel.rows):
            rows = slice(first, first + kernel.rows)
            w = None if weights is None else weights[rows, None] / unit
            gamma, phis, log_p = kernel.e_step(X[rows], w)
            if weights is not None:
                log_p *= weights[rows, None]
            totals += unit * kernel.totals(gamma, phis, 1)[0]
            log_likelihood += log_p.sum(dtype=torch.float64)
    n = len(X) if weights is None else float(weights.sum())
    return Statistics(totals.cpu().numpy(), n, log_likelihood.item(), center)


def set_statistics(
    descriptors: FloatArray,
    offsets: IntArray,
    mixture: Mixture,
    assignment: Assignment | None = None,
    weights: FloatArray | None = None,
    device: torch.device | str = "cuda",
    *,
    dtype: DTypeLike | None = None,
) -> Iterator[tuple[slice, FloatArray]]:
    """Statistics of each set, summed on a device.

    Takes and yields what ``skvae.mixture.expectation.set_statistics`` does.

    Parameters
    ----------
    descriptors, offsets, mixture, assignment, weights
        In main memory.
    device : torch.device
        Where to work.
    dtype : dtype, default=None
        As there.
    """
    dtype = np.dtype(descriptors.dtype if dtype is None else dtype)
    centers = mixture.centers(dtype)
    X = torch.from_numpy(np.require(descriptors, requirements=["C", "W"])).to(device)
    none = torch.from_numpy(np.empty(0, dtype)).to(device)
    w = None if weights is None else torch.as_tensor(weights[:, None]).to(device)
    kind = MarginalKernel if has_missing(X) else _Kernel
    kernels = [kind(mixture, centers, like, assignment) for like in (none, none.double())]
    totals = torch.zeros((len(offsets) - 1, *kernels[0].shape), dtype=torch.float64, device=device)
    with _full_precision():
        for sets, (start, n_sets, size) in equal_runs(np.diff(offsets)):
            if size == 0:
                continue
            # In sets of one nothing is summed, so float64 costs little; decoding rests on it.
            kernel = kernels[int(size == 1)]
            step = max(1, kernel.rows // size)
            for first in range(0, n_sets, step):
                n = min(step, n_sets - first)
                # A set larger than a chunk is summed in pieces.
                for piece in range(0, size, kernel.rows):
                    width = min(kernel.rows, size - piece)
                    begin = start + first * size + piece
                    rows = slice(begin, begin + (n - 1) * size + width)
                    gamma, phis, _ = kernel.e_step(X[rows], None if w is None else w[rows])
                    chosen = slice(sets.start + first, sets.start + first + n)
                    totals[chosen] += kernel.totals(gamma, phis, n)
    yield slice(0, len(offsets) - 1), totals.cpu().numpy()
