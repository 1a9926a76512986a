"""Finished rows, kept in a folder for the case that their comparison is killed."""

import os
import pickle
from pathlib import Path

import joblib

from skvae.comparison.records import Row, read_rows, write_rows
from skvae.data.archive import checkpoint_folder

__all__ = ["forget_rows", "kept_files", "pick_up", "rows_file"]


def rows_file(folder: str | os.PathLike[str], *told: object) -> Path:
    """The file of a folder that keeps the rows of a cell.

    Parameters
    ----------
    folder : path
        Made if need be.
    *told : object
        All that the rows depend on: its digest is the file's name.

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        If something has no digest, such as a function without a name.
    OSError
        If the folder cannot be made or written.
    """
    try:
        digest = joblib.hash(told, hash_name="sha1")
    except pickle.PicklingError as error:
        raise ValueError(
            f"checkpoint: what cannot be pickled cannot be recognised later ({error}). Give "
            "features and classifiers of importable classes and functions, or checkpoint=None."
        ) from error

    return checkpoint_folder(folder) / f"{digest}.jsonl"


def pick_up(path: Path) -> list[Row]:
    """Rows that a file holds; what is cut off or damaged is deleted, so that rows can follow."""
    try:
        rows = read_rows(path)
    except (TypeError, ValueError):
        rows = []
    if path.exists():
        write_rows(path, rows)

    return rows


def kept_files(folder: str | os.PathLike[str]) -> set[Path]:
    """All files of rows in a folder, as a set."""
    return set(Path(folder).glob("*.jsonl"))


def forget_rows(folder: Path) -> None:
    """Delete the rows in a folder, and the folder if nothing else is in it."""
    for path in kept_files(folder):
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
