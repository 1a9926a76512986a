"""Files of events that TensorBoard shows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from skvae._typing import PathLike

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["open_writer", "require_tensorboard", "write_record"]

# As TensorBoard's users know them.
_TAGS = {"elbo": "ELBO", "kl": "KL"}


def require_tensorboard() -> "type[SummaryWriter]":
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


def open_writer(folder: PathLike, *, first_step: int | None = None) -> "SummaryWriter":
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


def write_record(writer: "SummaryWriter", record: Mapping[str, float], step: int) -> None:
    """Write the numbers of an epoch's record; NaN means that there is none."""
    for name, value in record.items():
        if value == value:
            writer.add_scalar(_TAGS.get(name, name), value, step)
