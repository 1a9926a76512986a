"""The training loop."""

import math
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import NamedTuple

import torch

from skvae.compute.runtime import FasterThreads
from skvae.vae.nn.draws import ModuleDraws
from skvae.vae.nn.objectives import Objective
from skvae.vae.seeds import EPOCH, MODULES, stream_seed
from skvae.vae.training.batches import StreamedRows, batch_bounds
from skvae.vae.training.cuda_graphs import GraphedStep
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.optimizers import set_rate

__all__ = ["Progress", "Schedule", "step_of", "train"]

# Steps between two looks at the loss, which on a GPU waits for the steps before it.
_STRETCH = 100


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
    >>> from skvae.vae.training.loop import Schedule
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


class Progress(NamedTuple):
    """How far an epoch has come."""

    step: int  # steps done
    n_steps: int  # steps of the epoch
    record: dict  # means over the rows seen so far, in nats


def train(
    model,
    optimizer,
    x,
    y,
    schedule,
    *,
    batch_size,
    dynamic,
    variational,
    seed,
    steps_per_epoch=None,
    n_before=0,
    n_done=0,
    objective=Objective(),  # noqa: B008, it is frozen
):
    """Train in place, a stretch of steps each time the next progress is asked for.

    The loss is summed over the rows of a batch. Each epoch draws from a generator of its own, so
    that a fit continued at epoch ``n_done`` draws what an uninterrupted one would have drawn.

    Parameters
    ----------
    model : VAE
        On the device of ``x``.
    optimizer : torch.optim.Optimizer
        Of the model's parameters. A group's rate is the schedule's times its ``lr_ratio``.
    x : tensor, StoredRows or StreamedRows of shape (n, n_features)
        Rows as the network sees them.
    y : tensor of shape (n,) or None
        Class numbers, -1 where unknown.
    schedule : Schedule
        Its ``n_steps`` is a whole number of epochs.
    batch_size : int
        Rows per step; the last batch of a pass over the rows may be smaller. It has two at least
        where modules of the user's normalise over a batch: the one before gives it a row.
    dynamic : bool
        Whether rows are Bernoulli probabilities to draw binary rows from, anew in each epoch.
    variational : bool
        False uses the posterior mean without noise, and no KL term.
    seed : int
        The estimator's seed.
    steps_per_epoch : int or None
        None means one pass over the rows.
    n_before : int
        Epochs that came before this schedule.
    n_done : int
        Epochs of this schedule that are done already.
    objective : Objective
        What the loss of a batch is.

    Yields
    ------
    progress : Progress
        The record holds ``loss`` and ``reconstruction``; when variational also ``elbo``, ``kl``
        and the ``kl_weight`` of the last step. The last one of an epoch has ``step == n_steps``.
    """
    n_steps = steps_per_epoch or math.ceil(len(x) / batch_size)
    descend = step_of(model, optimizer, objective, y)
    # Own modules may drop units at random: others when a sample is drawn than when it is used.
    is_same_again = isinstance(descend, FusedStep) or not model.own_parts
    chooses = objective.n_importance > 1 and is_same_again
    if GraphedStep.supports(descend, model, x.device):
        descend = GraphedStep(descend, optimizer)
    least_rows = model.least_rows()
    if model.own_parts:
        descend = _SeededStep(descend, x.device)
    threads = FasterThreads(torch.get_num_threads() if x.device.type == "cpu" else 1)
    for epoch in range(n_done, schedule.n_steps // n_steps):
        generator = torch.Generator(x.device).manual_seed(
            stream_seed(seed, EPOCH, n_before + epoch)
        )
        if model.own_parts:
            descend.restart(stream_seed(seed, MODULES, n_before + epoch))
        totals, n_seen = torch.zeros(3, dtype=torch.float64, device=x.device), 0
        order = _batches(x, batch_size, least_rows, generator, epoch * n_steps)
        for batch, rows in enumerate(islice(order, n_steps)):
            if len(rows) < least_rows:
                raise ValueError(
                    f"A module of network= needs {least_rows} rows at a time, as BatchNorm does, "
                    f"and batch_size={batch_size} leaves one of {len(x)} alone. Use another "
                    "batch_size or more rows."
                )
            step = epoch * n_steps + batch
            beta = schedule.kl_weight(step) if variational else None
            shape = objective.n_importance * len(rows), model.n_components
            noise = torch.zeros(shape, dtype=x.dtype, device=x.device)
            if variational:
                noise.normal_(generator=generator)
            batch_x = x.index_select(0, rows) if isinstance(x, torch.Tensor) else x[rows]
            if dynamic:
                batch_x = (torch.empty_like(batch_x).uniform_(generator=generator) < batch_x).to(
                    x.dtype
                )
            u = noise.new_empty(len(rows)).uniform_(generator=generator) if chooses else None
            set_rate(optimizer, schedule.learning_rate(step))
            with threads.step():
                sums = descend(batch_x, noise, None if y is None else y[rows], beta, u)
            totals += sums
            n_seen += len(rows)
            if batch + 1 == n_steps or (batch + 1) % _STRETCH == 0:
                yield Progress(batch + 1, n_steps, _record(totals / n_seen, beta))


def step_of(model, optimizer, objective, y):
    """What takes a step: with gradients by hand where they are written out, else by autograd."""
    if FusedStep.supports(model, objective, y):
        return FusedStep(model, optimizer, objective, y)

    return partial(_step, model, optimizer, objective)


class _SeededStep:
    """A step with modules of the user's, which may draw numbers: from a stream of each epoch's own.

    While they draw, other threads with such modules wait. So a step is taken freely where the first
    one of the epoch has drawn nothing.
    """

    def __init__(self, step, device):
        self._step, self._draws = step, ModuleDraws(device, 0)

    def restart(self, seed):
        """Begin an epoch."""
        self._draws.restart(seed)
        self._is_first, self._is_free = True, False

    def __call__(self, *arguments):
        if self._is_free:
            return self._step(*arguments)
        with self._draws():
            sums = self._step(*arguments)
        self._is_free = self._is_first and self._draws.untouched
        self._is_first = False

        return sums


def _batches(x, batch_size, least_rows, generator, step):
    """Batches of row numbers, one random order of all rows after another, or that of a stream."""
    if isinstance(x, StreamedRows):
        yield from x.batches(batch_size, step, least_rows)
    for _ in count():
        order = torch.randperm(len(x), generator=generator, device=generator.device)
        for batch in range(math.ceil(len(x) / batch_size)):
            yield order[slice(*batch_bounds(batch, len(x), batch_size, least_rows))]


def _record(means, beta):
    loss, reconstruction, kl = means.tolist()
    record = {"loss": loss, "reconstruction": reconstruction}
    if beta is not None:
        record |= {"elbo": reconstruction - kl, "kl": kl, "kl_weight": beta}

    return record


def _step(model, optimizer, objective, x, noise, y, beta, u):
    """Descend one batch's loss by autograd; returns the sums of loss, reconstruction and KL."""
    sums = objective(model, x, noise, y, beta, u)
    optimizer.zero_grad(set_to_none=False)
    sums[0].backward()
    optimizer.step()

    return torch.stack(sums).detach()
