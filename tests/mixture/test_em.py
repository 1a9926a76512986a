import numpy as np
import pytest

from skvae.data.blocks import ArrayBlocks
from skvae.mixture.em import (
    e_step,
    em_passes,
    expected_statistics,
    m_step,
    revive,
    stepwise,
)
from skvae.mixture.expectation import accumulate
from skvae.mixture.statistics import Mixture, Statistics, hard_statistics


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


def test_a_center_that_float32_cannot_hold_costs_no_precision(rng):
    center = np.array([1e4 + 1e-5, 0])
    X = (rng.normal(size=(500, 2)) + center).astype(np.float32)
    mixture = Mixture(np.array([0.3, 0.7]), center + [[0, 0], [1, 1]], np.ones((2, 2)))
    totals = e_step(X, mixture, center).totals
    assert np.allclose(totals, e_step(X.astype(float), mixture, center).totals, rtol=1e-12)


def random_mixture(rng, k=4, d=3):
    return Mixture(rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), rng.gamma(2, size=(k, d)))


def test_m_step_inverts_expected_statistics(rng):
    mixture = random_mixture(rng)
    again = m_step(expected_statistics(mixture, rng.normal(size=3)), floor=0)
    for found, given in zip(again, mixture, strict=True):
        assert np.allclose(found, given, rtol=1e-12)


def test_a_step_at_full_rate_is_an_iteration_of_em(rng):
    mixture = random_mixture(rng)
    statistics = accumulate(rng.normal(size=(200, 3)), mixture, np.zeros(3))
    step = stepwise(mixture, statistics, 1.0, floor=0)
    for found, expected in zip(step, m_step(statistics, floor=0), strict=True):
        assert np.allclose(found, expected, rtol=1e-12)


def test_steps_average_statistics(rng):
    X, mixture = rng.normal(size=(200, 3)), random_mixture(rng)
    center = np.zeros(3)
    statistics = accumulate(X, mixture, center)
    step = stepwise(mixture, statistics, 0.25, floor=0)
    mean = 0.75 * expected_statistics(mixture, center).totals + 0.25 * statistics.totals / 200
    assert np.allclose(expected_statistics(step, center).totals, mean, rtol=1e-12)


def test_a_pass_of_one_batch_and_full_rate_is_an_iteration_of_em(rng):
    X, mixture = rng.normal(size=(200, 3)), random_mixture(rng)
    settings = {"decay": 0.7, "n_steps": 0, "rng": np.random.RandomState(0)}
    both = [
        next(em_passes(ArrayBlocks(X), mixture, 0, batch_size=size, **settings))
        for size in (None, 200)
    ]
    assert both[0][1] == pytest.approx(both[1][1], rel=1e-12)
    for one, other in zip(both[0][0], both[1][0], strict=True):
        assert np.allclose(one, other, rtol=1e-12)


def test_revival_splits_the_heaviest_component():
    center = np.zeros(2)
    totals = np.array([[10, 0, 0, 10, 90], [0, 0, 0, 0, 0], [4, 40, 0, 404, 4]], float)
    statistics = Statistics(totals, 14, 0.0, center)
    mixture = m_step(statistics, floor=1e-3)
    revived, n = revive(mixture, 14, floor=1e-3)
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
    assert revive(mixture, 50, 1e-6) == (mixture, 0)


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
