"""Mixtures that are drawn, and data to fit them to."""

import numpy as np

from skvae.mixture.moments import join_moments, split_by_moment
from skvae.mixture.statistics import Mixture

__all__ = ["assert_same_mixture", "blobs", "by_component", "random_mixture", "with_holes"]


def random_mixture(rng, n_components=4, d=3):
    weights = rng.dirichlet(np.full(n_components, 5.0))
    return Mixture(
        weights, rng.normal(size=(n_components, d)), rng.uniform(0.2, 2, (n_components, d))
    )


def blobs(rng, n=2000, d=4):
    return rng.normal(size=(n, d)) + 3 * rng.integers(0, 3, size=(n, 1))


def by_component(gradients, mixture):
    """Gradients that lie moment after moment as (n, K, 1 + 2 d)."""
    return join_moments(*split_by_moment(gradients, len(mixture.weights)))


def with_holes(rng, X, share=0.3):
    """X without a share of its values."""
    return np.where(rng.random(X.shape) < share, np.nan, X).astype(X.dtype)


def assert_same_mixture(a, b, rtol=1e-10):
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        assert np.allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=0)
