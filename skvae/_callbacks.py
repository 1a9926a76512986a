"""A fit and its epochs, as scikit-learn's callbacks are told of them."""

from skvae._sklearn import callback_context

__all__ = ["FitTasks"]


class FitTasks:
    """A fit and its epochs, as the tasks of which callbacks are told.

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
    """

    def __init__(self, estimator, name, n_epochs, X, y):
        self._context = callback_context(estimator, name, n_epochs)
        self._arguments = {"estimator": estimator, "X": X, "y": y}
        self._n_left, self._epoch = n_epochs, None

    def begin(self, n_done=0):
        """The fit begins, and with it its first epoch unless ``n_done`` are all."""
        if self._context is not None:
            self._n_left -= n_done
            self._context.call_on_fit_task_begin(**self._arguments)
            self._begin_epoch()

    def _begin_epoch(self):
        if self._n_left:
            self._n_left -= 1
            self._epoch = self._context.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._arguments)

    def end_epoch(self, attributes, stop):
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

    def end(self, attributes):
        """The fit ends."""
        if self._context is not None:
            arguments = {**self._arguments, "reconstruction_attributes": attributes}
            self._context.call_on_fit_task_end(**arguments)
