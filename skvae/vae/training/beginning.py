"""What a fit begins with: model, optimizer and early stopping, anew or as they were left."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from skvae.data.row_facts import facts_of
from skvae.vae.epochs import Arrays, Start
from skvae.vae.examples import Examples
from skvae.vae.labels import Labels
from skvae.vae.nn.model import VAE, load_arrays, to_arrays
from skvae.vae.seeds import INIT, stream_seed
from skvae.vae.specification import Specification
from skvae.vae.training.listeners import EarlyStopping
from skvae.vae.training.optimizers import OPTIMIZERS, Optimizer, flatten, load_state
from skvae.vae.training.ranks import Ranks

__all__ = ["begin_model", "begin_optimizer", "begin_stopper"]

# Rows whose principal components a model begins at.
_COMPONENT_ROWS = 10_000


def begin_model(
    specification: Specification,
    training: Examples,
    mean: np.ndarray | None,
    labels: Labels | None,
    start: Start,
) -> VAE:
    """A model with the weights that the fit starts from."""
    model = VAE(**specification.architecture)
    if start.epochs_before == 0:
        model.draw_parameters(torch.Generator().manual_seed(stream_seed(start.seed, INIT)))
    if start.parameters is not None:
        if start.best is not None:
            _load(model, start.best)
        _load(model, start.parameters)
    elif model.begins_at_mean:
        if mean is None:
            mean = facts_of(training.rows, moments=True, weights=training.weights).mean
        assert mean is not None
        # A column whose values are all held out has the mean 0, or NaN.
        model.start_at(torch.from_numpy(np.nan_to_num(mean)))
        if model.begins_at_components:
            some = training.spread(_COMPONENT_ROWS)
            x = torch.from_numpy(specification.scaling.to_network(some.rows[:]))
            model.start_at_components(x, some.weights)
    if labels is not None:
        model.set_class_frequencies(labels.frequencies)

    return model


def _load(model: VAE, arrays: Arrays) -> None:
    """Put arrays into a model that has such ones, and finite."""
    wanted = {name: (a.shape, a.dtype) for name, a in to_arrays(model).items()}
    if {name: (a.shape, a.dtype) for name, a in arrays.items()} != wanted:
        raise ValueError("its weights are not those of this model")
    if not all(np.isfinite(a).all() for a in arrays.values()):
        raise ValueError("a weight is infinite or NaN")
    load_arrays(model, arrays)


def begin_optimizer(
    specification: Specification, model: VAE, start: Start, ranks: Ranks
) -> Optimizer:
    """The optimizer of a model, in the state that the fit goes on from; ranks share gradients."""
    rate = specification.schedule.learning_rate_init
    optimizer: Optimizer = OPTIMIZERS[specification.optimizer](_groups(model), lr=rate)
    if start.optimizer is not None:
        load_state(optimizer, start.optimizer)
    if ranks.size > 1:
        optimizer.before.append(partial(ranks.total_gradients, optimizer))
    if specification.max_grad_norm is not None:
        parameters = list(model.parameters())
        optimizer.before.append(partial(clip_grad_norm_, parameters, specification.max_grad_norm))

    return optimizer


def _groups(model: VAE) -> list[dict[str, Any]]:
    """All parameters, those of parts that learn at another rate than the networks by themselves."""
    groups: list[dict[str, Any]] = []
    apart: set[torch.nn.Parameter] = set()
    for part in model.modules():
        if hasattr(part, "lr_ratio"):
            own = [theta for theta in part.parameters() if theta not in apart]
            apart.update(own)
            groups += [{"params": [flatten(own)], "lr_ratio": part.lr_ratio}] if own else []
    others = [theta for theta in model.parameters() if theta not in apart]

    return [{"params": [flatten(others)]}, *groups]


def begin_stopper(specification: Specification, start: Start) -> EarlyStopping | None:
    """What stops the fit early, if anything does, with the best weights so far."""
    holdout = specification.holdout
    if holdout is None:
        return None
    stopper = EarlyStopping(holdout.n_iter_no_change, holdout.tol)
    if start.stopper is not None:
        stopper.restore(start.stopper, start.best)

    return stopper
