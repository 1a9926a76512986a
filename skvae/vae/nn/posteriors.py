"""Approximate posteriors q(z|x)."""

import math

import torch
from torch.nn import functional

from skvae.vae.numpy_networks import STD_FLOOR

__all__ = ["DiagonalNormal"]


class DiagonalNormal:
    """Independent normals, one per row and latent dimension.

    Parameters
    ----------
    mean, std : tensor of shape (n, d)
        Location and standard deviation.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.posteriors import DiagonalNormal
    >>> q = DiagonalNormal(torch.zeros(2, 3), torch.ones(2, 3))
    >>> q.kl_to_unit_normal(torch.ones(3)).sum(-1)
    tensor([1.5000, 1.5000])
    """

    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        self.mean = mean
        self.std = std

    @classmethod
    def from_network(cls, output: torch.Tensor) -> "DiagonalNormal":
        """Read an encoder's output of shape (n, 2 d) as ``[mean | raw scale]``, std = softplus."""
        mean, raw_scale = output.chunk(2, dim=-1)

        return cls(mean, functional.softplus(raw_scale) + STD_FLOOR)

    @property
    def log_var(self) -> torch.Tensor:
        """Log variance, (n, d)."""
        return 2 * self.std.log()

    def rsample(self, noise: torch.Tensor) -> torch.Tensor:
        """Turn standard normal ``noise`` of shape (n, d) into a differentiable sample of z."""
        return self.mean + self.std * noise

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """log q(z|x) in nats, (n,)."""
        u = (z - self.mean) / self.std

        return -(0.5 * u**2 + self.std.log() + 0.5 * math.log(2 * math.pi)).sum(-1)

    def kl_to_unit_normal(self, prior_mean: torch.Tensor | float) -> torch.Tensor:
        """KL(q || N(prior_mean, I)) in nats for each dimension, (n, d).

        Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014, appendix B, with the
        prior's mean moved from 0.
        """
        u = self.mean - prior_mean

        return 0.5 * (self.std**2 + u**2 - 1) - torch.log(self.std)
