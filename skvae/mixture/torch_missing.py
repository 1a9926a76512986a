"""The statistics of ``skvae.mixture.missing`` by torch, for descriptors on a GPU."""

from typing import Any

import torch

from skvae._typing import FloatArray
from skvae.mixture.assignment import Assignment
from skvae.mixture.missing import marginal_parameters
from skvae.mixture.moments import split_totals
from skvae.mixture.statistics import Mixture, group_by_center
from skvae.mixture.torch_assignment import sparse

__all__ = ["MarginalKernel", "has_missing"]


# Rows looked at together, and bytes of posteriors and features worked on at a time.
_ROWS = 2**22
_CHUNK_BYTES = 2**30


def has_missing(X: torch.Tensor) -> bool:
    """Whether any value is NaN."""
    return any(bool(x.isnan().any()) for x in X.split(_ROWS))


class MarginalKernel:
    """E-step of a mixture on what is observed of descriptors, in float64 on their device.

    Parameters
    ----------
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,) or (K, d)
        Subtracted from descriptors, for all components or for each.
    like : torch.Tensor
        Descriptors, whose device it is.
    assignment : Assignment, default=None
        Which posteriors are kept; None keeps all.
    """

    def __init__(
        self,
        mixture: Mixture,
        center: FloatArray,
        like: torch.Tensor,
        assignment: Assignment | None = None,
    ) -> None:
        self.assignment = assignment
        self.eta = torch.as_tensor(marginal_parameters(mixture, center)).to(like.device)
        usual, others = group_by_center(center, len(self.eta))
        # Those of some components follow those of all, and hold for them.
        self.centers: list[tuple[Any, torch.Tensor]] = [
            (components, torch.as_tensor(own).to(like.device))
            for components, own in [(slice(None), usual), *others]
        ]
        self.rows = max(1024, _CHUNK_BYTES // (8 * (len(self.eta) + 2 * self.eta.shape[1])))
        self.shape = tuple(self.eta.shape)

    def _features(self, x: torch.Tensor, center: torch.Tensor) -> torch.Tensor:
        phi = torch.ones((len(x), self.shape[1]), dtype=torch.float64, device=x.device)
        _, first, second, observed = split_totals(phi, x.shape[1])
        torch.sub(x, center, out=first)
        observed.masked_fill_(first.isnan(), 0)
        first.masked_fill_(first.isnan(), 0)
        torch.square(first, out=second)
        return phi

    def e_step(
        self, x: torch.Tensor, weights: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """What ``totals`` needs, and log-likelihoods (n, 1)."""
        phis = [self._features(x, center) for _, center in self.centers]
        joint = phis[0] @ self.eta.T
        for (components, _), phi in zip(self.centers[1:], phis[1:], strict=True):
            joint[:, components] = phi @ self.eta[components].T
        if self.assignment is not None:
            joint = sparse(joint, self.assignment)
        log_likelihood = torch.logsumexp(joint, dim=1, keepdim=True)
        gamma = torch.softmax(joint, dim=1)
        if weights is not None:
            gamma *= weights
        return gamma, phis, log_likelihood

    def totals(self, gamma: torch.Tensor, phis: list[torch.Tensor], n_sets: int) -> torch.Tensor:
        """Statistics of consecutive sets of one size, (n_sets, K, 1 + 3 d)."""
        shape = (n_sets, len(phis[0]) // n_sets, -1)
        gamma = gamma.view(shape)
        totals = gamma.mT @ phis[0].view(shape)
        for (components, _), phi in zip(self.centers[1:], phis[1:], strict=True):
            totals[:, components] = gamma[..., components].mT @ phi.view(shape)
        return totals
