"""A fit on rows with missing values, and what the fitted model says of such rows."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from own_modules import ContinuousBernoulli
from reiterable import Blocks
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn.utils import get_tags
from small import same_weights, vae

from skvae import FisherScores, VAETransformer
from skvae.data.rows import ArrayRows
from skvae.vae.examples import Examples
from skvae.vae.missing import log_jacobians, mean_log_jacobian
from skvae.vae.scaling import Scaling

RNG = np.random.default_rng(0)
Y = RNG.integers(3, size=90)
REALS = 5 + RNG.normal(size=(90, 2)) @ RNG.normal(size=(2, 6)) + 0.3 * RNG.normal(size=(90, 6))
MISSING = RNG.random(REALS.shape) < 0.3
MISSING[0], MISSING[1:10] = True, False
DATA = {
    "gaussian": REALS,
    "gaussian_diag": REALS,
    "bernoulli": (REALS > 5).astype(float),
    "poisson": np.floor(np.abs(REALS)),
}


def holed(X):
    return np.where(MISSING, np.nan, X)


OPTIONS = [
    {},
    {"likelihood": "gaussian_diag", "prior": "mixture", "n_prior_components": 2},
    {"likelihood": "bernoulli", "n_importance": 3},
    {"likelihood": "bernoulli", "binarize": "threshold"},
    {"likelihood": "bernoulli", "binarize": "dynamic"},
    {"likelihood": "poisson", "early_stopping": True},
    {"conditional": "prior", "label_weight": 1.0},
    {"conditional": "decoder"},
    {"network": "conv", "image_shape": (2, 3)},
    {"variational": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_method_takes_rows_with_missing_values(options):
    X = holed(DATA[options.get("likelihood", "gaussian")])
    fitted = vae(**options).fit(X, Y, X_val=X, y_val=Y) if "early_stopping" in options else None
    fitted = fitted or vae(**options).fit(X, Y)
    answers = [fitted.transform(X), fitted.reconstruct(X), fitted.interpolate(X[:3], X[3:6])]
    if options.get("variational", True):
        few = {"n_importance": 3}
        answers += [fitted.score(X, Y), fitted.score_samples(X, Y, **few)]
        answers += [fitted.impute(X, Y, **few), fitted.impute(X, draws=2, **few)]
        answers.append(FisherScores(fitted).fit(X).transform(X))
        for output in ("params", "sample", "refined"):
            answers.append(fitted.set_params(output=output).transform(X))
    if "conditional" in options:
        answers.append(fitted.predict_proba(X))
    assert all(np.isfinite(answer).all() for answer in answers)
    assert np.isfinite(fitted.history_["loss"]).all()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_row_does_not_feel_what_its_neighbours_lack(options):
    X = DATA[options.get("likelihood", "gaussian")]
    for train in (X, holed(X)):
        fitted = vae(**options).fit(train, Y)
        answers = [fitted.transform]
        if options.get("variational", True):
            answers.append(partial(fitted.score_samples, n_importance=3))
        for answer in answers:
            assert np.array_equal(answer(holed(X))[1:10], answer(X)[1:10])
            if "network" not in options:  # convolutions may round a row by its place
                assert np.array_equal(answer(holed(X))[40:41], answer(holed(X)[40:41]))


@pytest.mark.slow
def test_rows_with_missing_values_come_in_any_form(tmp_path):
    X = holed(REALS)
    np.save(tmp_path / "X.npy", X)
    fitted, frame = vae().fit(X), pd.DataFrame(X, columns=list("abcdef"))
    for same in (
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        frame,
        frame.astype("Float64"),
        frame.astype(object).where(frame.notna(), None),
    ):
        assert same_weights(vae().fit(same), fitted)
        assert np.array_equal(fitted.transform(np.asarray(X)), vae().fit(same).transform(same))
    blocks = [vae().fit(Blocks(*np.split(X, places))) for places in ([5, 60], [30])]
    assert same_weights(*blocks)
    assert vae().fit(X.astype(np.float32)).transform(X.astype(np.float32)).dtype == np.float32


def test_a_fit_that_began_without_missing_values_takes_them_as_zeros():
    fitted = vae().fit(REALS)
    filled = np.where(MISSING, fitted.mean_, REALS)
    np.testing.assert_allclose(fitted.transform(holed(REALS)), fitted.transform(filled), atol=1e-6)
    before = fitted.parameters_["encoder.0.weight"].shape
    assert fitted.partial_fit(holed(REALS)).parameters_["encoder.0.weight"].shape == before
    assert vae().fit(holed(REALS)).parameters_["encoder.0.weight"].shape[1] == 2 * before[1]


def test_a_column_without_a_value_is_named_but_may_come_later():
    X = pd.DataFrame(REALS, columns=list("abcdef"))
    X["c"] = np.nan
    with pytest.raises(ValueError, match=r"Column 2 \(c\) of X has no value.*Leave the column out"):
        vae().fit(X)
    with pytest.raises(ValueError, match="Column 2"):
        vae(likelihood="bernoulli").partial_fit((X > 5).where(X.notna()))
    fitted = vae().partial_fit(REALS).partial_fit(X.to_numpy())
    assert np.isfinite(fitted.transform(X.to_numpy())).all()
    assert np.isfinite(fitted.score_samples(np.full((2, 6), np.nan), n_importance=3)).all()
    weights = (~MISSING[:, 2]).astype(float)
    with pytest.raises(ValueError, match="Column 2"):
        vae().fit(holed(REALS), sample_weight=1 - weights)


@pytest.mark.parametrize("likelihood", ["poisson", "bernoulli"])
def test_a_column_whose_values_are_all_held_out_has_a_finite_start(likelihood):
    X = DATA[likelihood].copy()
    X[1:, 2] = np.nan
    for seed in range(6):
        options = {"early_stopping": True, "validation_fraction": 0.5, "random_state": seed}
        fitted = vae(likelihood=likelihood, max_iter=1, **options).fit(X)
        assert all(np.isfinite(a).all() for a in fitted.parameters_.values())


def test_rows_to_stop_by_may_have_missing_values_where_others_have_none():
    fitted = vae(early_stopping=True).fit(REALS, X_val=holed(REALS))
    expected = fitted.score(holed(REALS))
    assert fitted.best_validation_score_ == pytest.approx(expected, abs=0.05)


def test_infinite_values_are_refused_and_missing_ones_of_sparse_rows():
    X = holed(REALS)
    with pytest.raises(ValueError, match="X contains NaN: the sparse matrix stores it at row 0"):
        vae().fit(csr_array(X))
    X[3, 3] = np.inf
    for method in (vae().fit, vae().fit(REALS).transform, vae().fit(REALS).impute):
        with pytest.raises(ValueError, match="infinity"):
            method(X)


@pytest.mark.parametrize("method", ["fit", "score", "impute"])
def test_a_likelihood_that_cannot_leave_them_out_says_what_to_add(method):
    X = REALS - REALS.min()
    X /= X.max()
    model = vae(likelihood=ContinuousBernoulli, max_iter=1)
    model = model if method == "fit" else model.fit(X)
    with pytest.raises(ValueError, match="ContinuousBernoulli.*log_prob_per_feature"):
        getattr(model, method)(holed(X))
    with pytest.raises(ValueError, match="ContinuousBernoulli.*log_prob_per_feature"):
        vae(likelihood=ContinuousBernoulli, early_stopping=True).fit(X, X_val=holed(X))


def test_resuming_gives_the_same_bits(tmp_path, power_cut):
    X = holed(REALS)
    expected = vae(max_iter=5).fit(X)
    with power_cut(2):
        vae(max_iter=5, checkpoint=tmp_path).fit(X)
    assert same_weights(vae(max_iter=5, checkpoint=tmp_path).fit(X), expected)


def test_the_jacobian_is_that_of_what_is_observed():
    scaling = Scaling(np.zeros(2), np.array([2.0, 5.0]), 1.0, None)
    X = np.array([[1.0, 1.0], [np.nan, 1.0], [np.nan, np.nan]])
    np.testing.assert_allclose(log_jacobians(scaling, X), [-np.log(10), -np.log(5), 0])
    assert log_jacobians(scaling, X[:1]) == scaling.log_jacobian()
    examples = Examples(ArrayRows(X), weights=np.array([1.0, 2.0, 1.0]), has_missing=True)
    expected = -(np.log(10) + 2 * np.log(5)) / 4
    assert mean_log_jacobian(scaling, examples) == pytest.approx(expected)


def test_densities_are_in_the_units_of_what_is_observed():
    scale = np.array([1.0, 10.0, 0.1, 3.0, 1.0, 7.0])
    a, b = (vae(max_iter=2).fit(holed(X)) for X in (REALS, REALS * scale))
    shift = ~MISSING @ np.log(scale)
    for fitted in (a.fitted_, b.fitted_):
        in_units, as_the_network_sees = (
            f(holed(REALS), None, 3) for f in (fitted.score_rows, fitted.bound_rows)
        )
        expected = -(~MISSING @ np.log(fitted.scaling.scale))
        np.testing.assert_allclose(in_units - as_the_network_sees, expected)
    for name in ("elbo", "reconstruction"):
        histories = [f.history_[name] for f in (a, b)]
        np.testing.assert_allclose(histories[1], np.array(histories[0]) - shift.mean(), atol=1e-3)


def test_the_importance_bound_rises_with_the_number_of_samples():
    fitted = vae(max_iter=20).fit(holed(REALS))
    bounds = [
        fitted.score(holed(REALS)),
        *(fitted.score_samples(holed(REALS), n_importance=k).mean() for k in (5, 50, 500)),
    ]
    assert bounds == sorted(bounds)


def linear_gaussian(n=1000):
    """Rows of a probabilistic PCA with a third of the values missing, its mean and covariance."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(6, 2))
    W *= 0.9 / np.linalg.norm(W, axis=1, keepdims=True)
    mean, covariance = rng.normal(size=6), W @ W.T + 0.19 * np.eye(6)
    X = rng.multivariate_normal(mean, covariance, n)
    X[rng.random(X.shape) < 0.3] = np.nan
    return X, mean, covariance


def marginal_log_density(X, mean, covariance):
    total = np.zeros(len(X))
    for i, x in enumerate(X):
        o = ~np.isnan(x)
        if o.any():
            total[i] = multivariate_normal.logpdf(x[o], mean[o], covariance[np.ix_(o, o)])
    return total


@pytest.mark.slow
def test_a_linear_gaussian_model_reaches_the_likelihood_of_probabilistic_pca():
    X, mean, covariance = linear_gaussian()
    fitted = VAETransformer(
        2,
        hidden_layer_sizes=(),
        likelihood="gaussian",
        n_importance=5,
        max_iter=30,
        learning_rate_init=0.02,
        batch_size=100,
        random_state=0,
    ).fit(X)
    expected = marginal_log_density(X, mean, covariance).mean()
    assert fitted.score_samples(X, n_importance=200).mean() == pytest.approx(expected, abs=0.05)


def test_tags_say_that_missing_values_are_taken():
    assert get_tags(vae()).input_tags.allow_nan
    assert get_tags(FisherScores(vae())).input_tags.allow_nan
