"""The statistics of ``skvae.fisher.statistics`` by torch, for descriptors on a GPU."""

import numpy as np
import torch

from skvae._process import SharedSetting
from skvae.fisher.statistics import Statistics, equal_runs, relative_parameters

__all__ = ["accumulate", "block_rows", "set_statistics"]

# Bytes of posteriors worked on at a time: enough to fill a large GPU.
_BLOCK_BYTES = 2**28


def block_rows(n_components, itemsize):
    """Descriptors worked on at a time."""
    return max(1024, _BLOCK_BYTES // (itemsize * n_components))


_MATMUL = torch.backends.cuda.matmul
# Name and value of what keeps TF32 out, the second before torch 2.9.
_NAME, _FULL = (
    ("fp32_precision", "ieee") if hasattr(_MATMUL, "fp32_precision") else ("allow_tf32", False)
)
_PRECISION = SharedSetting(
    lambda: [(lambda: getattr(_MATMUL, _NAME), lambda value: setattr(_MATMUL, _NAME, value))]
)


def _full_precision():
    """Float32 products in float32: TF32 keeps eleven bits of the mantissa."""
    return _PRECISION.at(_FULL)


class _Kernel:
    """E-step of a mixture on the device and in the dtype of some descriptors."""

    def __init__(self, mixture, center, like, assignment=None):
        dtype, device = like.dtype, like.device
        eta, self.offset = relative_parameters(mixture, center)
        self.eta = torch.as_tensor(eta).to(device, dtype)
        self.center = torch.as_tensor(center).to(device, dtype)
        self.assignment = assignment
        self.rows = block_rows(len(self.eta), like.element_size())

    def e_step(self, x, weights=None):
        """Posteriors times weights (n, K), phi (n, 1 + 2 d) and log-likelihoods (n, 1)."""
        d = x.shape[1]
        phi = torch.empty((len(x), 1 + 2 * d), dtype=x.dtype, device=x.device)
        phi[:, 0] = 1
        torch.sub(x, self.center, out=phi[:, 1 : 1 + d])
        torch.square(phi[:, 1 : 1 + d], out=phi[:, 1 + d :])
        joint = phi @ self.eta.T
        if self.assignment is not None:
            joint = self._sparse(joint)
        log_likelihood = torch.logsumexp(joint, dim=1, keepdim=True)
        gamma = joint.sub_(log_likelihood).exp_()
        if weights is not None:
            gamma *= weights
        return gamma, phi, log_likelihood.double() + self.offset

    def _sparse(self, joint):
        top_k, least = self.assignment
        if top_k is not None and top_k < joint.shape[1]:
            values, places = joint.topk(top_k, dim=1)
            joint = torch.full_like(joint, -torch.inf).scatter_(1, places, values)
        if least > 0:
            floor = torch.logsumexp(joint, dim=1, keepdim=True) + np.log(least)
            floor = torch.minimum(floor, joint.amax(dim=1, keepdim=True))
            joint = joint.masked_fill(joint < floor, -torch.inf)
        return joint


def accumulate(X, mixture, center):
    """E-step: expected sufficient statistics of all descriptors under ``mixture``.

    Parameters
    ----------
    X : torch.Tensor of shape (n, d), float32 or float64
        Descriptors, on the device to work on.
    mixture : Mixture
        Current parameters.
    center : ndarray of shape (d,)
        Subtracted from the descriptors.

    Returns
    -------
    Statistics
        Products in the dtype of ``X``, sums in float64; in main memory.
    """
    kernel = _Kernel(mixture, center, X)
    totals = torch.zeros(kernel.eta.shape, dtype=torch.float64, device=X.device)
    log_likelihood = torch.zeros((), dtype=torch.float64, device=X.device)
    with _full_precision():
        for x in X.split(kernel.rows):
            gamma, phi, log_p = kernel.e_step(x)
            totals += gamma.T @ phi
            log_likelihood += log_p.sum(dtype=torch.float64)
    return Statistics(totals.cpu().numpy(), len(X), log_likelihood.item(), center)


def set_statistics(descriptors, offsets, mixture, assignment=None, weights=None, device="cuda"):
    """Statistics of each set, block of sets by block of sets.

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
    device : torch.device
        Where to work.

    Yields
    ------
    sets : slice
        The sets of this block.
    totals : ndarray of shape (n_block, K, 1 + 2 d), float64
        [S0 | S1 | S2] of each set about ``mixture.center(descriptors.dtype)``.
    """
    center = mixture.center(descriptors.dtype)
    X = torch.from_numpy(np.require(descriptors, requirements=["C", "W"])).to(device)
    w = None if weights is None else torch.as_tensor(weights[:, None]).to(device, X.dtype)
    kernels = [_Kernel(mixture, center, x, assignment) for x in (X, X[:0].double())]
    totals = torch.zeros(
        (len(offsets) - 1, *kernels[0].eta.shape), dtype=torch.float64, device=device
    )
    with _full_precision():
        for sets, (start, n_sets, size) in equal_runs(np.diff(offsets)):
            if size == 0:
                continue
            # In sets of one nothing is summed, so float64 costs little; decoding rests on it.
            kernel = kernels[int(size == 1)]
            step = max(1, kernel.rows // size)
            for first in range(0, n_sets, step):
                n = min(step, n_sets - first)
                # A set larger than a block is summed in pieces.
                for piece in range(0, size, kernel.rows):
                    width = min(kernel.rows, size - piece)
                    begin = start + first * size + piece
                    rows = slice(begin, begin + (n - 1) * size + width)
                    x = X[rows].to(kernel.eta.dtype)
                    gamma, phi, _ = kernel.e_step(x, None if w is None else w[rows])
                    shape = (n, width, -1)
                    chosen = slice(sets.start + first, sets.start + first + n)
                    totals[chosen] += gamma.view(shape).mT @ phi.view(shape)
    yield slice(0, len(offsets) - 1), totals.cpu().numpy()
