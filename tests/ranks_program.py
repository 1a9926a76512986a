"""A program for several ranks: fits that one process can do as well, bad input, and a death.

Each rank writes what it found into the working folder. In the last fit rank 1 kills itself within
the second epoch.
"""

import os
import pickle
import signal
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_digits

from skvae import VAETransformer, data_parallel
from skvae.vae.training.batches import Batches

__all__ = ["CASES", "CONTINUED", "DYING", "X", "fitted", "main", "partially_fitted"]

X, Y = load_digits(return_X_y=True)
X, Y = (X[:225] / 16).astype(np.float32), Y[:225]
SOME = np.where(np.arange(len(Y)) % 3, Y, -1)
WEIGHTS = np.arange(len(Y)) % 5

# The last of seven batches has one row, of which a rank has none.
SMALL = {
    "n_components": 3,
    "hidden_layer_sizes": (16,),
    "likelihood": "bernoulli",
    "batch_size": 32,
    "max_iter": 3,
    "random_state": 0,
}

CASES = {
    "dynamic": ({"binarize": "dynamic", "max_grad_norm": 50.0}, None),
    "importance": ({"n_importance": 5}, None),
    "free bits": ({"free_bits": 0.5, "warm_up": 0.0, "likelihood": "gaussian"}, None),
    "classes": ({"conditional": "prior", "prior": "mixture", "label_weight": 2.0}, SOME),
    "plain": ({"variational": False, "optimizer": "rmsprop", "batch_size": 33}, None),
    "early": ({"early_stopping": True, "n_iter_no_change": 1, "warm_up": 0.1, "max_iter": 9}, None),
    "convolutional": ({"network": "conv", "binarize": "dynamic", "max_iter": 2}, None),
    "weighted": ({"conditional": "prior", "prior": "mixture"}, SOME, WEIGHTS),
    "decoder": (
        {"network": "conv", "conditional": "decoder", "n_importance": 2, "max_iter": 2},
        SOME,
    ),
}
CONTINUED = {"max_iter": 2, "warm_start": True, "batch_size": 50}
DYING = {"max_iter": 4}


class Stop:
    """A callback that ends a fit after two epochs."""

    n_calls = n_epochs = 0

    def setup(self, estimator, context):
        self.n_calls += 1

    def teardown(self, estimator, context):
        self.n_calls += 1

    def on_fit_task_begin(self, estimator, context):
        self.n_calls += 1

    def on_fit_task_end(self, estimator, context):
        self.n_epochs += context.task_name == "epoch"
        return self.n_epochs == 2


class Unsendable(Exception):
    """An error that pickle gives away but does not get back."""

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


class Fails(Stop):
    """A callback that raises an error after two epochs."""

    def __init__(self, error):
        self.error = error

    def on_fit_task_end(self, estimator, context):
        if super().on_fit_task_end(estimator, context):
            raise self.error


class Fits(Stop):
    """A callback that fits a model of its own."""

    def on_fit_task_end(self, estimator, context):
        vae(max_iter=1).fit(X[:50])


def vae(**options):
    return VAETransformer(**SMALL | options)


def fitted(name):
    options, *data = CASES[name]
    return vae(**options).fit(X, *data)


def partially_fitted():
    """Three blocks, and a fit that goes on from them."""
    model = vae()
    for first in range(3):
        model.partial_fit(X[first::3])
    return model.set_params(**CONTINUED).fit(X)


def hash_of(model):
    return joblib.hash({name: value for name, value in vars(model).items() if name.endswith("_")})


def error_of(rows, weights=None, callback=None, **options):
    """What a rank is told where rows and parameters differ, or a callback of rank 0 fails."""
    model = vae(**options)
    if callback is not None:
        model.set_callbacks(callback)
    try:
        model.fit(rows, sample_weight=weights)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return None


def die_in_the_second_epoch():
    original = Batches.of_epoch

    def deadly(self, epoch):
        for step, batch in enumerate(original(self, epoch)):
            if (epoch, step) == (1, 3):
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    Batches.of_epoch = deadly


def main(with_callbacks):
    folder = Path.cwd()
    with data_parallel(timeout=60.0) as rank:
        models = {name: fitted(name) for name in CASES}
        models["continued"] = partially_fitted()
        models["unseeded"] = vae(random_state=None).fit(X)
        callback = Stop()
        if with_callbacks:
            models["stopped"] = vae().set_callbacks(callback).fit(X)
        found = {
            "histories": {name: model.history_ for name, model in models.items()},
            "hashes": {name: hash_of(model) for name, model in models.items()},
            "calls": callback.n_calls,
            "width": error_of(X[:, : 64 - rank]),
            "rows": error_of(X[rank:]),
            "weights": error_of(X, WEIGHTS + rank * np.arange(len(X))),
            "shards": error_of(X[rank::2][:100]),
            "parameters": error_of(X, beta=1.0 + rank, batch_size=32 - rank),
        }
        if with_callbacks:
            found |= {
                "fails": error_of(X, callback=Fails(KeyError("lost"))),
                "unsendable": error_of(X, callback=Fails(Unsendable("bad", "here"))),
                "interrupted": error_of(X, callback=Fails(KeyboardInterrupt())),
                "fits": error_of(X, callback=Fits()),
            }
        (folder / f"{rank}.pickle").write_bytes(pickle.dumps(found))
        if rank == 1:
            die_in_the_second_epoch()
        print(error_of(X, **DYING, checkpoint=folder))
