import numpy as np
import pytest
from mixtures import random_mixture
from reiterable import Blocks

from skvae import DiagonalGaussianMixture
from skvae.mixture import from_parameters

K, D = 3, 2


@pytest.fixture
def mixture(rng):
    return from_parameters(*random_mixture(rng, K, D))


def parameters(mixture):
    return np.concatenate([mixture.weights_, mixture.means_.ravel(), mixture.covariances_.ravel()])


def closed_form(X, mixture, relevance):
    """Reynolds, Quatieri and Dunn, a component and a dimension at a time."""
    gamma, seen = mixture.predict_proba(X), ~np.isnan(X)
    alpha = gamma.sum(axis=0) / (gamma.sum(axis=0) + relevance)
    weights = alpha * gamma.mean(axis=0) + (1 - alpha) * mixture.weights_
    means, variances = np.empty((K, D)), np.empty((K, D))
    for k, j in np.ndindex(K, D):
        g, x = gamma[seen[:, j], k], X[seen[:, j], j]
        a, mu, var = (
            g.sum() / (g.sum() + relevance),
            mixture.means_[k, j],
            mixture.covariances_[k, j],
        )
        means[k, j] = a * (g @ x) / g.sum() + (1 - a) * mu
        second = a * (g @ x**2) / g.sum() + (1 - a) * (var + mu**2)
        variances[k, j] = second - means[k, j] ** 2
    return np.concatenate([weights / weights.sum(), means.ravel(), variances.ravel()])


def test_values_by_hand():
    prior = from_parameters([0.25, 0.75], [[0.0], [1000.0]], [[1.0], [4.0]])
    found = prior.adapt([[2.0], [4.0], [3.0]], relevance=3)
    # Half of the first component is the set; none of the second.
    assert found.means_.ravel().tolist() == [1.5, 1000.0]
    np.testing.assert_allclose(found.covariances_.ravel(), [0.5 * 29 / 3 + 0.5 - 2.25, 4.0])
    np.testing.assert_allclose(found.weights_, np.array([0.5 + 0.125, 0.75]) / 1.375)


@pytest.mark.parametrize("holes", [0.0, 0.3])
@pytest.mark.parametrize("relevance", [0.5, 16])
def test_it_is_the_closed_form_whatever_is_missing(rng, mixture, holes, relevance):
    X = rng.normal(size=(40, D))
    X[rng.random(X.shape) < holes] = np.nan
    found = parameters(mixture.adapt(X, relevance))
    np.testing.assert_allclose(found, closed_form(X, mixture, relevance), rtol=1e-10, atol=1e-12)


def test_far_from_zero_variances_keep_their_digits(rng, mixture):
    X = rng.normal(size=(40, D))
    near = mixture.adapt(X, 4)
    w, mu, var = mixture.weights_, mixture.means_, mixture.covariances_
    far = from_parameters(w, mu + 2.0**20, var).adapt(X + 2.0**20, 4)
    np.testing.assert_allclose(far.covariances_, near.covariances_, rtol=1e-6)


def test_relevance_runs_from_the_set_to_the_prior(rng, mixture):
    X = rng.normal(size=(50, D))
    np.testing.assert_allclose(parameters(mixture.adapt(X, 1e12)), parameters(mixture), rtol=1e-9)
    np.testing.assert_array_equal(parameters(mixture.adapt(X, np.inf)), parameters(mixture))
    gamma = mixture.predict_proba(X)
    found = mixture.adapt(X, 1e-12)
    np.testing.assert_allclose(found.weights_, gamma.mean(axis=0))
    np.testing.assert_allclose(found.means_, gamma.T @ X / gamma.sum(axis=0)[:, None])


def test_a_weight_of_two_is_the_row_twice_and_blocks_are_one_set(rng, mixture):
    X, times = rng.normal(size=(50, D)), rng.integers(0, 4, 50)
    repeated = parameters(mixture.adapt(X.repeat(times, axis=0)))
    found = mixture.adapt(X, sample_weight=times)
    np.testing.assert_allclose(parameters(found), repeated, rtol=1e-10)
    blocks = mixture.adapt(Blocks(*np.array_split(X.repeat(times, axis=0), 4)))
    np.testing.assert_allclose(parameters(blocks), repeated, rtol=1e-10)


def test_the_mixture_stays_and_the_other_is_one_that_learns_on(rng):
    X = rng.normal(size=(60, D))
    mixture = DiagonalGaussianMixture(2, random_state=0).fit(X)
    before = parameters(mixture)
    found = mixture.adapt(X[:5] + 1)
    assert type(found) is DiagonalGaussianMixture
    assert found.score(X[:5] + 1) > mixture.score(X[:5] + 1)
    found.partial_fit(X)
    np.testing.assert_array_equal(parameters(mixture), before)


@pytest.mark.parametrize("relevance", [0, -1, np.nan, "16", None, True])
def test_relevance_that_is_no_positive_number_is_an_error(mixture, relevance):
    with pytest.raises(ValueError, match=r"relevance=.* must be a positive number"):
        mixture.adapt([[0.0, 0.0]], relevance)


def test_a_component_far_out_is_adapted_to_the_digit():
    far = 1e8
    mixture = from_parameters([0.5, 0.3, 0.2], [[0.0], [1.0], [far]], [[1.0], [1.0], [1.0]])
    X = np.array([[0.5], [far - 1], [far + 3]])
    adapted = mixture.adapt(X, relevance=2)

    # Of n = 2 descriptors with the mean far + 1 and the variance 4.
    np.testing.assert_allclose(adapted.means_[2] - far, 0.5, rtol=1e-6)
    np.testing.assert_allclose(adapted.covariances_[2], 0.5 * (4 + 0.5) + 0.5, rtol=1e-6)
