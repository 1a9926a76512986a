import numpy as np
import pytest
from mixtures import random_mixture
from scipy.stats import norm

from skvae.mixture.statistics import Statistics, hard_statistics, natural_parameters


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
