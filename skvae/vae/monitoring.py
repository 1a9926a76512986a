"""What surrounds the training loop: early stopping, interruption, divergence, the history."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skvae.exceptions import FitInterruptedWarning
from skvae.vae.model import to_arrays

__all__ = ["EarlyStopping", "run_epochs"]


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


def run_epochs(records, model, after_epoch):
    """Drain the training loop, keeping the weights of the last whole finite epoch.

    Parameters
    ----------
    records : iterator of dict
        Trains ``model`` one epoch per record.
    model : VAE
        Read after each epoch.
    after_epoch : callable
        Called with the record, which it may extend, and the epoch's parameters; returns whether
        to stop.

    Returns
    -------
    parameters : dict of ndarray
        Weights.
    history : list of dict
        The records of the epochs kept.
    """
    parameters, history = None, []
    try:
        for record in records:
            candidate = to_arrays(model)
            if not _is_finite(record, candidate):
                _report_divergence(len(history))
                break
            stop = after_epoch(record, candidate)
            parameters, history = candidate, [*history, record]
            if stop:
                break
    except KeyboardInterrupt:
        if parameters is None:
            raise
        warnings.warn(
            f"The fit was interrupted; the model of epoch {len(history)} is kept.",
            FitInterruptedWarning,
            stacklevel=4,
        )

    return parameters, history


def _is_finite(record, parameters):
    return np.isfinite(record["loss"]) and all(np.isfinite(a).all() for a in parameters.values())


def _report_divergence(n_epochs):
    advice = "Try a smaller learning_rate_init, or scale the features of X."
    if n_epochs == 0:
        raise ValueError(
            f"The loss or a weight became infinite or NaN in the first epoch. {advice}"
        )
    warnings.warn(
        f"The loss or a weight became infinite or NaN in epoch {n_epochs + 1}; the model of epoch "
        f"{n_epochs} is kept. {advice}",
        ConvergenceWarning,
        stacklevel=5,
    )
