"""Image data sets for classification, from files of the user's own or from OpenML."""

from skvae.datasets.idx import read_idx
from skvae.datasets.loaders import DATASETS, load_digits, load_fashion_mnist, load_mnist

__all__ = ["DATASETS", "load_digits", "load_fashion_mnist", "load_mnist", "read_idx"]
