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
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

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
from skvae.vae.training.aside import AT_ONCE, Aside, StreamAside
from skvae.vae.training.layers import NetworkAtWork, gradient_of, modules_of, writes_gradients

__all__ = ["FusedStep"]

# Two sums over rows, where they are wanted, and gradients of what lies behind the prior.
PenaltyAndKL = tuple[Any, Any, Sequence[torch.Tensor]]


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
    aside : Aside, default=AT_ONCE
        On the processor, what may do a part of the work.

    Notes
    -----
    The KL terms of priors that do not write out their gradients, other objectives, and likelihoods
    of rows with missing values, which are small beside the networks, go through autograd.
    """

    model: Any
    _add_kl_gradient: Any = None
    _add_gradient_alone: Any = None

    def __init__(
        self,
        model: VAE,
        optimizer: torch.optim.Optimizer,
        objective: Objective = Objective(),  # noqa: B008, it is frozen
        y: torch.Tensor | None = None,
        library: Library = TORCH,
        aside: Aside = AT_ONCE,
    ) -> None:
        self.model, self.objective = model, objective
        self._closed = objective == Objective() and writes_kl_gradient(model.prior, y)
        # Bound once: a module looks its parts up slowly.
        self._reconstruct, self._gradient_alone = _reconstruction(model)
        if self._closed:
            self._add_kl_gradient = self._add_gradient_alone = model.prior.add_kl_gradient
            if is_written_out(model.prior, "add_gradient_alone", "add_kl_gradient"):
                self._add_gradient_alone = model.prior.add_gradient_alone
        self._update = optimizer.step
        if hasattr(optimizer, "update"):
            self._update = partial(optimizer.update, aside)
        self._of_prior = list(model.prior.parameters())
        self._behind_prior = _behind_prior(model, self._of_prior)
        for theta in model.parameters():
            if theta.grad is None:
                theta.grad = torch.zeros_like(theta)
        # The inference mode makes a step a fortieth shorter, but shuts autograd out altogether, by
        # which parts of the user's may find their gradients.
        is_closed = self._closed and not (model.marginalises or model.has_user_modules)
        on_processor = next(model.parameters()).device.type == "cpu"
        self._without_autograd: Callable[[], AbstractContextManager[Any]]
        self._without_autograd = (
            torch.inference_mode if is_closed and on_processor else torch.no_grad
        )
        self._library, self._aside = library, aside
        self._at_work: dict[int, tuple[NetworkAtWork, NetworkAtWork]] = {}

    @staticmethod
    def supports(
        model: VAE,
        objective: Objective = Objective(),  # noqa: B008, it is frozen
        y: torch.Tensor | None = None,
    ) -> bool:
        """Whether the gradients of networks and likelihood are written out."""
        return (
            type(model) is VAE
            and writes_gradients(model.encoder)
            and writes_gradients(model.decoder)
            and writes_gradient(model.likelihood)
            and _each_learns_once(model)
            and (not model.labels_in_decoder or y is None or bool((y >= 0).all()))
        )

    def __call__(
        self,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor | None,
        u: torch.Tensor | None = None,
        wanted: bool = True,
    ) -> torch.Tensor | None:
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
        wanted : bool, default=True
            Whether the sums are.

        Returns
        -------
        sums : tensor of shape (3,) or None
            Of loss, reconstruction and KL over the rows, in nats, before the step; None if they are
            not wanted.
        """
        with self._without_autograd(), self._aside:
            return self._step(x, noise, y, beta, u, wanted)

    def _step(
        self,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor | None,
        u: torch.Tensor | None,
        wanted: bool,
    ) -> torch.Tensor | None:
        model: Any = self.model
        late: Sequence[torch.Tensor]
        encoder, decoder = self._networks(len(x))
        mean, raw_scale = encoder.forward(model.encoder_input(x)).chunk(2, dim=1)
        std = functional.softplus(raw_scale).add_(STD_FLOOR)
        several = self.objective.n_importance > 1
        if several:
            assert beta is not None  # there is a density
            posterior = DiagonalNormal(mean, std)
            noise, weight, sums = self.objective.choose(model, posterior, x, noise, y, beta, u)
        z = torch.addcmul(mean, std, noise)
        decoded = decoder.forward(model.decoder_input(z, y))

        if several or not wanted:
            d_decoded = self._gradient_alone(x, decoded)
        else:
            reconstruction, d_decoded = self._reconstruct(x, decoded)
        d_z = decoder.backward(d_decoded)[:, : model.n_components]
        if several:
            assert beta is not None
            late = self._add_densities(z, noise / std, y, beta, d_z)
            d_z.mul_((1 - beta + beta * weight)[:, None])
            d_std = d_z * noise
        else:
            d_std = d_z * noise
            add_gradients = self._written_out if self._closed else self._by_autograd
            penalty, kl, late = add_gradients(mean, std, y, beta, d_z, d_std, wanted)
            if wanted:
                sums = penalty - reconstruction, reconstruction, kl
        d_output = torch.cat([d_z, d_std.mul_(raw_scale.sigmoid())], dim=1)
        encoder.backward(d_output)
        decoder.finish()
        encoder.finish()
        for theta, gradient in zip(self._behind_prior, late, strict=True):
            gradient_of(theta).add_(gradient)
        self._update()

        return torch.stack(sums) if wanted else None

    def _networks(self, n_rows: int) -> tuple[NetworkAtWork, NetworkAtWork]:
        """Encoder and decoder for batches of a size, of which a fit has two or three."""
        found = self._at_work.get(n_rows)
        if found is None:
            found = (
                self._network(self.model.encoder, n_rows, wants_input=False),
                self._network(self.model.decoder, n_rows, wants_input=True),
            )
            self._at_work[n_rows] = found

        return found

    def _network(self, network: nn.Module, n_rows: int, *, wants_input: bool) -> NetworkAtWork:
        device = next(network.parameters()).device
        aside = StreamAside(device) if device.type == "cuda" else self._aside

        return NetworkAtWork(network, n_rows, self._library, aside, wants_input=wants_input)

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
            gradient_of(theta).copy_(gradient).mul_(-beta)

        return [gradient.mul(-beta) for gradient in late]

    def _written_out(
        self,
        mean: torch.Tensor,
        std: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | torch.Tensor | None,
        d_mean: torch.Tensor,
        d_std: torch.Tensor,
        wanted: bool,
    ) -> PenaltyAndKL:
        """Penalty and KL, sums over rows, if wanted, with the gradients that the prior states."""
        if not wanted:
            self._add_gradient_alone(mean, std, y, beta, d_mean, d_std)
            return None, None, self._nothing()
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
        wanted: bool,
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
                gradient_of(theta).copy_(gradient)
            late = gradients[2 + len(self._of_prior) :]

        return penalty.detach(), kl.detach(), late

    def _nothing(self) -> list[torch.Tensor]:
        """Gradients of what lies behind a prior that adds none."""
        return [torch.zeros_like(theta) for theta in self._behind_prior]


def _reconstruction(model: Any) -> tuple[Callable[..., Any], Callable[..., torch.Tensor]]:
    """Functions of rows and decoded ones: log-likelihood and gradient, and the gradient alone."""
    likelihood = model.likelihood
    both = likelihood.log_prob_and_gradient
    if model.marginalises:
        both = partial(log_prob_of_observed_and_gradient, likelihood)
    elif is_written_out(likelihood, "gradient_alone", "log_prob_and_gradient"):
        return both, likelihood.gradient_alone

    return both, lambda x, decoded: both(x, decoded)[1]


def _each_learns_once(model: Any) -> bool:
    """Whether no parameter is frozen or held twice: gradients are written, not added up."""
    layers = [*modules_of(model.encoder), *modules_of(model.decoder)]
    parts = [*layers, model.likelihood, model.prior]
    parameters = [theta for part in parts for theta in part.parameters()]

    return len(set(parameters)) == len(parameters) and all(p.requires_grad for p in parameters)


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
