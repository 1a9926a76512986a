"""Statistics on a GPU against the GPU's own matrix products, and against the CPU's results.

``python fisher_gpu.py [--n 10000000] [--device cuda]``; without a GPU it says so and stops.
"""

import argparse
import time

import numpy as np
import torch

from skvae.mixture import expectation, torch_statistics
from skvae.mixture.statistics import Mixture

D, K = 64, 256
REPEATS = 5
CHECKED = 100_000  # descriptors whose sums are compared with float64 on the CPU


def seconds(function, device):
    """Of one call, the device's queue emptied before and after."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - start


def floor(X, rows):
    """The two products of every block of descriptors, and nothing else."""
    width = 1 + 2 * D
    phi = torch.ones((rows, width), device=X.device)
    eta = torch.ones((K, width), device=X.device)
    for _ in range(0, len(X), rows):
        joint = phi @ eta.T
        joint.T @ phi


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000_000)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA GPU: nothing was measured.")
        return
    rng = np.random.default_rng(0)
    mixture = Mixture(np.full(K, 1 / K), 0.45 * rng.normal(size=(K, D)), np.ones((K, D)))
    center = mixture.center(np.float32)
    host = rng.standard_normal((options.n, D), dtype=np.float32)
    X = torch.from_numpy(host).to(device)
    rows = torch_statistics.chunk_rows(K, X.element_size())
    offsets = np.array([0, len(host)])
    times = [
        (
            seconds(lambda: torch_statistics.accumulate(X, mixture, center), device),
            seconds(lambda: floor(X, rows), device),
            seconds(
                lambda: list(
                    torch_statistics.set_statistics(host, offsets, mixture, device=device)
                ),
                device,
            ),
        )
        for _ in range(REPEATS)
    ]
    step, bare, copied = np.median(times, axis=0)
    few = host[:CHECKED]
    exact = expectation.accumulate(few.astype(np.float64), mixture, center).totals
    found = torch_statistics.accumulate(X[:CHECKED], mixture, center).totals
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(f"{name}: N = {len(X)}, D = {D}, K = {K}, float32")
    print(f"E-step, descriptors on the device: {step:.3f} s; bare products {bare:.3f} s")
    print(f"share of the floor: {bare / step:.0%}")
    print(f"one set encoded from main memory: {copied:.3f} s")
    print(f"error against float64: {np.linalg.norm(found - exact) / np.linalg.norm(exact):.1e}")


if __name__ == "__main__":
    main()
