"""What ``skvae train`` shows and writes while it fits."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvae._progress import ProgressBar
from skvae.callbacks import open_writer, write_record
from skvae.displays.films import Pictures
from skvae.vae.epochs import Epoch, Listener, Progress, Start

__all__ = ["Iterations", "Lines", "Log"]

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
    >>> iterations.per_epoch, iterations.n_epochs, iterations.after(2), iterations.is_report(3000)
    (1000, 6, 2000, False)
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

    def is_report(self, iteration: int) -> bool:
        """Whether a report is due after an iteration."""
        return iteration % self.every == 0 or iteration == self.total


class Log(Listener):
    """Writes figures and images for TensorBoard, and pictures.

    Parameters
    ----------
    folder : path
        Of the files of events.
    pictures : Pictures
        Drawn at every report.
    iterations : Iterations
        Of the run.
    """

    def __init__(self, folder: Path, pictures: Pictures, iterations: Iterations):
        self._folder, self._pictures, self._iterations = folder, pictures, iterations
        self._writer: Any = None

    def fit_began(self, start: Start) -> None:
        """Open a file, which hides what an earlier process wrote of what comes again."""
        done = self._iterations.after(start.n_done)
        self._writer = open_writer(self._folder, first_step=done + 1 if done else None)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Write the record, and draw if a report is due."""
        iteration = self._iterations.after(epoch.number)
        record = {name: epoch.record[name] for name in ("elbo", "reconstruction", "kl")}
        write_record(self._writer, record, iteration)
        if self._iterations.is_report(iteration) and epoch.fitted is not None:
            self._pictures.draw(epoch.fitted(), iteration, self._writer)
        self._writer.flush()

    def fit_ended(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


class Lines(Listener):
    """Prints a line at every report, with a bar below on a terminal.

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
        self._done = self._iterations.after(start.n_done)
        if sys.stderr.isatty():
            self._bar = ProgressBar(self._iterations.total, sys.stderr, self._done)
            self._bar.update(self._done)
        self._start = time.perf_counter()

    def progressed(self, progress: Progress) -> None:
        """Take the time, and draw the bar."""
        self._seconds = (time.perf_counter() - self._start) / progress.step
        if self._bar is not None:
            self._bar.update(self._done + progress.step, self._text)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Print a line, if a report is due."""
        self._done = self._iterations.after(epoch.number)
        elbo = epoch.record["elbo"]
        self._text = f"ELBO {elbo:.1f}"
        if self._bar is not None:
            self._bar.clear()
        if self._iterations.is_report(self._done):
            print(
                f"Iteration: {self._done} ELBO: {elbo:.3f} s/iter: {self._seconds:.3e}", flush=True
            )
        if self._bar is not None:
            self._bar.update(self._done, self._text)
        self._start = time.perf_counter()

    def fit_ended(self) -> None:
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.close()
