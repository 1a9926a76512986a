"""Which kernel: statistics of one set by numpy, torch and compiled loops, in turns, float32.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_kernel.py``, about a minute. All compute
``softmax(phi(x) @ eta.T).T @ phi(x)`` in blocks that fit the second-level cache, and are checked
against float64 first. numba is optional.
"""

import argparse
from functools import partial

import numpy as np
import torch
from fisher_peers import parameters, problem
from interleaved import clock, floor, take_turns, times_as_long
from tables import show
from threadpoolctl import threadpool_limits

from skvae.mixture.expectation import accumulate
from skvae.mixture.statistics import Mixture, natural_parameters

SHAPES = [(100_000, 64, 64), (100_000, 64, 256), (100_000, 24, 32)]
BLOCK = 1024  # descriptors


def by_numpy(X, mixture):
    """The library's own: matrix products of BLAS, numpy for the rest."""
    return accumulate(X, mixture, np.zeros(X.shape[1])).totals


def by_rows(X, mixture):
    """Statistics with one row of posteriors for each descriptor, not for each component."""
    eta = natural_parameters(mixture, 0).astype(np.float32)
    totals = np.zeros(eta.shape)
    for first in range(0, len(X), BLOCK):
        x = X[first : first + BLOCK]
        phi = np.concatenate([np.ones((len(x), 1), "f"), x, x * x], axis=1)
        gamma = phi @ eta.T
        gamma -= gamma.max(axis=1, keepdims=True)
        np.exp(np.maximum(gamma, -80, out=gamma), out=gamma)
        phi /= gamma.sum(axis=1, keepdims=True)
        totals += gamma.T @ phi
    return totals


def by_torch(X, mixture):
    """Statistics with torch, on the CPU."""
    eta = torch.from_numpy(natural_parameters(mixture, 0).astype(np.float32))
    totals = torch.zeros(eta.shape, dtype=torch.float64)
    for x in torch.from_numpy(X).split(BLOCK):
        phi = torch.cat([torch.ones(len(x), 1), x, x * x], dim=1)
        gamma = torch.softmax(phi @ eta.T, dim=1)
        totals += gamma.T @ phi
    return totals.numpy()


def compiled():
    """Two functions that numba compiles for this machine."""
    import numba

    f = np.float32

    @numba.njit(fastmath=True)
    def exp(x):
        """A power of 2 and a polynomial: to 1e-6 for -80 <= x <= 0."""
        n = np.rint(x * f(1.442695))
        r = x - n * f(0.6931472)
        p = f(1 / 6) + r * (f(1 / 24) + r * (f(1 / 120) + r * f(1 / 720)))
        p = f(1) + r * (f(1) + r * (f(0.5) + r * p))
        return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(f)

    @numba.njit(fastmath=True)
    def softmax(joint):
        for i in range(joint.shape[0]):
            row = joint[i]
            peak = f(-np.inf)
            for k in range(row.size):
                peak = max(peak, row[k])
            total = f(0)
            for k in range(row.size):
                row[k] = exp(max(row[k] - peak, f(-80)))
                total += row[k]
            row *= f(1) / total

    @numba.njit(fastmath=True)
    def fill(x, phi):
        d = x.shape[1]
        for i in range(x.shape[0]):
            phi[i, 0] = 1
            for j in range(d):
                phi[i, 1 + j] = x[i, j]
                phi[i, 1 + d + j] = x[i, j] * x[i, j]

    def with_blas(X, mixture):
        """Matrix products of BLAS, one compiled pass for the rest."""
        eta = natural_parameters(mixture, 0).astype(np.float32)
        phi, joint = np.empty((BLOCK, eta.shape[1]), "f"), np.empty((BLOCK, len(eta)), "f")
        totals = np.zeros(eta.shape)
        for first in range(0, len(X), BLOCK):
            x = X[first : first + BLOCK]
            p, out = phi[: len(x)], joint[: len(x)]
            fill(x, p)
            np.matmul(p, eta.T, out=out)
            softmax(out)
            totals += out.T @ p
        return totals

    @numba.njit(fastmath=True)
    def loops(X, eta, totals):
        n_components, width = eta.shape
        phi = np.empty((1, width), np.float32)
        joint = np.empty((1, n_components), np.float32)
        sums = np.zeros((n_components, width), np.float32)
        for i in range(X.shape[0]):
            fill(X[i : i + 1], phi)
            for k in range(n_components):
                s = f(0)
                for j in range(width):
                    s += eta[k, j] * phi[0, j]
                joint[0, k] = s
            softmax(joint)
            for k in range(n_components):
                for j in range(width):
                    sums[k, j] += joint[0, k] * phi[0, j]
            if i % 1024 == 1023 or i == X.shape[0] - 1:
                totals += sums
                sums[:] = 0

    def without_blas(X, mixture):
        """Everything compiled, descriptor by descriptor, as a C library does it."""
        eta = natural_parameters(mixture, 0).astype(np.float32)
        totals = np.zeros(eta.shape)
        loops(X, eta, totals)
        return totals

    return {"numba and BLAS": with_blas, "numba alone": without_blas}


def installed_kernels():
    kernels = {"numpy": by_numpy, "numpy by rows": by_rows, "torch": by_torch}
    try:
        kernels |= compiled()
    except ImportError as error:
        print(f"Missing: numba ({error}).\n")
    return kernels


def measure(kernels, n, d, k, repeats):
    """A row of the table: the floor's least time, and each kernel's beside it."""
    X, fitted = problem(n, d, k=k)
    mixture = Mixture(*parameters(fitted))
    right = by_numpy(X.astype(np.float64), mixture)
    for name, kernel in kernels.items():
        assert np.allclose(kernel(X, mixture), right, rtol=1e-3, atol=1e-3), name
    contenders = {
        name: partial(clock, partial(kernel, X, mixture)) for name, kernel in kernels.items()
    }
    seconds = take_turns({"floor": floor(n, d, k)} | contenders, repeats)
    ratios = (f"{times_as_long(seconds, name, 'floor'):.2f}" for name in kernels)
    return [f"{n:,}", d, k, f"{1e3 * seconds['floor'].min():.0f}", *ratios]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    kernels = installed_kernels()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        show(
            ["N", "D", "K", "floor ms", *(f"{name} x" for name in kernels)],
            (measure(kernels, n, d, k, repeats) for n, d, k in SHAPES),
        )


if __name__ == "__main__":
    main()
