"""What surrounds the training loop: early stopping, interruption, divergence, the history."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skvae.exceptions import FitInterruptedWarning
from skvae.vae.model import load_arrays, to_arrays

__all__ = ["EarlyStopping", "Kept", "run_epochs"]


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
    >>> from skvae.vae.monitoring import EarlyStopping
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
        whether to stop.
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
                    after_epoch(record, parameters)
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
        warnings.warn(
            f"The fit was interrupted; the model of epoch {len(history)} is kept.",
            FitInterruptedWarning,
            stacklevel=4,
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
    advice = (
        "Try a smaller learning_rate_init, max_grad_norm, or scaling the features of X to similar "
        "ranges."
    )
    if kept is None:
        raise ValueError(f"{what}. {advice}")
    warnings.warn(f"{what}; {kept}. {advice}", ConvergenceWarning, stacklevel=6)
