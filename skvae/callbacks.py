"""Callbacks for ``set_callbacks`` of scikit-learn 1.9, and the files of events that they write."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from skvae._typing import PathLike

__all__ = ["TensorBoard"]

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

    def __init__(self, logdir: PathLike) -> None:
        self.logdir = logdir
        self._writers: dict[Any, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_writers": {}}

    def setup(self, estimator: Any, context: Any) -> None:
        """Make the folder of a fit."""
        self._writers[context.root_uuid] = open_writer(_new_folder(Path(self.logdir)))

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is written when an epoch begins."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Write the record of an epoch."""
        if context.task_name == "epoch":
            record = {name: values[-1] for name, values in fitted_estimator.history_.items()}
            writer = self._writers[context.root_uuid]
            write_record(writer, record, fitted_estimator.n_iter_)
            writer.flush()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Close the files of a fit."""
        writer = self._writers.pop(context.root_uuid, None)
        if writer is not None:
            writer.close()


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
    return require_tensorboard()(folder, purge_step=first_step)


def write_record(writer: Any, record: Mapping[str, float], step: int) -> None:
    """Write the numbers of an epoch's record; NaN means that there is none."""
    for name, value in record.items():
        if value == value:
            writer.add_scalar(_TAGS.get(name, name), value, step)
