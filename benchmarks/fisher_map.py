"""EM and one Fisher vector over a memory map of many descriptors on a GPU: time and memory.

``python fisher_map.py [--device cuda] [-n 100_000_000] [--folder FOLDER]``: three minutes and 26 GB
in the folder, which may be main memory. Wall time, the map in the system's cache.
"""

import argparse
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from fisher_gpu import LARGE, fit, problem
from interleaved import clock
from sklearn.exceptions import ConvergenceWarning
from tables import show

from skvae import FisherVectorEncoder

WRITTEN = 2_000_000  # descriptors at a time
FITS = 2, 7  # iterations of two fits


def write(path, n, device):
    """Standard normal descriptors, and the mixture to begin with."""
    d, k = LARGE
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    for first in range(0, n, WRITTEN):
        rows = slice(first, min(n, first + WRITTEN))
        X[rows] = problem(rows.stop - first, d, k, device)[0].cpu().numpy()
    return problem(1, d, k, device)[1]


def fit_map(path, n, mixture, n_iter, device):
    return fit(np.load(path, mmap_mode="r")[:n], mixture, n_iter, device)


def own_gigabytes():
    """Main memory of this process but for pages of files, where the system tells; else nan."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.exists() else []
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("RssAnon")]
    return kilobytes[0] / 1e6 if kilobytes else float("nan")


def row(path, n, mixture, device):
    seconds = [
        clock(lambda n_iter=n_iter: fit_map(path, n, mixture, n_iter, device), perf_counter)
        for n_iter in FITS
    ]
    iteration = (seconds[1] - seconds[0]) / (FITS[1] - FITS[0])
    encoder = FisherVectorEncoder(mixture=fit_map(path, 1000, mixture, 1, device), device=device)
    encoder.fit(np.zeros((1, 1000, LARGE[0]), np.float32))
    encoding = clock(lambda: encoder.encode(np.load(path, mmap_mode="r")[:n]), perf_counter)
    there = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
    measured = [seconds[0], iteration, encoding, own_gigabytes(), there]
    return [f"{n:,}", *(f"{value:.2f}" for value in measured)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("-n", type=int, default=100_000_000, help="descriptors")
    parser.add_argument("--folder", default=None, help="where the file is made for a while")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "X.npy"
        mixture = write(path, options.n, options.device)
        fit_map(path, 1000, mixture, 1, options.device)  # what libraries make but once
        sizes = [options.n // 100, options.n // 10, options.n]
        show(
            [
                "N",
                f"fit of {FITS[0]} iterations, s",
                "one more, s",
                "encode, s",
                "main memory, GB",
                "GPU memory, GiB",
            ],
            [row(path, n, mixture, options.device) for n in sizes],
        )


if __name__ == "__main__":
    main()
