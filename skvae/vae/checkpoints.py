"""The state of a fit on disk, to go on from with the same bits."""

from hashlib import blake2b
from numbers import Integral, Real

import numpy as np

from skvae._checkpoint_file import check_same, checkpoint_path, read_checkpoint, write_checkpoint
from skvae._iterables import IteratedRows
from skvae.vae.inputs import evenly_spaced, part_of
from skvae.vae.model import load_arrays
from skvae.vae.optimizers import load_state, state_to_arrays

__all__ = ["FitCheckpoint", "data_of"]

# Rows whose values stand for all of them.
_ROWS_HASHED = 1000

# Parameters that decide nothing about the weights, and the seed, which is compared as such.
_WITHOUT_EFFECT = (
    "checkpoint",
    "checkpoint_every",
    "device",
    "n_jobs",
    "n_refinement",
    "output",
    "random_state",
    "verbose",
    "warm_start",
)


class FitCheckpoint:
    """The checkpoint of a fit, found in the estimator's folder or yet to be written there.

    Parameters
    ----------
    estimator : VAETransformer
        Its parameters and ``seed_`` have to be those of the checkpoint found.
    X, y : ndarray
        All data of the fit.
    n_before : int
        Epochs of earlier fits that this one continues.

    Raises
    ------
    ValueError
        If the checkpoint found is of another fit, or damaged.
    OSError
        If the folder cannot be made or written.
    """

    def __init__(self, estimator, X, y, n_before):
        self._estimator, self._path = estimator, checkpoint_path(estimator.checkpoint)
        self.seed = estimator.seed_
        self._fit = {**_configuration(estimator), **data_of(X, y), "epochs before": n_before}
        self.found = self._path.exists()
        if self.found:
            self._arrays, self._state = read_checkpoint(self._path)
            if estimator.random_state is None:
                self.seed = self._state.get("seed", self.seed)
            check_same(
                self._path,
                {**self._state.get("fit", {}), "random_state's seed": self._state.get("seed")},
                {**self._fit, "random_state's seed": self.seed},
            )
        self._n_before = n_before

    def restore(self, model, optimizer, stopper):
        """Continue from what was found; returns the epochs done, all of them if it was the end."""
        state = self._state
        load_arrays(model, self._arrays["parameters"])
        load_state(optimizer, self._arrays["optimizer"])
        if stopper is not None:
            stopper.restore(state["stopper"], self._arrays.get("best"))
        self._estimator.history_ = state["history"]
        if "curves" in self._arrays:
            self._estimator.kl_curves_ = self._arrays["curves"]["kl"]

        return self._estimator.max_iter if state["finished"] else self._n_done()

    def _n_done(self):
        return len(self._estimator.history_["loss"]) - self._n_before

    def end_epoch(self, parameters, optimizer, stopper, stop):
        """Write, if it is time."""
        finished = bool(stop) or self._n_done() == self._estimator.max_iter
        if not finished and self._n_done() % self._estimator.checkpoint_every:
            return
        arrays = {"parameters": parameters, "optimizer": state_to_arrays(optimizer)}
        if stopper is not None and stopper.best_parameters is not None:
            arrays["best"] = stopper.best_parameters
        if self._estimator.variational:
            arrays["curves"] = {"kl": self._estimator.kl_curves_}
        state = {
            "fit": self._fit,
            "seed": self.seed,
            "finished": finished,
            "history": self._estimator.history_,
            "stopper": None if stopper is None else stopper.state(),
        }
        write_checkpoint(self._path, arrays, state)


def _configuration(estimator):
    """Every parameter that the weights depend on, as plain values."""
    return {
        name: _plain(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _WITHOUT_EFFECT
    }


def data_of(X, y):
    """What tells these rows and class numbers from others: their number, order and a digest."""
    places = evenly_spaced(len(X), _ROWS_HASHED)
    digest = blake2b(np.ascontiguousarray(part_of(X, places)[:], np.float64), digest_size=8)
    if y is not None:
        digest.update(np.ascontiguousarray(y))

    told = {"shape of X": list(X.shape), "digest of the data": digest.hexdigest()}

    return told | {"X in blocks": True} if isinstance(X, IteratedRows) else told


def _plain(value):
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    named = value if hasattr(value, "__qualname__") else type(value)

    return f"{named.__module__}.{named.__qualname__}"
