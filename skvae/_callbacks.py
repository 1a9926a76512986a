"""A fit and its epochs, as scikit-learn's callbacks are told of them."""

from collections.abc import Callable, Mapping
from typing import Any

from skvae._sklearn import callback_context

__all__ = ["FitTasks"]


class FitTasks:
    """A fit and its epochs, as the tasks of which scikit-learn's callbacks are told.

    Parameters
    ----------
    estimator : estimator
        Has the callbacks.
    name : str
        Name of the method.
    n_epochs : int
        At most.
    X, y : array-like
        As the user gave them.
    is_told : bool, default=True
        False where another process calls back.
    """

    def __init__(
        self,
        estimator: Any,
        name: str,
        n_epochs: int,
        X: Any,
        y: Any,
        *,
        is_told: bool = True,
    ) -> None:
        self._context: Any = callback_context(estimator, name, n_epochs) if is_told else None
        self._arguments = {"estimator": estimator, "X": X, "y": y}
        self.n_epochs = self._epochs_left = n_epochs
        self._epoch: Any = None

    def begin(self, epochs_left: int | None = None) -> None:
        """The fit begins, and with it the first of the epochs that are left, by default all."""
        if self._context is not None:
            self._epochs_left = self._epochs_left if epochs_left is None else epochs_left
            self._context.call_on_fit_task_begin(**self._arguments)
            self._begin_epoch()

    def _begin_epoch(self) -> None:
        if self._epochs_left:
            self._epochs_left -= 1
            self._epoch = self._context.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._arguments)

    def end_epoch(self, attributes: Callable[[], Mapping[str, Any]], stop: bool) -> bool:
        """An epoch ends, and the next one begins unless ``stop``.

        Parameters
        ----------
        attributes : callable
            Gives the attributes that the estimator would have if the fit ended here.
        stop : bool
            Whether the fit ends anyway.

        Returns
        -------
        stop : bool
            Whether it ends, anyway or because a callback wants it to.
        """
        if self._context is not None:
            arguments = {**self._arguments, "reconstruction_attributes": attributes}
            stop = self._epoch.call_on_fit_task_end(**arguments) or stop
            if not stop:
                self._begin_epoch()

        return bool(stop)

    def end(self, attributes: Callable[[], Mapping[str, Any]]) -> None:
        """The fit ends."""
        if self._context is not None:
            arguments = {**self._arguments, "reconstruction_attributes": attributes}
            self._context.call_on_fit_task_end(**arguments)
