"""How torch computes: threads and denormal numbers, scoped."""

from contextlib import contextmanager

import torch
from joblib import effective_n_jobs

__all__ = ["scoped_runtime"]


def _flushes_denormals():
    """Whether this thread rounds subnormal floats to zero; torch cannot be asked."""
    smallest_normal = torch.tensor([2.0**-126], dtype=torch.float32)

    return bool((smallest_normal * 0.5 == 0).item())


@contextmanager
def scoped_runtime(n_jobs=None):
    """Limit torch's threads and flush denormal floats, and restore both afterwards.

    Small networks gain little from threads and lose a hundredfold when cores are busy. Adam's
    moments decay into subnormal floats, which processors handle many times slower.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads, None means 1, -1 all cores.
    """
    n_threads = torch.get_num_threads()
    flushed = _flushes_denormals()
    try:
        torch.set_num_threads(1 if n_jobs is None else effective_n_jobs(n_jobs))
        torch.set_flush_denormal(True)
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_flush_denormal(flushed)
