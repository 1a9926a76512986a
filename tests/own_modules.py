"""Parts of a user's: modules of torch."""

import math

import torch
from torch import nn
from torch.nn import functional

from skvae.parts import GaussianMixturePrior, Prior


def _log_normalizer(eta):
    """log of the integral of exp(eta x) over [0, 1]."""
    near = eta.abs() < 0.1
    size = torch.where(near, 1.0, eta.abs())
    far = eta.clamp(min=0) + torch.log(-torch.expm1(-size)) - size.log()

    return torch.where(near, eta / 2 + eta**2 / 24 - eta**4 / 2880, far)


class ContinuousBernoulli(nn.Module):
    """Shares in [0, 1] of density proportional to exp(output x)."""

    def __init__(self, n_features):
        super().__init__()

    def log_prob(self, x, output):
        return (x * output - _log_normalizer(output)).sum(-1)

    def log_prob_and_gradient(self, x, output):
        return self.log_prob(x, output).sum(), self.mean(output) - x

    def mean(self, output):
        near = output.abs() < 0.1
        eta = torch.where(near, 1.0, output)
        far = 1 / (1 - torch.exp(-eta)) - 1 / eta

        return torch.where(near, 0.5 + output / 12 - output**3 / 720, far)

    def sample(self, output, generator):
        u = torch.empty_like(output).uniform_(generator=generator)
        eta = -output.abs().clamp(min=1e-3)
        x = torch.log1p(u * torch.expm1(eta)) / eta

        return torch.where(output > 0, 1 - x, x)


class Residual(nn.Module):
    """h + V tanh(W h), whose gradients are written out."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width))

    def forward(self, h):
        return h + self.inner(h)

    def forward_and_kept(self, h):
        first, _, last = self.inner
        a = torch.tanh(functional.linear(h, first.weight, first.bias))

        return h + functional.linear(a, last.weight, last.bias), (h, a)

    def backward(self, kept, d_output):
        first, _, last = self.inner
        h, a = kept
        last.weight.grad.copy_(d_output.T @ a)
        last.bias.grad.copy_(d_output.sum(0))
        d_a = (d_output @ last.weight) * (1 - a**2)
        first.weight.grad.copy_(d_a.T @ h)
        first.bias.grad.copy_(d_a.sum(0))

        return d_output + d_a @ first.weight

    def page_layers(self):
        return [{"residual": list(self.inner)}]


def residual_network(n_in, width, n_out):
    return nn.Sequential(nn.Linear(n_in, width), Residual(width), nn.Linear(width, n_out))


class VampPrior(GaussianMixturePrior):
    """The mixture of posteriors at learned pseudo-inputs (Tomczak and Welling, 2018)."""

    def __init__(self, model, n_inputs=5):
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.rand(n_inputs, model.n_features))
        self._posterior = model.posterior

    @property
    def means(self):
        return self._posterior(self.pseudo_inputs).mean

    def scales(self):
        return self._posterior(self.pseudo_inputs).std

    def log_weights(self):
        return self.pseudo_inputs.new_full((len(self.pseudo_inputs),), 0.0).log_softmax(0)


class WideNormal(Prior):
    """N(0, 4 I), whose gradients are written out; it does not say that it is a mixture."""

    def __init__(self, model):
        super().__init__()

    def kl_per_dimension(self, posterior, y=None):
        squares = (posterior.mean**2 + posterior.std**2) / 4

        return 0.5 * (squares - 1) - (posterior.std / 2).log()

    def add_kl_gradient(self, mean, std, y, beta, d_mean, d_std):
        if beta is not None:
            d_mean.add_(mean / 4 * beta)
            d_std.add_((std / 4 - 1 / std) * beta)

        return 0.5 * ((mean**2 + std**2) / 4 - 1).sum() - (std / 2).log().sum()

    def log_prob(self, z, y=None):
        return -0.5 * (z**2 / 4 + math.log(8 * math.pi)).sum(-1)
