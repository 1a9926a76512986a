"""Whether a file can be written, before a long computation makes its contents."""

from pathlib import Path

__all__ = ["check_writable"]


def check_writable(path):
    """Raise now what writing a file would raise later.

    Parameters
    ----------
    path : str or path-like
        Of the file; its folder is made if need be, and what is there stays as it is.

    Raises
    ------
    OSError
        If no file can be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with open(path, "a"):
            pass
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}.") from error
    if new:
        path.unlink()
