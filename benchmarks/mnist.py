"""MNIST as the benchmarks read it."""

import numpy as np

from skvae import datasets

__all__ = ["mnist"]


def mnist(subset):
    """Rows in [0, 1], float32, and labels of "train" or "test"."""
    data = datasets.load_mnist(subset=subset)
    return data.data.astype(np.float32) / np.float32(255), data.target
