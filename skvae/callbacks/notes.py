"""A callback that takes note of an epoch now and then."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Notes", "Numbering", "numbered"]

# From the number of an epoch to the one that is shown for it.
Numbering = Callable[[int], int]


def numbered(number: Numbering | None, n_epochs: int) -> int:
    """What is shown for so many epochs: their number itself, unless there is another count."""
    return n_epochs if number is None else number(n_epochs)


@dataclass
class _Run:
    """A fit that goes on."""

    began: float = 0.0  # the epoch
    seconds: float = 0.0  # that the last epoch took
    is_due: bool = False  # whether the last epoch is still to be noted if no other follows


class Notes(ABC):
    """Takes note of every few epochs of a fit, and of its last one, by scikit-learn's protocol.

    Parameters
    ----------
    every : int, default=1
        Epochs from one note to the next.
    number : callable or None, default=None
        From the number of an epoch to the one that is shown for it.
    """

    def __init__(self, *, every: int = 1, number: Numbering | None = None) -> None:
        self.every, self.number = every, number
        self._runs: dict[Any, _Run] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_runs": {}}

    @abstractmethod
    def note(self, vae: Any, context: Any, seconds: float) -> None:
        """Take note of an epoch.

        Parameters
        ----------
        vae : VAETransformer
            As the epoch has left it.
        context : sklearn.callback.CallbackContext
            Of the task.
        seconds : float
            That the epoch took.
        """

    def setup(self, estimator: Any, context: Any) -> None:
        """Get ready for a fit."""
        self._runs[context.root_uuid] = _Run()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Take the time when an epoch begins."""
        self._runs[context.root_uuid].began = time.perf_counter()

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Note an epoch if it is time, and the last one when the fit ends."""
        run = self._runs[context.root_uuid]
        if context.task_name == "epoch":
            run.seconds = time.perf_counter() - run.began
            run.is_due = fitted_estimator.n_iter_ % self.every != 0
            if not run.is_due:
                self.note(fitted_estimator, context, run.seconds)
        elif run.is_due:
            run.is_due = False
            self.note(fitted_estimator, context, run.seconds)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Forget the fit."""
        self._runs.pop(context.root_uuid, None)
