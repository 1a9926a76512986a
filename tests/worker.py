"""Fits of both halves in a worker of a cluster, and what they leave behind there."""

import threading
import warnings

import torch
from threadpoolctl import threadpool_info

from skvae import FisherVectorEncoder, ImagePatches, VAETransformer

__all__ = ["FISHER", "fit_in_a_worker"]

FISHER = FisherVectorEncoder(
    4, extractor=ImagePatches(patch_size=3), max_descriptors=2000, random_state=0
)


def fit_in_a_worker(X):
    """Settings before and after fits in this thread, what was warned of and features."""
    _fit(X)  # loads libraries
    n_threads = torch.get_num_threads()
    torch.set_num_threads(3)
    before = _settings()
    Z, V, caught = _fit(X)
    after = _settings()
    torch.set_num_threads(n_threads)
    is_main = threading.current_thread() is threading.main_thread()
    return before, after, caught, is_main, Z, V


def _fit(X):
    vae = VAETransformer(4, hidden_layer_sizes=(16,), max_iter=2, n_jobs=2, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Z = vae.fit_transform(X)
        V = FISHER.set_params(n_jobs=2).fit_transform(X)
    return Z, V, [str(warning.message) for warning in caught]


def _settings():
    """What a fit might leave changed in its thread, or in the process."""
    tiny = torch.tensor([2.0**-126])
    return {
        "torch": torch.get_num_threads(),
        "denormals": bool((tiny * 0.5 != 0).item()),
        "libraries": sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info()),
        "generator": torch.get_rng_state().tolist(),
        "filters": list(map(str, warnings.filters)),
    }
