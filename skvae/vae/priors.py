"""Priors p(z), with or without labels.

A prior answers ``kl(posterior, z, y)`` and ``log_prob(z, y)`` for each row. Labels are class
numbers; -1, or ``y=None`` for all rows, means unknown.
"""

import math

import torch
from torch import nn

__all__ = ["ClassMeans", "StandardNormal"]


def _unit_normal_log_prob(z, mean):
    return -0.5 * ((z - mean) ** 2 + math.log(2 * math.pi)).sum(-1)


class StandardNormal(nn.Module):
    """The prior N(0, I), which knows no labels.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.priors import StandardNormal
    >>> StandardNormal().log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    def kl_per_dimension(self, posterior, y=None):
        """KL(q || p) in nats for each row and dimension, (n, d)."""
        return posterior.kl_to_unit_normal(0.0)

    def kl(self, posterior, z, y=None):
        """KL(q || p) in nats for each row, (n,), in closed form."""
        return self.kl_per_dimension(posterior).sum(-1)

    def log_prob(self, z, y=None):
        """log p(z) in nats, (n,)."""
        return _unit_normal_log_prob(z, 0.0)


class ClassMeans(nn.Module):
    """The prior N(mu_y, I) with one learned mean for each class.

    Without a label it is the mixture sum_y p(y) N(mu_y, I), p(y) the class frequencies. Only the
    prior sees the labels, so the encoder works without them.

    Parameters
    ----------
    n_classes, n_components : int
        Number of means and their dimension. They start at zero.

    References
    ----------
    J. Su, "Variational autoencoders, part 2", kexue.fm/archives/5253, 2018.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.priors import ClassMeans
    >>> prior = ClassMeans(n_classes=10, n_components=2)
    >>> prior.log_prob(torch.zeros(1, 2), torch.tensor([3])).detach()
    tensor([-1.8379])
    """

    def __init__(self, n_classes, n_components):
        super().__init__()
        self.means = nn.Parameter(torch.zeros(n_classes, n_components, dtype=torch.float32))
        uniform = torch.full((n_classes,), -math.log(n_classes), dtype=torch.float32)
        self.register_buffer("log_frequencies", uniform)

    def kl_per_dimension(self, posterior, y):
        """KL(q || N(mu_y, I)) in nats for each labelled row and dimension, (n, d)."""
        return posterior.kl_to_unit_normal(self.means[y])

    def kl(self, posterior, z, y=None):
        """KL(q || p(z|y)) in nats, (n,): closed form with a label, one-sample estimate without."""
        if y is None:
            return posterior.log_prob(z) - self.log_prob(z)
        kl = self.kl_per_dimension(posterior, y).sum(-1)
        unlabelled = y < 0
        if not unlabelled.any():
            return kl

        return torch.where(unlabelled, posterior.log_prob(z) - self.log_prob(z), kl)

    def log_prob(self, z, y=None):
        """log p(z|y) in nats, (n,); the mixture over classes where the label is unknown."""
        by_class = _unit_normal_log_prob(z[:, None], self.means)  # (n, n_classes)
        mixture = torch.logsumexp(by_class + self.log_frequencies, dim=1)
        if y is None:
            return mixture
        labelled = by_class.gather(1, y.clamp(min=0)[:, None])[:, 0]

        return torch.where(y < 0, mixture, labelled)
