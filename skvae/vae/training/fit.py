"""An estimator's fit: model, optimizer and training loop put together, results stored."""

import math

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from skvae.compute.devices import resolve_device
from skvae.compute.runtime import scoped_runtime
from skvae.vae.inputs import PreparedRows, evenly_spaced, part_of, standardisation
from skvae.vae.labels import class_frequencies
from skvae.vae.nn.draws import fixed_draws
from skvae.vae.nn.inference import posterior_summary, row_scores
from skvae.vae.nn.model import VAE, load_arrays, to_arrays
from skvae.vae.nn.objectives import Objective, elbo_terms
from skvae.vae.seeds import INIT, MODULES_IN_USE, ORDER, stream_seed
from skvae.vae.training.batches import training_rows
from skvae.vae.training.checkpoints import FitCheckpoint
from skvae.vae.training.listeners import (
    EarlyStopping,
    EpochReport,
    run_epochs,
    warn_if_worse,
    warn_of_collapse,
)
from skvae.vae.training.loop import Schedule, train
from skvae.vae.training.optimizers import OPTIMIZERS, flatten, load_state, state_to_arrays

__all__ = ["fit_model", "partial_fit_model"]

# Variance of the posterior mean above which a dimension counts (Burda et al. 2016, section 5.2).
_ACTIVE = 0.01

# Rows by which the fitted posterior is described.
_SUMMARY_ROWS = 10_000

# Least and most rows by which it is followed from epoch to epoch: one of thirty in between.
_WATCHED_ROWS = 30, 1000

# Least and most rows of an automatic batch.
_AUTO_BATCH = 32, 128

# An automatic learning rate grows with the batch between these sizes. At 16e-3, for batches of
# 8,192, a fit of MNIST collapsed.
_RATED_BATCHES = 32, 512


def fit_model(estimator, X, y, *, resume, tasks):
    """Run a whole fit, or the rest of one from its checkpoint.

    Parameters
    ----------
    estimator : VAETransformer
        Changed in place.
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        Validated rows, in the user's units.
    y : ndarray of shape (n,) or None
        Class numbers, -1 where unknown.
    resume : bool
        Whether to continue from the estimator's weights.
    tasks : FitTasks
        Told of the epochs.

    Returns
    -------
    estimator : VAETransformer
    """
    checkpoint = None
    if estimator.checkpoint is not None:
        checkpoint = FitCheckpoint(estimator, X, y, resume=resume)
        estimator.seed_ = checkpoint.seed
    held_out, stopper = None, None
    if estimator.early_stopping:
        X, y, held_out = _hold_out(estimator, X, y)
        stopper = EarlyStopping(estimator.n_iter_no_change, estimator.tol)
    schedule = Schedule(
        estimator.max_iter * _steps_per_epoch(estimator, X),
        _learning_rate(estimator, X),
        cosine=estimator.learning_rate == "cosine",
        beta=estimator.beta,
        warm_up=0.0 if resume else estimator.warm_up,
    )
    with scoped_runtime(estimator.n_jobs):
        model = _model(estimator, X, resume)
        optimizer = _optimizer(estimator, model, schedule)
        run = _Run(estimator, model, optimizer, schedule, tasks, resume)
        run.held_out, run.stopper, run.checkpoint = held_out, stopper, checkpoint
        run.go(X, y)
        if stopper is not None and stopper.best_parameters is not None:
            estimator.best_validation_score_ = stopper.best_score
            load_arrays(model, stopper.best_parameters)
        _store(estimator, model, X, y)
    tasks.end(lambda: vars(estimator))

    return estimator


def partial_fit_model(estimator, X, y, *, resume, tasks):
    """Run one epoch at constant KL weight and rate; parameters as for :func:`fit_model`."""
    schedule = Schedule(
        _steps_per_epoch(estimator, X),
        _learning_rate(estimator, X),
        cosine=False,
        beta=estimator.beta,
        warm_up=0.0,
    )
    with scoped_runtime(estimator.n_jobs):
        model = _model(estimator, X, resume)
        optimizer = _optimizer(estimator, model, schedule)
        if hasattr(estimator, "_optimizer_state"):
            load_state(optimizer, estimator._optimizer_state)
        kept = _Run(estimator, model, optimizer, schedule, tasks, resume).go(X, y)
        if not kept.diverged:
            estimator._optimizer_state = state_to_arrays(optimizer)
            _check_optimizer(estimator._optimizer_state)
        _store(estimator, model, X, y)
    tasks.end(lambda: vars(estimator))

    return estimator


def _check_optimizer(state):
    """Refuse to keep a model whose next steps would have no length."""
    if not all(np.isfinite(value).all() for value in state.values()):
        raise ValueError(
            "The square of a gradient was too large for float32, after which the model could learn "
            "no more; it is kept as it was before. Scale X, or leave out extreme rows."
        )


def _batch_size(estimator, X):
    if estimator.batch_size == "auto":
        return int(np.clip(len(X) // 100, *_AUTO_BATCH))

    return estimator.batch_size


def _learning_rate(estimator, X):
    if estimator.learning_rate_init == "auto":
        least, most = _RATED_BATCHES
        return 1e-3 * math.sqrt(np.clip(_batch_size(estimator, X), least, most) / least)

    return estimator.learning_rate_init


def _steps_per_epoch(estimator, X):
    return estimator.steps_per_epoch or math.ceil(len(X) / _batch_size(estimator, X))


def _hold_out(estimator, X, y):
    """Split into training rows and labels, and the held-out pair of both."""
    n_validation = max(1, int(estimator.validation_fraction * len(X)))
    if n_validation >= len(X):
        raise ValueError(
            f"early_stopping=True holds out {n_validation} rows, which leaves none to train on: "
            f"n_samples={len(X)}."
        )
    order = np.random.default_rng(stream_seed(estimator.seed_, INIT)).permutation(len(X))
    out, kept = np.sort(order[:n_validation]), np.sort(order[n_validation:])
    if y is None:
        return part_of(X, kept), None, (part_of(X, out), None)

    return part_of(X, kept), y[kept], (part_of(X, out), y[out])


def _model(estimator, X, resume):
    """A model on the device, its weights new or the estimator's."""
    model = VAE(**estimator._architecture)
    if resume:
        load_arrays(model, estimator.parameters_)
    else:
        estimator.history_ = {}
        model.draw_parameters(torch.Generator().manual_seed(stream_seed(estimator.seed_, INIT)))
        if model.begins_at_mean:
            model.start_at(torch.from_numpy(standardisation(X)[0]))
    if estimator.conditional is not None:
        model.set_class_frequencies(class_frequencies(estimator.class_counts_))

    return model.to(resolve_device(estimator.device))


def _optimizer(estimator, model, schedule):
    prior = list(model.prior.parameters())
    others = [theta for theta in model.parameters() if all(theta is not p for p in prior)]
    groups = [{"params": [flatten(others)]}]
    if prior:
        groups.append({"params": [flatten(prior)], "lr_ratio": model.prior.lr_ratio})

    optimizer = OPTIMIZERS[estimator.optimizer](groups, lr=schedule.learning_rate_init)
    if estimator.max_grad_norm is not None:
        _clip_before_steps(optimizer, model, estimator.max_grad_norm)

    return optimizer


def _clip_before_steps(optimizer, model, max_norm):
    """Bound the norm of the gradients, whether they were computed by hand or by autograd."""

    def clip(*_):
        clip_grad_norm_(model.parameters(), max_norm)

    optimizer.register_step_pre_hook(clip)


class _Run:
    """The training loop, and what happens when an epoch ends."""

    def __init__(self, estimator, model, optimizer, schedule, tasks, resume):
        self.estimator, self.model, self.optimizer = estimator, model, optimizer
        self.schedule, self.tasks = schedule, tasks
        self.before = estimator.parameters_ if resume else None
        self.held_out = self.stopper = self.checkpoint = None

    def go(self, X, y):
        """Train; returns what is kept."""
        estimator = self.estimator
        device = resolve_device(estimator.device)
        self.watched = _watched_rows(estimator, X, y)
        n_before, n_done = _n_epochs(estimator), 0
        if self.checkpoint is not None and self.checkpoint.found:
            n_done = self.checkpoint.restore(self.model, self.optimizer, self.stopper)
            self.before = to_arrays(self.model)
        progress = train(
            self.model,
            self.optimizer,
            training_rows(
                X,
                estimator._scaling.to_network,
                device,
                stream_seed(estimator.seed_, ORDER, n_before),
            ),
            None if y is None else torch.from_numpy(y).to(device),
            self.schedule,
            batch_size=_batch_size(estimator, X),
            dynamic=estimator._scaling.dynamic,
            variational=estimator.variational,
            seed=estimator.seed_,
            steps_per_epoch=estimator.steps_per_epoch,
            n_before=n_before,
            objective=Objective(
                estimator.free_bits, estimator.n_importance, estimator.label_weight
            ),
            n_done=n_done,
        )
        n_epochs = self.schedule.n_steps // _steps_per_epoch(estimator, X)
        self.tasks.begin(n_done)
        with EpochReport(n_epochs, n_done, estimator.verbose) as self.report:
            start = self._bound_at_start() if self.before is None else None
            self.model.train()
            kept = run_epochs(
                self.report.watch(progress), self.model, self.after_epoch, before=self.before
            )
        self.model.eval()
        if start is not None and not kept.diverged:
            warn_if_worse(start, self._bound(kept.history[-1]), estimator.n_features_in_)

        return kept

    def _bound(self, record):
        """What is maximised in the end, of an epoch's record."""
        kl = self.estimator.beta * record["kl"] if self.estimator.variational else 0.0

        return record["reconstruction"] - kl

    @torch.no_grad()
    def _bound_at_start(self):
        """The same of the untrained network, at the posterior means of some rows."""
        self.model.eval()
        device = next(self.model.parameters()).device
        x, y = (None if a is None else torch.tensor(a, device=device) for a in self.watched)
        noise = x.new_zeros(len(x), self.model.n_components)
        with _fixed_draws(self.estimator, self.model):
            terms = elbo_terms(self.model, x, noise, y)
        reconstruction, kl = (term.mean().item() for term in terms)
        record = {
            "reconstruction": reconstruction + self.estimator._scaling.log_jacobian(),
            "kl": kl,
        }

        return self._bound(record)

    def after_epoch(self, record, parameters, whole=True):
        """Complete the record and tell it to everyone; returns whether to stop."""
        self.model.eval()
        estimator = self.estimator
        log_jacobian = estimator._scaling.log_jacobian()
        for name in {"elbo", "reconstruction"} & record.keys():
            record[name] += log_jacobian
        record["loss"] -= log_jacobian
        if estimator.variational:
            self._follow(record)
        stop = self.held_out is not None and self._validate(record, parameters)
        estimator.history_ = _appended(estimator.history_, record)
        self.report.end_epoch(record)
        stop = self.tasks.end_epoch(lambda: _attributes(estimator, self.model), stop)
        if self.checkpoint is not None and whole:  # the optimizer has gone on to where it diverged
            self.checkpoint.end_epoch(parameters, self.optimizer, self.stopper, stop)
        self.model.train()

        return stop

    def _follow(self, record):
        """Note what each latent dimension carries by now."""
        with _fixed_draws(self.estimator, self.model):
            kl, variance = posterior_summary(self.model, *self.watched)
        record["n_active"] = _n_active(variance)
        curves = np.full((_n_epochs(self.estimator) + 1, len(kl)), np.nan)
        known = getattr(self.estimator, "kl_curves_", curves[:0])
        curves[: len(known)], curves[-1] = known, kl
        self.estimator.kl_curves_ = curves

    def _validate(self, record, parameters):
        estimator = self.estimator
        name = "validation_elbo" if estimator.variational else "validation_reconstruction"
        record[name] = _validation_score(estimator, self.model, *self.held_out)
        warm = not estimator.variational or record["kl_weight"] >= estimator.beta

        return warm and self.stopper.update(record[name], parameters)


def _n_epochs(estimator):
    return len(estimator.history_.get("loss", []))


def _appended(history, record):
    """A history with one more record; what only some epochs have is NaN in the others."""
    n = len(history.get("loss", []))

    return {
        name: [*history.get(name, [np.nan] * n), record.get(name, np.nan)]
        for name in dict.fromkeys([*history, *record])
    }


def _attributes(estimator, model):
    """The estimator's attributes, with the weights that the model has now."""
    loss_curve = estimator.history_["loss"]

    return {
        **vars(estimator),
        **model.prior.fitted_attributes(),
        "parameters_": to_arrays(model),
        "loss_curve_": loss_curve,
        "n_iter_": len(loss_curve),
    }


def _fixed_draws(estimator, model):
    return fixed_draws(model, stream_seed(estimator.seed_, MODULES_IN_USE))


def _validation_score(estimator, model, X, y):
    with _fixed_draws(estimator, model):
        scores = row_scores(
            model,
            X,
            estimator._scaling.to_network,
            y,
            estimator.seed_,
            dynamic=estimator._scaling.dynamic,
            variational=estimator.variational,
        )

    return float(scores.mean()) + estimator._scaling.log_jacobian()


def _some_rows(X, y, n):
    places = evenly_spaced(len(X), n)

    return part_of(X, places), None if y is None else y[places]


def _watched_rows(estimator, X, y):
    """A few rows as the network sees them, and their class numbers."""
    X, y = _some_rows(X, y, np.clip(len(X) // 30, *_WATCHED_ROWS))

    return estimator._scaling.to_network(X[:]), y


def _n_active(variance_of_means):
    return int((variance_of_means > _ACTIVE).sum())


def _store(estimator, model, X, y):
    """Set the fitted attributes, and warn of a collapse."""
    vars(estimator).update(_attributes(estimator, model))
    rare_labels = y is not None and (y < 0).any()
    if len(X) > _SUMMARY_ROWS and not rare_labels:
        X, y = _some_rows(X, y, _SUMMARY_ROWS)
    x = PreparedRows(X, estimator._scaling.to_network)
    with _fixed_draws(estimator, model):
        kl, variance = posterior_summary(model, x, y)
    estimator.n_active_ = _n_active(variance)
    if estimator.variational:
        estimator.kl_per_dimension_ = kl
        warn_of_collapse(estimator.n_active_, kl, estimator.likelihood_)
