"""Which posteriors are kept, of descriptors on a device."""

import numpy as np
import torch

from skvae.mixture.assignment import Assignment

__all__ = ["sparse"]


def sparse(joint: torch.Tensor, assignment: Assignment) -> torch.Tensor:
    """Log-joints, minus infinity for those whose posteriors are not kept.

    Parameters
    ----------
    joint : torch.Tensor of shape (n, K)
        Log-joints, up to a constant of the row.
    assignment : Assignment
        Which posteriors are kept.

    Returns
    -------
    joint : torch.Tensor of shape (n, K)
    """
    top_k, least = assignment
    if top_k is not None and top_k < joint.shape[1]:
        values, places = joint.topk(top_k, dim=1)
        joint = torch.full_like(joint, -torch.inf).scatter_(1, places, values)
    if least > 0:
        floor = torch.logsumexp(joint, dim=1, keepdim=True) + np.log(least)
        floor = torch.minimum(floor, joint.amax(dim=1, keepdim=True))
        joint = joint.masked_fill(joint < floor, -torch.inf)
    return joint
