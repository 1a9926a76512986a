import numpy as np
import pytest

from skvae.data.blocks import ArrayBlocks
from skvae.mixture.description import describe
from skvae.mixture.expectation import accumulate
from skvae.mixture.statistics import Mixture
from skvae.mixture.variances import begin_to_vary, floor_of, total_variances


def described(X):
    return describe(ArrayBlocks(X))[2]


def floor(X, share):
    _, center, variances = describe(ArrayBlocks(X))
    return floor_of(variances, share, center, X.dtype)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_the_floor_of_each_feature_is_a_share_of_its_own_variance(rng, offset):
    X = rng.normal(size=(1000, 2)) * [1, 1e-3] + offset
    assert np.allclose(floor(X, 1e-3), 1e-3 * X.var(axis=0), rtol=1e-6)


def test_the_floor_is_one_where_nothing_varies():
    assert np.array_equal(floor(np.full((10, 2), 0.1, dtype=np.float32), 1e-3), [1, 1])


@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, 1e4, -1e-8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_is_as_wide_as_the_widest_that_varies(rng, value, dtype):
    X = np.column_stack([np.full(500, value), rng.normal(size=(500, 2)) * [1, 5]]).astype(dtype)
    variances = described(X)
    assert variances[0] == 0
    assert np.allclose(floor(X, 0), [variances[2], 0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_feature_that_varies_by_rounding_alone_does_not_vary(rng, dtype):
    X = np.column_stack([np.full(500, 1e8), rng.normal(size=500)]).astype(dtype)
    X[::2, 0] = np.nextafter(X[::2, 0], dtype(np.inf))
    assert described(X)[0] == 0
    assert floor(X, 0)[0] >= X[:, 0].var(dtype=float)


def test_a_direction_that_a_rotation_found_empty_does_not_vary(rng):
    X = rng.normal(size=(500, 6))
    X[:, 5] = X[:, 0] + X[:, 1]
    X -= X.mean(axis=0)
    rotated = X @ np.linalg.svd(X, full_matrices=False)[2].T
    assert rotated[:, 5].any()
    assert np.array_equal(described(rotated) > 0, [True] * 5 + [False])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_feature_in_units_a_million_times_smaller_varies(rng, dtype):
    X = (rng.normal(size=(500, 3)) * [1e-6, 1, 1e6]).astype(dtype)
    assert np.allclose(described(X), X.var(axis=0, dtype=float), rtol=1e-5)


def test_total_variances_are_those_of_descriptors_of_the_mixture(rng):
    weights, means = np.array([0.25, 0.75]), np.array([[0.0, 1.0], [4.0, 1.0]])
    deviations = np.array([[1.0, 2.0], [1.0, 1.0]])
    y = rng.choice(2, 200_000, p=weights)
    X = means[y] + deviations[y] * rng.normal(size=(200_000, 2))
    mixture = Mixture(weights, means, deviations**2)
    assert np.allclose(total_variances(mixture), X.var(axis=0), rtol=0.02)


def test_a_feature_begins_to_vary_about_the_value_that_it_had(rng):
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0, 7.0], [3, 7.0]]), np.full((2, 2), 4.0))
    variances = np.array([4.0, 0.0])
    X = np.column_stack([rng.normal(size=100), np.full(100, 7.0)])

    same, still = begin_to_vary(mixture, accumulate(X, mixture, np.zeros(2)), variances, X.dtype)
    assert np.array_equal(same.covariances, mixture.covariances)
    assert np.array_equal(still, variances)

    X[:, 1] = rng.choice([7.0, 7.5], 100)
    batch = accumulate(X, mixture, np.zeros(2))
    begun, variances = begin_to_vary(mixture, batch, variances, X.dtype)
    expected = np.mean((X[:, 1] - 7) ** 2)
    assert np.allclose(begun.covariances, [[4, expected], [4, expected]])
    assert np.allclose(variances, [4, expected])
