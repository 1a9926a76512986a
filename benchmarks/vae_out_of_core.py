"""``transform`` of a million rows that stay on disk: seconds, and memory beyond the start.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python vae_out_of_core.py``, half a minute and 3.2 GB of
disk; ``-n 100000`` for a trial. Linux: memory is read from /proc. Pages of the file count as
resident memory until they are given back, so that the peak has those that were mapped at a time.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from fisher_out_of_core import in_child, mapped
from tables import show

from skvae import VAETransformer

WIDTH, BLOCK_ROWS = 784, 20_000


def write_rows(path, n):
    """Random pixels, 0 and 1; a block of them again and again."""
    block = np.random.default_rng(0).integers(0, 2, (BLOCK_ROWS, WIDTH), np.uint8)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, WIDTH))
    for first in range(0, n, BLOCK_ROWS):
        out[first : first + BLOCK_ROWS] = block[: n - first]


def timed_transform(path, vae):
    """Wall seconds of the features of all rows, and MB of the features themselves."""
    X = mapped(path)
    start = time.perf_counter()
    Z = vae.transform(X)
    return time.perf_counter() - start, Z.nbytes / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1_000_000, help="rows")
    parser.add_argument("--folder", default=None, help="where to write the file")
    arguments = parser.parse_args()
    records = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "rows.npy"
        write_rows(path, arguments.n)
        X = np.array(mapped(path)[:2000])
        vae = VAETransformer(likelihood="bernoulli", max_iter=1, random_state=0).fit(X)
        for n_jobs in (1, 2):
            vae.set_params(n_jobs=n_jobs)
            (seconds, features), peaks = in_child(timed_transform, path, vae)
            memory = (f"{value:.0f}" for value in (features, *peaks))
            records.append((f"{arguments.n:,}", n_jobs, f"{seconds:.1f}", *memory))
    header = ["rows", "threads", "seconds", "features, MB", "peak MB beyond the start", "anonymous"]
    show(header, records)


if __name__ == "__main__":
    main()
