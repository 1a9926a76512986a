"""Encoding against its floor: the bare matrix products and one exponential per posterior.

Run with one thread: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_kernel.py``.
"""

import time

import numpy as np

from skvae._threads import single_threaded
from skvae.fisher.codec import Codec
from skvae.fisher.encoding import BLOCKS
from skvae.fisher.statistics import Mixture

SHAPES = [  # descriptors, dimensions, components, descriptors per set
    (100_000, 64, 64, 100_000),
    (100_000, 64, 256, 100_000),
    (128_000, 24, 32, 64),
    (135_200, 22, 128, 676),
]
REPEATS = 5
BLOCK = 20_000  # descriptors encoded at a time
FLOOR_TILE = 1024


def encode(X, offsets, mixture):
    """Seconds to encode all sets."""
    start = time.perf_counter()
    codec = Codec(mixture, BLOCKS, 0.5, "l2")
    sets = max(1, BLOCK // int(offsets[1]))
    for first in range(0, len(offsets) - 1, sets):
        part = offsets[first : first + sets + 1]
        codec.vectors(*codec.statistics(X[part[0] : part[-1]], part - part[0], None), X.dtype)
    return time.perf_counter() - start


def floor(phi, eta, joint):
    """Seconds for the products and the exponentials alone."""
    start = time.perf_counter()
    for first in range(0, len(phi), FLOOR_TILE):
        tile, out = phi[first : first + FLOOR_TILE], joint[first : first + FLOOR_TILE]
        np.matmul(tile, eta, out=out)
        np.exp(np.clip(out, -80, 0, out=out), out=out)
        out.T @ tile
    return time.perf_counter() - start


def main():
    rng = np.random.default_rng(0)
    print("| N | D | K | set size | ms | descriptors/s | x floor |")
    print("|---|---|---|---|---|---|---|")
    for n, d, k, size in SHAPES:
        X = rng.normal(size=(n, d)).astype(np.float32)
        mixture = Mixture(np.full(k, 1 / k), 0.45 * rng.normal(size=(k, d)), np.ones((k, d)))
        offsets = np.arange(0, n + 1, size)
        phi = rng.normal(size=(n, 1 + 2 * d)).astype(np.float32)
        eta = rng.normal(size=(1 + 2 * d, k)).astype(np.float32)
        joint = np.empty((n, k), np.float32)
        with single_threaded():  # in turn, so that both meet the same noise
            times = [(encode(X, offsets, mixture), floor(phi, eta, joint)) for _ in range(REPEATS)]
        ours, bare = np.min(times, axis=0)
        ratio = np.median([a / b for a, b in times])
        print(f"| {n} | {d} | {k} | {size} | {1e3 * ours:.0f} | {n / ours:.3g} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
