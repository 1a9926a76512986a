"""A small autoencoder, and whether two are the same."""

import numpy as np

from skvae import VAETransformer

__all__ = ["same_weights", "vae"]


def vae(**options):
    small = {"n_components": 3, "hidden_layer_sizes": (32,), "max_iter": 3, "random_state": 0}
    return VAETransformer(**small | options)


def same_weights(a, b):
    return all(np.array_equal(a.parameters_[k], b.parameters_[k]) for k in a.parameters_)
