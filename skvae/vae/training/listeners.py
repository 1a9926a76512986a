"""What is made of every epoch: its history, curves of the dimensions, early stopping, a report."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from skvae._progress import ProgressBar, format_progress, is_live
from skvae.vae.epochs import Arrays, Epoch, History, Listener, Progress, Start
from skvae.vae.nn.draws import fixed_draws
from skvae.vae.nn.inference import posterior_summary
from skvae.vae.nn.model import VAE
from skvae.vae.training.outcome import count_active

__all__ = ["EarlyStopping", "EpochReport", "KLCurves", "Records", "Units", "Validation"]


class Units(Listener):
    """Puts the record of an epoch into the units of X.

    Parameters
    ----------
    log_jacobian : float
        What log-densities in those units have more, in nats.
    """

    def __init__(self, log_jacobian: float):
        self._log_jacobian = log_jacobian

    def epoch_ended(self, epoch: Epoch) -> None:
        """Shift the log-densities."""
        for name in {"elbo", "reconstruction"} & epoch.record.keys():
            epoch.record[name] += self._log_jacobian
        epoch.record["loss"] -= self._log_jacobian


class KLCurves(Listener):
    """Follows what each latent dimension carries of some rows.

    Parameters
    ----------
    x : ndarray of shape (n, n_features), float32
        Rows as the network sees them.
    y : ndarray of shape (n,) or None
        Class numbers, -1 where unknown.
    weights : ndarray of shape (n,) or None
        What each row counts.
    seed : int
        For modules of the user's that always draw.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray | None, weights: np.ndarray | None, seed: int):
        self._rows, self._seed = (x, y, weights), seed

    def fit_began(self, start: Start) -> None:
        """Go on with the curves that there are."""
        self._curves, self._epochs_before = start.kl_curves, start.epochs_before

    def epoch_ended(self, epoch: Epoch) -> None:
        """Note what the dimensions carry by now; epochs without such a note have NaN."""
        with fixed_draws(epoch.model, self._seed):
            kl, variance = posterior_summary(epoch.model, *self._rows)
        epoch.record["n_active"] = count_active(variance)
        curves = np.full((self._epochs_before + epoch.number, len(kl)), np.nan)
        if self._curves is not None:
            curves[: len(self._curves)] = self._curves
        curves[-1] = kl
        self._curves = epoch.kl_curves = curves


class Validation(Listener):
    """Scores the rows held out, and stops when the score no longer rises.

    Parameters
    ----------
    name : str
        Of the score in the history.
    score : callable
        From a model to the mean score of the rows.
    stopper : EarlyStopping
        What it is told, epoch by epoch.
    kl_weight : float or None
        It is told from the epoch on that has this weight; None means all epochs.
    """

    def __init__(
        self,
        name: str,
        score: Callable[[VAE], float],
        stopper: "EarlyStopping",
        kl_weight: float | None,
    ):
        self._name, self._score = name, score
        self._stopper, self._kl_weight = stopper, kl_weight

    def epoch_ended(self, epoch: Epoch) -> None:
        """Score, and stop if it is time."""
        epoch.record[self._name] = self._score(epoch.model)
        is_warm = self._kl_weight is None or epoch.record["kl_weight"] >= self._kl_weight
        if is_warm and self._stopper.update(epoch.record[self._name], epoch.parameters):
            epoch.stop = True


class Records(Listener):
    """Collects the records of all epochs into a history."""

    def fit_began(self, start: Start) -> None:
        """Go on with the history that there is."""
        self._history = start.history

    def epoch_ended(self, epoch: Epoch) -> None:
        """Append the record."""
        self._history = epoch.history = _appended(self._history, epoch.record)


def _appended(history: History, record: dict[str, float]) -> History:
    """A history with one more record; what only some epochs have is NaN in the others."""
    n = len(history.get("loss", []))

    return {
        name: [*history.get(name, [np.nan] * n), record.get(name, np.nan)]
        for name in dict.fromkeys([*history, *record])
    }


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

    def __init__(self, n_iter_no_change: int, tol: float):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best_score = -np.inf
        self.best_parameters: Arrays | None = None
        self._reference = -np.inf
        self._n_waited = 0

    def update(self, score: float, parameters: Arrays) -> bool:
        """Take note of an epoch; returns whether to stop."""
        if score > self.best_score:
            self.best_score, self.best_parameters = score, parameters
        if score > self._reference + self.tol:
            self._reference, self._n_waited = score, 0
        else:
            self._n_waited += 1

        return self._n_waited >= self.n_iter_no_change

    def state(self) -> dict[str, Any]:
        """All but the parameters, as plain values."""
        return {
            "best_score": self.best_score,
            "reference": self._reference,
            "n_waited": self._n_waited,
        }

    def restore(self, state: dict[str, Any], best_parameters: Arrays | None) -> None:
        """Go on from a state and the best parameters, or None."""
        self.best_score, self._reference = float(state["best_score"]), float(state["reference"])
        self._n_waited, self.best_parameters = int(state["n_waited"]), best_parameters


class EpochReport(Listener):
    """What a user sees of the epochs: one live bar where there can be one, else a line for each.

    Parameters
    ----------
    n_epochs : int
        Epochs of the fit.
    verbose : int
        0 shows nothing.
    """

    def __init__(self, n_epochs: int, verbose: int):
        self._n_epochs, self._verbose = n_epochs, verbose
        self._bar: ProgressBar | None = None
        self._last = ""

    def fit_began(self, start: Start) -> None:
        """Begin with the epochs that are done."""
        self._epoch = self._epochs_done = self._n_epochs - start.epochs_left(self._n_epochs)
        self._start = time.monotonic()
        if self._verbose and is_live(sys.stdout):
            self._bar = ProgressBar(self._n_epochs, sys.stdout, self._epoch, unit="epoch")

    def progressed(self, progress: Progress) -> None:
        """Draw how far the epoch has come."""
        if self._bar is not None:
            epoch = min(self._epoch + 1, self._n_epochs)
            text = f"epoch {epoch}/{self._n_epochs}  {self._last}"
            self._bar.update(self._epoch + progress.step / progress.n_steps, text)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Tell its record."""
        self._epoch += 1
        values = {name: f"{name} {value:.4g}" for name, value in epoch.record.items()}
        shown = ("elbo", "validation_elbo") if "elbo" in epoch.record else ("loss",)
        self._last = "  ".join(values[name] for name in shown if name in values)
        if self._verbose and self._bar is None:
            seconds = time.monotonic() - self._start
            count = format_progress(
                self._epoch, self._n_epochs, seconds, done_before=self._epochs_done, unit="epoch"
            )
            print(count, *values.values(), sep="  ", flush=True)

    def fit_ended(self) -> None:
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.close()
