import numpy as np
import pytest
from mixtures import random_mixture
from scipy.stats import norm

from skvae.mixture.statistics import (
    Mixture,
    Statistics,
    group_by_center,
    hard_statistics,
    natural_parameters,
)


@pytest.fixture
def mixture(rng):
    return random_mixture(rng)


def test_natural_parameters_give_the_log_joint(rng, mixture):
    X, c = rng.normal(size=(10, 3)), rng.normal(size=3)
    phi = np.concatenate([np.ones((10, 1)), X - c, (X - c) ** 2], axis=1)
    expected = np.log(mixture.weights) + norm.logpdf(
        X[:, None], mixture.means, np.sqrt(mixture.covariances)
    ).sum(axis=2)
    assert np.allclose(phi @ natural_parameters(mixture, c).T, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_components_that_are_near_each_other_have_one_center(rng, dtype):
    mixture = Mixture(np.full(6, 1 / 6), rng.normal(size=(6, 3)), np.full((6, 3), 1e-6))
    assert mixture.centers(dtype).shape == (3,)
    assert np.array_equal(mixture.centers(dtype), mixture.center(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [[5, 1], [3, 3], [1, 1, 1], [4, 2, 2]])
def test_groups_of_components_far_apart_have_a_center_each(rng, dtype, sizes):
    group = np.repeat(np.arange(len(sizes)), sizes)
    means = rng.normal(size=(len(group), 3)) + 1e7 * group[:, None]
    mixture = Mixture(np.full(len(group), 1 / len(group)), means, np.ones(means.shape))
    centers = mixture.centers(dtype)
    assert np.abs(means - centers).max() < 10
    assert np.array_equal(centers, centers.astype(dtype))
    _, others = group_by_center(centers, len(group))
    assert sorted(len(components) for components, _ in others) == sorted(sizes)[:-1]
    assert all(len(set(group[components])) == 1 for components, _ in others)


def test_statistics_about_different_centers_do_not_add():
    about_zero, about_one = (Statistics(np.ones((4, 7)), 3, 0.0, c) for c in np.eye(2, 3))
    with pytest.raises(ValueError, match="centers"):
        about_zero + about_one


def test_hard_statistics_are_sums_per_label(rng):
    X, labels = rng.normal(size=(50, 2)), rng.integers(0, 3, 50)
    found = hard_statistics(X, labels, 4, np.ones(2)).totals
    for k in range(4):
        x = X[labels == k] - 1
        assert np.allclose(found[k], [len(x), *x.sum(axis=0), *(x**2).sum(axis=0)])
