"""One step of training with the gradients written out.

Autograd spends a fifth of a small network's step on its records. For multi-layer perceptrons with
the library's own likelihoods and priors the chain rule is short enough to state, and every gradient
is written where the optimizer looks for it. Other models take the generic step, which this one
equals.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from skvae.compute.products import linear, product
from skvae.vae.nn.likelihoods import Bernoulli, Gaussian, Poisson
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import Objective
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.priors import ClassMeans, StandardNormal
from skvae.vae.numpy_networks import STD_FLOOR

__all__ = ["FusedStep"]


class FusedStep:
    """Descend the loss of a batch, gradients by hand.

    Parameters
    ----------
    model : VAE
        One that :meth:`supports` accepts.
    optimizer : torch.optim.Optimizer
        Of its parameters.
    objective : Objective
        What the loss is.
    y : tensor or None
        All class numbers that will come.

    Notes
    -----
    N(0, I) and class means of labelled rows are written out; the KL terms of other priors and other
    objectives, which are small beside the networks, go through autograd.
    """

    def __init__(self, model, optimizer, objective=Objective(), y=None):  # noqa: B008, it is frozen
        self.model, self.optimizer, self.objective = model, optimizer, objective
        self._class_means = type(model.prior) is ClassMeans
        self._closed = objective == Objective() and (
            type(model.prior) is StandardNormal or (self._class_means and _all_known(y))
        )
        for theta in model.parameters():
            if theta.grad is None:
                theta.grad = torch.zeros_like(theta)
        self._encoder, self._decoder = _layers(model.encoder), _layers(model.decoder)

    @staticmethod
    def supports(model, objective=Objective(), y=None):  # noqa: B008, it is frozen
        """Whether the gradients of networks, likelihood and objective are written here."""
        networks = model.encoder, model.decoder
        if type(model) is not VAE or not all(type(n) is nn.Sequential for n in networks):
            return False
        layers = (layer for network in networks for layer in network)
        return (
            all(type(part) in (nn.Linear, *_ACTIVATIONS) for part in layers)
            and type(model.likelihood) in _LIKELIHOODS
            and (_all_known(y) or not model.labels_in_decoder)
        )

    @torch.no_grad()
    def __call__(self, x, noise, y, beta, u=None):
        """Take one step.

        Parameters
        ----------
        x : tensor of shape (n, n_features)
            Rows.
        noise : tensor of shape (n_importance * n, n_components)
            Standard normal draws.
        y : tensor of shape (n,) or None
            Class numbers, -1 where unknown.
        beta : float, tensor of shape () or None
            Weight of the KL term; None leaves it out.
        u : tensor of shape (n,) or None
            Uniform draws from [0, 1), which choose among several importance samples.

        Returns
        -------
        sums : tensor of shape (3,)
            Of loss, reconstruction and KL over the rows, in nats, before the step.
        """
        model = self.model
        output, encoder_kept = _forward(self._encoder, model.encoder_input(x))
        mean, raw_scale = output.chunk(2, dim=1)
        std = functional.softplus(raw_scale).add_(STD_FLOOR)
        several = self.objective.n_importance > 1
        if several:
            posterior = DiagonalNormal(mean, std)
            noise, weight, sums = self.objective.choose(model, posterior, x, noise, y, beta, u)
        z = torch.addcmul(mean, std, noise)
        decoded, decoder_kept = _forward(self._decoder, model.decoder_input(z, y))

        loss_of = _LIKELIHOODS[type(model.likelihood)]
        reconstruction, d_decoded = loss_of(model.likelihood, x, decoded)
        d_z = _backward(self._decoder, decoder_kept, d_decoded, wanted=True)
        d_z = d_z[:, : model.n_components]
        if several:
            self._add_densities(z, noise / std, y, beta, d_z)
            d_z.mul_((1 - beta + beta * weight)[:, None])
            d_std = d_z * noise
        else:
            d_std = d_z * noise
            add_gradients = self._written_out if self._closed else self._by_autograd
            penalty, kl = add_gradients(mean, std, y, beta, d_z, d_std)
            sums = penalty - reconstruction, reconstruction, kl
        d_output = torch.cat([d_z, d_std.mul_(raw_scale.sigmoid())], dim=1)
        _backward(self._encoder, encoder_kept, d_output, wanted=False)
        self.optimizer.step()

        return torch.stack(sums)

    def _add_densities(self, z, u, y, beta, d_z):
        """Add the gradient by z of beta (log q(z|x) - log p(z|y)), and set those of the prior.

        u is (z - mean) / variance, q(z|x) counts as fixed: its own gradient has the mean 0.
        """
        parameters = list(self.model.prior.parameters())
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            log_prior = self.model.prior.log_prob(z, y).sum()
            gradients = torch.autograd.grad(log_prior, [z, *parameters])
        _add(d_z, -(gradients[0] + u), beta)
        for theta, gradient in zip(parameters, gradients[1:], strict=True):
            theta.grad.copy_(gradient).mul_(-beta)

    def _written_out(self, mean, std, y, beta, d_mean, d_std):
        """Penalty and KL, sums over rows; gradients are added, or set for class means."""
        u = mean - self.model.prior.means[y] if self._class_means else mean
        if beta is not None:
            _add(d_mean, u, beta)
            _add(d_std, std - std.reciprocal(), beta)
            if self._class_means:
                self.model.prior.means.grad.zero_().index_add_(0, y, u * -beta)

        squares = std.square().addcmul_(u, u)
        kl = 0.5 * (squares.sum() - u.numel()) - std.log().sum()

        return torch.zeros_like(kl) if beta is None else beta * kl, kl

    def _by_autograd(self, mean, std, y, beta, d_mean, d_std):
        """The same for any prior and objective."""
        parameters = list(self.model.prior.parameters())
        with torch.enable_grad():
            inputs = [mean.detach().requires_grad_(), std.detach().requires_grad_()]
            penalty, kl = self.objective.penalty(self.model.prior, DiagonalNormal(*inputs), y, beta)
            if beta is not None:
                gradients = torch.autograd.grad(penalty, inputs + parameters)
        if beta is not None:
            d_mean.add_(gradients[0])
            d_std.add_(gradients[1])
            for theta, gradient in zip(parameters, gradients[2:], strict=True):
                theta.grad.copy_(gradient)

        return penalty.detach(), kl.detach()


def _add(total, term, weight):
    """Add a weighted term in place; the weight of a step on a GPU stays there, as a tensor."""
    if isinstance(weight, torch.Tensor):
        total.addcmul_(term, weight)
    else:
        total.add_(term, alpha=weight)


def _all_known(y):
    return y is None or bool((y >= 0).all())


class _Linear(NamedTuple):
    """A linear layer, and where its gradients go."""

    weight: torch.Tensor
    bias: torch.Tensor
    d_weight: torch.Tensor
    d_bias: torch.Tensor


class _Activation(NamedTuple):
    """A function, in place, and its chain rule by its own output, in place."""

    function: Callable
    chain_rule: Callable


def _layers(network):
    """What a step needs of each layer, so that it does not ask modules for it each time."""
    return [
        _Linear(layer.weight, layer.bias, layer.weight.grad, layer.bias.grad)
        if isinstance(layer, nn.Linear)
        else _ACTIVATIONS[type(layer)]
        for layer in network
    ]


def _forward(layers, h):
    """Output of a network, and what is needed of each layer: input of a linear one, else output."""
    kept = []
    for layer in layers:
        if isinstance(layer, _Linear):
            kept.append(h)
            h = linear(h, layer.weight, layer.bias)
        else:
            kept.append(layer.function(h))
    return h, kept


def _backward(layers, kept, d_h, *, wanted):
    """Set the gradients of a network's parameters; that of its input is returned if ``wanted``."""
    for number in reversed(range(len(layers))):
        layer, h = layers[number], kept[number]
        if isinstance(layer, _Linear):
            product(d_h.T, h, out=layer.d_weight)
            torch.sum(d_h, dim=0, out=layer.d_bias)
            if number or wanted:
                d_h = product(d_h, layer.weight)
        else:
            layer.chain_rule(d_h, h)
    return d_h


def _bernoulli(likelihood, x, logits):
    """Sum of log p(x|z), and the gradient of its negative."""
    log_p = torch.dot(x.reshape(-1), logits.reshape(-1)) - functional.softplus(logits).sum()
    return log_p, logits.sigmoid_().sub_(x)


def _gaussian(likelihood, x, mean):
    scale = likelihood.scale
    u = mean.sub_(x).div_(scale)
    squares = u.square().sum(0)
    log_scale = scale.log().expand(x.shape[1])
    log_p = -0.5 * squares.sum() - len(x) * (log_scale + 0.5 * math.log(2 * math.pi)).sum()
    d_scale = (len(x) - squares) / scale
    d_scale = d_scale if scale.ndim else d_scale.sum()
    likelihood.raw_scale.grad.copy_(d_scale * likelihood.raw_scale.sigmoid())
    return log_p, u.div_(scale)


def _poisson(likelihood, x, log_rate):
    rate = log_rate.exp()
    log_p = torch.dot(x.reshape(-1), log_rate.reshape(-1)) - rate.sum() - torch.lgamma(x + 1).sum()
    return log_p, rate.sub_(x)


_ACTIVATIONS = {
    nn.ReLU: _Activation(torch.relu_, lambda d_h, h: d_h.mul_(h.sign())),
    nn.Tanh: _Activation(torch.tanh_, lambda d_h, h: d_h.addcmul_(d_h * h, h, value=-1)),
}
_LIKELIHOODS = {Bernoulli: _bernoulli, Gaussian: _gaussian, Poisson: _poisson}
