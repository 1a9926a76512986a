"""Sparse rows in fits and after them: processor seconds, and memory beyond the start of a process.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python vae_sparse.py --likelihood bernoulli``, one or two
minutes for each likelihood; ``-n 5000`` for a trial. 100,000 rows of 20,000 columns, of which 0.5 %
are not zero: binary ones, counts or reals; the matrix itself counts as memory, and as a dense array
of float32 it would have 8 GB. A fit is an epoch of 50 steps of 128 rows: what more of them take is
time alone. Linux: memory is read from /proc.
"""

import argparse
import time

import numpy as np
from fisher_out_of_core import in_child
from scipy.sparse import csr_array
from tables import show

import skvae.vae.training.fit  # noqa: F401, torch is no part of what is measured
from skvae import VAETransformer

N_COLUMNS, SHARE = 20_000, 0.005


def sparse_rows(n, likelihood):
    """Random rows, and the MB that they take."""
    rng = np.random.default_rng(0)
    per_row = int(SHARE * N_COLUMNS)
    columns = rng.integers(0, N_COLUMNS, (n, per_row), np.int32)
    draw = {
        "bernoulli": lambda size: np.ones(size, np.float32),
        "poisson": lambda size: rng.integers(1, 4, size).astype(np.float32),
        "gaussian": lambda size: rng.random(size, np.float32),
    }
    ends = np.arange(n + 1, dtype=np.int32) * per_row
    X = csr_array((draw[likelihood](n * per_row), columns.ravel(), ends), (n, N_COLUMNS))
    X.sum_duplicates()
    if likelihood == "bernoulli":
        X.data[:] = 1
    return X, (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 2**20


def timed(n, likelihood, n_fitted):
    """Processor seconds of a fit, and of what comes after it, and MB of the matrix."""
    X, size = sparse_rows(n, likelihood)
    vae = VAETransformer(likelihood=likelihood, steps_per_epoch=50, batch_size=128, max_iter=1)
    seconds = []
    for work in (
        lambda: vae.set_params(random_state=0, warm_up=0.0).fit(X),
        lambda: vae.transform(X[:n_fitted]),
        lambda: vae.score_samples(X[:256], n_importance=2),
    ):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return seconds, size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=100_000, help="rows")
    parser.add_argument("--likelihood", choices=("bernoulli", "poisson", "gaussian"), nargs="+")
    arguments = parser.parse_args()
    records = []
    for likelihood in arguments.likelihood or ("bernoulli", "poisson", "gaussian"):
        (seconds, size), peaks = in_child(timed, arguments.n, likelihood, 20_000)
        times = (f"{s:.1f}" for s in seconds)
        memory = (f"{mb:,.0f}" for mb in (size, *peaks))
        records.append((likelihood, f"{arguments.n:,}", *times, *memory))
    header = [
        "likelihood",
        "rows",
        "fit, processor s",
        "transform of 20,000",
        "score_samples of 256",
    ]
    show([*header, "matrix, MB", "peak MB beyond the start", "anonymous"], records)


if __name__ == "__main__":
    main()
