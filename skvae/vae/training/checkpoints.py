"""The state of a fit on disk, to go on from with the same bits."""

import pickle
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from skvae.data.archive import (
    check_same,
    checkpoint_path,
    damage_of,
    read_checkpoint,
    write_checkpoint,
)
from skvae.data.maps import row_blocks
from skvae.data.rows import SequentialRows
from skvae.vae.epochs import Epoch, Listener, Start
from skvae.vae.examples import Examples, FitData
from skvae.vae.specification import Specification
from skvae.vae.training.listeners import EarlyStopping
from skvae.vae.training.optimizers import state_to_arrays
from skvae.vae.training.ranks import Ranks

__all__ = ["Checkpoint", "CheckpointFile", "checkpoint_file", "data_of", "description_of"]

_SEED = "random_state's seed"


def description_of(
    specification: Specification, data: FitData, start: Start, *, seeded: bool
) -> dict[str, Any]:
    """What tells a fit from all others, in plain values.

    Parameters
    ----------
    specification : Specification
        Of the fit.
    data : FitData
        All data of the fit.
    start : Start
        Where it starts.
    seeded : bool
        Whether the seed is the user's; one that was drawn for this fit tells nothing.

    Returns
    -------
    description : dict
        What JSON can hold.
    """
    described = _described(specification)
    if specification.schedule.is_open_ended:  # a longer fit takes the same steps first
        del described["n_steps"]
    described |= data_of(data.examples)
    if data.validation is not None:
        told = data_of(data.validation)
        described |= {f"{name} (validation)": value for name, value in told.items()}
    if start.parameters is not None:
        counts = [] if data.labels is None else [data.labels.counts]
        described["weights before"] = _digest([*start.parameters.values(), *counts])
    if seeded or start.parameters is not None:
        described[_SEED] = int(start.seed)

    return described


def data_of(examples: Examples) -> dict[str, Any]:
    """What tells these examples from others: their number, order and digests."""
    rows, numbers, weights = examples.rows, examples.numbers, examples.weights
    blocks: Iterable[np.ndarray] = (np.asarray(block, np.float64) for block in row_blocks(rows))
    digest = _digest(blocks if numbers is None else chain(blocks, [numbers]))
    told = {"shape of X": list(rows.shape), "digest of the data": digest}
    if weights is not None:
        told["digest of the weights"] = _digest([weights])

    return told | {"X in blocks": True} if isinstance(rows, SequentialRows) else told


class CheckpointFile:
    """The checkpoint of a fit in a folder, where fits of other descriptions have files too.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    description : dict
        Of :func:`description_of`; its digest is part of the name.
    interval : float or None, default=None
        Seconds between two writings, by default a minute. A fit that is killed has to take the
        steps of them again.

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    """

    INTERVAL = 60.0

    def __init__(self, folder: Any, description: dict[str, Any], interval: float | None = None):
        self.description = description
        self.interval = self.INTERVAL if interval is None else interval
        self.path = checkpoint_path(folder, description)

    def found(self, specification: Specification, start: Start) -> Start:
        """Where the fit goes on: what the file says, or ``start`` where there is none.

        Raises
        ------
        ValueError
            If the file is damaged, or of another fit.
        """
        if not self.path.exists():
            return start
        arrays, state = read_checkpoint(self.path)
        check_same(self.path, state.get("fit"), self.description)
        with damage_of(self.path):
            found = self._start(specification, start, arrays, state)
        # A file of more epochs than this fit has is that of a longer one.
        return start if found.epochs_done > specification.n_epochs else found

    def _start(
        self,
        specification: Specification,
        start: Start,
        arrays: dict[str, Any],
        state: dict[str, Any],
    ) -> Start:
        """What the file holds, if such values are written."""
        history, seed, is_finished = state["history"], state["seed"], state["finished"]
        n_epochs = len(history["loss"])
        kinds = {type(value) for values in history.values() for value in values}
        if {*map(len, history.values())} != {n_epochs} or not kinds <= {int, float}:
            raise ValueError(f"its history is not of {n_epochs} epochs")
        epochs_done = n_epochs - start.n_epochs
        most = specification.n_epochs + is_finished
        if type(is_finished) is not bool or epochs_done < 1:
            raise ValueError(f"{epochs_done} epochs are done")
        if epochs_done >= most and not specification.schedule.is_open_ended:
            raise ValueError(f"{epochs_done} epochs are done")
        if type(seed) is not int or not 0 <= seed < 2**31:
            raise ValueError(f"its seed is {seed!r}")
        if seed != self.description.get(_SEED, seed):
            raise ValueError(f"its seed is {seed!r}")
        curves = None
        if specification.schedule.beta is not None:
            shape = n_epochs, specification.architecture["n_components"]
            curves = arrays["curves"]["kl"]
            if curves.shape != shape or curves.dtype != np.float64:
                raise ValueError(f"its KL curves are of shape {curves.shape}, not {shape}")
        optimizer = None if is_finished else arrays["optimizer"]
        if specification.holdout is not None and state["stopper"] is None:
            raise ValueError("it has no early stopping")

        return Start(
            seed,
            arrays["parameters"],
            history,
            curves,
            epochs_done,
            optimizer,
            state["stopper"],
            arrays.get("best"),
            is_finished,
            state.get("products"),
            self.path,
        )

    def write(self, start: Start) -> None:
        """Replace the file by one to go on from here, without what an end does not need."""
        arrays = {"parameters": start.parameters or {}}
        if start.optimizer is not None:
            arrays["optimizer"] = start.optimizer
        if start.best is not None:
            arrays["best"] = start.best
        if start.kl_curves is not None:
            arrays["curves"] = {"kl": start.kl_curves}
        state = {
            "fit": self.description,
            "seed": start.seed,
            "finished": start.is_finished,
            "history": start.history,
            "stopper": start.stopper,
            "products": start.products,
        }
        write_checkpoint(self.path, arrays, state)


def checkpoint_file(
    parameters: Mapping[str, Any],
    specification: Specification,
    data: FitData,
    start: Start,
    ranks: Ranks,
) -> CheckpointFile | None:
    """The file of this very fit, which is the same on all ranks, if it is to have one."""
    folder, seeded = parameters["checkpoint"], parameters["random_state"] is not None
    if folder is None and ranks.size == 1:
        return None
    description = description_of(specification, data, start, seeded=seeded)
    ranks.check_same(description)

    return None if folder is None else CheckpointFile(folder, description)


class Checkpoint(Listener):
    """Writes the state of a fit after its first epoch, its last one, and now and then in between.

    Parameters
    ----------
    file : CheckpointFile
        Where to.
    specification : Specification
        Of the fit.
    optimizer : torch.optim.Optimizer
        Whose state is written too.
    stopper : EarlyStopping or None
        Whose state is written too; None without early stopping.
    products : str
        Library that multiplies the matrices.
    clock : callable, default=time.monotonic
        Seconds now.
    """

    def __init__(
        self,
        file: CheckpointFile,
        specification: Specification,
        optimizer: torch.optim.Optimizer,
        stopper: EarlyStopping | None,
        products: str,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._file, self._optimizer, self._stopper = file, optimizer, stopper
        self._products = products
        schedule = specification.schedule
        self._is_open_ended = schedule.is_open_ended
        # From an epoch cut short, no longer fit could go on.
        self._n_whole = schedule.n_steps // specification.steps_per_epoch
        self._clock = clock
        self._due = -np.inf

    def fit_began(self, start: Start) -> None:
        """Go on with the seed of the fit."""
        self._seed = start.seed

    def epoch_ended(self, epoch: Epoch) -> None:
        """Write, if it is time."""
        is_last = epoch.number == self._n_whole
        if not epoch.is_whole or epoch.number > self._n_whole:
            return
        if not (is_last or epoch.stop or self._clock() >= self._due):
            return
        stopper = self._stopper
        is_finished = epoch.stop or (is_last and not self._is_open_ended)
        state = Start(
            self._seed,
            epoch.parameters,
            epoch.history,
            epoch.kl_curves,
            epoch.number,
            None if is_finished else state_to_arrays(self._optimizer),
            None if stopper is None else stopper.state(),
            None if stopper is None else stopper.best_parameters,
            is_finished,
            self._products,
        )
        self._file.write(state)
        self._due = self._clock() + self._file.interval


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = blake2b(digest_size=8)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)

    return digest.hexdigest()


def _described(values: Any) -> dict[str, Any]:
    """The fields of a specification, and of the values in it, as plain ones."""
    described: dict[str, Any] = {}
    for field in fields(values):
        value = getattr(values, field.name)
        if is_dataclass(value):
            described |= _described(value)
        elif isinstance(value, dict):
            described |= {name: _plain(item) for name, item in value.items()}
        else:
            described[field.name] = _plain(value)

    return described


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, np.ndarray):
        return _digest([value])
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"

    return f"{type(value).__module__}.{type(value).__qualname__} {_state_of(value)}"


def _state_of(value: Any) -> str:
    """Digest of what an object holds, of a partial function for instance, if it can be pickled."""
    try:
        return blake2b(pickle.dumps(value, protocol=5), digest_size=8).hexdigest()
    except Exception:  # objects that cannot be pickled say so in many ways
        return "of unknown state"
