"""Contributions of descriptors to a linear decision: they sum to it, and divide as gradients do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import (
    BagOfVisualWordsEncoder,
    FisherVectorEncoder,
    ImagePatches,
    TableSets,
    VLADEncoder,
)
from skvae.fisher import contributions as contributions_module
from skvae.fisher.codec import Codec
from skvae.fisher.contributions import contributions
from skvae.fisher.reduction import Reduction
from skvae.fisher.sets import PackedSets
from skvae.fisher.vectors import SetVectors
from skvae.mixture.assignment import Assignment
from skvae.mixture.statistics import Mixture

EXACT = {"rtol": 0, "atol": 1e-10}


def ragged(rng, n=12, d=3):
    return [rng.normal(size=(size, d)) + i % 2 for i, size in enumerate(rng.integers(2, 40, n))]


def check_sums(encoder, X, rng, **tolerance):
    F = encoder.transform(X)
    coef = rng.normal(size=(3, F.shape[1]))
    sums = [part.sum(axis=0) for part in encoder.contributions(X, coef)]
    np.testing.assert_allclose(sums, F @ coef.T, **(tolerance or EXACT))


@pytest.mark.parametrize("norm", ["l2", "l1", "intra", None])
@pytest.mark.parametrize("power", [0.2, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
def test_they_sum_to_the_decision_less_its_intercept(rng, encoder, power, norm):
    X = ragged(rng)
    check_sums(encoder(4, power=power, norm=norm, random_state=0).fit(X), X, rng)


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 1},
        {"min_posterior": 0.1},
        {"gradients": ("stds", "weights"), "norm": "intra"},
        {"reducer": PCA(2)},
        {"reducer": StandardScaler(), "n_jobs": 2},
        {"dtype": "float64", "device": "cpu"},
    ],
)
def test_they_sum_to_the_decision_whatever_the_settings(rng, settings):
    X = ragged(rng)
    check_sums(FisherVectorEncoder(4, random_state=0, **settings).fit(X), X, rng)


@pytest.mark.parametrize("spatial", ["xy", (1, 2), ("xy", 1, 2, 3)])
@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
def test_they_sum_to_the_decision_with_positions_and_pyramids(digits, rng, encoder, spatial):
    X = digits[0][:40].astype(np.float64)
    parts = {"extractor": ImagePatches(3), "reducer": PCA(4), "spatial": spatial}
    fitted = encoder(5, random_state=0, **parts).fit(X)
    check_sums(fitted, X[:10], rng)
    assert fitted.contributions(X[:2], np.ones(fitted.transform(X[:1]).shape[1]))[1].shape == (36,)


def test_a_decision_of_single_precision_is_met_to_its_precision(rng):
    X = [x.astype(np.float32) for x in ragged(rng)]
    encoder = FisherVectorEncoder(4, random_state=0).fit(X)
    check_sums(encoder, X, rng, rtol=0, atol=1e-3)
    assert encoder.contributions(X[:1], np.ones(28))[0].dtype == np.float64


@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
def test_a_feature_divides_as_the_gradients_of_single_descriptors(rng, encoder):
    X = ragged(rng)
    fitted = encoder(4, power=0.3, norm="l1", random_state=0).fit(X)
    vector, n_features = fitted.encode(X[1]), len(fitted.encode(X[1]))
    plain = clone(fitted).set_params(power=1.0, norm=None).fit(X)
    gradients = np.array([plain.encode(x[None]) for x in X[1]])
    of_features = fitted.contributions(X[1:2], np.eye(n_features))[0]

    assert np.all(gradients.sum(axis=0) != 0) or encoder is not FisherVectorEncoder
    some = np.abs(vector) > 0
    expected = vector[some] * gradients[:, some] / gradients[:, some].sum(axis=0)
    np.testing.assert_allclose(of_features[:, some], expected, rtol=1e-7, atol=1e-12)
    assert not of_features[:, ~some].any()


def test_what_a_gradient_subtracts_belongs_to_all_descriptors_alike():
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[-9.0], [9.0]]), np.ones((2, 1)))
    of_sets = SetVectors(Reduction(None), Codec(mixture, ("weights",), 1.0, None))
    one = PackedSets.one(np.array([[-9.0], [-9.0], [-9.0], [9.0]]))
    found = contributions(of_sets, one, np.eye(2))
    # (posterior - weight) / (T root of weight)
    expected = np.array([[1, -1], [1, -1], [1, -1], [-1, 1]]) * 0.5 / 4 / np.sqrt(0.5)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("power", [0.1, 0.5])
def test_gradients_that_cancel_are_shared_equally_and_move_no_sum(rng, power):
    half = rng.normal(size=(50, 2))
    X = [np.concatenate([half, -half]), rng.normal(size=(30, 2))]
    mixture = Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2)))
    of_sets = SetVectors(Reduction(None), Codec(mixture, ("means", "stds"), power, "l2"))
    coef = rng.normal(size=(2, 4))
    for x in X:
        one = PackedSets.one(x)
        (vector,), _ = of_sets.of_batch(one)
        found = contributions(of_sets, one, coef)
        np.testing.assert_allclose(found.sum(axis=0), coef @ vector[0], **EXACT)
        assert np.abs(found).max() < 10
    of_means = contributions(of_sets, PackedSets.one(X[0]), np.eye(4)[:2])
    assert np.ptp(of_means, axis=0).max() < 1e-6  # nobody decides what is zero but for rounding


def test_a_weight_is_the_descriptor_so_many_times(rng):
    codec = Codec(
        Mixture(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), np.ones((2, 3))),
        ("weights", "means", "stds"),
        0.5,
        "l2",
        (1, 2),
    )
    of_sets, coef = SetVectors(Reduction(None), codec), rng.normal(size=(2, 5 * 14))
    x, where, weights = rng.normal(size=(9, 3)), rng.uniform(-1, 1, (9, 2)), rng.integers(0, 4, 9)
    weighted = PackedSets.one(x, where, weights.astype(float))
    repeated = PackedSets.one(np.repeat(x, weights, axis=0), np.repeat(where, weights, axis=0))
    once = contributions(of_sets, repeated, coef)
    owners = np.repeat(np.arange(9), weights)
    expected = [once[owners == i].sum(axis=0) for i in range(9)]
    np.testing.assert_allclose(contributions(of_sets, weighted, coef), expected, atol=1e-10)


def test_large_sets_are_worked_on_in_pieces(rng, monkeypatch):
    codec = Codec(
        Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2))),
        ("means",),
        0.5,
        "l2",
        assignment=Assignment(1),
    )
    of_sets, one = SetVectors(Reduction(None), codec), PackedSets.one(rng.normal(size=(20, 2)))
    whole = contributions(of_sets, one, np.ones((1, 2)))
    monkeypatch.setattr(contributions_module, "_BYTES", 8 * 2 * 3)
    np.testing.assert_allclose(contributions(of_sets, one, np.ones((1, 2))), whole, atol=1e-14)


def test_other_sets_change_no_bit(rng):
    X = ragged(rng)
    encoder = FisherVectorEncoder(4, n_jobs=2, random_state=0).fit(X)
    coef = rng.normal(size=28)
    together = encoder.contributions(X, coef)
    for i in (0, 5):
        assert np.array_equal(encoder.contributions(X[i : i + 1], coef)[0], together[i])


def test_coefficients_may_be_as_large_as_their_sums_are_finite(rng):
    X = ragged(rng, 3)
    encoder = FisherVectorEncoder(2, random_state=0).fit(X)
    coef = rng.normal(size=encoder.transform(X).shape[1])
    expected = encoder.contributions(X, coef)
    for found, part in zip(encoder.contributions(X, 2.0**1000 * coef), expected, strict=True):
        assert np.array_equal(found, 2.0**1000 * part)
    with pytest.raises(ValueError, match="coef is so large that contributions are infinite"):
        encoder.contributions(X, np.full(len(coef), 1.7e308))


def test_an_empty_set_has_no_contributions(rng):
    X = ragged(rng)
    encoder = FisherVectorEncoder(4, random_state=0).fit(X)
    empty, some = encoder.contributions([np.empty((0, 3)), X[0]], np.ones((2, 28)))
    assert empty.shape == (0, 2)
    assert some.shape == (len(X[0]), 2)
    assert [part.shape for part in encoder.contributions([X[0]], np.ones(28))] == [(len(X[0]),)]


def test_a_scaler_and_a_projection_fold_into_the_coefficients(rng):
    X, y = ragged(rng), np.arange(12) % 2
    encoder = FisherVectorEncoder(4, random_state=0)
    model = make_pipeline(encoder, StandardScaler(), TruncatedSVD(3, random_state=0))
    model = make_pipeline(*model, LogisticRegression()).fit(X, y)
    _, scaler, svd, linear = (step for _, step in model.steps)
    coef = (linear.coef_ @ svd.components_)[0] / scaler.scale_
    sums = np.array([part.sum() for part in encoder.contributions(X, coef)])
    constant = linear.intercept_[0] - coef @ scaler.mean_
    np.testing.assert_allclose(sums + constant, model.decision_function(X), **EXACT)


def test_rows_of_a_table_contribute_in_the_order_of_the_table(rng):
    table = pd.DataFrame({"key": [2, 1, 2, 1, 3], "value": [5.0, 0.0, 1.0, 0.1, 3.0]})
    main = pd.DataFrame({"key": [1, 2, 9]})
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key", unknown="ignore"))
    F = encoder.fit_transform(main)
    parts = encoder.contributions(main, np.ones(F.shape[1]))
    assert [len(part) for part in parts] == [2, 2, 0]
    turned = table.iloc[::-1].reset_index(drop=True)
    again = replace_table(encoder, turned).contributions(main, np.ones(F.shape[1]))
    np.testing.assert_allclose(again[1], parts[1][::-1], atol=1e-12)


def replace_table(encoder, table):
    encoder.extractor_.set_table(table)
    return encoder


def test_sets_of_dask_give_what_those_in_memory_do(rng):
    da = pytest.importorskip("dask.array")
    X = rng.normal(size=(6, 10, 3))
    encoder = FisherVectorEncoder(4, random_state=0).fit(X)
    of_dask = encoder.contributions(da.from_array(X, chunks=(2, 10, 3)), np.ones(28))
    assert np.array_equal(of_dask, encoder.contributions(X, np.ones(28)))


@pytest.mark.parametrize(
    ("coef", "message"),
    [
        (np.ones(27), r"coef must have shape \(28,\) or \(n_classes, 28\).*got \(27,\)"),
        (np.ones((28, 2)), r"got \(28, 2\).*folded in"),
        (np.ones((1, 1, 28)), "coef must have shape"),
        (np.full(28, np.nan), "coef contains NaN"),
    ],
)
def test_coefficients_that_fit_no_vector_are_an_error(rng, coef, message):
    X = ragged(rng)
    encoder = FisherVectorEncoder(4, random_state=0).fit(X)
    with pytest.raises(ValueError, match=message):
        encoder.contributions(X, coef)


def test_the_needles_that_decide_the_class_are_found(rng):
    """Sets of 200 descriptors, 2 of which are foreign where the class is 1."""
    y = np.arange(80) % 2
    X = rng.normal(size=(80, 200, 3))
    foreign = [rng.choice(200, 2, replace=False) for _ in y]
    for i in np.flatnonzero(y):
        X[i, foreign[i]] = rng.normal([3, -3, 3], 0.5, size=(2, 3))
    encoder = FisherVectorEncoder(8, random_state=0)
    F = encoder.fit_transform(X)
    linear = LogisticRegression(C=10).fit(F[:50], y[:50])
    found = [
        np.isin(np.argsort(-part)[:2], foreign[50 + i]).mean()
        for i, part in enumerate(encoder.contributions(X[50:], linear.coef_[0]))
        if y[50 + i]
    ]
    assert np.mean(found) >= 0.9
