"""Weights and validation data of a fit, as users give them."""

import numpy as np
import pandas as pd
import pytest
from reiterable import Blocks
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from small import same_weights, vae

from skvae.vae.training import batches, fit

X, Y = load_digits(return_X_y=True)
X, Y = X[:240] / 16, Y[:240]
WEIGHTS = np.random.default_rng(0).integers(0, 4, 240).astype(np.float64)
COUNTED = WEIGHTS > 0
STOPS = {"early_stopping": True, "warm_up": 0.0}

OPTIONS = [
    {},
    {"conditional": "prior", "label_weight": 1.0},
    {"conditional": "decoder", "max_iter": 1},
    {"early_stopping": True, "warm_up": 0.0},
    {"steps_per_epoch": 11},
    {"likelihood": "gaussian", "n_importance": 2},
]


# Weights


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equal_weights_are_none_and_rows_of_weight_zero_are_left_out_to_the_last_bit(options):
    plain = vae(**options).fit(X, Y)
    assert same_weights(vae(**options).fit(X, Y, np.full(240, 0.3)), plain)
    few = vae(**options).fit(X[COUNTED], Y[COUNTED])
    assert same_weights(vae(**options).fit(X, Y, 2.0 * COUNTED), few)
    weighted = vae(**options).fit(X, Y, WEIGHTS)
    again = vae(**options).fit(X[COUNTED], Y[COUNTED], 7 * WEIGHTS[COUNTED])
    assert same_weights(weighted, again) and weighted.history_ == again.history_
    assert np.array_equal(weighted.kl_per_dimension_, again.kl_per_dimension_)
    assert not same_weights(weighted, few)


def test_weights_of_a_partial_fit():
    for options in ({}, {"conditional": "prior"}):
        weighted, few = vae(**options), vae(**options)
        for half in (slice(0, 120), slice(120, 240)):
            counted = half.start + np.flatnonzero(COUNTED[half])
            weighted.partial_fit(X[half], Y[half], np.arange(10), WEIGHTS[half])
            few.partial_fit(X[counted], Y[counted], np.arange(10), WEIGHTS[counted])
        assert same_weights(weighted, few)


def test_rows_of_weight_zero_decide_nothing():
    strange, labels = X.copy(), Y.copy()
    strange[~COUNTED], labels[~COUNTED] = 1e6, 77
    a = vae(conditional="prior").fit(strange, labels, WEIGHTS)
    b = vae(conditional="prior").fit(X, Y, WEIGHTS)
    assert same_weights(a, b) and a.classes_.tolist() == list(range(10))
    assert np.array_equal(a.scale_, b.scale_) and np.array_equal(a.mean_, b.mean_)


def test_the_moments_and_class_frequencies_are_weighted():
    fitted = vae(conditional="prior", likelihood="gaussian", max_iter=1).fit(X, Y, WEIGHTS)
    center = np.average(X, axis=0, weights=WEIGHTS)
    np.testing.assert_allclose(fitted.mean_, center, atol=1e-12)
    spread = np.sqrt(np.average((X - center) ** 2, axis=0, weights=WEIGHTS))
    np.testing.assert_allclose(fitted.scale_[spread > 0], spread[spread > 0], rtol=1e-9)
    shares = np.bincount(Y, WEIGHTS) / WEIGHTS.sum()
    counts = fitted.class_counts_
    np.testing.assert_allclose(counts / counts.sum(), shares)
    assert counts.sum() == pytest.approx(COUNTED.sum())


@pytest.mark.slow
def test_a_fit_learns_what_weighs():
    """Two groups of rows, each told apart by its own half of the features."""
    rng = np.random.default_rng(0)
    rows = np.zeros((400, 8))
    rows[:200, :4] = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 4))
    rows[200:, 4:] = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 4))
    scores = []
    for heavy in (slice(0, 200), slice(200, 400)):
        weights = np.full(400, 0.02)
        weights[heavy] = 1.0
        fitted = vae(n_components=1, max_iter=20, likelihood="gaussian", warm_up=0.1)
        fitted.fit(rows / rows.std(0), sample_weight=weights)
        scores.append([fitted.score(rows[:200]), fitted.score(rows[200:])])
    assert scores[0][0] - scores[0][1] > scores[1][0] - scores[1][1] + 1


@pytest.mark.slow
def test_the_history_of_weighted_rows_is_that_of_rows_repeated():
    options = {"likelihood": "gaussian", "max_iter": 10}
    weighted = vae(**options).fit(X, sample_weight=WEIGHTS)
    rows = np.repeat(X, WEIGHTS.astype(int), axis=0)
    repeated = vae(**options).fit(rows)
    n_steps = repeated.n_iter_ * len(rows) / COUNTED.sum()
    assert weighted.score(X, sample_weight=WEIGHTS) == pytest.approx(weighted.score(rows))
    assert n_steps > weighted.n_iter_
    weighted = vae(**options | {"max_iter": int(n_steps)}).fit(X, sample_weight=WEIGHTS)
    assert weighted.score(rows) == pytest.approx(repeated.score(rows), abs=2.0)
    assert weighted.history_["elbo"][-1] == pytest.approx(repeated.history_["elbo"][-1], abs=2.0)


def test_weights_are_the_same_however_rows_come(tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    fitted = vae().fit(X, sample_weight=WEIGHTS)
    for form in (mapped, csr_array(X), pd.DataFrame(X).to_numpy()):
        assert same_weights(vae().fit(form, sample_weight=pd.Series(WEIGHTS)), fitted)
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 8 * 64 * 96)
    options = {"conditional": "prior"} | STOPS
    streams = [Blocks(*np.array_split(X, n)) for n in (1, 7)]
    a, b = (vae(**options).fit(stream, Y, WEIGHTS) for stream in streams)
    assert same_weights(a, b) and a.history_ == b.history_


@pytest.mark.slow
def test_a_stream_visits_rows_by_their_weights(monkeypatch):
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 8 * 64 * 96)
    seen = []
    original = fit.train

    def spy(model, optimizer, given, *args, **kwargs):
        for epoch in range(200):
            seen.extend(batch.y for batch in given.of_epoch(epoch))
        return original(model, optimizer, given, *args, **kwargs)

    monkeypatch.setattr(fit, "train", spy)
    vae(conditional="prior", max_iter=1).fit(Blocks(*np.array_split(X, 4)), Y, WEIGHTS)
    visits = np.bincount(np.concatenate(seen), minlength=10) / 200
    np.testing.assert_allclose(
        visits, np.bincount(Y, WEIGHTS) * COUNTED.sum() / WEIGHTS.sum(), rtol=0.02
    )


def test_score_is_the_weighted_mean_of_the_rows():
    fitted = vae(conditional="prior").fit(X, Y)
    by_row = np.array([fitted.score(X[i : i + 1], Y[i : i + 1]) for i in range(20)])
    weights = np.arange(20.0)
    assert fitted.score(X[:20], Y[:20], weights) == pytest.approx(
        np.average(by_row, weights=weights), rel=1e-6
    )
    assert fitted.score(X, Y) == fitted.score(X, Y, None)
    with pytest.raises(ValueError, match=r"one for every row; got \(20,\)"):
        fitted.score(X, sample_weight=weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-WEIGHTS, "a negative weight"),
        (np.where(COUNTED, np.nan, 1), "sample_weight contains NaN"),
        (0 * WEIGHTS, "All weights are zero"),
        (WEIGHTS[1:], r"must have shape \(240,\), one for every row; got \(239,\)"),
    ],
    ids=["negative", "NaN", "zero", "length"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("form", [np.array, lambda X: Blocks(*np.array_split(X, 3))])
def test_bad_weights_leave_the_fit_before(weights, message, method, form):
    fitted = vae(max_iter=1).fit(X)
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(form(X), sample_weight=weights)
    assert vars(fitted) == before


def test_labels_of_another_length_than_weighted_rows():
    for weights in (WEIGHTS, WEIGHTS + 1):
        with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[240, 239\]"):
            vae(conditional="prior").fit(X, Y[1:], weights)


# Validation data


def test_a_fit_stops_by_the_rows_that_it_is_given():
    for form in (np.array, csr_array, lambda X: Blocks(*np.array_split(X, 3))):
        fitted = vae(**STOPS).fit(X, X_val=form(X[:50]))
        last = fitted.history_["validation_elbo"][np.argmax(fitted.history_["validation_elbo"])]
        assert fitted.score(X[:50]) == pytest.approx(last, abs=1e-6)
        assert fitted.best_validation_score_ == last


def test_no_row_is_held_out_of_the_others(monkeypatch):
    seen = {}
    original = fit.train

    def spy(model, optimizer, given, *args, **kwargs):
        seen["n"] = len(given.x)
        return original(model, optimizer, given, *args, **kwargs)

    monkeypatch.setattr(fit, "train", spy)
    vae(**STOPS).fit(X, X_val=X[:50])
    assert seen["n"] == 240
    one = vae(**STOPS, tol=1e9, n_iter_no_change=1, max_iter=9).fit(X, X_val=X[:1])
    assert one.n_iter_ == 2


def test_labels_and_weights_of_validation_rows():
    own = np.where(np.arange(50) % 3, Y[:50], -1)
    for conditional in ("prior", "decoder"):
        fitted = vae(conditional=conditional, **STOPS).fit(
            X, Y, X_val=X[:50], y_val=own, sample_weight_val=WEIGHTS[:50]
        )
        score = fitted.score(X[:50], own, WEIGHTS[:50])
        assert score == pytest.approx(fitted.best_validation_score_, abs=1e-5)


def test_validation_rows_beyond_the_range_of_a_likelihood():
    grey = {"likelihood": "bernoulli", **STOPS}
    with pytest.warns(UserWarning, match="X has values between 0 and 1.5"):
        fitted = vae(**grey).fit(X, X_val=1.5 * X[:50])
    clipped = np.minimum(1.5 * X[:50], 1)
    assert np.isfinite(fitted.best_validation_score_)
    assert same_weights(fitted, vae(**grey).fit(X, X_val=clipped))
    counts = np.round(9 * X)
    with pytest.raises(ValueError, match="X_val cannot be used: likelihood='poisson' needs counts"):
        vae(likelihood="poisson", **STOPS).fit(counts, X_val=X[:50])


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"X_val": X[:5, :9], "y_val": Y[:5]}, "X_val cannot be used: X has 9 features"),
        ({"X_val": X[:5], "y_val": Y[:4]}, r"y_val cannot be used: .*samples: \[5, 4\]"),
        ({"X_val": X[:2], "y_val": [0, 12]}, r"y_val cannot be used: .*not seen in fit: \[12\]"),
        ({"X_val": X[:5]}, "X_val needs y_val"),
        ({"y_val": Y[:5]}, "y_val is given without X_val"),
        ({"sample_weight_val": [1.0]}, "sample_weight_val is given without X_val"),
        (
            {"X_val": X[:2], "y_val": Y[:2], "sample_weight_val": [1.0]},
            r"sample_weight_val must have shape \(2,\), one for every row; got \(1,\)",
        ),
        (
            {"X_val": X[:2], "y_val": Y[:2], "sample_weight_val": [0, 0]},
            r"All weights are zero \(sample_weight_val\)",
        ),
        ({"X_val": X[:2] + np.inf, "y_val": Y[:2]}, "X_val cannot be used: .*infinity"),
        ({"X_val": X[:2] * 1e9, "y_val": Y[:2]}, "X_val cannot be used: .*standard deviations"),
    ],
)
def test_bad_validation_data_leave_the_fit_before(own, message):
    fitted = vae(conditional="prior", likelihood="gaussian", max_iter=1, **STOPS).fit(X, Y)
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fitted.fit(X, Y, **own)
    assert vars(fitted) == before


def test_validation_data_without_early_stopping():
    with pytest.raises(ValueError, match="need early_stopping=True"):
        vae().fit(X, X_val=X)
    with pytest.raises(NotFittedError):
        vae().transform(X)


# Metadata routing


def test_weights_and_validation_data_are_routed_through_a_pipeline():
    with config_context(enable_metadata_routing=True):
        routed = vae(**STOPS).set_fit_request(sample_weight=True, X_val=True)
        steps = [("scaler", MinMaxScaler()), ("vae", routed.set_score_request(sample_weight=True))]
        pipeline = Pipeline(steps, transform_input=["X_val"])
        pipeline.fit(16 * X, sample_weight=WEIGHTS, X_val=16 * X[:50])
        scaled = MinMaxScaler().fit_transform(16 * X)
        alone = vae(**STOPS).fit(scaled, sample_weight=WEIGHTS, X_val=scaled[:50])
        assert same_weights(pipeline[-1], alone)
        score = pipeline.score(16 * X, sample_weight=WEIGHTS)
        assert score == alone.score(scaled, sample_weight=WEIGHTS)


@pytest.mark.slow
def test_weights_are_routed_through_a_search():
    with config_context(enable_metadata_routing=True):
        routed = vae(conditional="prior").set_fit_request(sample_weight=True)
        routed.set_score_request(sample_weight=True)
        search = GridSearchCV(routed, {"n_components": [2]}, cv=2, error_score="raise")
        search.fit(X, Y, sample_weight=1 + WEIGHTS)
        scores = []
        for test in (slice(0, 120), slice(120, 240)):
            train = np.setdiff1d(np.arange(240), np.arange(240)[test])
            own = vae(n_components=2, conditional="prior")
            own.fit(X[train], Y[train], 1 + WEIGHTS[train])
            scores.append(own.score(X[test], Y[test], 1 + WEIGHTS[test]))
        assert same_weights(
            search.best_estimator_, vae(n_components=2, conditional="prior").fit(X, Y, 1 + WEIGHTS)
        )
        assert np.isfinite(scores).all() and np.isfinite(search.best_score_)
        pipeline = Pipeline(
            [
                ("vae", vae().set_fit_request(sample_weight=True)),
                ("classifier", LogisticRegression().set_fit_request(sample_weight=False)),
            ]
        ).fit(X, Y, sample_weight=WEIGHTS)
        assert same_weights(pipeline[0], vae().fit(X, Y, WEIGHTS))


@pytest.mark.parametrize("unknown", ["ignore", "error"])
def test_a_category_of_rows_of_weight_zero_is_none(unknown):
    kinds = np.array(["a", "b", "c"])[np.arange(240) % 3]
    kinds[0] = "only here"
    table = pd.DataFrame({"x": X[:, 0], "kind": kinds})
    weights = np.where(np.arange(240) % 4, 1.0 + np.arange(240) % 2, 0.0)
    encoder = OneHotEncoder(handle_unknown=unknown)
    blocks = [("x", "gaussian_diag", ["x"]), ("kind", encoder, ["kind"])]
    for options in ({"likelihood": blocks}, {"likelihood": blocks, "conditional": "prior"}):
        few = table[weights > 0], Y[weights > 0], weights[weights > 0]
        model, expected = (vae(**options).fit(*rows) for rows in ((table, Y, weights), few))
        assert same_weights(model, expected) and model.history_ == expected.history_
        model.partial_fit(table, Y, sample_weight=weights)
        assert same_weights(model, expected.partial_fit(few[0], few[1], sample_weight=few[2]))
