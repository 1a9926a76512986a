import numpy as np
import pytest
from exact import posteriors
from mixtures import random_mixture, with_holes

from skvae.mixture import from_parameters
from skvae.mixture.statistics import Mixture

K, D = 4, 3


@pytest.fixture
def mixture(rng):
    return random_mixture(rng, K, D)


def gammas(X, mixture):
    """Posteriors given what is observed, (n, K)."""
    w, *rest = mixture
    seen = ~np.isnan(X)
    parts = (Mixture(w, *(a[:, s] for a in rest)) for s in seen)
    found = (posteriors(x[None, s], part)[1] for x, s, part in zip(X, seen, parts, strict=True))
    return np.concatenate(list(found)).astype(float)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_imputation_is_the_conditional_mean(rng, mixture, dtype):
    X = with_holes(rng, rng.normal(size=(200, D)).astype(dtype))
    X[0] = np.nan
    found = from_parameters(*mixture).impute(X)
    expected = gammas(X, mixture) @ mixture.means
    seen = ~np.isnan(X)
    assert found.dtype == dtype
    assert np.array_equal(found[seen], X[seen])
    assert np.allclose(found[~seen], expected[~seen], rtol=1e-9 if dtype is np.float64 else 1e-5)
    assert np.allclose(found[0], mixture.weights @ mixture.means)
    assert np.array_equal(from_parameters(*mixture).impute(X[3:4]), found[3:4])


def test_draws_have_the_conditional_moments(rng, mixture):
    X = np.array([[0.5, np.nan, -1.0], [np.nan, np.nan, np.nan], [1.0, 2.0, 3.0]])
    draws = from_parameters(*mixture).impute(X, draws=20_000, random_state=0)
    assert draws.shape == (20_000, 3, D)
    gamma = gammas(X, mixture)
    mean = gamma @ mixture.means
    variance = gamma @ (mixture.covariances + mixture.means**2) - mean**2
    holes = np.isnan(X)
    assert np.array_equal(draws[:, ~holes], np.tile(X[~holes], (20_000, 1)))
    assert np.allclose(draws.mean(axis=0)[holes], mean[holes], atol=0.06)
    assert np.allclose(draws.var(axis=0)[holes], variance[holes], rtol=0.06)


def test_draws_are_decided_by_the_random_state(rng, mixture):
    X = with_holes(rng, rng.normal(size=(20, D)))
    model = from_parameters(*mixture).set_params(random_state=3)
    assert np.array_equal(model.impute(X, draws=2), model.impute(X, draws=2, random_state=3))
    assert not np.array_equal(model.impute(X, draws=2), model.impute(X, draws=2, random_state=4))
    for draws in (0, -1, 1.5):
        with pytest.raises(ValueError, match=r"draws=.* must be a positive integer"):
            model.impute(X, draws=draws)
