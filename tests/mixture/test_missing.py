"""Laws of missing values: a diagonal mixture marginalises them exactly."""

import warnings

import numpy as np
import pytest
from exact import log_joints
from mixtures import blobs, random_mixture, with_holes

from skvae import DiagonalGaussianMixture
from skvae.data.blocks import ArrayBlocks
from skvae.mixture import from_parameters
from skvae.mixture.assignment import Assignment
from skvae.mixture.em import e_step, em_passes, m_step, stepwise
from skvae.mixture.expectation import accumulate, log_posteriors, set_statistics
from skvae.mixture.missing import (
    filled,
    has_missing,
    marginal_sums,
    missing_in_sets,
    partition_statistics,
)
from skvae.mixture.moments import add_totals, split_totals
from skvae.mixture.statistics import Mixture, hard_statistics

K, D = 4, 3


@pytest.fixture
def mixture(rng):
    return random_mixture(rng, K, D)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def observed_log_joints(x, mixture):
    """Of one descriptor, by the mixture over the dimensions that it has, in long double."""
    seen = ~np.isnan(x)
    part = Mixture(mixture.weights, mixture.means[:, seen], mixture.covariances[:, seen])
    return log_joints(x[None, seen], part)[0]


def observed(X, mixture):
    """Log-likelihoods (n,) and posteriors (n, K)."""
    joints = np.stack([observed_log_joints(x, mixture) for x in X])
    log_likelihood = np.logaddexp.reduce(joints, axis=1)
    return log_likelihood, np.exp(joints - log_likelihood[:, None])


def fitted(mixture):
    return from_parameters(*mixture)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_densities_are_those_of_what_is_observed(rng, mixture, dtype):
    X = with_holes(rng, 3 * rng.normal(size=(300, D)).astype(dtype))
    log_likelihood, gamma = observed(X, mixture)
    model = fitted(mixture)
    tol = 1e-9 if dtype is np.float64 else 1e-4
    assert np.allclose(model.score_samples(X), log_likelihood, rtol=tol, atol=tol)
    assert np.allclose(model.predict_proba(X), gamma, rtol=tol, atol=tol)
    assert np.array_equal(model.predict(X), gamma.argmax(axis=1))
    assert model.score(X) == pytest.approx(log_likelihood.mean(), rel=tol)
    assert model.predict_proba(X).dtype == dtype


def test_a_row_with_a_hole_is_one_of_the_mixture_without_that_dimension(rng, mixture):
    X = rng.normal(size=(50, D))
    X[:, 1] = np.nan
    rest = from_parameters(*(a if a.ndim == 1 else np.delete(a, 1, axis=1) for a in mixture))
    for method in ("score_samples", "predict_proba"):
        expected = getattr(rest, method)(np.delete(X, 1, axis=1))
        assert np.allclose(getattr(fitted(mixture), method)(X), expected, rtol=1e-12, atol=1e-12)


def test_a_row_without_any_value_has_the_weights_as_posteriors(mixture):
    X = np.full((2, D), np.nan)
    assert np.allclose(fitted(mixture).predict_proba(X), mixture.weights)
    assert np.allclose(fitted(mixture).score_samples(X), 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_do_not_feel_the_holes_of_others(rng, mixture, dtype):
    X = rng.normal(size=(3000, D)).astype(dtype)
    Y = X.copy()
    Y[::7, 1] = np.nan
    whole, holes = (next(log_posteriors(a, mixture)) for a in (X, Y))
    alone = next(log_posteriors(Y[7:8], mixture))
    untouched = np.arange(len(X)) % 7 > 0
    for a, b, c in zip(whole[1:], holes[1:], alone[1:], strict=True):
        assert np.array_equal(a[untouched], b[untouched])
        assert np.array_equal(b[7:8], c)


@pytest.mark.parametrize("assignment", [None, Assignment(1), Assignment(2), Assignment(None, 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_are_sums_over_what_is_observed(rng, mixture, assignment, weighted):
    X = with_holes(rng, rng.normal(size=(90, D)))
    offsets = np.array([0, 40, 40, 41, 90])
    weights = rng.uniform(size=90) if weighted else None
    ((_, totals),) = set_statistics(X, offsets, mixture, assignment, weights)
    gamma = observed(X, mixture)[1].astype(float)
    if assignment is not None:
        assignment.sparsify(gamma.T)
        gamma /= gamma.sum(axis=1, keepdims=True)
    gamma *= 1 if weights is None else weights[:, None]
    x, seen = np.nan_to_num(X - mixture.center(X.dtype)), ~np.isnan(X)
    x *= seen
    for i, (first, last) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        s0, s1, s2, n = split_totals(totals[i], D)
        g = gamma[first:last].T
        assert np.allclose(s0[:, 0], g.sum(axis=1))
        for found, values in ((s1, x), (s2, x**2), (n, seen)):
            assert np.allclose(found, g @ values[first:last])


def test_statistics_of_sets_have_the_bits_of_each_set_alone(rng, mixture):
    sizes = [5, 5, 1, 1, 0, 9000, 5, 700]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    X = with_holes(rng, rng.normal(size=(offsets[-1], D)))
    ((_, together),) = set_statistics(X, offsets, mixture)
    for n_jobs in (1, 2):
        for i, size in enumerate(sizes):
            one = X[offsets[i] : offsets[i + 1]]
            if has_missing(one):
                ends = np.array([0, size])
                ((_, alone),) = set_statistics(one, ends, mixture, n_jobs=n_jobs)
                assert np.array_equal(alone[0], together[i])


def test_statistics_add_over_blocks_with_and_without_holes(rng, mixture):
    X = rng.normal(size=(500, D))
    X[:200] = with_holes(rng, X[:200])
    center = np.zeros(D)
    whole = accumulate(X, mixture, center)
    for cut in (100, 200, 450):
        parts = accumulate(X[:cut], mixture, center) + accumulate(X[cut:], mixture, center)
        assert np.allclose(parts.totals, whole.totals, rtol=1e-12)
        assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)


def test_weights_repeat_descriptors(rng, mixture):
    X, counts = with_holes(rng, rng.normal(size=(60, D))), rng.integers(0, 3, size=60)
    weighted = marginal_sums(X, mixture, np.zeros(D), counts.astype(float))
    repeated = marginal_sums(np.repeat(X, counts, axis=0), mixture, np.zeros(D))
    for a, b in zip(weighted, repeated, strict=True):
        assert np.allclose(a, b, rtol=1e-12)


def test_every_descriptor_has_all_dimensions_where_none_is_missing(rng, mixture):
    X, center = rng.normal(size=(200, D)), mixture.center(float)
    log_likelihood, totals = marginal_sums(X, mixture, center)
    expected = accumulate(X, mixture, center)
    assert log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)
    assert np.allclose(totals, add_totals(expected.totals, np.zeros(totals.shape)), rtol=1e-10)


def passes_of(X, mixture, n):
    passes = em_passes(
        ArrayBlocks(X),
        mixture,
        np.zeros(X.shape[1]),
        batch_size=None,
        decay=0.6,
        n_steps=1,
        rng=np.random.RandomState(0),
    )
    return [next(passes) for _ in range(n)]


def test_em_is_monotone(rng):
    X = with_holes(rng, blobs(rng, n=1000, d=D), 0.5)
    X[3] = np.nan
    start = Mixture(np.full(K, 1 / K), X[~np.isnan(X).any(axis=1)][:K], np.ones((K, D)))
    bounds = [bound for _, bound, n_revived, _ in passes_of(X, start, 60) if not n_revived]
    assert len(bounds) > 50
    assert np.diff(bounds).min() > -1e-12


def completed(statistics, mixture):
    """Statistics of descriptors whose missing values have their component's expectation."""
    s0, s1, s2, n = split_totals(statistics.totals, D)
    mu = mixture.means - statistics.center
    more = s0 - n
    parts = (s0, s1 + more * mu, s2 + more * (mu**2 + mixture.covariances))
    return type(statistics)(
        np.concatenate(parts, axis=1), statistics.n_descriptors, 0.0, statistics.center
    )


def test_em_that_completes_missing_values_has_the_same_fixed_point_and_is_slower(rng):
    X = with_holes(rng, blobs(rng, n=1000, d=D), 0.5)
    means = np.array([[0.0], [3.0], [6.0]]) + np.zeros(D)
    start = Mixture(np.full(3, 1 / 3), means, np.ones((3, D)))
    ours = start
    for mixture, *_ in passes_of(X, start, 200):
        ours = mixture
    statistics = e_step(X, ours, ours.center(float))
    for again in (m_step(statistics, 0), m_step(completed(statistics, ours), 0)):
        for a, b in zip(again, ours, strict=True):
            assert np.allclose(a, b, rtol=1e-8, atol=1e-8)
    bounds, other = [], start
    for _ in range(5):
        statistics = e_step(X, other, np.zeros(D))
        bounds.append(statistics.log_likelihood / len(X))
        other = m_step(completed(statistics, other), 0)
    assert np.diff(bounds).min() > 0
    assert all(b <= bound for b, (_, bound, *_) in zip(bounds, passes_of(X, start, 5), strict=True))


@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_a_component_keeps_what_it_has_in_dimensions_that_it_has_not_seen(rng, mixture, rate):
    X = rng.normal(size=(100, D))
    X[:, 2] = np.nan
    batch = e_step(X, mixture, mixture.center(float))
    after = stepwise(mixture, batch, rate, np.zeros(D))
    assert np.allclose(after.means[:, 2], mixture.means[:, 2])
    assert np.allclose(after.covariances[:, 2], mixture.covariances[:, 2])
    assert not np.allclose(after.means[:, 1], mixture.means[:, 1])


def test_a_partition_has_the_moments_of_what_is_observed_and_one_value_more(rng):
    X, labels = rng.normal(size=(100, D)), np.repeat([0, 1], 50)
    X[:30, 0] = np.nan
    X[50:, 1] = np.nan
    found = m_step(partition_statistics(X, labels, 2, np.zeros(D)), 0)
    mean = np.nanmean(X, axis=0)
    assert found.means[0, 0] == pytest.approx((np.nansum(X[:50, 0]) + mean[0]) / 21)
    assert found.means[1, 1] == pytest.approx(mean[1])
    assert found.covariances[1, 1] == pytest.approx(np.nanvar(X[:, 1]))
    whole = m_step(hard_statistics(X, labels, 2, np.zeros(D)), 0)
    assert np.allclose(found.means[:, 2], whole.means[:, 2])
    assert np.allclose(found.weights, 0.5)


def test_a_fit_finds_the_mixture_behind_the_holes(rng):
    X = with_holes(rng, blobs(rng, n=6000, d=D), 0.4)
    for params in ({}, {"batch_size": 500, "max_iter": 10}):
        model = DiagonalGaussianMixture(3, random_state=0, **params).fit(X)
        assert np.allclose(np.sort(model.means_, axis=0).T, [0, 3, 6], atol=0.25)
        assert np.allclose(model.covariances_, 1, atol=0.25)


def test_mean_imputation_shrinks_what_marginalisation_keeps(rng):
    X = with_holes(rng, rng.normal(size=(4000, D)), 0.5)
    by_mean = DiagonalGaussianMixture(1).fit(filled(X, np.zeros(D)))
    marginal = DiagonalGaussianMixture(1).fit(X)
    assert np.allclose(by_mean.covariances_, 0.5, atol=0.05)
    assert np.allclose(marginal.covariances_, np.nanvar(X, axis=0), rtol=1e-12)


def test_partial_fit_learns_from_batches_with_holes(rng):
    X = with_holes(rng, blobs(rng, n=9000, d=D), 0.4)
    X[3000:3500, 1] = np.nan  # a batch without any value of a feature
    model = DiagonalGaussianMixture(3, random_state=0)
    for batch in np.split(X, 18):
        model.partial_fit(batch)
    assert np.allclose(np.sort(model.means_, axis=0).T, [0, 3, 6], atol=0.3)


def test_a_feature_that_begins_to_vary_shows_its_own_variance(rng):
    X = rng.normal(size=(400, 2))
    X[:, 1] = 5.0
    model = DiagonalGaussianMixture(2, random_state=0).partial_fit(X)
    X[:, 1] = np.where(rng.random(400) < 0.5, np.nan, 5 + 0.1 * rng.normal(size=400))
    nothing = np.column_stack([X[:, 0], np.full(400, np.nan)])
    assert np.array_equal(model.partial_fit(nothing)._variances[1:], [0])
    assert model.partial_fit(X)._variances[1] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_column_without_any_value_is_named(rng, method):
    X = rng.normal(size=(30, 3))
    X[:, 1] = np.nan
    model = DiagonalGaussianMixture(2)
    with pytest.raises(ValueError, match="Column 1 of X has no value: all of them are missing"):
        getattr(model, method)(X)
    assert not hasattr(model, "weights_")


def test_squares_that_float64_cannot_hold_are_found_among_holes():
    X = np.array([[1e200, np.nan], [np.nan, 1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match=r"Column 0 of X holds 1e\+200"):
        DiagonalGaussianMixture(1).fit(X)
    with pytest.raises(ValueError, match=r"Column 0 of X holds 1e\+200"):
        DiagonalGaussianMixture(1).fit(X[1:]).score_samples(X)


def test_has_missing_finds_nan_alone(rng):
    for X in (rng.normal(size=(50, 4)), np.full((3, 2), 1e30, np.float32), np.empty((0, 3))):
        assert not has_missing(X)
    assert not has_missing(np.array([[np.inf, -np.inf]]))
    assert has_missing(np.array([[np.inf, np.nan, 0.0]])[:, ::-1])
    offsets = np.array([0, 2, 2, 3])
    found = missing_in_sets(np.array([[0.0], [np.nan], [1.0]]), offsets)
    assert np.array_equal(found, [True, False, False])
    assert not missing_in_sets(np.zeros((3, 1)), offsets).any()


def test_means_fill_holes_in_the_dtype_of_the_data():
    X = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]], np.float32)
    found = filled(X, np.array([0.0, 7.0]))
    assert found.dtype == np.float32
    assert np.array_equal(found, [[1, 7], [3, 7], [2, 7]])
    assert filled(found, np.zeros(2)) is found
