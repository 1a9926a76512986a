"""How often a table of ``TableSets`` is copied: by clones, fits, threads and processes.

``python one_to_many_memory.py`` prints megabytes that are allocated, or become private to a worker,
for a table of a million rows of eight numbers and a key: 72 MB.
"""

import pickle
import tracemalloc
from copy import deepcopy

import numpy as np
import pandas as pd
import polars
import tables
from joblib import Parallel, delayed
from sklearn.base import clone

from skvae import FisherVectorEncoder, TableSets

N_ROWS, N_KEYS = 1_000_000, 20_000
COLUMNS = [f"x{i}" for i in range(8)]


def table_of(frame):
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=N_ROWS) for name in COLUMNS}
    return frame({"key": rng.integers(0, N_KEYS, N_ROWS), **columns})


def allocated(function):
    """Megabytes that are held once a function has returned, as Python and numpy count them."""
    tracemalloc.start()
    result = function()
    held = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    del result
    return round(held)


def private_megabytes():
    with open("/proc/self/smaps_rollup", encoding="utf-8") as file:
        sizes = [line.split()[1] for line in file if line.startswith("Private_")]
    return sum(map(int, sizes)) / 1e3


def receive(_, encoder):
    """Megabytes of a worker that has an encoder, and shares them with no other process."""
    assert encoder.extractor.table.shape[0] == N_ROWS
    return private_megabytes()


def of_workers(encoder):
    """What the second task of each of two workers has, beyond one without a table."""
    nothing = FisherVectorEncoder(8, extractor=TableSets(encoder.extractor.table[:0], key="key"))
    with Parallel(n_jobs=2) as parallel:
        before = parallel(delayed(_private)(i, nothing) for i in range(4))
        after = parallel(delayed(receive)(i, encoder) for i in range(4))
    return round(max(after) - max(before))


def _private(_, encoder):
    return private_megabytes()


def rows():
    for name, frame in {"pandas": pd.DataFrame, "polars": polars.DataFrame}.items():
        table = table_of(frame)
        encoder = FisherVectorEncoder(8, extractor=TableSets(table, key="key"), random_state=0)
        X = pd.DataFrame({"key": np.arange(200)})
        fitted = encoder.set_params(extractor__unknown="ignore").fit(X)
        source = fitted.extractor_.sets(X.key)
        yield name, "deepcopy", allocated(lambda t=table: deepcopy(t))
        yield name, "clone", allocated(lambda e=encoder: clone(e))
        yield name, "fit on 200 keys", allocated(lambda e=encoder, X=X: clone(e).fit(X))
        yield name, "pickle, fitted", round(len(pickle.dumps(fitted)) / 1e6)
        yield name, "part of 200 keys to a process", round(len(pickle.dumps(source)) / 1e6, 1)
        yield name, "each worker of joblib", of_workers(encoder)


if __name__ == "__main__":
    tables.show(["table", "work", "MB"], rows())
