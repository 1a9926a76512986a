"""Files of events for TensorBoard."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from skvae._typing import Array, PathLike
from skvae.callbacks.notes import Numbering, numbered

__all__ = ["TensorBoard", "open_writer", "require_tensorboard", "write_record"]

# As TensorBoard's users know them.
_TAGS = {"elbo": "ELBO", "kl": "KL"}


class TensorBoard:
    """Write the history of a fit for TensorBoard, as it comes.

    Scalars are ``ELBO``, ``reconstruction`` and ``KL`` in nats per row, and whatever else
    ``history_`` holds, by epoch. Every fit gets a folder of its own, ``fit-1``, ``fit-2``, ...

    Parameters
    ----------
    logdir : path
        Folder for ``tensorboard --logdir``; made if it is not there.
    names : sequence of str or None, default=None
        What of ``history_`` is written; None means all.
    number : callable or None, default=None
        From the number of an epoch to the one that it is written under, where something else is
        counted.
    separate : bool, default=True
        False writes into ``logdir`` itself, as for a fit that goes on from a checkpoint: what
        was written of epochs that come again is then hidden.

    Raises
    ------
    ImportError
        By ``fit``, if TensorBoard is not installed (``pip install "skvae[tensorboard]"``).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.callbacks import TensorBoard
    >>> vae = VAETransformer(2, max_iter=5).set_callbacks(TensorBoard("logs"))  # doctest: +SKIP
    >>> vae.fit(load_digits().data / 16)  # doctest: +SKIP
    """

    def __init__(
        self,
        logdir: PathLike,
        *,
        names: Sequence[str] | None = None,
        number: Numbering | None = None,
        separate: bool = True,
    ) -> None:
        self.logdir, self.names, self.number, self.separate = logdir, names, number, separate
        self._writers: dict[Any, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_writers": {}}

    def setup(self, estimator: Any, context: Any) -> None:
        """Say what is missing."""
        require_tensorboard()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is written when an epoch begins."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Write the record of an epoch."""
        if context.task_name == "epoch":
            history, n_epochs = fitted_estimator.history_, fitted_estimator.n_iter_
            names = history if self.names is None else self.names
            record = {name: history[name][-1] for name in names}
            writer = self._writer(context, numbered(self.number, n_epochs - 1))
            write_record(writer, record, numbered(self.number, n_epochs))
            writer.flush()

    def add_images(self, context: Any, tag: str, images: Array, number: int) -> None:
        """Log grey images of the epoch that has ended.

        Parameters
        ----------
        context : sklearn.callback.CallbackContext
            Of the task.
        tag : str
            Their name.
        images : ndarray of shape (n, height, width)
            In [0, 1].
        number : int
            What they are logged under.
        """
        writer = self._writers[context.root_uuid]
        writer.add_images(tag, images[:, None], number)
        writer.flush()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Close the files of a fit."""
        writer = self._writers.pop(context.root_uuid, None)
        if writer is not None:
            writer.close()

    def _writer(self, context: Any, done: int) -> Any:
        """The writer of a fit, opened when its first epoch has ended, after so much was done."""
        if context.root_uuid not in self._writers:
            folder = _new_folder(Path(self.logdir)) if self.separate else self.logdir
            writer = open_writer(folder, first_step=done + 1 if done else None)
            self._writers[context.root_uuid] = writer

        return self._writers[context.root_uuid]


def _new_folder(parent: Path) -> Path:
    """The first folder ``fit-1``, ``fit-2``, ... that is not there yet, made."""
    for number in count(1):
        with suppress(FileExistsError):
            (parent / f"fit-{number}").mkdir(parents=True)
            break

    return parent / f"fit-{number}"


def require_tensorboard() -> Any:
    """The class of writers.

    Returns
    -------
    SummaryWriter : type

    Raises
    ------
    ImportError
        If TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            'Logs for TensorBoard need the package: pip install "skvae[tensorboard]"'
        ) from error

    return SummaryWriter


def open_writer(folder: PathLike, *, first_step: int | None = None) -> Any:
    """A writer of event files.

    Parameters
    ----------
    folder : path
        Where they go.
    first_step : int or None
        Of a run that goes on: what an earlier process wrote of this step and later ones is hidden.

    Returns
    -------
    writer : torch.utils.tensorboard.SummaryWriter

    Raises
    ------
    ImportError
        If TensorBoard is not installed.
    """
    writer = require_tensorboard()
    _await_next_second(Path(folder))

    return writer(folder, purge_step=first_step)


def _await_next_second(folder: Path) -> None:
    """Wait until a new file of events sorts behind those that are there.

    TensorBoard reads them in the order of their names: the second they were opened in, then numbers
    that are compared as text, so that the tenth file of a process comes before its ninth.
    """
    while any(folder.glob(f"events.out.tfevents.{int(time.time()):010d}.*")):
        time.sleep(0.01)


def write_record(writer: Any, record: Mapping[str, float], step: int) -> None:
    """Write the numbers of an epoch's record; NaN means that there is none."""
    for name, value in record.items():
        if value == value:
            writer.add_scalar(_TAGS.get(name, name), value, step)
