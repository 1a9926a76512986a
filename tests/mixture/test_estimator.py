import pickle

import numpy as np
import pytest
import sklearn
from checks import parametrize_with_checks
from mixtures import assert_same_mixture, blobs
from reiterable import Blocks, Refilled
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.fixes import parse_version

from skvae import DiagonalGaussianMixture, FisherVectorEncoder
from skvae.exceptions import FitInterruptedWarning
from skvae.mixture import em, estimator, starts
from skvae.mixture.estimator import with_parameters


@pytest.mark.checks
@parametrize_with_checks(
    [
        DiagonalGaussianMixture(2, max_iter=5),
        DiagonalGaussianMixture(3, init_params="k-means++", n_init=2, max_iter=3),
    ],
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


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


def unequal(X):
    """Blocks, of which one is empty."""
    return Blocks(*np.split(X, [1, 700, 700, 1900]))


def memory_map(X, path):
    file = path / f"{len(list(path.iterdir()))}.npy"
    np.save(file, X)
    return np.load(file, mmap_mode="r")


def forms_of(X, path):
    """The data in every form that is not an array in memory."""
    return [memory_map(X, path), np.asarray(memory_map(X, path)), unequal(X)]


@pytest.mark.parametrize("init", ["kmeans", "k-means++"])
def test_every_form_of_data_gives_the_same_mixture(rng, tmp_path, monkeypatch, init):
    monkeypatch.setattr(starts, "_START_ROWS", 300)
    monkeypatch.setattr(starts, "_START_ROWS_PER_COMPONENT", 0)
    X = blobs(rng)
    settings = {"init_params": init, "max_iter": 20, "tol": 0, "random_state": 0}
    whole = DiagonalGaussianMixture(5, **settings).fit(X)
    for form in forms_of(X, tmp_path):
        fitted = DiagonalGaussianMixture(5, **settings).fit(form)
        assert_same_mixture(fitted, whole)
        assert fitted.score(form) == pytest.approx(whole.score(X), rel=1e-12)
        assert np.array_equal(fitted.predict(form), whole.predict(X))


def test_every_form_of_data_gives_the_same_partial_fit(rng, tmp_path):
    X = blobs(rng)
    whole = DiagonalGaussianMixture(5, random_state=0).partial_fit(X).partial_fit(X[::2])
    for form, half in zip(forms_of(X, tmp_path), forms_of(X[::2], tmp_path), strict=True):
        fitted = DiagonalGaussianMixture(5, random_state=0).partial_fit(form).partial_fit(half)
        assert_same_mixture(fitted, whole)


@pytest.mark.parametrize(("dtype", "read_as"), [("u1", "f4"), ("i4", "f8")])
def test_integers_are_read_as_floats_that_hold_them(rng, tmp_path, dtype, read_as):
    X = rng.integers(0, 256, size=(500, 3)).astype(dtype)
    expected = DiagonalGaussianMixture(3, random_state=0).fit(X.astype(read_as))
    for form in (X, memory_map(X, tmp_path)):
        assert_same_mixture(DiagonalGaussianMixture(3, random_state=0).fit(form), expected)


def test_infinity_is_found_in_every_form(rng, tmp_path):
    X = blobs(rng)
    X[1234, 2] = np.inf
    for form in forms_of(X, tmp_path):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            DiagonalGaussianMixture(2).fit(form)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_form_may_have_missing_values(rng, tmp_path, dtype):
    X = blobs(rng, n=3000).astype(dtype)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:700] = 1.0  # a block without any
    whole = DiagonalGaussianMixture(3, random_state=0).fit(X)
    for form in forms_of(X, tmp_path):
        fitted = DiagonalGaussianMixture(3, random_state=0).fit(form)
        if dtype is np.float64:
            assert_same_mixture(fitted, whole)
        assert np.allclose(fitted.means_, whole.means_, atol=1e-4)
        assert fitted.score(form) == pytest.approx(whole.score(X), rel=1e-6)


def test_missing_values_have_the_same_bits_for_any_number_of_threads(rng):
    X = blobs(rng, n=30_000)
    X[rng.random(X.shape) < 0.2] = np.nan
    one, two = (
        DiagonalGaussianMixture(3, max_iter=4, tol=0, n_jobs=n, random_state=0) for n in (1, 2)
    )
    with pytest.warns(ConvergenceWarning):
        assert np.array_equal(one.fit(X).means_, two.fit(X).means_)
    for method in ("score_samples", "predict_proba", "impute"):
        assert np.array_equal(getattr(one, method)(X), getattr(two, method)(X))


def test_missing_values_are_allowed_by_the_tag():
    assert get_tags(DiagonalGaussianMixture()).input_tags.allow_nan


def test_every_form_knows_the_number_of_features(rng, tmp_path):
    fitted = DiagonalGaussianMixture(2, random_state=0).fit(blobs(rng))
    for form in forms_of(blobs(rng, d=3), tmp_path):
        with pytest.raises(ValueError, match="X has 3 features"):
            fitted.score(form)


def test_a_generator_cannot_be_read_again(rng):
    with pytest.raises(TypeError, match="X is an iterator .*partial_fit"):
        DiagonalGaussianMixture(2).fit(block for block in np.split(blobs(rng), 4))


@pytest.mark.slow
@pytest.mark.parametrize("order", ["shuffled", "sorted"])
def test_two_passes_of_batches_do_more_than_fifteen_of_em(rng, order):
    X = rng.laplace(size=(20_000, 4))
    if order == "sorted":
        X = X[np.argsort(X.sum(axis=1))]
    whole = DiagonalGaussianMixture(8, max_iter=15, tol=0, random_state=0).fit(X)
    batches = DiagonalGaussianMixture(8, max_iter=2, batch_size=100, random_state=0).fit(X)
    assert batches.n_iter_ == 2
    assert batches.n_steps_ == 1 + 2 * 200
    assert batches.score(X) > whole.score(X)


def test_passes_of_batches_stop_by_tol(rng):
    X = blobs(rng, n=4000)
    fitted = DiagonalGaussianMixture(3, batch_size=100, tol=1e-3, random_state=0).fit(X)
    assert fitted.converged_
    assert np.all(np.abs(np.diff(fitted.lower_bounds_)[:-1]) >= 1e-3)
    assert abs(np.diff(fitted.lower_bounds_)[-1]) < 1e-3


def test_batches_of_a_memory_map_are_those_of_the_array(rng, tmp_path):
    X = blobs(rng)
    settings = {"batch_size": 300, "max_iter": 3, "tol": 0, "random_state": 0}
    whole = DiagonalGaussianMixture(4, **settings).fit(X)
    assert_same_mixture(DiagonalGaussianMixture(4, **settings).fit(memory_map(X, tmp_path)), whole)


def test_batches_of_an_iterable_do_not_depend_on_its_blocks(rng):
    X = blobs(rng)
    settings = {"batch_size": 300, "max_iter": 3, "tol": 0, "random_state": 0}
    one, other = (DiagonalGaussianMixture(4, **settings) for _ in range(2))
    one.fit(unequal(X))
    other.fit(Blocks(*np.split(X, 2)))
    assert_same_mixture(one, other)


def test_a_component_without_descriptors_is_revived_between_passes_of_batches(rng):
    X = blobs(rng)
    means = np.concatenate([X[:2], np.full((1, 4), 1e3)])
    start = {"weights_init": np.full(3, 1 / 3), "precisions_init": np.ones((3, 4))}
    fitted = DiagonalGaussianMixture(3, means_init=means, batch_size=100, max_iter=30, **start)
    fitted.fit(X)
    assert fitted.n_revived_ == 1
    assert fitted.weights_.min() > 0.2


def test_warm_start_continues_the_count_of_batches(rng):
    X = blobs(rng)
    settings = {"batch_size": 500, "max_iter": 2, "tol": 0, "warm_start": True, "random_state": 0}
    fitted = DiagonalGaussianMixture(3, **settings).fit(X)
    assert fitted.fit(X).n_steps_ == 1 + 2 * 2 * 4


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


def test_pickle_keeps_everything(rng):
    X = blobs(rng)
    fitted = DiagonalGaussianMixture(3, random_state=0).fit(X)
    copy = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(copy.score_samples(X), fitted.score_samples(X))
    copy.partial_fit(X)


def test_verbose_reports_the_start_and_the_log_likelihood(rng, capsys):
    DiagonalGaussianMixture(2, max_iter=4, tol=0, verbose=2, random_state=0).fit(blobs(rng))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["Iteration 2", "Iteration 4"]
    assert lines[0].startswith("Found a start by kmeans in ")


def test_interrupt_keeps_the_last_iteration(rng, monkeypatch):
    calls, accumulate = [], em.accumulate_blocks

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return accumulate(*args)

    monkeypatch.setattr(em, "accumulate_blocks", interrupted)
    X = blobs(rng)
    with pytest.warns(FitInterruptedWarning, match="after 2 iterations"):
        stopped = DiagonalGaussianMixture(3, tol=0, random_state=0).fit(X)
    monkeypatch.undo()
    short = DiagonalGaussianMixture(3, tol=0, max_iter=2, random_state=0).fit(X)
    assert np.array_equal(stopped.means_, short.means_)


def test_interrupt_in_a_later_start_keeps_the_best_one(rng, monkeypatch):
    passes, until_converged = [], em.until_converged

    def interrupted(*args, **kwargs):
        for attributes in until_converged(*args, **kwargs):
            passes.append(1)
            if len(passes) == 12:
                raise KeyboardInterrupt
            yield attributes

    monkeypatch.setattr(estimator, "until_converged", interrupted)
    X = blobs(rng)
    settings = {"max_iter": 5, "tol": 0, "init_params": "k-means++", "random_state": 0}
    with pytest.warns(FitInterruptedWarning, match="after 1 iterations"):
        stopped = DiagonalGaussianMixture(6, n_init=9, **settings).fit(X)
    monkeypatch.undo()
    assert len(passes) == 12
    two = DiagonalGaussianMixture(6, n_init=2, **settings).fit(X)
    assert np.array_equal(stopped.means_, two.means_)


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


def test_float32_finds_the_variance_of_a_point_like_cluster(rng):
    wide, narrow = 5 + rng.normal(size=(4000, 3)), 1e-3 * rng.normal(size=(1000, 3))
    X = np.concatenate([wide, narrow]).astype(np.float32)
    settings = {"means_init": [[5.0] * 3, [0.0] * 3], "variance_floor": 0, "random_state": 0}
    a, b = (DiagonalGaussianMixture(2, **settings).fit(X.astype(t)) for t in (np.float32, float))
    assert np.allclose(a.covariances_, b.covariances_, rtol=1e-4)
    assert np.allclose(a.covariances_[1], 1e-6, rtol=0.2)


UNITS = [10.0**k for k in (-6, -2, 3, 6)]


@pytest.mark.parametrize("factor", UNITS)
@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-9), (np.float32, 2e-3)])
@pytest.mark.parametrize("variance_floor", [1e-6, 1e-1])
def test_the_units_of_a_column_change_no_posterior_and_no_vector(
    rng, factor, dtype, atol, variance_floor
):
    X = np.column_stack([blobs(rng), rng.integers(0, 2, 2000), np.full(2000, 7)])
    scale = np.array([1, factor, 1, 1, 1, 1])
    results = []
    for s in (np.ones(6), scale):
        start = {"means_init": X[:5] * s, "precisions_init": np.full((5, 6), 0.3) / s**2}
        start |= {"weights_init": np.full(5, 0.2), "variance_floor": variance_floor}
        x = (X * s).astype(dtype)
        mixture = DiagonalGaussianMixture(5, max_iter=10, tol=0, **start).fit(x)
        encoder = FisherVectorEncoder(mixture=mixture)
        results.append((mixture.predict_proba(x), encoder.fit_transform(x.reshape(100, 20, 6))))
    for one, other in zip(*results, strict=True):
        assert np.abs(one - other).max() < atol


@pytest.mark.parametrize("factor", UNITS)
def test_the_units_of_a_column_do_not_decide_which_component_is_revived_where(rng, factor):
    X = blobs(rng) * [1, 2, 1, 1]
    results = []
    for s in (np.ones(4), np.array([factor, 1, 1, 1])):
        means = np.concatenate([X[:2], np.full((2, 4), 1e3)]) * s
        start = {"weights_init": np.full(4, 0.25), "precisions_init": np.ones((4, 4)) / s**2}
        mixture = DiagonalGaussianMixture(4, means_init=means, max_iter=5, tol=0, **start)
        results.append(mixture.fit(X * s).predict_proba(X * s))
        assert mixture.n_revived_ == 2
    assert np.allclose(*results, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 1e-7, 3.0, 1e8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_says_nothing(rng, value, dtype):
    X = blobs(rng).astype(dtype)
    constant = np.column_stack([X, np.full(len(X), value, dtype)])
    constant[::2, 4] = np.nextafter(constant[::2, 4], dtype(np.inf)) if value > 1 else value
    settings = {"random_state": 0, "max_iter": 10, "variance_floor": 0, "tol": 0}
    plain = DiagonalGaussianMixture(3, **settings).fit(X)
    more = DiagonalGaussianMixture(3, **settings).fit(constant)
    assert np.allclose(more.predict_proba(constant), plain.predict_proba(X), atol=1e-2)
    assert np.ptp(more.covariances_[:, 4]) == 0
    assert more.covariances_[0, 4] >= X.var(axis=0).max() * (1 - 1e-5)
    moved = constant + np.eye(5, dtype=dtype)[4]
    assert np.allclose(more.predict_proba(moved), plain.predict_proba(X), atol=1e-2)


def test_a_column_that_begins_to_vary_in_a_later_batch_is_learned(rng):
    X = blobs(rng, n=40_000)
    X[:, 3] = 1e-3 * X[:, 0] + 5
    stream = DiagonalGaussianMixture(3, random_state=0)
    first = X[:1000].copy()
    first[:, 3] = 5
    stream.partial_fit(first)
    assert np.ptp(stream.covariances_[:, 3]) == 0
    for batch in np.array_split(X[1000:], 39):
        stream.partial_fit(batch)
    whole = DiagonalGaussianMixture(3, random_state=0).fit(X)
    assert whole.score(X) - stream.score(X) < 0.01 * abs(whole.score(X))


def test_a_mixture_whose_coordinates_turn_goes_on_as_it_would_have(rng):
    X = rng.normal(size=(300, 3)) + 4 * rng.integers(0, 2, (300, 1))
    mixture = DiagonalGaussianMixture(4, variance_floor=0.01, random_state=0).fit(X)
    turned = with_parameters(mixture, -mixture.means_[:, ::-1], mixture.covariances_[:, ::-1])
    assert np.allclose(turned.score_samples(-X[:, ::-1]), mixture.score_samples(X))
    turned.partial_fit(-X[:100, ::-1])
    mixture.partial_fit(X[:100])
    assert np.allclose(turned.means_, -mixture.means_[:, ::-1], rtol=1e-6)
    assert np.allclose(turned.covariances_, mixture.covariances_[:, ::-1], rtol=1e-6)
    assert (turned.n_iter_, turned.n_steps_) == (mixture.n_iter_, mixture.n_steps_)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_another_number_of_components_does_not_continue(rng, method):
    X = blobs(rng)
    mixture = DiagonalGaussianMixture(2, warm_start=True, random_state=0)
    before = getattr(mixture, method)(X).means_
    mixture.set_params(n_components=5)
    with pytest.raises(ValueError, match="n_components=5, but .* a mixture of 2 components"):
        getattr(mixture, method)(X)
    assert mixture.means_ is before
    assert getattr(clone(mixture), method)(X).means_.shape == (5, 4)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_another_number_of_features_does_not_continue(rng, method):
    X = blobs(rng)
    mixture = DiagonalGaussianMixture(2, warm_start=True, random_state=0)
    before = getattr(mixture, method)(X).predict(X)
    with pytest.raises(ValueError, match="X has 8 features.*expecting 4"):
        getattr(mixture, method)(np.column_stack([X, X]))
    assert mixture.n_features_in_ == 4
    assert np.array_equal(mixture.predict(X), before)


def test_a_cold_fit_may_have_any_size(rng):
    mixture = DiagonalGaussianMixture(2, random_state=0).fit(blobs(rng))
    mixture.set_params(n_components=3).fit(blobs(rng, d=2))
    assert mixture.means_.shape == (3, 2)


@pytest.mark.filterwarnings("error")
def test_a_fit_that_stops_at_max_iter_says_so_at_the_line_of_the_user(rng):
    X = blobs(rng)
    mixture = DiagonalGaussianMixture(6, max_iter=2, random_state=0)
    calls = [lambda: mixture.fit(X), lambda: make_pipeline(StandardScaler(), mixture).fit(X)]
    for call in [*calls, lambda: mixture.fit_predict(X)]:
        with pytest.warns(ConvergenceWarning, match="stopped at max_iter=2, still gaining") as seen:
            call()
        assert [w.filename for w in seen] == [__file__]
    mixture.set_params(max_iter=200, tol=0.1).fit(X)
    DiagonalGaussianMixture(6, random_state=0).partial_fit(X).partial_fit(X)
    DiagonalGaussianMixture(6, batch_size=500, max_iter=2, random_state=0).fit(X)


def test_other_warnings_point_at_the_line_of_the_user_too():
    with pytest.warns(UserWarning, match="No feature of X varies") as seen:
        make_pipeline(StandardScaler(), DiagonalGaussianMixture(1)).fit(np.ones((10, 2)))
    assert seen[0].filename == __file__


def test_fit_predict_is_fit_and_predict(rng):
    X = blobs(rng)
    labels = DiagonalGaussianMixture(3, random_state=0).fit_predict(X)
    assert np.array_equal(labels, DiagonalGaussianMixture(3, random_state=0).fit(X).predict(X))


def test_absurd_sizes_are_refused_at_once(rng):
    X = blobs(rng)
    with pytest.raises(ValueError, match="n_components=1000000000"):
        DiagonalGaussianMixture(10**9).fit(X)
    with pytest.raises(ValueError, match="n_samples=1000000000000 needs .* GB"):
        DiagonalGaussianMixture(2, random_state=0).fit(X).sample(10**12)


@pytest.mark.parametrize("as_numpy", [np.float16, np.float32, np.float64])
def test_parameters_from_an_array_are_those_of_python(rng, as_numpy):
    X = blobs(rng)
    given = {"learning_decay": as_numpy(0.75), "tol": as_numpy(0.0), "warm_start": np.bool_(False)}
    given |= {
        "n_components": np.int64(3),
        "max_iter": np.uint8(3),
        "init_params": np.str_("kmeans"),
    }
    given |= {"batch_size": np.int32(500), "n_init": np.int8(1), "random_state": np.int64(0)}
    plain = {name: value.item() for name, value in given.items()}
    a, b = (DiagonalGaussianMixture(**settings).fit(X) for settings in (given, plain))
    assert_same_mixture(a, b, rtol=1e-15)
    assert_same_mixture(a.partial_fit(X), b.partial_fit(X), rtol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [None, 30_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(rng, batch_size, dtype):
    X = blobs(rng, 60_000).astype(dtype)
    options = {"max_iter": 2, "batch_size": batch_size, "tol": 0, "random_state": 0}
    one, *others = (
        DiagonalGaussianMixture(3, n_jobs=n_jobs, **options).fit(X) for n_jobs in (1, 2, 3, None)
    )
    for other in others:
        assert np.array_equal(other.means_, one.means_)
        assert np.array_equal(other.covariances_, one.covariances_)
        assert other.lower_bounds_ == one.lower_bounds_
        assert np.array_equal(other.score_samples(X), one.score_samples(X))
        assert np.array_equal(other.predict_proba(X), one.predict_proba(X))
        assert other.score(X) == one.score(X)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_iterable_may_write_all_blocks_into_the_same_memory(rng, n_jobs):
    blocks = np.split(blobs(rng, 400), [50, 120, 300])
    fits = [
        DiagonalGaussianMixture(3, n_jobs=n_jobs, random_state=0).fit(X)
        for X in (Blocks(*blocks), Refilled(*blocks))
    ]
    assert np.array_equal(*(fit.means_ for fit in fits))


# Weights


def weighted(rng, dtype=np.float64, n=400):
    """Descriptors, whole weights, and descriptors as often as these say."""
    X = blobs(rng, n=n).astype(dtype)
    weights = rng.integers(0, 4, n)
    return X, weights, X.repeat(weights, axis=0)


@pytest.mark.parametrize("init", ["kmeans", "k-means++"])
@pytest.mark.parametrize("n", [400, 15_000])
def test_a_weight_is_how_often_the_row_is_there(rng, init, n):
    X, weights, repeated = weighted(rng, n=n)
    settings = {"init_params": init, "random_state": 0, "max_iter": 5, "tol": 0}
    a = DiagonalGaussianMixture(4, **settings).fit(X, sample_weight=weights)
    b = DiagonalGaussianMixture(4, **settings).fit(repeated)
    assert_same_mixture(a, b, rtol=1e-8)
    assert a.score(X, sample_weight=weights) == pytest.approx(b.score(repeated), rel=1e-12)
    assert np.array_equal(a.fit_predict(X, sample_weight=weights), a.predict(X))
    for batch in (slice(0, 100), slice(100, 400)):
        a.partial_fit(X[batch], sample_weight=weights[batch])
        b.partial_fit(X[batch].repeat(weights[batch], axis=0))
    assert_same_mixture(a, b, rtol=1e-8)


def test_weights_are_held_in_float32_as_well(rng):
    X, weights, repeated = weighted(rng, np.float32)
    settings = {"random_state": 0, "max_iter": 5, "tol": 0}
    b = DiagonalGaussianMixture(3, **settings).fit(repeated)
    for unit in (1, 2.0**200, 2.0**-200):
        a = DiagonalGaussianMixture(3, **settings)
        a.fit(X, sample_weight=weights * unit if unit == 1 else (weights + 0.5) * unit)
        assert np.isfinite(a.means_).all()
        if unit == 1:
            assert np.allclose(a.means_, b.means_, rtol=1e-3, atol=1e-3)


def test_a_row_of_weight_zero_is_left_out_whatever_it_holds(rng):
    X, weights, _ = weighted(rng)
    extreme = X.copy()
    extreme[weights == 0] = 1e308
    a = DiagonalGaussianMixture(3, random_state=0).fit(extreme, sample_weight=weights)
    counted = weights > 0
    b = DiagonalGaussianMixture(3, random_state=0).fit(X[counted], sample_weight=weights[counted])
    assert_same_mixture(a, b)
    assert a.score(extreme, sample_weight=weights) == pytest.approx(b.lower_bound_, abs=1e-3)


@pytest.mark.parametrize("whole", [True, False])
def test_weights_come_as_the_rows_do(rng, tmp_path, whole):
    X, weights, _ = weighted(rng)
    weights = weights if whole else weights + 0.25
    expected = DiagonalGaussianMixture(3, random_state=0).fit(X, sample_weight=weights)
    parts = Blocks(*np.split(weights, [1, 100, 100, 399]))
    forms = [(data, w) for data in forms_of(X, tmp_path) for w in (weights, parts)]
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(X, chunks=(150, -1))
    forms += [(lazy, weights), (lazy, da.from_array(weights, chunks=90))]
    for data, w in forms:
        again = DiagonalGaussianMixture(3, random_state=0).fit(data, sample_weight=w)
        assert_same_mixture(again, expected, rtol=1e-8)
        assert again.score(data, sample_weight=w) == pytest.approx(
            expected.score(X, sample_weight=weights)
        )


def test_weights_work_on_a_device(rng, monkeypatch):
    torch = pytest.importorskip("torch")
    X, weights, _ = weighted(rng)
    expected = DiagonalGaussianMixture(3, random_state=0).fit(X, sample_weight=weights)
    on_cpu = "skvae.mixture.density.gpu_or_none"
    monkeypatch.setattr(on_cpu, lambda device: torch.device("cpu"))
    found = DiagonalGaussianMixture(3, random_state=0).fit(X, sample_weight=weights)
    assert_same_mixture(found, expected, rtol=1e-8)


def test_only_ratios_of_weights_that_are_not_whole_count(rng):
    X, weights, _ = weighted(rng)
    weights = weights + rng.random(len(X))
    a, b = (
        DiagonalGaussianMixture(8, random_state=0).fit(X, sample_weight=weights * unit)
        for unit in (1.0, 1.0 / weights.sum())
    )
    assert a.n_revived_ == b.n_revived_
    assert_same_mixture(a, b, rtol=1e-6)


def test_batches_of_stepwise_em_have_weights(rng):
    X, weights, repeated = weighted(rng, n=20_000)
    settings = {"batch_size": 2000, "max_iter": 3, "random_state": 0}
    whole = DiagonalGaussianMixture(3, random_state=0).fit(repeated)
    for data in (X, Blocks(*np.array_split(X, 9))):
        found = DiagonalGaussianMixture(3, **settings).fit(data, sample_weight=weights)
        assert whole.score(repeated) - found.score(repeated) < 0.01


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(399), r"sample_weight must have shape \(400,\), one for every row"),
        (-np.ones(400), r"sample_weight\[0\] is -1, a negative weight"),
        (np.zeros(400), "All weights are zero"),
        (np.full(400, np.nan), "sample_weight contains NaN"),
        (np.full(400, np.inf), "sample_weight contains infinity"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
def test_bad_weights_leave_the_fit_before(rng, bad, message, method):
    X, _, _ = weighted(rng)
    fitted = DiagonalGaussianMixture(2, random_state=0).fit(X)
    before = fitted.means_
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(X + 1, sample_weight=bad)
    assert fitted.means_ is before


def test_weights_stand_for_as_many_rows_as_components_need():
    X = np.array([[0.0], [1.0]])
    DiagonalGaussianMixture(3, random_state=0).fit(X, sample_weight=[2, 1])
    with pytest.raises(ValueError, match="got n_samples=2"):
        DiagonalGaussianMixture(3).fit(X, sample_weight=[2, 0])


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="older scikit-learn takes no request of a pipeline's steps in a search",
)
def test_weights_are_routed_through_a_pipeline_and_a_search(rng):
    X, weights, _ = weighted(rng)
    with config_context(enable_metadata_routing=True):
        mixture = DiagonalGaussianMixture(random_state=0)
        mixture.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(
            make_pipeline(mixture), {"diagonalgaussianmixture__n_components": [2, 3]}
        )
        search.fit(X, sample_weight=weights)
    alone = DiagonalGaussianMixture(3, random_state=0).fit(X, sample_weight=weights)
    assert np.array_equal(search.best_estimator_[-1].means_, alone.means_)
