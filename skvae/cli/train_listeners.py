"""What ``skvae train`` tells of while it fits, and in which numbers."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from skvae._progress import ProgressBar
from skvae.vae.epochs import Epoch, Listener, Progress, Start
from skvae.vae.transformer import VAETransformer

__all__ = ["Bar", "Iterations", "Told"]

# The most iterations of an epoch, unless reports need more at a time.
_STRETCH = 1000


@dataclass(frozen=True)
class Iterations:
    """Epochs counted in iterations, as batches are called here.

    Parameters
    ----------
    total : int
        Of the whole run.
    every : int
        From one report to the next.

    Examples
    --------
    >>> from skvae.cli.train_listeners import Iterations
    >>> iterations = Iterations(total=6000, every=2000)
    >>> iterations.per_epoch, iterations.n_epochs, iterations.epochs_per_report
    (1000, 6, 2)
    >>> iterations.after(2)
    2000
    """

    total: int
    every: int

    @property
    def per_epoch(self) -> int:
        """Of an epoch."""
        return _STRETCH if self.every % _STRETCH == 0 else self.every

    @property
    def n_epochs(self) -> int:
        """Epochs of the run; the last one may be shorter."""
        return -(-self.total // self.per_epoch)

    def after(self, n_epochs: int) -> int:
        """Done after so many epochs."""
        return min(n_epochs * self.per_epoch, self.total)

    @property
    def epochs_per_report(self) -> int:
        """From one report to the next."""
        return self.every // self.per_epoch


class Told(Listener):
    """Tells callbacks of a fit by their protocol, which scikit-learn speaks since 1.9 only.

    Parameters
    ----------
    callbacks : sequence of callbacks
        As ``set_callbacks`` takes them.
    estimator : VAETransformer
        That is fitted.
    """

    def __init__(self, callbacks: Sequence[Any], estimator: VAETransformer):
        self._callbacks, self._estimator = callbacks, estimator
        self._fit, self._epoch = (
            SimpleNamespace(task_name=name, root_uuid=id(self)) for name in ("fit", "epoch")
        )
        self._last: VAETransformer | None = None

    def fit_began(self, start: Start) -> None:
        """Set up, and begin."""
        for callback in self._callbacks:
            callback.setup(self._estimator, self._fit)
            callback.on_fit_task_begin(self._estimator, self._fit)
            callback.on_fit_task_begin(self._estimator, self._epoch)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Show the model, and begin another epoch."""
        assert epoch.fitted is not None
        self._last = epoch.fitted()
        for callback in self._callbacks:
            callback.on_fit_task_end(self._estimator, self._epoch, fitted_estimator=self._last)
        for callback in self._callbacks:
            callback.on_fit_task_begin(self._estimator, self._epoch)

    def fit_ended(self) -> None:
        """Show the last model, and tear down."""
        for callback in self._callbacks:
            if self._last is not None:
                callback.on_fit_task_end(self._estimator, self._fit, fitted_estimator=self._last)
            callback.teardown(self._estimator, self._fit)


class Bar(Listener):
    """A bar on a terminal, out of the way of lines that are printed when an epoch ends.

    Parameters
    ----------
    iterations : Iterations
        Of the run.
    """

    def __init__(self, iterations: Iterations):
        self._iterations = iterations
        self._bar: ProgressBar | None = None
        self._text = ""

    def fit_began(self, start: Start) -> None:
        """Begin with what is done."""
        self._done = self._iterations.after(start.epochs_done)
        if sys.stderr.isatty():
            self._bar = ProgressBar(self._iterations.total, sys.stderr, self._done)
            self._bar.update(self._done)

    def progressed(self, progress: Progress) -> None:
        """Draw the bar."""
        if self._bar is not None:
            self._bar.update(self._done + progress.step, self._text)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Take the bar away until more is done."""
        self._done = self._iterations.after(epoch.number)
        self._text = f"ELBO {epoch.record['elbo']:.1f}"
        if self._bar is not None:
            self._bar.update(self._done, self._text)
            self._bar.clear()

    def fit_ended(self) -> None:
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.close()
