import numpy as np
import pytest
from mixtures import random_mixture
from scipy.special import logsumexp
from scipy.stats import norm

from skvae.mixture.expectation import accumulate, accumulate_blocks, log_posteriors, set_statistics
from skvae.mixture.statistics import Mixture


def reference(X, mixture, center):
    """Log-likelihoods, posteriors and statistics straight from the definitions."""
    log_joint = np.log(mixture.weights) + norm.logpdf(
        X[:, None], mixture.means, np.sqrt(mixture.covariances)
    ).sum(axis=2)
    log_likelihood = logsumexp(log_joint, axis=1)
    gamma = np.exp(log_joint - log_likelihood[:, None])
    phi = np.concatenate([np.ones((len(X), 1)), X - center, (X - center) ** 2], axis=1)
    return log_likelihood, gamma, gamma.T @ phi


def test_accumulate_equals_the_definition_over_many_blocks(rng):
    mixture, X = random_mixture(rng), rng.normal(size=(20_000, 3))
    center = X.mean(axis=0)
    log_likelihood, _, totals = reference(X, mixture, center)
    found = accumulate(X, mixture, center)
    assert np.allclose(found.totals, totals, rtol=1e-10, atol=1e-8)
    assert found.log_likelihood == pytest.approx(log_likelihood.sum(), rel=1e-12)


def test_statistics_add(rng):
    mixture, X = random_mixture(rng), rng.normal(size=(5000, 3))
    center = np.zeros(3)
    whole = accumulate(X, mixture, center)
    parts = accumulate(X[:1234], mixture, center) + accumulate(X[1234:], mixture, center)
    assert np.allclose(parts.totals, whole.totals, rtol=1e-11)
    assert parts.n_descriptors == whole.n_descriptors
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)


def test_posteriors_sum_to_one_and_equal_the_definition(rng):
    mixture, X = random_mixture(rng), rng.normal(size=(5000, 3))
    log_likelihood, gamma, _ = reference(X, mixture, 0)
    for rows, found_log_likelihood, found in log_posteriors(X, mixture):
        assert np.allclose(found, gamma[rows], atol=1e-12)
        assert np.allclose(found_log_likelihood, log_likelihood[rows], atol=1e-11)


def test_a_descriptor_far_from_everything_has_finite_statistics():
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.ones((2, 1)))
    X = np.array([[1e6]], dtype=np.float32)
    found = accumulate(X, mixture, np.zeros(1))
    assert np.isfinite(found.totals).all()
    assert found.totals[:, 0].sum() == pytest.approx(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_descriptor_adds_nothing_to_components_far_from_it(dtype):
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[-9.0], [9.0]]), np.array([[1.0], [4.0]]))
    X = np.array([[-9.0], [1e15]], dtype=dtype)  # the wider one is nearer to the second
    totals = accumulate(X, mixture, np.zeros(1)).totals
    assert np.allclose(totals[0], [1, -9, 81])


def collect(descriptors, offsets, mixture):
    return np.concatenate([t for _, t in set_statistics(descriptors, offsets, mixture)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_set_statistics_equal_each_set_alone_to_the_bit(rng, dtype):
    mixture = random_mixture(rng)
    sizes = np.array([3, 0, 700, 1, 1, 64, 64, 64, 20_000, 5])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    X = rng.normal(size=(offsets[-1], 3)).astype(dtype)
    together = collect(X, offsets, mixture)
    assert together.shape == (10, 4, 7)
    for i, size in enumerate(sizes):
        own = X[offsets[i] : offsets[i + 1]]
        alone = collect(own, np.array([0, size]), mixture)[0]
        assert np.array_equal(together[i], alone)
        _, _, totals = reference(own.astype(float), mixture, mixture.center(dtype))
        tol = 1e-5 if dtype == np.float32 else 1e-11
        assert np.allclose(together[i], totals, rtol=tol, atol=tol * max(size, 1))


def test_order_of_sets_changes_no_bit(rng):
    mixture = random_mixture(rng)
    sets = [rng.normal(size=(n, 3)).astype(np.float32) for n in rng.integers(1, 300, 40)]
    order = rng.permutation(40)

    def statistics(sets):
        offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
        return collect(np.concatenate(sets), offsets, mixture)

    assert np.array_equal(statistics(sets)[order], statistics([sets[i] for i in order]))


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_blocks_of_any_sizes_have_the_bits_that_each_has_alone(rng, n_jobs):
    X = rng.normal(size=(20_000, 4)).astype(np.float32)
    mixture = Mixture(np.full(2, 0.5), rng.normal(size=(2, 4)), np.ones((2, 4)))
    blocks = np.split(X, [0, 3, 9000, 9000, 9500])
    found = list(accumulate_blocks(blocks, mixture, np.zeros(4), n_jobs))
    assert [len(block) for block, _ in found] == [len(block) for block in blocks]
    for block, statistics in found:
        alone = accumulate(block, mixture, np.zeros(4))
        assert np.array_equal(statistics.totals, alone.totals)
        assert statistics.log_likelihood == alone.log_likelihood
