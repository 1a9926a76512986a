"""The state of a fit on disk, to go on from with the same bits."""

import pickle
from hashlib import blake2b
from itertools import chain
from numbers import Integral, Real

import numpy as np

from skvae.data.archive import (
    check_same,
    checkpoint_path,
    damage_of,
    read_checkpoint,
    write_checkpoint,
)
from skvae.data.iterables import IteratedRows
from skvae.data.maps import row_blocks
from skvae.vae.nn.model import load_arrays, to_arrays
from skvae.vae.training.optimizers import load_state, state_to_arrays

__all__ = ["FitCheckpoint", "data_of"]

# Parameters that decide nothing about the weights, and the seed, which is told as such.
_WITHOUT_EFFECT = {
    "checkpoint",
    "checkpoint_every",
    "device",
    "n_jobs",
    "output",
    "random_state",
    "verbose",
    "warm_start",
}

_SEED = "random_state's seed"


class FitCheckpoint:
    """The checkpoint of a fit, found in the estimator's folder or yet to be written there.

    What decides the weights is part of its name, so that fits of other parameters, data or weights
    to begin with, as those of a cross-validation, have others.

    Parameters
    ----------
    estimator : VAETransformer
        Its parameters and ``seed_`` belong to what decides the weights.
    X, y : ndarray
        All data of the fit.
    resume : bool
        Whether it continues from the estimator's weights.

    Raises
    ------
    ValueError
        If the checkpoint found is damaged.
    OSError
        If the folder cannot be made or written.
    """

    def __init__(self, estimator, X, y, *, resume):
        self._estimator, self.seed = estimator, estimator.seed_
        self._n_before = len(estimator.history_.get("loss", [])) if resume else 0
        self._fit = {**_configuration(estimator, resume), **data_of(X, y)}
        if resume:
            self._fit["weights before"] = _digest(_weights_of(estimator))
        if estimator.random_state is not None or resume:
            self._fit[_SEED] = int(self.seed)
        self._path = checkpoint_path(estimator.checkpoint, self._fit)
        self.found = self._path.exists()
        if self.found:
            self._arrays, self._state = read_checkpoint(self._path)
            check_same(self._path, self._state.get("fit"), self._fit)
            with damage_of(self._path):
                self._check()
            self.seed = self._state["seed"]

    def _check(self):
        """Raise an error unless the plain values are such as this class writes."""
        state, n_epochs = self._state, self._n_before + self._n_done()
        lengths = {len(values) for values in state["history"].values()}
        kinds = {type(value) for values in state["history"].values() for value in values}
        if lengths != {n_epochs} or not kinds <= {int, float}:
            raise ValueError(f"its history is not of {n_epochs} epochs")
        done = range(1, self._estimator.max_iter + state["finished"])
        if type(state["finished"]) is not bool or self._n_done() not in done:
            raise ValueError(f"{self._n_done()} epochs are done")
        seed = state["seed"]
        if type(seed) is not int or not 0 <= seed < 2**31 or seed != self._fit.get(_SEED, seed):
            raise ValueError(f"its seed is {seed!r}")
        if self._estimator.variational:
            shape = n_epochs, self._estimator._architecture["n_components"]
            curves = self._arrays["curves"]["kl"]
            if curves.shape != shape or curves.dtype != np.float64:
                raise ValueError(f"its KL curves are of shape {curves.shape}, not {shape}")

    def restore(self, model, optimizer, stopper):
        """Continue from what was found; returns the epochs done, all of them if it was the end."""
        state, arrays = self._state, self._arrays
        with damage_of(self._path):
            if stopper is not None:
                best = arrays.get("best")
                if best is not None:
                    _load(model, best)
                stopper.restore(state["stopper"], best)
            _load(model, arrays["parameters"])
            if not state["finished"]:
                load_state(optimizer, arrays["optimizer"])
        self._estimator.history_ = state["history"]
        if self._estimator.variational:
            self._estimator.kl_curves_ = arrays["curves"]["kl"]

        return self._estimator.max_iter if state["finished"] else self._n_done()

    def _n_done(self):
        return len(self._state["history"]["loss"]) - self._n_before

    def end_epoch(self, parameters, optimizer, stopper, stop):
        """Write, if it is time; the end of a fit without what only going on needs."""
        n_done = len(self._estimator.history_["loss"]) - self._n_before
        finished = bool(stop) or n_done == self._estimator.max_iter
        if not finished and n_done % self._estimator.checkpoint_every:
            return
        arrays = {"parameters": parameters}
        if not finished:
            arrays["optimizer"] = state_to_arrays(optimizer)
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


def _load(model, arrays):
    """Put arrays into a model that has such ones, and finite."""
    wanted = {name: (a.shape, a.dtype) for name, a in to_arrays(model).items()}
    if {name: (a.shape, a.dtype) for name, a in arrays.items()} != wanted:
        raise ValueError("its weights are not those of this model")
    if not all(np.isfinite(a).all() for a in arrays.values()):
        raise ValueError("a weight is infinite or NaN")
    load_arrays(model, arrays)


def _configuration(estimator, resume):
    """Every parameter that the weights depend on, as plain values."""
    standardised, own_networks = estimator.mean_ is not None, not isinstance(estimator.network, str)
    of_classes = estimator.conditional == "prior"
    has_warm_up = estimator.variational and estimator.beta > 0 and not resume
    without_effect = {
        "activation": own_networks,
        "beta": not estimator.variational,
        "hidden_layer_sizes": own_networks,
        "image_shape": estimator.network != "conv",
        "max_value": standardised,
        "n_iter_no_change": not estimator.early_stopping,
        "n_prior_components": estimator.prior != "mixture" or of_classes,
        "tol": not estimator.early_stopping,
        "validation_fraction": not estimator.early_stopping,
        "warm_up": not has_warm_up,
    }
    configuration = {
        name: _plain(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _WITHOUT_EFFECT and not without_effect.get(name)
    }

    return configuration | {"likelihood": _plain(estimator.likelihood_)}


def data_of(X, y):
    """What tells these rows and class numbers from others: their number, order and a digest."""
    blocks = (np.asarray(block, np.float64) for block in row_blocks(X))
    digest = _digest(blocks if y is None else chain(blocks, [y]))
    told = {"shape of X": list(X.shape), "digest of the data": digest}

    return told | {"X in blocks": True} if isinstance(X, IteratedRows) else told


def _digest(arrays):
    digest = blake2b(digest_size=8)
    for array in arrays:
        digest.update(np.ascontiguousarray(array))

    return digest.hexdigest()


def _weights_of(estimator):
    """Arrays of a fitted estimator that a fit goes on from."""
    others = (getattr(estimator, name, None) for name in ("mean_", "scale_", "class_counts_"))

    return [*estimator.parameters_.values(), *(a for a in others if a is not None)]


def _plain(value):
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"

    return f"{type(value).__module__}.{type(value).__qualname__} {_state_of(value)}"


def _state_of(value):
    """Digest of what an object holds, of a partial function for instance, if it can be pickled."""
    try:
        return blake2b(pickle.dumps(value, protocol=5), digest_size=8).hexdigest()
    except Exception:  # objects that cannot be pickled say so in many ways
        return "of unknown state"
