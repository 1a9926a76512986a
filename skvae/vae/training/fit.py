"""A fit: model, optimizer and training loop put together, from values to values."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import numpy as np
import torch

from skvae.compute.torch_products import library_of
from skvae.data.archive import damage_of
from skvae.data.rows import PreparedRows
from skvae.vae.descriptions import likelihood_of
from skvae.vae.epochs import Arrays, Fit, Listener, Progress, Start
from skvae.vae.examples import Examples, FitData
from skvae.vae.missing import mean_log_jacobian
from skvae.vae.nn.draws import fixed_draws
from skvae.vae.nn.inference import posterior_summary, row_scores
from skvae.vae.nn.missing import check_marginalises
from skvae.vae.nn.model import VAE, load_arrays, to_arrays
from skvae.vae.nn.objectives import Objective, elbo_terms
from skvae.vae.seeds import INIT, MODULES_IN_USE, ORDER, stream_seed
from skvae.vae.specification import Specification
from skvae.vae.training.aside import AT_ONCE, Aside
from skvae.vae.training.batches import Batches, training_rows
from skvae.vae.training.beginning import begin_model, begin_optimizer, begin_stopper
from skvae.vae.training.checkpoints import Checkpoint, CheckpointFile
from skvae.vae.training.listeners import EarlyStopping, KLCurves, Records, Units, Validation
from skvae.vae.training.loop import library_for, noise_of, train
from skvae.vae.training.optimizers import (
    state_to_arrays,
)
from skvae.vae.training.outcome import count_active, warn_if_worse, warn_of_collapse
from skvae.vae.training.ranks import Agreement, Ranks
from skvae.vae.training.run import RunResult, run_epochs
from skvae.vae.training.visits import Visits

__all__ = ["split", "train_vae"]

# Rows by which the fitted posterior is described.
_SUMMARY_ROWS = 10_000

# Least and most rows by which it is followed from epoch to epoch: one of thirty in between.
_WATCHED_ROWS = 30, 1000

# Rows as the network sees them, their class numbers and weights.
Watched = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def train_vae(
    specification: Specification,
    data: FitData,
    start: Start,
    *,
    device: torch.device,
    aside: Aside = AT_ONCE,
    checkpoint: CheckpointFile | None = None,
    listeners: Sequence[Listener] = (),
    ranks: Ranks = Ranks(),  # noqa: B008, it never changes
) -> Fit:
    """Run a whole fit, or the rest of one from its checkpoint.

    Parameters
    ----------
    specification : Specification
        What is to be trained, and how.
    data : FitData
        What it learns from and stops by.
    start : Start
        From where.
    device : torch.device
        Where to compute.
    aside : Aside, default=AT_ONCE
        On the processor, what may do a part of the steps.
    checkpoint : CheckpointFile or None, default=None
        To go on from, and to write.
    listeners : sequence of Listener
        Told of every epoch once its record is complete, and before the checkpoint is written.
    ranks : Ranks, default=Ranks()
        The processes that train together. The first one reads and writes the checkpoint, tells
        listeners and describes the model; the others follow.

    Returns
    -------
    fit : Fit

    Raises
    ------
    ValueError
        If the loss is not finite from the start, the checkpoint is damaged, or a batch cannot be
        shared.
    RuntimeError
        If another process has stopped.
    """
    start = ranks.of_first(partial(_found, checkpoint, specification, start))
    training, held_out = split(data.examples, specification, start.seed)
    mean = data.facts.mean if held_out is None else None
    held_out = held_out or data.validation
    with nullcontext() if start.path is None else damage_of(start.path):
        model = begin_model(specification, training, mean, data.labels, start).to(device)
        if training.has_missing or (held_out is not None and held_out.has_missing):
            check_marginalises(model.likelihood)
        model.marginalises = training.has_missing
        optimizer = begin_optimizer(specification, model, start, ranks)
        stopper = begin_stopper(specification, start)
    products = ranks.of_first(
        lambda: library_for(model, specification.batch_size, start.products).name
    )
    watched = _watched(training, specification)
    log_jacobian = mean_log_jacobian(specification.scaling, training)
    own = _own_listeners(specification, log_jacobian, watched, held_out, stopper, start.seed)
    told = [*own, *listeners]
    if checkpoint is not None:
        told.append(Checkpoint(checkpoint, specification, optimizer, stopper, products))
    library = library_of(products)
    descend = partial(train, model, optimizer, library=library, aside=aside, ranks=ranks)
    result = _run(
        specification,
        model,
        descend,
        training,
        watched,
        log_jacobian,
        start,
        [Agreement(ranks, told)],
        ranks,
    )
    if stopper is not None and stopper.best_parameters is not None:
        load_arrays(model, stopper.best_parameters)
    optimizer_state = None if result.diverged else state_to_arrays(optimizer)

    learned = (specification, model, training, start, result, stopper, optimizer_state, products)

    return ranks.of_first(partial(_fit, *learned))


def _found(checkpoint: CheckpointFile | None, specification: Specification, start: Start) -> Start:
    return start if checkpoint is None else checkpoint.found(specification, start)


def split(
    examples: Examples, specification: Specification, seed: int
) -> tuple[Examples, Examples | None]:
    """What to train on, and what is held out of it."""
    if specification.holdout is None or not specification.holdout.n_rows:
        return examples, None
    order = np.random.default_rng(stream_seed(seed, INIT)).permutation(len(examples))
    n = specification.holdout.n_rows

    return examples.part(np.sort(order[n:])), examples.part(np.sort(order[:n]))


def _own_listeners(
    specification: Specification,
    log_jacobian: float,
    watched: Watched,
    held_out: Examples | None,
    stopper: EarlyStopping | None,
    seed: int,
) -> list[Listener]:
    """Those that complete the record of an epoch, in their order."""
    scaling, beta = specification.scaling, specification.schedule.beta
    own: list[Listener] = [Units(log_jacobian)]
    if beta is not None:
        own.append(KLCurves(*watched, stream_seed(seed, MODULES_IN_USE)))
    if held_out is not None and stopper is not None:
        name = "validation_reconstruction" if beta is None else "validation_elbo"
        own_log_jacobian = mean_log_jacobian(scaling, held_out)
        score = partial(_validation_score, specification, held_out, own_log_jacobian, seed)
        own.append(Validation(name, score, stopper, beta))

    return [*own, Records()]


def _validation_score(
    specification: Specification, held_out: Examples, log_jacobian: float, seed: int, model: VAE
) -> float:
    scaling = specification.scaling
    with _fixed_draws(model, seed):
        scores = row_scores(
            model,
            held_out.rows,
            scaling.to_network,
            held_out.numbers,
            seed,
            dynamic=scaling.dynamic,
            variational=specification.schedule.beta is not None,
        )

    return float(np.average(scores, weights=held_out.weights)) + log_jacobian


def _watched(training: Examples, specification: Specification) -> Watched:
    """A few rows as the network sees them."""
    some = training.spread(int(np.clip(len(training) // 30, *_WATCHED_ROWS)))

    return specification.scaling.to_network(some.rows[:]), some.numbers, some.weights


def _run(
    specification: Specification,
    model: VAE,
    descend: Callable[..., Iterator[Progress]],
    training: Examples,
    watched: Watched,
    log_jacobian: float,
    start: Start,
    listeners: Sequence[Listener],
    ranks: Ranks,
) -> RunResult:
    """Train, and tell all listeners."""
    objective = Objective(**specification.objective, total=ranks.total)
    done = specification.n_epochs - start.epochs_left(specification.n_epochs)
    batches = _batches(specification, model, objective, training, start, ranks)
    schedule = specification.schedule
    progress = descend(batches, schedule, objective, epochs_done=done)
    try:
        for listener in listeners:
            listener.fit_began(start)
        untrained = None
        if start.parameters is None:
            untrained = _bound_at_start(specification, model, watched, log_jacobian, start.seed)
        result = run_epochs(
            progress,
            model,
            listeners,
            epochs_done=done,
            parameters=start.parameters,
            is_alone=ranks.size == 1,
        )
    finally:
        for listener in listeners:
            listener.fit_ended()
    if untrained is not None and result.last is not None and not result.diverged:
        warn_if_worse(untrained, _bound(specification, result.last.record), model.n_features)

    return result


def _batches(
    specification: Specification,
    model: VAE,
    objective: Objective,
    training: Examples,
    start: Start,
    ranks: Ranks,
) -> Batches:
    device = next(model.parameters()).device
    seed = stream_seed(start.seed, ORDER, start.epochs_before)
    visits = None if training.weights is None else Visits(training.weights)
    x = training_rows(training.rows, specification.scaling.to_network, device, seed, visits)
    y = None if training.numbers is None else torch.from_numpy(training.numbers).to(device)
    least_rows = model.least_rows()
    ranks.check_shareable(least_rows, device)

    return Batches(
        x,
        y,
        noise_of(model, objective, y, is_zero=specification.schedule.beta is None),
        batch_size=specification.batch_size,
        seed=start.seed,
        epochs_before=start.epochs_before,
        steps_per_epoch=specification.steps_per_epoch,
        dynamic=specification.scaling.dynamic,
        least_rows=least_rows,
        rank=ranks.rank,
        n_ranks=ranks.size,
        visits=visits,
    )


def _bound(specification: Specification, record: dict[str, float]) -> float:
    """What is maximised in the end, of an epoch's record."""
    beta = specification.schedule.beta

    return record["reconstruction"] - (0.0 if beta is None else beta * record["kl"])


@torch.no_grad()
def _bound_at_start(
    specification: Specification, model: VAE, watched: Watched, log_jacobian: float, seed: int
) -> float:
    """What is maximised in the end, of the untrained network, at posterior means of some rows."""
    model.eval()
    device = next(model.parameters()).device
    x, y = (None if a is None else torch.tensor(a, device=device) for a in watched[:2])
    assert x is not None
    with _fixed_draws(model, seed):
        terms = elbo_terms(model, x, x.new_zeros(len(x), model.n_components), y)
    reconstruction, kl = (
        float(np.average(term.double().cpu().numpy(), weights=watched[2])) for term in terms
    )
    reconstruction += log_jacobian

    return _bound(specification, {"reconstruction": reconstruction, "kl": kl})


def _fit(
    specification: Specification,
    model: VAE,
    training: Examples,
    start: Start,
    result: RunResult,
    stopper: EarlyStopping | None,
    optimizer: Arrays | None,
    products: str,
) -> Fit:
    """What has been learned; a collapse is warned of."""
    some = _described(training)
    with _fixed_draws(model, start.seed):
        x = PreparedRows(some.rows, specification.scaling.to_network)
        kl, variance = posterior_summary(model, x, some.numbers, some.weights)
    n_active = count_active(variance)
    is_variational = specification.schedule.beta is not None
    if is_variational:
        likelihood = likelihood_of(specification.architecture["likelihood"])
        warn_of_collapse(n_active, kl, likelihood.collapse_advice)
    history, curves = start.history, start.kl_curves
    if result.last is not None:
        history = result.last.history
        curves = curves if result.last.kl_curves is None else result.last.kl_curves

    return Fit(
        start.seed,
        to_arrays(model),
        model.prior.fitted_attributes(),
        history,
        curves,
        kl if is_variational else None,
        n_active,
        None if stopper is None or stopper.best_parameters is None else stopper.best_score,
        optimizer,
        products,
    )


def _fixed_draws(model: VAE, seed: int) -> AbstractContextManager[None]:
    return fixed_draws(model, stream_seed(seed, MODULES_IN_USE))


def _described(training: Examples) -> Examples:
    """What a fitted model is described by: some of the rows, if all can be."""
    numbers = training.numbers
    has_unlabelled = numbers is not None and bool((numbers < 0).any())
    if len(training) > _SUMMARY_ROWS and not has_unlabelled:
        return training.spread(_SUMMARY_ROWS)

    return training
