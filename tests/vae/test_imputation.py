import numpy as np
import pandas as pd
import pytest
from reiterable import Blocks
from small import vae

from skvae import VAETransformer

RNG = np.random.default_rng(0)
W = np.array([[1.0, -0.5, 0.8], [0.2, 0.9, -0.4]])
REALS = 5 + RNG.normal(size=(80, 2)) @ W + 0.3 * RNG.normal(size=(80, 3))
REALS = np.column_stack([REALS, REALS[:, :2] * [10, 0.1]])
Y = RNG.integers(2, size=80)
MISSING = RNG.random(REALS.shape) < 0.3
MISSING[0], MISSING[1:5] = True, False
X = np.where(MISSING, np.nan, REALS)


@pytest.fixture(scope="module")
def fitted():
    return vae(max_iter=10).fit(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_observed_stays_and_nothing_is_missing(fitted, dtype):
    rows = X.astype(dtype)
    for filled in (fitted.impute(rows), *fitted.impute(rows, draws=3)):
        assert filled.dtype == dtype and filled.shape == X.shape
        assert filled[~MISSING].tobytes() == rows[~MISSING].tobytes()
        assert np.isfinite(filled).all()


def test_whole_rows_come_back_as_they_are(fitted):
    assert np.array_equal(fitted.impute(REALS), REALS)
    assert np.array_equal(fitted.impute(REALS, draws=2), [REALS, REALS])


@pytest.mark.slow
def test_an_expectation_does_not_depend_on_neighbours_or_threads_or_form(fitted, tmp_path):
    expected = fitted.impute(X)
    assert np.array_equal(fitted.impute(X[40:41]), expected[40:41])
    assert np.array_equal(fitted.impute(X[::-1]), expected[::-1])
    many = np.tile(X, (8, 1))
    assert np.array_equal(fitted.set_params(n_jobs=2).impute(many)[-80:], expected)
    np.save(tmp_path / "X.npy", X)
    forms = np.load(tmp_path / "X.npy", mmap_mode="r"), Blocks(X[:7], X[7:]), pd.DataFrame(X)
    for same in forms:
        assert np.array_equal(fitted.impute(same), expected)


def test_an_expectation_of_one_row_is_that_among_many_with_classes_and_many_points():
    model = vae(max_iter=10, conditional="decoder").fit(X, Y)
    labels = np.where(np.arange(80) % 3, Y, -1)
    expected = model.impute(X, labels, n_importance=300)
    assert np.array_equal(model.impute(X[9:12], labels[9:12], n_importance=300), expected[9:12])


def test_draws_are_repeatable_and_each_row_has_its_own(fitted):
    draws = fitted.impute(X, draws=4)
    assert np.array_equal(fitted.impute(X, draws=4), draws)
    assert np.array_equal(fitted.impute(X, draws=2), draws[:2])
    assert not np.array_equal(fitted.impute(X, draws=4, random_state=1), draws)
    assert not np.array_equal(fitted.impute(X, random_state=1), fitted.impute(X))
    twice = fitted.impute(np.concatenate([X, X]), draws=4)
    assert (twice[:, :80] != twice[:, 80:])[:, MISSING].mean() > 0.99
    assert (draws[0] != draws[1])[MISSING].mean() > 0.99


def linear_model():
    """Rows, a model of them without hidden layers, and the mean and covariance of x under it."""
    rng = np.random.default_rng(0)
    rows = np.where(MISSING, np.nan, rng.normal(size=(80, 2)) @ rng.normal(size=(2, 5)))
    rows = 3 + rows + rng.normal(size=rows.shape)
    options = {"hidden_layer_sizes": (), "batch_size": 80, "learning_rate_init": 0.02}
    model = VAETransformer(
        2, likelihood="gaussian_diag", max_iter=300, random_state=0, **options
    ).fit(rows)
    weights, bias = (model.parameters_[f"decoder.0.{name}"] for name in ("weight", "bias"))
    noise = 1e-3 + np.log1p(np.exp(model.parameters_["likelihood.raw_scale"]))
    covariance = (weights @ weights.T + np.diag(noise**2)) * np.outer(model.scale_, model.scale_)
    return rows, model, bias * model.scale_ + model.mean_, covariance


def conditional(x, mean, covariance):
    """Mean and covariance of what is missing of a row, given the rest."""
    m, o = np.isnan(x), ~np.isnan(x)
    gain = np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, m)]).T
    return mean[m] + gain @ (x[o] - mean[o]), (
        covariance[np.ix_(m, m)] - gain @ covariance[np.ix_(o, m)]
    )


@pytest.mark.slow
def test_imputation_of_a_gaussian_is_the_conditional_mean():
    rows, model, mean, covariance = linear_model()
    scale = model.scale_
    filled = model.impute(rows, n_importance=500)
    for x, found in zip(rows, filled, strict=True):
        m = np.isnan(x)
        expected, _ = conditional(x, mean, covariance)
        np.testing.assert_allclose(found[m] / scale[m], expected / scale[m], atol=0.15)


@pytest.mark.slow
def test_draws_have_the_conditional_moments():
    rows, model, mean, covariance = linear_model()
    scale = model.scale_
    draws = model.impute(rows, draws=500, n_importance=500)
    for i, x in enumerate(rows[:8]):
        m = np.isnan(x)
        expected, spread = conditional(x, mean, covariance)
        found = draws[:, i, m] / scale[m]
        np.testing.assert_allclose(found.mean(axis=0), expected / scale[m], atol=0.2)
        std = np.sqrt(np.diag(spread)) / scale[m]
        np.testing.assert_allclose(found.std(axis=0), std, rtol=0.2)


@pytest.mark.parametrize(
    "options",
    [{}, {"prior": "mixture", "n_prior_components": 2}, {"conditional": "prior"}],
    ids=str,
)
def test_a_row_without_a_value_is_filled_from_the_prior(options):
    model = vae(max_iter=20, **options).fit(X, Y)
    empty = np.full((1, 5), np.nan)
    expected = model.sample(5000, draw=True)
    mean, std = expected.mean(axis=0), expected.std(axis=0)
    found = model.impute(empty, n_importance=400)[0]
    np.testing.assert_allclose((found - mean) / std, 0, atol=0.15)
    draws = model.impute(np.repeat(empty, 768, axis=0), draws=1, n_importance=3)[0]
    np.testing.assert_allclose((draws.mean(axis=0) - mean) / std, 0, atol=0.15)
    np.testing.assert_allclose(draws.std(axis=0) / std, 1, atol=0.15)
    if options.get("conditional"):
        of_class = model.sample(5000, y=1).mean(axis=0)
        found = model.impute(empty, 1, n_importance=400)[0]
        np.testing.assert_allclose((found - of_class) / std, 0, atol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("conditional", ["prior", "decoder"])
def test_classes_decide_where_they_are_known(conditional):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=300)
    rows = np.column_stack([4.0 * y + rng.normal(size=300), 9.0 * y + rng.normal(size=300)])
    holes = rows.copy()
    holes[::3, 1] = np.nan
    options = {"hidden_layer_sizes": (20,), "learning_rate_init": 0.02, "max_iter": 15}
    model = VAETransformer(2, conditional=conditional, random_state=0, **options).fit(holes, y)
    x = np.array([[2.0, np.nan]])
    low, high = (model.impute(x, label)[0, 1] for label in (0, 1))
    assert high - low > 3
    unknown = model.impute(x)[0, 1]
    assert low - 0.5 < unknown < high + 0.5
    assert np.array_equal(model.impute(x, [-1]), model.impute(x))
    some = np.repeat(x, 3, axis=0)
    mixed = model.impute(some, [0, -1, 1])[:, 1]
    np.testing.assert_allclose(mixed, [low, unknown, high], atol=1e-5)
    draws = model.impute(some, [0, -1, 1], draws=60)[:, :, 1].mean(axis=0)
    np.testing.assert_allclose(draws, mixed, atol=2)


def test_counts_and_binary_values_are_drawn_as_such():
    for likelihood, rows in (("bernoulli", REALS > 5), ("poisson", np.abs(REALS))):
        holes = np.where(MISSING, np.nan, np.floor(rows))
        model = vae(likelihood=likelihood).fit(holes)
        draws = model.impute(holes, draws=2)
        assert (draws == np.floor(draws)).all() and draws.min() >= 0
        assert (model.impute(holes)[MISSING] != np.floor(model.impute(holes)[MISSING])).any()
    pixels = vae(likelihood="bernoulli", max_value=255).fit(255 * np.where(MISSING, np.nan, 1))
    assert set(np.unique(pixels.impute(X * 0, draws=1))) <= {0, 255}


def test_bad_arguments(fitted):
    for bad in ({"n_importance": 0}, {"n_importance": 2.5}, {"draws": 0}, {"draws": True}):
        with pytest.raises(ValueError, match="must be a positive integer"):
            fitted.impute(X, **bad)
    with pytest.raises(ValueError, match="memory"):
        fitted.impute(X, draws=10**12)
    assert not hasattr(vae(variational=False).fit(X), "impute")
    with pytest.raises(ValueError, match="5 features"):
        fitted.impute(X[:, :2])
