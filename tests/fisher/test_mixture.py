import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvae import DiagonalGaussianMixture
from skvae.exceptions import FitInterruptedWarning
from skvae.fisher import mixture as mixture_module


@parametrize_with_checks(
    [
        DiagonalGaussianMixture(2, max_iter=5),
        DiagonalGaussianMixture(3, init_params="k-means++", n_init=2, max_iter=3),
    ],
    xfail_strict=True,
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def blobs(rng, n=2000, d=4):
    return rng.normal(size=(n, d)) + 3 * rng.integers(0, 3, size=(n, 1))


@pytest.mark.parametrize("max_iter", [1, 2, 7, 30])
def test_agrees_with_scikit_learn_from_the_same_start(rng, max_iter):
    X = blobs(rng) * [1, 10, 0.1, 1] + [0, 5, 0, -3]
    start = {
        "weights_init": np.full(5, 0.2),
        "means_init": X[:5],
        "precisions_init": np.full((5, 4), 0.3),
        "max_iter": max_iter,
        "tol": 0,
    }
    theirs = GaussianMixture(5, covariance_type="diag", reg_covar=0, **start)
    with pytest.warns(UserWarning, match="not converge"):
        theirs.fit(X)
    ours = DiagonalGaussianMixture(5, variance_floor=0, **start).fit(X)
    assert ours.n_iter_ == theirs.n_iter_ == max_iter
    for name in ("weights_", "means_", "covariances_"):
        assert np.allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=1e-6)
        assert getattr(ours, name).dtype == np.float64
    assert np.allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-6)
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    assert np.array_equal(ours.predict(X), theirs.predict(X))
    assert ours.bic(X) == pytest.approx(theirs.bic(X))
    assert ours.aic(X) == pytest.approx(theirs.aic(X))


def test_stops_where_scikit_learn_stops(rng):
    X = blobs(rng)
    start = {"weights_init": [0.5, 0.5], "means_init": X[:2], "precisions_init": np.ones((2, 4))}
    theirs = GaussianMixture(2, covariance_type="diag", reg_covar=0, **start).fit(X)
    ours = DiagonalGaussianMixture(2, **start).fit(X)
    assert ours.converged_
    assert ours.n_iter_ == theirs.n_iter_


def test_log_likelihood_never_falls(rng):
    fitted = DiagonalGaussianMixture(10, tol=0, max_iter=60, random_state=0).fit(blobs(rng))
    assert fitted.n_revived_ == 0
    assert np.all(np.diff(fitted.lower_bounds_) > -1e-10)
    assert fitted.lower_bound_ == fitted.lower_bounds_[-1]


def test_float32_survives_an_offset_of_ten_thousand_deviations(rng):
    X = blobs(rng)
    # Values on a coarse grid, so that float32 holds the shifted ones exactly.
    X = np.round(X * 64) / 64
    shifted = (X + 2.0**15).astype(np.float32)
    settings = {"means_init": X[:3], "max_iter": 20, "tol": 0, "random_state": 0}
    settings |= {"weights_init": np.full(3, 1 / 3), "precisions_init": np.ones((3, 4))}
    plain = DiagonalGaussianMixture(3, **settings).fit(X)
    settings["means_init"] = X[:3] + 2.0**15
    far = DiagonalGaussianMixture(3, **settings).fit(shifted)
    assert np.allclose(far.means_ - 2.0**15, plain.means_, atol=1e-3)
    assert np.allclose(far.covariances_, plain.covariances_, rtol=1e-3)
    assert np.allclose(far.lower_bounds_, plain.lower_bounds_, rtol=1e-4)


def test_an_empty_component_is_revived(rng):
    X = blobs(rng)
    means = np.concatenate([X[:2], np.full((1, 4), 1e3)])
    start = {"weights_init": np.full(3, 1 / 3), "precisions_init": np.ones((3, 4))}
    fitted = DiagonalGaussianMixture(3, means_init=means, **start).fit(X)
    assert fitted.n_revived_ == 1
    assert fitted.weights_.min() > 0.2
    assert np.abs(fitted.means_).max() < 20


def test_more_components_than_distinct_points_stays_finite():
    X = np.repeat([[0.0, 1.0], [5.0, 1.0]], 20, axis=0)
    fitted = DiagonalGaussianMixture(6, random_state=0, init_params="k-means++").fit(X)
    assert np.isfinite(fitted.score_samples(X)).all()
    assert fitted.weights_.sum() == pytest.approx(1)


def test_constant_data_have_unit_variance():
    with pytest.warns(UserWarning, match="No feature of X varies"):
        fitted = DiagonalGaussianMixture(1).fit(np.full((10, 2), 3.0))
    assert np.allclose(fitted.means_, 3)
    assert np.allclose(fitted.covariances_, 1)


def test_partial_fit_on_one_batch_is_one_step_of_em(rng):
    X = blobs(rng)
    start = {"weights_init": [0.5, 0.5], "means_init": X[:2], "precisions_init": np.ones((2, 4))}
    whole = DiagonalGaussianMixture(2, max_iter=1, **start).fit(X)
    step = DiagonalGaussianMixture(2, **start).partial_fit(X)
    for name in ("weights_", "means_", "covariances_"):
        assert np.allclose(getattr(whole, name), getattr(step, name), rtol=1e-12)


def test_partial_fit_comes_near_to_fit(rng):
    X = blobs(rng, n=40_000)
    whole = DiagonalGaussianMixture(3, random_state=0).fit(X)
    stream = DiagonalGaussianMixture(3, random_state=0)
    for batch in np.array_split(X, 40):
        stream.partial_fit(batch)
    assert stream.n_iter_ == 40
    assert whole.score(X) - stream.score(X) < 0.002 * abs(whole.score(X))


def test_partial_fit_continues_from_fit(rng):
    X = blobs(rng)
    fitted = DiagonalGaussianMixture(3, random_state=0, tol=1e-6).fit(X)
    before = fitted.means_
    fitted.partial_fit(X)
    assert np.allclose(fitted.means_, before, atol=0.01)
    assert not np.array_equal(fitted.means_, before)


def test_warm_start_continues(rng):
    X = blobs(rng)
    warm = DiagonalGaussianMixture(4, max_iter=3, tol=0, warm_start=True, random_state=0)
    warm.fit(X).fit(X)
    cold = DiagonalGaussianMixture(4, max_iter=6, tol=0, random_state=0).fit(X)
    assert np.allclose(warm.means_, cold.means_, atol=1e-10)


def test_more_starts_are_never_worse(rng):
    X = rng.normal(size=(500, 3)) ** 3
    one = DiagonalGaussianMixture(6, init_params="k-means++", random_state=3).fit(X)
    many = DiagonalGaussianMixture(6, init_params="k-means++", random_state=3, n_init=5).fit(X)
    assert many.lower_bound_ >= one.lower_bound_


def test_same_seed_same_bits_and_global_state_untouched(rng):
    X = blobs(rng)
    state = np.random.get_state()[1].copy()
    a, b = (DiagonalGaussianMixture(4, random_state=7).fit(X) for _ in range(2))
    assert np.array_equal(a.means_, b.means_)
    assert np.array_equal(np.random.get_state()[1], state)


def test_sample_has_the_moments_of_the_mixture(rng):
    fitted = DiagonalGaussianMixture(3, random_state=0).fit(blobs(rng))
    X, y = fitted.sample(200_000)
    assert np.allclose(np.bincount(y) / len(y), fitted.weights_, atol=0.01)
    assert np.allclose(X.mean(axis=0), fitted.weights_ @ fitted.means_, atol=0.03)
    for k in range(3):
        assert np.allclose(X[y == k].var(axis=0), fitted.covariances_[k], rtol=0.05)


def test_float32_proba_stays_float32(rng):
    X = blobs(rng).astype(np.float32)
    gamma = DiagonalGaussianMixture(3, random_state=0).fit(X).predict_proba(X)
    assert gamma.dtype == np.float32
    assert np.allclose(gamma.sum(axis=1), 1, atol=1e-6)


def test_pickle_keeps_everything(rng):
    X = blobs(rng)
    fitted = DiagonalGaussianMixture(3, random_state=0).fit(X)
    copy = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(copy.score_samples(X), fitted.score_samples(X))
    copy.partial_fit(X)


def test_verbose_reports_the_log_likelihood(rng, capsys):
    DiagonalGaussianMixture(2, max_iter=4, tol=0, verbose=2, random_state=0).fit(blobs(rng))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Iteration 2", "Iteration 4"]


def test_interrupt_keeps_the_last_iteration(rng, monkeypatch):
    calls, accumulate = [], mixture_module.accumulate

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return accumulate(*args)

    monkeypatch.setattr(mixture_module, "accumulate", interrupted)
    X = blobs(rng)
    with pytest.warns(FitInterruptedWarning, match="after 2 iterations"):
        stopped = DiagonalGaussianMixture(3, tol=0, random_state=0).fit(X)
    monkeypatch.undo()
    short = DiagonalGaussianMixture(3, tol=0, max_iter=2, random_state=0).fit(X)
    assert np.array_equal(stopped.means_, short.means_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weights_init": [0.5, 0.6]}, "sum to 1"),
        ({"weights_init": [-0.5, 1.5]}, "non-negative"),
        ({"weights_init": [1.0]}, "shape"),
        ({"means_init": np.zeros((2, 3))}, "means_init has shape"),
        ({"precisions_init": np.zeros((2, 4))}, "must be positive"),
        ({"n_components": 0}, "n_components"),
        ({"init_params": "random"}, "init_params"),
    ],
)
def test_bad_parameters_are_named(rng, params, message):
    estimator = clone(DiagonalGaussianMixture(2)).set_params(**params)
    with pytest.raises(ValueError, match=message):
        estimator.fit(blobs(rng))


def test_too_few_descriptors_are_counted():
    with pytest.raises(ValueError, match="n_samples=3"):
        DiagonalGaussianMixture(4).fit(np.eye(3))


def test_not_fitted():
    with pytest.raises(NotFittedError):
        DiagonalGaussianMixture().predict(load_iris().data)
