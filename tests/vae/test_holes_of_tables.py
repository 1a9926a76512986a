"""Holes of tables: what is missing of a row counts for nothing, and is filled in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from skvae import VAETransformer


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 200
    port = rng.choice(["S", "C", "Q"], n)
    table = pd.DataFrame({"age": rng.normal(30, 5, n) + 20 * (port == "C"), "port": port})
    table.loc[::7, "age"] = np.nan
    table.loc[::9, "port"] = None

    return table


@pytest.fixture(scope="module")
def vae(table):
    return VAETransformer(2, hidden_layer_sizes=(16,), max_iter=30, random_state=0).fit(table)


@pytest.mark.slow
def test_rows_with_holes_have_finite_features_and_scores(vae, table):
    assert np.isfinite(vae.transform(table)).all()
    assert np.isfinite(vae.score_samples(table, n_importance=10)).all()


def test_a_missing_category_is_the_sum_over_all(vae):
    known = pd.DataFrame({"age": [50.0] * 3, "port": ["S", "C", "Q"]})
    missing = known[:1].assign(port=None)
    log_p = vae.score_samples(known, n_importance=2000)

    np.testing.assert_allclose(
        np.logaddexp.reduce(log_p), vae.score_samples(missing, n_importance=2000), atol=0.05
    )


def test_what_is_observed_stays_and_what_is_missing_is_filled_in(vae, table):
    filled = vae.impute(table)

    assert isinstance(filled, pd.DataFrame)
    assert not filled.isna().to_numpy().any()
    for name in table:
        observed = table[name].notna()
        assert filled[name][observed].tolist() == table[name][observed].tolist()
    assert set(filled.port) == {"S", "C", "Q"}


def test_draws_are_tables(vae, table):
    first, second = vae.impute(table[:20], draws=2)

    assert first.index.equals(table.index[:20])
    assert first.age[0] != second.age[0]


def test_categories_that_the_fit_does_not_tell_apart_stay(table):
    pooling = OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist")
    blocks = [("ports", pooling, ["port"]), ("ages", "gaussian_diag", ["age"])]
    vae = VAETransformer(2, likelihood=blocks, max_iter=1, random_state=0).fit(table)
    new = table[:9].assign(port=["S", "C", "Q", "new", None, "new", "Q", "C", None])
    for kind in (object, pd.CategoricalDtype(["new", "Q", "C", "S"])):
        port = vae.impute(new.astype({"port": kind})).port
        assert port[new.port.notna()].tolist() == new.port.dropna().tolist()
        assert port.notna().all()


def test_rows_of_which_nothing_is_known_have_the_probability_one(vae, table):
    empty = table[:2].assign(age=np.nan, port=None)

    assert vae.score_samples(empty).tolist() == [0, 0]
    assert vae.score(empty) == 0
