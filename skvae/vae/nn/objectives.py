"""What a variational autoencoder maximises, in nats and per row."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from skvae.vae.nn.model import VAE
from skvae.vae.nn.posteriors import DiagonalNormal

__all__ = ["Objective", "elbo_terms", "log_importance_weights", "log_mean_exp"]

Pair = tuple[torch.Tensor, torch.Tensor]
Sums = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Weight = float | torch.Tensor | None  # of the KL term


def elbo_terms(
    model: VAE, x: torch.Tensor, noise: torch.Tensor, y: torch.Tensor | None = None
) -> Pair:
    r"""The two terms of the evidence lower bound, with one sample of z per row.

    .. math:: \log p(x|y) \ge E_{q(z|x)} \log p(x|z) - KL(q(z|x) || p(z|y))

    Parameters
    ----------
    model : VAE
        Encoder, decoder, likelihood and prior.
    x : tensor of shape (n, n_features)
        Rows.
    noise : tensor of shape (n, n_components)
        Standard normal draws.
    y : tensor of shape (n,) or None
        Class numbers, -1 where unknown.

    Returns
    -------
    reconstruction, kl : tensor of shape (n,)
        log p(x|z), and the divergence, or its bound for mixtures, in closed form.

    References
    ----------
    D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014, equation 7.
    """
    posterior = model.posterior(x)
    z = posterior.rsample(noise)

    return model.log_likelihood(x, z, y), model.prior.kl(posterior, y)


def log_importance_weights(
    model: VAE,
    posterior: DiagonalNormal,
    x: torch.Tensor,
    noise: torch.Tensor,
    y: torch.Tensor | None = None,
) -> torch.Tensor:
    """log p(x|z) + log p(z|y) - log q(z|x), (n,), for one sample of z per row.

    The parameters are those of :func:`elbo_terms`, with the posterior computed beforehand.
    """
    z = posterior.rsample(noise)
    log_joint: torch.Tensor = model.log_likelihood(x, z, y) + model.prior.log_prob(z, y)

    return log_joint - posterior.log_prob(z)


def log_mean_exp(log_weights: torch.Tensor) -> torch.Tensor:
    """Importance-weighted bound from log weights of shape (n, k), (n,).

    Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
    equation 8.
    """
    return torch.logsumexp(log_weights, dim=1) - math.log(log_weights.shape[1])


def _all_here(own: torch.Tensor) -> torch.Tensor:
    return own


@dataclass(frozen=True)
class Objective:
    r"""The loss of a batch: beta * KL - reconstruction unless told otherwise.

    Parameters
    ----------
    free_bits : float
        Nats that each latent dimension may use for nothing: in the loss its KL, averaged over the
        batch, counts as this at least [1]_.
    n_importance : int
        Samples of z per row. More than one make the loss the negative importance-weighted bound,
        with the doubly reparameterised gradient for the encoder [2]_, at all samples or, on
        average the same for less work, at one of them, drawn by its weight [4]_.
    label_weight : float
        Under class means, how often -log q(y|x) of a labelled row is added to its loss, q(y|x) the
        responsibilities of the prior [3]_.
    total : callable
        From a sum over the rows of this process to the sum over a whole batch, in place, where
        several processes share it.

    Notes
    -----
    While the KL weight warms up, importance weights are :math:`p(x|z) (p(z) / q(z|x))^\beta`, a
    bound on log p(x) at :math:`\beta = 1` only. The sample of a row then has the weight
    :math:`(1 - \beta) w + \beta w^2` in the encoder's gradient, w the normalised weights, which
    is [2]_, equation 8, carried over to a log q(z|x) that counts beta times.

    References
    ----------
    .. [1] D. P. Kingma et al., "Improved variational inference with inverse autoregressive flow",
       NeurIPS 2016, equation 15.
    .. [2] G. Tucker, D. Lawson, S. Gu and C. J. Maddison, "Doubly reparameterized gradient
       estimators for Monte Carlo objectives", ICLR 2019.
    .. [3] D. P. Kingma, D. J. Rezende, S. Mohamed and M. Welling, "Semi-supervised learning with
       deep generative models", NeurIPS 2014, equation 9.
    .. [4] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       section 3.
    """

    free_bits: float = 0.0
    n_importance: int = 1
    label_weight: float = 0.0
    total: Callable[[torch.Tensor], torch.Tensor] = field(default=_all_here, compare=False)

    def __call__(
        self,
        model: VAE,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: Weight,
        u: torch.Tensor | None = None,
    ) -> Sums:
        """Sums over the rows of a batch: of the loss, the reconstruction and the KL, in nats.

        Parameters
        ----------
        model : VAE
            Encoder, decoder, likelihood and prior.
        x : tensor of shape (n, n_features)
            Rows.
        noise : tensor of shape (n_importance * n, n_components)
            Standard normal draws.
        y : tensor of shape (n,) or None
            Class numbers, -1 where unknown.
        beta : float, tensor of shape () or None
            Weight of the KL term; None leaves it out.
        u : tensor of shape (n,) or None
            Uniform draws from [0, 1), which choose the importance sample of each row that has a
            gradient; None gives one to all.

        Returns
        -------
        loss, reconstruction, kl : tensor of shape ()
            The last two are those of the evidence lower bound, whatever the loss is.
        """
        posterior = model.posterior(x)
        if self.n_importance > 1 and u is None:
            return self._at_all_samples(model, posterior, x, noise, y, beta)
        if self.n_importance > 1:
            return self._at_chosen_samples(model, posterior, x, noise, y, beta, u)
        reconstruction = model.log_likelihood(x, posterior.rsample(noise), y).sum()
        penalty, kl = self.penalty(model.prior, posterior, y, beta)

        return penalty - reconstruction, reconstruction, kl

    def penalty(self, prior: Any, posterior: DiagonalNormal, y: Any, beta: Weight) -> Pair:
        """Sums over rows: of the loss beside the reconstruction, and of the KL."""
        kl = prior.kl(posterior, y).sum()
        if beta is None:
            return torch.zeros_like(kl), kl
        penalty = beta * kl
        if self.free_bits:
            by_dimension = prior.kl_per_dimension(posterior, y).sum(0)
            unused = self.free_bits * len(posterior.mean) - by_dimension
            is_unused = self.total(unused.detach().clone()) >= 0
            penalty = penalty + beta * unused.where(is_unused, 0).sum()
        if self.label_weight:
            by_class = prior.log_responsibilities(posterior)
            own = by_class.gather(1, y.clamp(min=0)[:, None])[:, 0]
            penalty = penalty - self.label_weight * own.where(y >= 0, 0).sum()

        return penalty, kl

    @torch.no_grad()
    def choose(
        self,
        model: VAE,
        posterior: DiagonalNormal,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: Any,
        u: Any,
    ) -> tuple[torch.Tensor, torch.Tensor, Sums]:
        """Draw one importance sample of each row by its weight.

        Parameters
        ----------
        posterior : DiagonalNormal
            Of x; the other parameters are those of a call.

        Returns
        -------
        noise : tensor of shape (n, n_components)
            That of the samples drawn.
        weight : tensor of shape (n,)
            Their normalised weights.
        sums : tuple of tensor of shape ()
            What a call returns.
        """
        samples = noise.unflatten(0, (self.n_importance, -1))
        terms = []
        for sample in samples:
            z = posterior.rsample(sample)
            terms.append(torch.stack(_terms_at(model, posterior, x, z, y), dim=1))
        reconstruction, kl = torch.stack(terms).unbind(2)  # (k, n) each
        log_weights = (reconstruction - beta * kl).T
        weights = log_weights.softmax(1)
        chosen = torch.searchsorted(weights.cumsum(1), u[:, None], right=True)
        chosen.clamp_(max=self.n_importance - 1)
        bound = log_mean_exp(log_weights).sum()
        sums = -bound, reconstruction.mean(0).sum(), kl.mean(0).sum()
        drawn = samples[chosen[:, 0], torch.arange(len(x), device=x.device)]

        return drawn, weights.gather(1, chosen)[:, 0], sums

    def _at_chosen_samples(
        self,
        model: VAE,
        posterior: DiagonalNormal,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: Any,
        u: torch.Tensor | None,
    ) -> Sums:
        noise, weight, (loss, reconstruction, kl) = self.choose(
            model, posterior, x, noise, y, beta, u
        )
        z = posterior.rsample(noise)
        fixed = DiagonalNormal(posterior.mean.detach(), posterior.std.detach())
        own_reconstruction, own_kl = _terms_at(model, fixed, x, z, y)
        _scale_gradient(z, (1 - beta) + beta * weight)
        surrogate = (own_reconstruction - beta * own_kl).sum()

        return surrogate.detach() - surrogate + loss, reconstruction, kl

    def _at_all_samples(
        self,
        model: VAE,
        posterior: DiagonalNormal,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: Any,
    ) -> Sums:
        k = self.n_importance
        z = (posterior.mean + posterior.std * noise.unflatten(0, (k, -1))).flatten(0, 1)
        fixed = DiagonalNormal(*(t.detach().repeat(k, 1) for t in (posterior.mean, posterior.std)))
        labels = None if y is None else torch.cat([y] * k)
        reconstruction, kl = _terms_at(model, fixed, x.repeat(k, 1), z, labels)
        log_weights = (reconstruction - beta * kl).unflatten(0, (k, -1)).T  # (n, k)
        weights = log_weights.detach().softmax(1)
        _scale_gradient(z, ((1 - beta) + beta * weights).T.flatten())
        # Its gradient is that of the bound with the weights held fixed; its value is the bound.
        surrogate = (weights * log_weights).sum()
        bound = log_mean_exp(log_weights).sum().detach()

        return surrogate.detach() - surrogate - bound, reconstruction.sum() / k, kl.sum() / k


def _terms_at(
    model: VAE,
    posterior: DiagonalNormal,
    x: torch.Tensor,
    z: torch.Tensor,
    y: torch.Tensor | None,
) -> Pair:
    """log p(x|z) and log q(z|x) - log p(z|y), (n,) each; their difference is a log weight."""
    return model.log_likelihood(x, z, y), posterior.log_prob(z) - model.prior.log_prob(z, y)


def _scale_gradient(z: torch.Tensor, scale: torch.Tensor) -> None:
    """Multiply the gradient that comes back through z, row by row."""
    if z.requires_grad:
        z.register_hook(lambda gradient: gradient * scale[:, None])
