"""Counts that vary more than a Poisson distribution's."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["NegativeBinomial"]


class NegativeBinomial(nn.Module):
    r"""Independent counts of variance :math:`\mu + \alpha \mu^2`; the decoder gives log rates.

    Parameters
    ----------
    n_features : int
        Each has an overdispersion :math:`\alpha` to learn.

    Notes
    -----
    This is the mixture of Poisson distributions whose rates have a gamma distribution of shape
    :math:`r = 1 / \alpha`. The overdispersion has a floor, below which the counts are Poisson's.

    References
    ----------
    R. Lopez, J. Regier, M. B. Cole, M. I. Jordan and N. Yosef, "Deep generative modeling for
    single-cell transcriptomics", Nature Methods 15, 2018.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.negative_binomial import NegativeBinomial
    >>> NegativeBinomial(2).log_prob(torch.zeros(1, 2), torch.zeros(1, 2)).detach()
    tensor([-1.9062])
    """

    dispersion_floor = 1e-3
    # At the rate of the networks, a fit of a few hundred rows ends close to where it began.
    lr_ratio = 30.0
    rarest = 1e-4  # the least rate to begin with, of what the training rows never show

    def __init__(self, n_features: int) -> None:
        super().__init__()
        raw = math.log(math.expm1(0.1 - self.dispersion_floor))
        self.raw_dispersion = nn.Parameter(torch.full((n_features,), raw, dtype=torch.float32))

    @property
    def dispersion(self) -> torch.Tensor:
        """Overdispersion of each feature, which starts at 0.1."""
        return self.dispersion_floor + functional.softplus(self.raw_dispersion)

    def output_of_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """Logarithms of the mean counts of the training rows, (n_features,)."""
        return mean.clamp(min=self.rarest).log()

    def encoder_input(self, x: torch.Tensor) -> torch.Tensor:
        """Counts on the scale that an encoder sees them on."""
        return torch.log1p(x)

    def log_prob_per_feature(self, x: torch.Tensor, log_rate: torch.Tensor) -> torch.Tensor:
        """Log-probability of each count, (n, n_features)."""
        r = 1 / self.dispersion
        logit = log_rate - r.log()  # of the share that a count has in x + r
        log_choices = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1)

        return log_choices - r * functional.softplus(logit) - x * functional.softplus(-logit)

    def log_prob(self, x: torch.Tensor, log_rate: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), summed over features."""
        return self.log_prob_per_feature(x, log_rate).sum(-1)

    def log_prob_and_gradient(
        self, x: torch.Tensor, log_rate: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of log p(x|z), (), and the gradient of the loss by log rates, (n, n_features)."""
        return self.log_prob(x, log_rate).sum(), self.gradient_alone(x, log_rate)

    def gradient_alone(self, x: torch.Tensor, log_rate: torch.Tensor) -> torch.Tensor:
        """Gradient of the loss by log rates, (n, n_features)."""
        dispersion = self.dispersion
        r = 1 / dispersion
        logit = log_rate.sub_(r.log())
        d_output = r * logit.sigmoid() - x * (-logit).sigmoid()
        # By r of the loss, r being in the logit too.
        d_r = functional.softplus(logit) - torch.digamma(x + r) + torch.digamma(r) - d_output / r
        raw: Any = self.raw_dispersion
        raw.grad.copy_(d_r.sum(0) * -(r**2) * raw.sigmoid())

        return d_output

    def mean(self, log_rate: torch.Tensor) -> torch.Tensor:
        """E[x|z], (n, n_features)."""
        return log_rate.exp()

    def sample(self, log_rate: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One draw of x given z, (n, n_features): a gamma draw is the rate of a Poisson one."""
        r = (1 / self.dispersion).expand_as(log_rate)
        gamma = torch._standard_gamma(r, generator=generator)

        return torch.poisson(log_rate.exp() * gamma / r, generator=generator)
