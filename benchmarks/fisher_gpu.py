"""EM and encoding on a GPU against its own matrix products, TorchGMM and the CPU's results.

``python fisher_gpu.py [--device cuda] [--record FILE.json]``; needs about 20 GB of memory on the
GPU. TorchGMM is optional: ``pip install torchgmm``. ``--device cpu`` tries the script with few
descriptors.
"""

import warnings
from functools import partial
from time import perf_counter

import numpy as np
import torch
from figures import device_and_figures
from interleaved import clock, take_turns
from sklearn.exceptions import ConvergenceWarning

from skvae import DiagonalGaussianMixture, FisherVectorEncoder
from skvae.mixture import expectation, from_parameters, torch_statistics
from skvae.mixture.statistics import Mixture

SPREAD = 0.45  # of the means, in standard deviations: about half the posteriors count
LARGE = (64, 256)  # D, K
BESIDE = (128, 1024)  # D, K beside TorchGMM
ITERATIONS = 30
SIZES = {"cuda": (10_000_000, 1_000_000), "cpu": (10_000, 2_000)}  # descriptors of both
REPEATS = 5
FITS = 2, 42  # iterations of two fits
CHECKED = 100_000  # descriptors whose sums are compared with float64 on the CPU


def problem(n, d, k, device):
    """Descriptors on the device, and a mixture around them."""
    generator = torch.Generator(device).manual_seed(0)
    X = torch.randn((n, d), generator=generator, device=device)
    means = SPREAD * np.random.default_rng(0).normal(size=(k, d))
    return X, Mixture(np.full(k, 1 / k), means, np.ones((k, d)))


def timed(function, device):
    """A function that gives wall seconds, the device's queue emptied before and after."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def seconds():
        wait()
        return clock(lambda: (function(), wait()), perf_counter)

    return seconds


def bare_products(n, d, k, device):
    """A function of the two products of every block of descriptors, and nothing else."""
    rows = min(n, torch_statistics.chunk_rows(k, 4))
    phi = torch.randn((rows, 1 + 2 * d), device=device)
    eta = torch.randn((k, 1 + 2 * d), device=device)

    def multiply():
        for first in range(0, n, rows):
            part = phi[: n - first]
            joint = part @ eta.T
            joint.T @ part

    return multiply


def fit(X, mixture, n_iter, device):
    return DiagonalGaussianMixture(
        len(mixture.weights),
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=1 / mixture.covariances,
        tol=0,
        max_iter=n_iter,
        device=device,
    ).fit(X)


def iteration_seconds(X, mixture, device):
    """What an iteration adds to a fit, which also reads the descriptors and looks at them."""
    fits = {n_iter: timed(partial(fit, X, mixture, n_iter, device), device) for n_iter in FITS}
    few, many = (min(s) for s in take_turns(fits, 2).values())
    return (many - few) / (FITS[1] - FITS[0])


def fit_torchgmm(X, mixture, n_iter, device):
    from torchgmm.bayes import GaussianMixture

    accelerator = "gpu" if device == "cuda" else "cpu"
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    peer = GaussianMixture(
        len(mixture.weights),
        covariance_type="diag",
        init_means=torch.from_numpy(mixture.means).float(),
        convergence_tolerance=0,
        trainer_params={"max_epochs": n_iter, "accelerator": accelerator, "devices": 1} | quiet,
    )
    peer.fit(X)


def large(n, device, figures):
    """The statistics of many descriptors, iterations of EM and the encoding of one set."""
    d, k = LARGE
    X, mixture = problem(n, d, k, device)
    host, center = X.cpu().numpy(), mixture.center(np.float32)
    encoder = FisherVectorEncoder(
        mixture=from_parameters(mixture.weights, mixture.means, mixture.covariances), device=device
    ).fit(host[None, :1000])
    contenders = {
        "products": bare_products(n, d, k, device),
        "E-step": partial(torch_statistics.accumulate, X, mixture, center),
        "encode": partial(encoder.encode, host),
    }
    works = {name: timed(function, device) for name, function in contenders.items()}
    seconds = take_turns(works, REPEATS)
    iteration = iteration_seconds(host, mixture, device)
    shape = f"N = {n:,}, D = {d}, K = {k}"
    figures.add(f"s, bare products, {shape}", f"{np.median(seconds['products']):.4f}")
    figures.add("s, E-step, descriptors on the device", f"{np.median(seconds['E-step']):.4f}")
    figures.add("s, iteration of fit", f"{iteration:.4f}")
    for name, took in {"E-step": seconds["E-step"], "iteration": iteration}.items():
        share = np.median(seconds["products"]) / np.median(took)
        figures.add(f"products' share of the {name}", f"{share:.0%}")
    figures.add("s, one set encoded from main memory", f"{np.median(seconds['encode']):.3f}")
    few = host[:CHECKED]
    exact = expectation.accumulate(few.astype(np.float64), mixture, center).totals
    found = torch_statistics.accumulate(X[:CHECKED], mixture, center).totals
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    figures.add("error against float64", f"{error:.1e}")


def beside_torchgmm(n, device, figures):
    """Whole fits from one start, the descriptors in main memory."""
    d, k = BESIDE
    X, mixture = problem(n, d, k, device)
    host = X.cpu()
    fits = {"skvae": (fit, host.numpy()), "TorchGMM": (fit_torchgmm, host)}
    shape = f"{ITERATIONS} iterations, N = {n:,}, D = {d}, K = {k}"
    for name, (function, data) in fits.items():
        run = partial(function, data, mixture, ITERATIONS, device)
        try:
            seconds = [timed(run, device)() for _ in range(2)]
        except ImportError as error:
            print(f"Missing: {name} ({error}).")
        else:
            figures.add(f"s, {name}, {shape}", f"{min(seconds):.2f}")
    products = timed(bare_products(n, d, k, device), device)
    least = min(products() for _ in range(3))
    figures.add("s, bare products of these iterations", f"{ITERATIONS * least:.2f}")


def main():
    device, figures = device_and_figures(__doc__, SIZES)
    warnings.simplefilter("ignore", ConvergenceWarning)
    n_large, n_beside = SIZES[device]
    large(n_large, device, figures)
    beside_torchgmm(n_beside, device, figures)


if __name__ == "__main__":
    main()
