"""What surrounds the training loop: early stopping, interruption, divergence, the history."""

import sys
import time
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skvae._progress import ProgressBar, format_progress, is_live
from skvae._warnings import warn
from skvae.exceptions import FitInterruptedWarning, PosteriorCollapseWarning
from skvae.vae.nn.model import load_arrays, to_arrays

__all__ = [
    "EarlyStopping",
    "EpochReport",
    "Kept",
    "run_epochs",
    "warn_if_worse",
    "warn_of_collapse",
]

_ADVICE = (
    "Try a smaller learning_rate_init, max_grad_norm, or scaling the features of X to similar "
    "ranges."
)

# A share of active dimensions, and nats in all of them, that are next to nothing.
_FEW_ACTIVE, _LITTLE = 0.1, 1.0


class EarlyStopping:
    """Remember the best validation score, and say when to stop waiting for a better one.

    Parameters
    ----------
    n_iter_no_change : int
        Epochs to wait.
    tol : float
        Smallest rise, in nats per row, that counts.

    Examples
    --------
    >>> from skvae.vae.training.listeners import EarlyStopping
    >>> stopper = EarlyStopping(n_iter_no_change=2, tol=0.1)
    >>> [stopper.update(score, {}) for score in (-5.0, -4.0, -3.95, -4.2)]
    [False, False, False, True]
    """

    def __init__(self, n_iter_no_change, tol):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best_score = -np.inf
        self.best_parameters = None
        self._reference = -np.inf
        self._n_waited = 0

    def update(self, score, parameters):
        """Take note of an epoch; returns whether to stop."""
        if score > self.best_score:
            self.best_score, self.best_parameters = score, parameters
        if score > self._reference + self.tol:
            self._reference, self._n_waited = score, 0
        else:
            self._n_waited += 1

        return self._n_waited >= self.n_iter_no_change

    def state(self):
        """All but the parameters, as plain values."""
        return {
            "best_score": self.best_score,
            "reference": self._reference,
            "n_waited": self._n_waited,
        }

    def restore(self, state, best_parameters):
        """Go on from a state and the best parameters, or None."""
        self.best_score, self._reference = float(state["best_score"]), float(state["reference"])
        self._n_waited, self.best_parameters = int(state["n_waited"]), best_parameters


class EpochReport:
    """What a user sees of the epochs: one live bar where there can be one, else a line for each.

    Parameters
    ----------
    n_epochs : int
        Epochs of the fit.
    n_done : int
        How many of them are done already.
    verbose : int
        0 shows nothing.
    """

    def __init__(self, n_epochs, n_done, verbose):
        self._n_epochs, self._epoch, self._verbose = n_epochs, n_done, verbose
        live = verbose and is_live(sys.stdout)
        self._bar = ProgressBar(n_epochs, sys.stdout, n_done, unit="epoch") if live else None
        self._start, self._n_before = time.monotonic(), n_done
        self._last = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def watch(self, progress):
        """Pass the progress of the training loop on, and draw it."""
        for item in progress:
            if self._bar is not None:
                epoch = min(self._epoch + 1, self._n_epochs)
                text = f"epoch {epoch}/{self._n_epochs}  {self._last}"
                self._bar.update(self._epoch + item.step / item.n_steps, text)
            yield item

    def end_epoch(self, record):
        """Tell a whole epoch's record."""
        self._epoch += 1
        values = {name: f"{name} {value:.4g}" for name, value in record.items()}
        shown = ("elbo", "validation_elbo") if "elbo" in record else ("loss",)
        self._last = "  ".join(values[name] for name in shown if name in values)
        if self._verbose and self._bar is None:
            seconds = time.monotonic() - self._start
            count = format_progress(
                self._epoch, self._n_epochs, seconds, done_before=self._n_before, unit="epoch"
            )
            print(count, *values.values(), sep="  ", flush=True)


class Kept(NamedTuple):
    """What a run of the training loop leaves."""

    parameters: dict  # weights
    history: list  # the records of the epochs kept
    diverged: bool


def run_epochs(progress, model, after_epoch, *, before=None):
    """Drain the training loop, keeping the weights of the last whole finite epoch.

    If the first epoch diverges, the weights of its last finite stretch of steps are kept instead,
    with a record of the steps until then; or else those from ``before``.

    Parameters
    ----------
    progress : iterator of Progress
        Trains ``model`` a stretch of steps at a time.
    model : VAE
        Read after each stretch, left with the weights kept.
    after_epoch : callable
        Called with the record of an epoch, which it may extend, and the parameters; returns
        whether to stop. ``whole=False`` says that the epoch diverged after that.
    before : dict of ndarray or None
        Trained weights that the loop started from.

    Returns
    -------
    kept : Kept

    Raises
    ------
    ValueError
        If the loop diverges at once, with nothing to keep.
    """
    parameters, history, part = before, [], None
    try:
        for step, n_steps, record in progress:
            candidate = to_arrays(model)
            if not _is_finite(record, candidate):
                kept, parameters, records = _last_finite(before, parameters, history, part)
                _warn_of_divergence(len(history) + 1, step, kept)
                load_arrays(model, parameters)
                for record in records:
                    after_epoch(record, parameters, whole=False)
                return Kept(parameters, history + records, diverged=True)
            if step < n_steps:
                part = step, candidate, record
                continue
            stop = after_epoch(record, candidate)
            parameters, history = candidate, [*history, record]
            if stop:
                break
    except KeyboardInterrupt:
        if not history:
            raise
        warn(
            f"The fit was interrupted; the model of epoch {len(history)} is kept.",
            FitInterruptedWarning,
        )
    if parameters is not None:
        load_arrays(model, parameters)

    return Kept(parameters, history, diverged=False)


def _is_finite(record, parameters):
    return np.isfinite(record["loss"]) and all(np.isfinite(a).all() for a in parameters.values())


def _last_finite(before, parameters, history, part):
    """Of a diverging fit: a name for what is kept, its weights, and records not yet reported."""
    if history:
        return f"the model of epoch {len(history)} is kept", parameters, []
    if part is not None:
        step, parameters, record = part
        return f"the model of step {step} is kept", parameters, [record]
    if before is not None:
        return "the model is kept as it was before", before, []
    return None, None, []


def _warn_of_divergence(epoch, step, kept):
    what = f"The loss or a weight became infinite or NaN in epoch {epoch}, by step {step}"
    if kept is None:
        raise ValueError(f"{what}. {_ADVICE}")
    warn(f"{what}; {kept}. {_ADVICE}", ConvergenceWarning)


def warn_if_worse(start, end, n_features):
    """Warn of a fit that ended far below where it began, which finite losses do not show.

    Parameters
    ----------
    start, end : float
        What is maximised, in nats per row, of the untrained network and of the last epoch.
    n_features : int
        A nat for each of them is no reason to warn.
    """
    if end < start - abs(start) - n_features:
        warn(
            f"The fit ended at {end:.3g} nats per row, after {start:.3g} of the untrained network: "
            f"it diverged. {_ADVICE}",
            ConvergenceWarning,
        )


def warn_of_collapse(n_active, kl, likelihood):
    """Warn of a fit whose posterior is next to the prior, whatever the row.

    Parameters
    ----------
    n_active : int
        Latent dimensions that depend on the input.
    kl : ndarray of shape (d,)
        What each carries, in nats.
    likelihood : str or callable
        Decides what helps.
    """
    nearly = n_active <= _FEW_ACTIVE * len(kl) and kl.sum() < _LITTLE
    if n_active and not nearly:
        return
    remedies = (
        "Counts that are few in a row need one hidden layer and a KL weight that rises slowly: "
        "hidden_layer_sizes=(200,), warm_up=1.0; or a smaller beta."
        if likelihood == "poisson"
        else "Try more epochs (max_iter), a longer warm_up, a smaller beta or other units of X."
    )
    warn(
        f"Posterior collapse: the input moves {n_active or 'none'} of {len(kl)} latent dimensions, "
        f"and z carries {kl.sum():.2g} nats of a row. {remedies}",
        PosteriorCollapseWarning,
    )
