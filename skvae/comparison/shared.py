"""Arrays and tables in files that processes share, which vanish even if their owner is killed."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import joblib
import numpy as np
from joblib.externals.loky.backend import resource_tracker

from skvae.data.writable import naming

try:
    import fcntl
except ImportError:  # Windows: only what the tracker deletes is deleted
    fcntl = None  # type: ignore[assignment]

__all__ = ["read_shared", "shared_arrays"]

_PREFIX = "skvae-compare-"
_LOCK = "owner.lock"
_ARRAY, _TABLE = ".npy", ".joblib"


@contextmanager
def shared_arrays(arrays: Mapping[str, Any]) -> Iterator[Path]:
    """Write arrays and tables to a folder for as long as the context lasts.

    If this process is killed, joblib's tracker, a process of its own, deletes the folder. If that
    is killed as well, the next context does: the lock of a dead owner is free.

    Parameters
    ----------
    arrays : dict of str to ndarray or DataFrame
        By name.

    Yields
    ------
    folder : Path
        With a file for each, which :func:`read_shared` reads.
    """
    _delete_orphans()
    folder = Path(mkdtemp(prefix=_PREFIX))
    resource_tracker.register(str(folder), "folder")
    try:
        with _locked(folder):
            for name, array in arrays.items():
                path = folder / f"{name}{_ARRAY if isinstance(array, np.ndarray) else _TABLE}"
                with naming(path):
                    if path.suffix == _ARRAY:
                        np.save(path, array, allow_pickle=False)
                    else:
                        joblib.dump(array, path)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        resource_tracker.unregister(str(folder), "folder")


def read_shared(folder: Path, name: str) -> Any:
    """An array, memory-mapped, or a table that :func:`shared_arrays` has written to the folder."""
    path = folder / f"{name}{_ARRAY}"

    return (
        np.load(path, mmap_mode="r") if path.exists() else joblib.load(folder / f"{name}{_TABLE}")
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Under the final name the lock is held from the first moment, and by a living process."""
    if fcntl is None:
        yield
        return
    unlocked = folder / "owner.new"
    with open(unlocked, "wb") as file:
        with suppress(OSError):  # a file system without locks, on which no orphan is deleted
            fcntl.flock(file, fcntl.LOCK_EX)
        unlocked.rename(folder / _LOCK)
        yield


def _delete_orphans() -> None:
    if fcntl is None:
        return
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        # Of a living owner the lock is taken; of another user the folder cannot be read.
        with suppress(OSError), open(folder / _LOCK, "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
