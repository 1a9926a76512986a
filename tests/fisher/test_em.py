import numpy as np
import pytest

from skvae.fisher.em import floor_of, m_step, revive, start
from skvae.fisher.statistics import Mixture, Statistics, accumulate, hard_statistics


def test_m_step_recovers_the_moments_of_a_partition(rng):
    X = rng.normal(size=(100, 2))
    labels = np.repeat([0, 1], [30, 70])
    mixture = m_step(hard_statistics(X, labels, 2, X.mean(axis=0)), floor=0)
    assert np.allclose(mixture.weights, [0.3, 0.7])
    for k in range(2):
        assert np.allclose(mixture.means[k], X[labels == k].mean(axis=0))
        assert np.allclose(mixture.covariances[k], X[labels == k].var(axis=0))


def test_m_step_floors_variances():
    X = np.array([[1.0, 5.0], [1.0, 7.0]])
    mixture = m_step(hard_statistics(X, np.zeros(2, int), 1, np.zeros(2)), floor=0.25)
    assert np.allclose(mixture.covariances, [[0.25, 1.0]])


@pytest.mark.parametrize("offset", [0, 1e4])
def test_floor_is_relative_to_the_largest_variance(rng, offset):
    X = rng.normal(size=(1000, 2)) * [1, 10] + offset
    assert floor_of(X, X.mean(axis=0), 1e-3) == pytest.approx(1e-3 * X.var(axis=0).max())


def test_floor_is_one_when_nothing_varies():
    X = np.full((10, 2), 0.1, dtype=np.float32)
    with pytest.warns(UserWarning, match="No feature of X varies"):
        assert floor_of(X, X.mean(axis=0, dtype=float), 1e-3) == 1


def test_one_feature_that_varies_is_enough(rng, recwarn):
    X = np.column_stack([np.full(10, 3.0), rng.normal(size=10)])
    assert floor_of(X, X.mean(axis=0), 1e-3) == pytest.approx(1e-3 * X[:, 1].var())
    assert not recwarn.list


def test_revival_splits_the_heaviest_component():
    center = np.zeros(2)
    totals = np.array([[10, 0, 0, 10, 90], [0, 0, 0, 0, 0], [4, 40, 0, 404, 4]], float)
    statistics = Statistics(totals, 14, 0.0, center)
    mixture = m_step(statistics, floor=1e-3)
    revived, n = revive(mixture, statistics, floor=1e-3)
    assert n == 1
    assert revived.weights.sum() == pytest.approx(1)
    assert revived.weights[0] == pytest.approx(revived.weights[1])
    # Apart along the second dimension, the wider one, symmetric about the old mean.
    assert np.allclose(revived.means[[0, 1]], [[0, -1.5], [0, 1.5]])
    assert np.array_equal(revived.means[2], mixture.means[2])


def test_nothing_is_revived_without_an_empty_component(rng):
    X = rng.normal(size=(50, 2))
    statistics = hard_statistics(X, np.arange(50) % 2, 2, np.zeros(2))
    mixture = m_step(statistics, 1e-6)
    assert revive(mixture, statistics, 1e-6) == (mixture, 0)


@pytest.mark.parametrize("method", ["kmeans", "k-means++"])
def test_start_separates_far_clusters(rng, method):
    X = np.concatenate([rng.normal(size=(40, 2)) + m for m in ([0, 0], [50, 0], [0, 50])])
    statistics = start(X, 3, method, X.mean(axis=0), np.random.RandomState(0))
    assert sorted(statistics.totals[:, 0]) == [40, 40, 40]


def test_em_never_lowers_the_log_likelihood_under_a_floor(rng):
    X = rng.normal(size=(300, 3)) * [1, 0.01, 1]
    center, floor = X.mean(axis=0), 1e-2
    mixture = Mixture(np.full(5, 0.2), X[:5], np.ones((5, 3)))
    bounds = []
    for _ in range(40):
        statistics = accumulate(X, mixture, center)
        bounds.append(statistics.log_likelihood)
        mixture = m_step(statistics, floor)
    assert mixture.covariances.min() == floor
    # The first mixture lies outside the constraint; from then on the bound is monotone.
    assert np.all(np.diff(bounds[1:]) >= -1e-9 * abs(bounds[-1]))
