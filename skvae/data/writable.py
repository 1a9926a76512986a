"""Files: whether one can be written, and written whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from skvae._typing import PathLike

__all__ = ["check_writable", "naming", "replacing"]


def check_writable(path: PathLike) -> None:
    """Raise now what writing a file with :func:`replacing` would raise later.

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
    with naming(path):
        _prepare(path)
        if not _is_device(path):
            part = _part(path)
            with open(part, "xb"):
                pass
            part.unlink()


@contextmanager
def replacing(path: PathLike, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Write a file beside its place and put it there at once, when all of it is written.

    If anything fails, also on a full disk, the file that was there is still there.

    Parameters
    ----------
    path : str or path-like
        Of the file; its folder is made if need be.
    mode, **options
        As of ``open``.

    Yields
    ------
    file : file object

    Raises
    ------
    OSError
        If it cannot be written; the message names the path.

    Examples
    --------
    >>> import os, tempfile
    >>> from skvae.data.writable import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "numbers.txt")
    ...     with replacing(path, "w", encoding="utf-8") as file:
    ...         _ = file.write("1 2 3")
    ...     os.listdir(folder)
    ['numbers.txt']
    """
    path = Path(path)
    with naming(path):
        _prepare(path)
        if _is_device(path):
            with open(path, mode, **options) as file:
                yield file
            return
        place, part = path.resolve(), _part(path)  # of a link, what it points to is replaced
        try:
            with open(part, mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if place.exists():
                shutil.copymode(place, part)
            os.replace(part, place)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _prepare(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        with open(path, "ab"):  # one that may only be read is not to be replaced
            pass


def _part(path: Path) -> Path:
    return path.resolve().with_name(f".skvae-{uuid4().hex}.part")


def _is_device(path: Path) -> bool:
    """Pipes and the like are written to; only a file can be replaced, and a folder cannot."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give errors of the system the name of the file that was to be written."""
    try:
        yield
    except OSError as error:
        named = type(error)(f"{path} cannot be written: {error.strerror or error}.")
        named.errno = error.errno
        raise named from error
