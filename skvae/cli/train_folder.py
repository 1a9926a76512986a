"""The folder of a run, which is made, gone on with or refused, and never deleted."""

import json
from pathlib import Path
from typing import Any

from skvae._typing import PathLike
from skvae.data.archive import check_same
from skvae.data.writable import check_writable, replacing

__all__ = ["MODEL", "claim"]

MODEL = "model.joblib"

_MARK = "skvae-train.json"

# Everything that a run writes.
_OURS = (
    "checkpoint-*.npz",
    ".skvae-*.part",
    MODEL,
    _MARK,
    "events.out.tfevents.*",
    "iter_*_posterior_predictive_*.png",
    "iter_*_prior_predictive_*.png",
    "posterior_predictive_map_frame_*.png",
    "prior_predictive_map_frame_*.png",
    "posterior_predictive.gif",
    "prior_predictive.gif",
)


def claim(folder: PathLike, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> Path:
    """Take a folder for a run with these settings.

    Parameters
    ----------
    folder : path
        New, empty, or of an earlier run.
    settings : dict
        Plain values that decide the weights.
    resume, overwrite : bool
        What to do with an earlier run: go on with it, or delete the files that it wrote.

    Returns
    -------
    folder : Path

    Raises
    ------
    FileExistsError
        If the folder holds anything else, or a run and neither is asked for.
    ValueError
        If the run to go on with has other settings, or its description is damaged.
    OSError
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    mark = folder / _MARK
    if folder.is_dir() and not mark.exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"--logdir {folder} holds files that skvae train did not write, and will not be "
            "touched. Give a new folder."
        )
    check_writable(mark)
    if mark.exists():
        if resume:
            check_same(folder, _read(mark), settings)
        elif overwrite:
            for pattern in _OURS:
                for path in folder.glob(pattern):
                    path.unlink()
        else:
            raise FileExistsError(
                f"--logdir {folder} holds an earlier run: --resume goes on with it, --overwrite "
                "deletes its files."
            )
    with replacing(mark, "w", encoding="utf-8") as file:
        file.write(json.dumps(settings, indent=1))

    return folder


def _read(mark: Path) -> dict[str, Any]:
    try:
        settings = json.loads(mark.read_text("utf-8"))
        if not isinstance(settings, dict):
            raise ValueError("it holds no settings")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{mark} is damaged ({error}): --overwrite starts anew.") from error

    return settings
