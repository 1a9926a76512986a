"""Arrays and JSON in one file, written whole or not at all, read without executing anything."""

import json
import os
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from skvae import __version__
from skvae._writable import replacing

__all__ = ["check_same", "checkpoint_path", "read_checkpoint", "write_checkpoint"]

_STATE = "state.json"
_FORMAT = "skvae checkpoint 1"


def checkpoint_path(folder):
    """The checkpoint in a folder, which is made if it is not there."""
    folder = Path(folder)
    if folder.is_file():
        raise NotADirectoryError(f"checkpoint needs a folder, but {folder} is a file.")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"checkpoint: the folder {folder} cannot be written.")

    return folder / "checkpoint.npz"


def write_checkpoint(path, arrays, state):
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
    flat = {f"{group}/{name}": a for group, named in arrays.items() for name, a in named.items()}
    with replacing(path, "w+b") as file:
        np.savez(file, **flat)
        content = {"format": _FORMAT, "skvae": __version__, **state}
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(_STATE, json.dumps(content, indent=1))


def read_checkpoint(path):
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
    arrays: dict = {}
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no zip file")
        with np.load(path, allow_pickle=False) as file:
            state = json.loads(file[_STATE])
            for key in file.files:
                if key != _STATE:
                    group, name = key.split("/", 1)
                    arrays.setdefault(group, {})[name] = file[key]
        if state["format"] != _FORMAT:
            raise ValueError(f"its format is {state['format']!r}, not {_FORMAT!r}")
    except (
        AttributeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{path} is damaged or no checkpoint of this version ({error}). Move it away to start "
            "anew."
        ) from error
    if state["skvae"] != __version__:
        warnings.warn(
            f"{path} was written by skvae {state['skvae']} and is continued by {__version__}: the "
            "weights may not be those of one uninterrupted fit.",
            stacklevel=2,
        )

    return arrays, state


def check_same(path, found, wanted):
    """Raise an error that names what differs between a checkpoint and what is to go on from it.

    Parameters
    ----------
    path : Path
        For the message.
    found, wanted : dict
        Descriptions, as JSON holds them.
    """
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
