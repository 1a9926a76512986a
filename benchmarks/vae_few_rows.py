"""Importance samples of few rows and of many: time for each row and sample, in turns.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python vae_few_rows.py``, half a minute. The network is
784-200-200-100, untrained but for one epoch, since the time does not depend on its weights.
"""

import argparse
from functools import partial

import numpy as np
from interleaved import clock, take_turns
from tables import show

from skvae import VAETransformer

ROWS = [1, 3, 30, 256]


def asked(model, X, holes, n_rows, n_samples):
    """Functions of a number of rows, that many samples in all."""
    each = n_samples // n_rows
    return {
        ("score_samples", n_rows): partial(model.score_samples, X[:n_rows], n_importance=each),
        ("impute", n_rows): partial(model.impute, holes[:n_rows], n_importance=each),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=7680, help="rows times importance samples")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    X = (rng.random((512, 784)) < 0.2).astype(np.float32)
    holes = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    options = {"hidden_layer_sizes": (200, 200), "likelihood": "bernoulli", "max_iter": 1}
    model = VAETransformer(100, random_state=0, n_jobs=1, **options).fit(X)
    works = {}
    for n_rows in ROWS:
        works |= asked(model, X, holes, n_rows, arguments.samples)
    seconds = take_turns(
        {key: partial(clock, work) for key, work in works.items()}, arguments.repeats
    )
    header = ["rows", "samples of each", "`score_samples`, us", "`impute`, us"]
    rows = []
    for n in ROWS:
        each = [seconds[name, n].min() / arguments.samples for name in ("score_samples", "impute")]
        rows.append([f"{n}", f"{arguments.samples // n:,}", *(f"{1e6 * t:.1f}" for t in each)])
    print("Processor time of one row and sample\n")
    show(header, rows)


if __name__ == "__main__":
    main()
