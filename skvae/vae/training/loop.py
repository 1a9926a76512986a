"""The training loop."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import nn

from skvae.compute.torch_products import TORCH, Library, choose_library
from skvae.vae.epochs import Progress
from skvae.vae.nn.draws import ModuleDraws
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import Objective
from skvae.vae.schedule import Schedule
from skvae.vae.seeds import MODULES
from skvae.vae.training.aside import AT_ONCE, Aside
from skvae.vae.training.batches import Batches, Noise
from skvae.vae.training.cuda_graphs import GraphedStep
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.optimizers import set_rate
from skvae.vae.training.ranks import Ranks

__all__ = ["library_for", "noise_of", "step_of", "train"]

# Steps between two looks at the loss, which on a GPU waits for the steps before it.
_STRETCH = 100

# Rows of an epoch whose loss is taken, at least: all steps would take a tenth longer.
_RECORDED_ROWS = 10_000

Step = Callable[..., torch.Tensor | None]


def train(
    model: VAE,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    schedule: Schedule,
    objective: Objective = Objective(),  # noqa: B008, it is frozen
    *,
    epochs_done: int = 0,
    library: Library = TORCH,
    aside: Aside = AT_ONCE,
    ranks: Ranks = Ranks(),  # noqa: B008, it never changes
) -> Iterator[Progress]:
    """Train in place, a stretch of steps each time the next progress is asked for.

    The loss is summed over the rows of a batch.

    Parameters
    ----------
    model : VAE
        On the device of the batches.
    optimizer : torch.optim.Optimizer
        Of the model's parameters. A group's rate is the schedule's times its ``lr_ratio``.
    batches : Batches
        With the noise that :func:`noise_of` says.
    schedule : Schedule
        Of all steps; their number may cut the last epoch short.
    objective : Objective
        What the loss of a batch is.
    epochs_done : int, default=0
        Epochs of this schedule that are done already.
    library : Library, default=TORCH
        What multiplies where gradients are written out.
    aside : Aside, default=AT_ONCE
        What may do a part of such a step.
    ranks : Ranks, default=Ranks()
        The processes that the batches are shared among; records are those of whole batches.

    Yields
    ------
    progress : Progress
        The record holds ``loss`` and ``reconstruction``; with a KL term also ``elbo``, ``kl`` and
        the ``kl_weight`` of the last step. The last one of an epoch has ``step == n_steps``. Of
        epochs of 20,000 rows or more it is the mean over every second batch, or third, and so on,
        and of 10,000 rows.
    """
    device = batches.x.device
    descend: Step = step_of(model, optimizer, objective, batches.y, library, aside)
    if ranks.size == 1 and GraphedStep.supports(descend, model, device):
        descend = GraphedStep(descend, optimizer)
    seeded = _SeededStep(descend, device) if model.has_user_modules else None
    descend = seeded or descend
    every = max(1, min(batches.rows_per_epoch // _RECORDED_ROWS, _STRETCH))
    for epoch in range(epochs_done, math.ceil(schedule.n_steps / batches.steps_per_epoch)):
        if seeded is not None:
            seeded.restart(batches.seed_of(MODULES, epoch) + ranks.rank)
        first = epoch * batches.steps_per_epoch
        n_steps = min(batches.steps_per_epoch, schedule.n_steps - first)
        totals, n_seen = torch.zeros(3, dtype=torch.float64, device=device), 0
        for step, (x, noise, y, u) in enumerate(islice(batches.of_epoch(epoch), n_steps)):
            beta = schedule.kl_weight(first + step)
            set_rate(optimizer, schedule.learning_rate(first + step))
            sums = descend(x, noise, y, beta, u, step % every == 0)
            if sums is not None:
                totals += sums
                n_seen += x.shape[0]
            if step + 1 == n_steps or (step + 1) % _STRETCH == 0:
                total = ranks.total(torch.cat([totals, totals.new_tensor([n_seen])]))
                yield Progress(step + 1, n_steps, _record(total[:3] / total[3], beta))


def library_for(model: VAE, n_rows: int, name: str | None = None) -> Library:
    """What multiplies in the steps of a fit.

    Parameters
    ----------
    model : VAE
        On the device of the fit.
    n_rows : int
        Of a batch.
    name : str or None, default=None
        What the fit began with; None leaves the choice.
    """
    on_processor = next(model.parameters()).device.type == "cpu"
    if not (on_processor and FusedStep.supports(model)):
        return TORCH
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]

    return choose_library(
        [(layer.in_features, layer.out_features) for layer in linear], n_rows, name
    )


def noise_of(
    model: VAE, objective: Objective, y: torch.Tensor | None, *, is_zero: bool = False
) -> Noise:
    """The noise that a step of training takes.

    Parameters
    ----------
    model, objective, y
        As for :func:`step_of`.
    is_zero : bool, default=False
        Whether z is the posterior mean.
    """
    # Own modules may drop units at random: others when a sample is drawn than when it is used.
    is_repeatable = FusedStep.supports(model, objective, y) or not model.has_user_modules
    chooses = objective.n_importance > 1 and is_repeatable

    return Noise(model.n_components, objective.n_importance, is_zero, chooses)


def step_of(
    model: VAE,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    y: torch.Tensor | None,
    library: Library = TORCH,
    aside: Aside = AT_ONCE,
) -> Step:
    """What takes a step: with gradients by hand where they are written out, else by autograd."""
    if FusedStep.supports(model, objective, y):
        return FusedStep(model, optimizer, objective, y, library, aside)

    return partial(_step, model, optimizer, objective)


class _SeededStep:
    """A step with modules of the user's, which may draw numbers: from a stream of each epoch's own.

    While they draw, other threads with such modules wait. So a step is taken freely where the first
    one of the epoch has drawn nothing.
    """

    def __init__(self, step: Step, device: torch.device):
        self._step, self._draws = step, ModuleDraws(device, 0)

    def restart(self, seed: int) -> None:
        """Begin an epoch."""
        self._draws.restart(seed)
        self._is_first, self._is_free = True, False

    def __call__(self, *arguments: Any) -> torch.Tensor | None:
        if self._is_free:
            return self._step(*arguments)
        with self._draws():
            sums = self._step(*arguments)
        self._is_free = self._is_first and self._draws.untouched
        self._is_first = False

        return sums


def _record(means: torch.Tensor, beta: float | None) -> dict[str, float]:
    loss, reconstruction, kl = means.tolist()
    record = {"loss": loss, "reconstruction": reconstruction}
    if beta is not None:
        record |= {"elbo": reconstruction - kl, "kl": kl, "kl_weight": beta}

    return record


def _step(
    model: VAE,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    x: torch.Tensor,
    noise: torch.Tensor,
    y: torch.Tensor | None,
    beta: float | None,
    u: torch.Tensor | None,
    wanted: bool = True,
) -> torch.Tensor | None:
    """Descend one batch's loss by autograd; returns the sums of loss, reconstruction and KL."""
    sums = objective(model, x, noise, y, beta, u)
    optimizer.zero_grad(set_to_none=False)
    sums[0].backward()
    optimizer.step()

    return torch.stack(sums).detach() if wanted else None
