"""The training loop drained epoch by epoch: listeners told, divergence and interruption met."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skvae._warnings import warn
from skvae.exceptions import FitInterruptedWarning
from skvae.vae.epochs import Arrays, Epoch, Listener, Progress
from skvae.vae.nn.model import VAE, load_arrays, to_arrays
from skvae.vae.training.outcome import ADVICE

__all__ = ["RunResult", "run_epochs"]

Record = dict[str, float]


class RunResult(NamedTuple):
    """What a run of the training loop leaves."""

    parameters: Arrays | None  # weights
    last: Epoch | None  # the last epoch kept, as listeners have left it
    diverged: bool


def run_epochs(
    progress: Iterable[Progress],
    model: VAE,
    listeners: Sequence[Listener],
    *,
    epochs_done: int = 0,
    parameters: Arrays | None = None,
    is_alone: bool = True,
) -> RunResult:
    """Drain the training loop, keeping the weights of the last whole finite epoch.

    If the first epoch diverges, the weights of its last finite stretch of steps are kept instead,
    with a record of the steps until then; or else ``parameters``.

    Parameters
    ----------
    progress : iterable of Progress
        Trains ``model`` a stretch of steps at a time.
    model : VAE
        Read after each stretch, left with the weights kept, in use.
    listeners : sequence of Listener
        Told of every epoch, in this order.
    epochs_done : int, default=0
        Epochs of this fit that are done already.
    parameters : dict of ndarray or None, default=None
        Trained weights that the loop started from.
    is_alone : bool, default=True
        Whether no other process trains too. Where one does, an interrupted fit keeps nothing: it
        may be in another epoch.

    Returns
    -------
    result : RunResult

    Raises
    ------
    ValueError
        If the loop diverges at once, with nothing to keep.
    """
    run = _Run(model, listeners, epochs_done, parameters)
    model.train()
    try:
        diverged = run.drain(iter(progress))
    except KeyboardInterrupt:
        if run.last is None or not is_alone:
            raise
        diverged = False
        warn(
            f"The fit was interrupted; the model of epoch {run.n_epochs} is kept.",
            FitInterruptedWarning,
        )
    if run.parameters is not None:
        load_arrays(model, run.parameters)
    model.eval()

    return RunResult(run.parameters, run.last, diverged)


class _Run:
    """What is kept so far."""

    def __init__(
        self, model: VAE, listeners: Sequence[Listener], epochs_done: int, parameters: Arrays | None
    ):
        self.model, self.listeners, self.epochs_done = model, listeners, epochs_done
        self.parameters, self.n_epochs = parameters, 0
        self.last: Epoch | None = None

    def drain(self, progress: Iterator[Progress]) -> bool:
        """Take the steps; returns whether they diverged."""
        part = None
        for item in progress:
            for listener in self.listeners:
                listener.progressed(item)
            candidate = to_arrays(self.model)
            if not _is_finite(item.record, candidate):
                self._diverge(item.step, part)
                return True
            if item.step < item.n_steps:
                part = item.step, candidate, item.record
            elif self._end_epoch(item.record, candidate):
                break

        return False

    def _end_epoch(self, record: Record, parameters: Arrays, is_whole: bool = True) -> bool:
        number = self.epochs_done + self.n_epochs + 1
        epoch = Epoch(number, record, parameters, self.model, is_whole)
        self.model.eval()
        for listener in self.listeners:
            listener.epoch_ended(epoch)
        self.model.train()
        self.parameters, self.n_epochs, self.last = parameters, self.n_epochs + 1, epoch

        return epoch.stop

    def _diverge(self, step: int, part: tuple[int, Arrays, Record] | None) -> None:
        what = (
            f"The loss or a weight became infinite or NaN in epoch {self.n_epochs + 1}, by "
            f"step {step}"
        )
        if self.n_epochs:
            kept = f"the model of epoch {self.n_epochs} is kept"
        elif part is not None:
            kept = f"the model of step {part[0]} is kept"
        elif self.parameters is not None:
            kept = "the model is kept as it was before"
        else:
            raise ValueError(f"{what}. {ADVICE}")
        warn(f"{what}; {kept}. {ADVICE}", ConvergenceWarning)
        if part is not None and not self.n_epochs:
            _, parameters, record = part
            load_arrays(self.model, parameters)
            self._end_epoch(record, parameters, is_whole=False)


def _is_finite(record: Record, parameters: Arrays) -> bool:
    return bool(
        np.isfinite(record["loss"]) and all(np.isfinite(a).all() for a in parameters.values())
    )
