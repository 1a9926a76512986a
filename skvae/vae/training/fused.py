"""One step of training with the gradients written out.

Autograd spends a fifth of a small network's step on its records. For multi-layer perceptrons the
chain rule is short enough to state; likelihoods, priors and other layers may state theirs. Every
gradient is written where the optimizer looks for it. Other models take the generic step, which this
one equals.

A layer states it by ``forward_and_kept(h)``, which gives its output and what it needs later, and
``backward(kept, d_output)``, which gives the gradient of its input and sets the ``.grad`` of its
parameters.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from skvae.compute.torch_products import TORCH, Library
from skvae.vae.nn.likelihoods import writes_gradient
from skvae.vae.nn.missing import log_prob_of_observed_and_gradient
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import Objective
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.prior_bases import writes_kl_gradient
from skvae.vae.nn.written_out import add_weighted, is_written_out
from skvae.vae.numpy_networks import STD_FLOOR

__all__ = ["FusedStep"]

# Two sums over rows, and gradients of what lies behind the prior.
PenaltyAndKL = tuple[torch.Tensor, torch.Tensor, Sequence[torch.Tensor]]


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
    library : Library, default=TORCH
        What multiplies; another one than torch's own takes float32 on the processor only.

    Notes
    -----
    The KL terms of priors that do not write out their gradients, other objectives, and likelihoods
    of rows with missing values, which are small beside the networks, go through autograd.
    """

    model: Any
    _add_kl_gradient: Any

    def __init__(
        self,
        model: VAE,
        optimizer: torch.optim.Optimizer,
        objective: Objective = Objective(),  # noqa: B008, it is frozen
        y: torch.Tensor | None = None,
        library: Library = TORCH,
    ) -> None:
        self.model, self.optimizer, self.objective = model, optimizer, objective
        self._closed = objective == Objective() and writes_kl_gradient(model.prior, y)
        # Bound once: a module looks its parts up slowly.
        self._reconstruct = model.likelihood.log_prob_and_gradient
        if model.marginalises:
            self._reconstruct = partial(log_prob_of_observed_and_gradient, model.likelihood)
        self._add_kl_gradient = model.prior.add_kl_gradient if self._closed else None
        self._of_prior = list(model.prior.parameters())
        self._behind_prior = _behind_prior(model, self._of_prior)
        for theta in model.parameters():
            if theta.grad is None:
                theta.grad = torch.zeros_like(theta)
        self._encoder, self._decoder = (
            _layers(network, library) for network in (model.encoder, model.decoder)
        )

    @staticmethod
    def supports(
        model: VAE,
        objective: Objective = Objective(),  # noqa: B008, it is frozen
        y: torch.Tensor | None = None,
    ) -> bool:
        """Whether the gradients of networks and likelihood are written out."""
        return (
            type(model) is VAE
            and _is_known_network(model.encoder)
            and _is_known_network(model.decoder)
            and writes_gradient(model.likelihood)
            and (not model.labels_in_decoder or y is None or bool((y >= 0).all()))
        )

    @torch.no_grad()
    def __call__(
        self,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor | None,
        u: torch.Tensor | None = None,
    ) -> torch.Tensor:
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
        model: Any = self.model
        late: Sequence[torch.Tensor]
        output, encoder_kept = _forward(self._encoder, model.encoder_input(x))
        mean, raw_scale = output.chunk(2, dim=1)
        std = functional.softplus(raw_scale).add_(STD_FLOOR)
        several = self.objective.n_importance > 1
        if several:
            assert beta is not None  # there is a density
            posterior = DiagonalNormal(mean, std)
            noise, weight, sums = self.objective.choose(model, posterior, x, noise, y, beta, u)
        z = torch.addcmul(mean, std, noise)
        decoded, decoder_kept = _forward(self._decoder, model.decoder_input(z, y))

        reconstruction, d_decoded = self._reconstruct(x, decoded)
        d_z = _backward(self._decoder, decoder_kept, d_decoded, wanted=True)
        d_z = d_z[:, : model.n_components]
        if several:
            assert beta is not None
            late = self._add_densities(z, noise / std, y, beta, d_z)
            d_z.mul_((1 - beta + beta * weight)[:, None])
            d_std = d_z * noise
        else:
            d_std = d_z * noise
            add_gradients = self._written_out if self._closed else self._by_autograd
            penalty, kl, late = add_gradients(mean, std, y, beta, d_z, d_std)
            sums = penalty - reconstruction, reconstruction, kl
        d_output = torch.cat([d_z, d_std.mul_(raw_scale.sigmoid())], dim=1)
        _backward(self._encoder, encoder_kept, d_output, wanted=False)
        for theta, gradient in zip(self._behind_prior, late, strict=True):
            _gradient_of(theta).add_(gradient)
        self.optimizer.step()

        return torch.stack(sums)

    def _add_densities(
        self,
        z: torch.Tensor,
        u: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor,
        d_z: torch.Tensor,
    ) -> Sequence[torch.Tensor]:
        """Add the gradient by z of beta (log q(z|x) - log p(z|y)), and set those of the prior.

        u is (z - mean) / variance, q(z|x) counts as fixed: its own gradient has the mean 0. Returns
        the gradients of what lies behind the prior.
        """
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            log_prior = self.model.prior.log_prob(z, y).sum()
            asked = [z, *self._of_prior, *self._behind_prior]
            d_prior, *gradients = torch.autograd.grad(log_prior, asked)
        add_weighted(d_z, -(d_prior + u), beta)
        late = gradients[len(self._of_prior) :]
        for theta, gradient in zip(self._of_prior, gradients, strict=False):
            _gradient_of(theta).copy_(gradient).mul_(-beta)

        return [gradient.mul(-beta) for gradient in late]

    def _written_out(
        self,
        mean: torch.Tensor,
        std: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor | None,
        d_mean: torch.Tensor,
        d_std: torch.Tensor,
    ) -> PenaltyAndKL:
        """Penalty and KL, sums over rows, with the gradients that the prior states."""
        kl = self._add_kl_gradient(mean, std, y, beta, d_mean, d_std)

        return torch.zeros_like(kl) if beta is None else beta * kl, kl, self._nothing()

    def _by_autograd(
        self,
        mean: torch.Tensor,
        std: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor | None,
        d_mean: torch.Tensor,
        d_std: torch.Tensor,
    ) -> PenaltyAndKL:
        """Penalty and KL, sums over rows, of any prior and objective."""
        with torch.enable_grad():
            inputs = [mean.detach().requires_grad_(), std.detach().requires_grad_()]
            penalty, kl = self.objective.penalty(self.model.prior, DiagonalNormal(*inputs), y, beta)
            if beta is not None:
                asked = [*inputs, *self._of_prior, *self._behind_prior]
                gradients = torch.autograd.grad(penalty, asked)
        late: Sequence[torch.Tensor] = self._nothing()
        if beta is not None:
            d_mean.add_(gradients[0])
            d_std.add_(gradients[1])
            for theta, gradient in zip(self._of_prior, gradients[2:], strict=False):
                _gradient_of(theta).copy_(gradient)
            late = gradients[2 + len(self._of_prior) :]

        return penalty.detach(), kl.detach(), late

    def _nothing(self) -> list[torch.Tensor]:
        """Gradients of what lies behind a prior that adds none."""
        return [torch.zeros_like(theta) for theta in self._behind_prior]


def _behind_prior(model: VAE, of_prior: list[nn.Parameter]) -> list[nn.Parameter]:
    """Parameters of other parts that a prior depends on, such as one that uses the encoder."""
    known = set(map(id, of_prior))
    others = [theta for theta in model.parameters() if id(theta) not in known]
    with torch.enable_grad():
        log_prior = model.prior.log_prob(others[0].new_zeros(1, model.n_components)).sum()
        if not log_prior.requires_grad:
            return []
        gradients = torch.autograd.grad(log_prior, others, allow_unused=True)

    return [
        theta for theta, gradient in zip(others, gradients, strict=True) if gradient is not None
    ]


def _gradient_of(theta: torch.Tensor) -> torch.Tensor:
    assert theta.grad is not None  # made before the first step

    return theta.grad


def _modules(network: nn.Module) -> list[nn.Module]:
    """The layers of a network, one after the other."""
    return list(network) if type(network) is nn.Sequential else [network]


def _is_known_network(network: nn.Module) -> bool:
    layers = _modules(network)
    # An activation overwrites its input, and what follows a network may overwrite its output.
    ends = {type(layer) for layer in (*layers[:1], *layers[-1:])}

    return bool(layers) and all(map(_is_known, layers)) and ends.isdisjoint(_ACTIVATIONS)


def _is_known(layer: nn.Module) -> bool:
    known = type(layer) is nn.Linear or type(layer) in _ACTIVATIONS

    return known or (
        is_written_out(layer, "forward_and_kept", "forward")
        and is_written_out(layer, "backward", "forward_and_kept")
    )


class _Linear(NamedTuple):
    """A linear layer, and where its gradients go."""

    weight: torch.Tensor
    bias: torch.Tensor
    d_weight: torch.Tensor
    d_bias: torch.Tensor
    library: Library


class _Activation(NamedTuple):
    """A function, in place, and its chain rule by its own output, in place."""

    function: Callable[[torch.Tensor], torch.Tensor]
    chain_rule: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _layers(network: nn.Module, library: Library) -> list[Any]:
    """What a step needs of each layer, so that it does not ask modules for it each time."""

    def linear(layer: nn.Linear) -> _Linear:
        weight, bias = layer.weight, layer.bias
        return _Linear(weight, bias, _gradient_of(weight), _gradient_of(bias), library)

    return [
        linear(layer) if type(layer) is nn.Linear else _ACTIVATIONS.get(type(layer), layer)
        for layer in _modules(network)
    ]


def _forward(layers: list[Any], h: torch.Tensor) -> tuple[torch.Tensor, list[Any]]:
    """Output of a network, and what is kept of each layer: of a linear one its input."""
    kept = []
    for layer in layers:
        if isinstance(layer, _Linear):
            kept.append(h)
            h = layer.library.linear(h, layer.weight, layer.bias)
        elif isinstance(layer, _Activation):
            kept.append(layer.function(h))
        else:
            h, own = layer.forward_and_kept(h)
            kept.append(own)
    return h, kept


def _backward(layers: list[Any], kept: list[Any], d_h: torch.Tensor, *, wanted: bool) -> Any:
    """Set the gradients of a network's parameters; that of its input is returned if ``wanted``."""
    for number in reversed(range(len(layers))):
        layer, h = layers[number], kept[number]
        if isinstance(layer, _Linear):
            layer.library.product(d_h.T, h, layer.d_weight)
            torch.sum(d_h, dim=0, out=layer.d_bias)
            if number or wanted:
                d_h = layer.library.product(d_h, layer.weight, None)
        elif isinstance(layer, _Activation):
            layer.chain_rule(d_h, h)
        else:
            d_h = layer.backward(h, d_h)
    return d_h


_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(torch.relu_, lambda d_h, h: d_h.mul_(h.sign())),
    nn.Tanh: _Activation(torch.tanh_, lambda d_h, h: d_h.addcmul_(d_h * h, h, value=-1)),
}
