"""Arrays and JSON in one file, written whole or not at all, read without executing anything."""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from skvae import __version__
from skvae._warnings import warn
from skvae.data.writable import replacing

__all__ = [
    "check_same",
    "checkpoint_folder",
    "checkpoint_path",
    "damage_of",
    "read_checkpoint",
    "write_checkpoint",
]

_STATE = "state.json"
_FORMAT = "skvae checkpoint 2"


def checkpoint_folder(folder: str | os.PathLike) -> Path:
    """A folder for checkpoints, which is made if it is not there.

    Parameters
    ----------
    folder : path
        Checkpoints of several fits may be in it.

    Returns
    -------
    folder : Path

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    if folder.is_file():
        raise NotADirectoryError(f"checkpoint needs a folder, but {folder} is a file.")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"checkpoint: the folder {folder} cannot be written.")

    return folder


def checkpoint_path(folder: str | os.PathLike, description: dict[str, Any]) -> Path:
    """The checkpoint of what is described in a folder.

    Parameters
    ----------
    folder : path
        As for :func:`checkpoint_folder`.
    description : dict
        What JSON can hold; its digest is part of the name.

    Returns
    -------
    path : Path
    """
    text = json.dumps(description, sort_keys=True).encode()

    return checkpoint_folder(folder) / f"checkpoint-{blake2b(text, digest_size=8).hexdigest()}.npz"


def write_checkpoint(
    path: Path, arrays: Mapping[str, Mapping[str, np.ndarray]], state: dict[str, Any]
) -> None:
    """Replace a checkpoint, or leave it as it is if the process dies meanwhile.

    Parameters
    ----------
    path : Path
        Ends in ``.npz``; its folder exists.
    arrays : dict of dict of ndarray
        By group and name.
    state : dict
        What JSON can hold.
    """
    flat: dict[str, Any] = {
        f"{group}/{name}": a for group, named in arrays.items() for name, a in named.items()
    }
    with replacing(path, "w+b") as file:
        np.savez(file, **flat)
        content = {"format": _FORMAT, "skvae": __version__, **state}
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(_STATE, json.dumps(content, indent=1))
            archive.comment = _seal(archive)


def read_checkpoint(path: Path) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """What :func:`write_checkpoint` has written; nothing in the file is executed.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    arrays : dict of dict of ndarray
        By group and name.
    state : dict
        From JSON.

    Raises
    ------
    ValueError
        If the file is damaged, or something else.
    """
    with open(path, "rb") as file, damage_of(path):
        arrays, state = _contents(file)
    if state["skvae"] != __version__:
        warn(
            f"{path} was written by skvae {state['skvae']} and is continued by {__version__}: the "
            "weights may not be those of one uninterrupted fit."
        )

    return arrays, state


def _contents(file: BinaryIO) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    arrays: dict = {}
    with zipfile.ZipFile(file) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed")
        state = json.loads(archive.read(_STATE))
        seal, sealed = archive.comment, _seal(archive)
    file.seek(0)
    with np.load(file, allow_pickle=False) as members:
        for key in members.files:
            if key != _STATE:
                group, name = key.split("/", 1)
                arrays.setdefault(group, {})[name] = members[key]
    if state["format"] != _FORMAT:
        raise ValueError(f"its format is {state['format']!r}, not {_FORMAT!r}")
    if seal != sealed:
        raise ValueError("its contents have changed since it was written")

    return arrays, {**state, "skvae": str(state["skvae"])}


def _seal(archive: zipfile.ZipFile) -> bytes:
    """What changes with the contents of an archive, of which each member has a checksum."""
    members = [(member.filename, member.file_size, member.CRC) for member in archive.infolist()]

    return blake2b(json.dumps(members).encode(), digest_size=16).hexdigest().encode()


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Context that makes whatever goes wrong with the contents of a checkpoint one ValueError."""
    try:
        yield
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(f"{error}".split()) or type(error).__name__
        raise ValueError(
            f"{path} is damaged or no checkpoint of this version ({reason}). Move it away to start "
            "anew."
        ) from error


def check_same(path: Path, found: Any, wanted: dict[str, Any]) -> None:
    """Raise an error that names what differs between a checkpoint and what is to go on from it.

    Parameters
    ----------
    path : Path
        For the message.
    found, wanted : dict
        Descriptions, as JSON holds them.
    """
    found = found if isinstance(found, dict) else {}
    wanted = json.loads(json.dumps(wanted))
    different = [
        f"{name} was {found.get(name)!r} and is {wanted.get(name)!r}"
        for name in dict.fromkeys([*found, *wanted])
        if found.get(name) != wanted.get(name)
    ]
    if different:
        raise ValueError(
            f"{path} is a checkpoint of another fit: {'; '.join(different)}. Give every fit a "
            "folder of its own, or delete the checkpoint to start anew."
        )
