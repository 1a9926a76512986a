"""The training loop."""

import math
from dataclasses import dataclass
from functools import partial

import torch

from skvae.vae.fused import FusedStep
from skvae.vae.noise import EPOCH, stream_seed
from skvae.vae.objectives import elbo_terms

__all__ = ["Schedule", "train"]


@dataclass(frozen=True)
class Schedule:
    """Learning rate and KL weight at each step of a fit.

    Parameters
    ----------
    n_steps : int
        Steps in the whole fit.
    learning_rate_init : float
        Rate of the first step.
    cosine : bool
        Whether the rate falls to 0 along half a cosine, or stays.
    beta : float
        Final KL weight.
    warm_up : float
        Fraction of the steps over which the KL weight rises from 0 to ``beta``.

    Examples
    --------
    >>> from skvae.vae.training import Schedule
    >>> schedule = Schedule(10, 1e-3, cosine=False, beta=1.0, warm_up=0.5)
    >>> [schedule.kl_weight(step) for step in range(6)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    """

    n_steps: int
    learning_rate_init: float
    cosine: bool
    beta: float
    warm_up: float

    def learning_rate(self, step):
        """Rate of step 0, 1, ..."""
        if not self.cosine:
            return self.learning_rate_init

        return self.learning_rate_init * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))

    def kl_weight(self, step):
        """KL weight of step 0, 1, ...; the last step of the warm-up has ``beta`` already."""
        n_rising = self.warm_up * self.n_steps

        return self.beta * min(1.0, (step + 1) / n_rising) if n_rising else self.beta


def train(model, optimizer, x, y, schedule, *, batch_size, dynamic, variational, seed, n_done=0):
    """Train in place, one epoch each time the next record is asked for.

    The loss is summed over the rows of a batch. Each epoch draws from a generator of its own, so
    that a fit continued at epoch ``n_done`` draws what an uninterrupted one would have drawn.

    Parameters
    ----------
    model : VAE
        On the device of ``x``.
    optimizer : torch.optim.Optimizer
        Of the model's parameters. A group's rate is the schedule's times its ``lr_ratio``.
    x : tensor of shape (n, n_features)
        Rows as the network sees them.
    y : tensor of shape (n,) or None
        Class numbers, -1 where unknown.
    schedule : Schedule
        Its ``n_steps`` is a whole number of epochs.
    batch_size : int
        Rows per step; the last batch of an epoch may be smaller.
    dynamic : bool
        Whether rows are Bernoulli probabilities to draw binary rows from, anew in each epoch.
    variational : bool
        False uses the posterior mean without noise, and no KL term.
    seed : int
        The estimator's seed.
    n_done : int
        Epochs that came before.

    Yields
    ------
    record : dict
        ``loss`` and ``reconstruction`` (nats, means over the epoch's rows); when variational also
        ``elbo``, ``kl`` and the ``kl_weight`` of the last step.
    """
    n_batches = math.ceil(len(x) / batch_size)
    by_hand = FusedStep.supports(model) and (y is None or bool((y >= 0).all()))
    descend = FusedStep(model, optimizer) if by_hand else partial(_step, model, optimizer)
    for epoch in range(schedule.n_steps // n_batches):
        generator = torch.Generator(x.device).manual_seed(stream_seed(seed, EPOCH, n_done + epoch))
        order = torch.randperm(len(x), generator=generator, device=x.device)
        totals = torch.zeros(3, dtype=torch.float64, device=x.device)
        for batch, rows in enumerate(order.split(batch_size)):
            step = epoch * n_batches + batch
            beta = schedule.kl_weight(step) if variational else None
            noise = torch.zeros(len(rows), model.n_components, dtype=x.dtype, device=x.device)
            if variational:
                noise.normal_(generator=generator)
            batch_x = x[rows]
            if dynamic:
                batch_x = (torch.empty_like(batch_x).uniform_(generator=generator) < batch_x).to(
                    x.dtype
                )
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate(step) * group.get("lr_ratio", 1.0)
            totals += descend(batch_x, noise, None if y is None else y[rows], beta)
        loss, reconstruction, kl = (totals / len(x)).tolist()
        record = {"loss": loss, "reconstruction": reconstruction}
        if variational:
            record |= {"elbo": reconstruction - kl, "kl": kl, "kl_weight": beta}
        yield record


def _step(model, optimizer, x, noise, y, beta):
    """Descend one batch's loss by autograd; returns the sums of loss, reconstruction and KL."""
    reconstruction, kl = (term.sum() for term in elbo_terms(model, x, noise, y))
    loss = -reconstruction if beta is None else beta * kl - reconstruction
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

    return torch.stack([loss, reconstruction, kl]).detach()
