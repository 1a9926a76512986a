"""Columns become dimensions of descriptors, by what was learned from rows of the fit alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skvae import FisherVectorEncoder, TableSets
from skvae.tables.columns import fit_columns, kinds_of


def fitted(table, rows=None, **options):
    rows = np.arange(len(table)) if rows is None else rows
    return fit_columns(table, rows, kinds_of(table, list(table.columns)), **options)


def test_numbers_become_normal_quantiles(rng):
    table = pd.DataFrame({"x": np.exp(rng.normal(size=2001))})
    found = fitted(table).descriptors(table, np.arange(2001))
    quantiles = table.x.rank().to_numpy() / 2002
    np.testing.assert_allclose(found[10:-10, 0].max(), 5.2, atol=0.01)
    inside = (quantiles > 0.01) & (quantiles < 0.99)
    np.testing.assert_allclose(found[inside, 0], norm.ppf(quantiles[inside]), atol=0.05)


def test_what_is_learned_is_of_the_rows_of_the_fit():
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 1e6], "c": ["a", "b", "a", "z"]})
    encoder = fitted(table, np.arange(3), numeric=StandardScaler())
    assert encoder.names() == ["x", "c_a", "c_b"]
    found = encoder.descriptors(table, np.arange(4))
    np.testing.assert_allclose(found[:3, 0].mean(), 0, atol=1e-12)
    assert found[:, 1:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]


def test_rare_and_new_categories_are_one():
    letters = [*"ab" * 40, *map(str, range(60))]
    table = pd.DataFrame({"c": letters})
    encoder = fitted(table)
    assert len(encoder.names()) == 30 and encoder.names()[-1] == "c_infrequent_sklearn"
    new = encoder.descriptors(pd.DataFrame({"c": ["new", "a"]}), np.arange(2))
    assert new[0].argmax() == 29 and encoder.names()[new[1].argmax()] == "c_a"
    assert new.sum(axis=1).tolist() == [1, 1]


def test_missing_numbers_are_medians_that_are_marked():
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan], "full": [1.0, 2.0, 3.0, 4.0]})
    encoder = fitted(table)
    assert encoder.names() == ["x", "full", "missingindicator_x"]
    found = encoder.descriptors(table, np.arange(4))
    assert found[:, 2].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(found[3, 0], found[1, 0])


def test_missing_categories_and_booleans_are_categories():
    table = pd.DataFrame(
        {"c": ["a", None, "b"], "f": pd.Series([True, False, None], dtype="boolean")}
    )
    encoder = fitted(table)
    assert encoder.names() == ["c_a", "c_b", "c_None", "f_False", "f_True", "f_None"]
    assert encoder.descriptors(table, np.arange(3)).sum(axis=0).tolist() == [1] * 6


def test_a_row_does_not_depend_on_the_others(rng):
    table = pd.DataFrame({"x": rng.normal(size=50), "c": rng.choice(list("abc"), 50)})
    encoder = fitted(table)
    whole = encoder.descriptors(table, np.arange(50))
    rows = rng.permutation(50)[:7]
    assert np.array_equal(encoder.descriptors(table, rows), whole[rows])


def test_no_rows_have_no_descriptors_of_the_same_width():
    table = pd.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]})
    assert fitted(table).descriptors(table, np.arange(0)).shape == (0, 3)


def test_transformers_of_the_user_are_cloned_and_may_be_sparse():
    table = pd.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]})
    scaler, one_hot = StandardScaler(), OneHotEncoder()
    found = fitted(table, numeric=scaler, categorical=one_hot).descriptors(table, np.arange(2))
    assert found.tolist() == [[-1, 1, 0], [1, 0, 1]]
    assert not hasattr(scaler, "mean_") and not hasattr(one_hot, "categories_")
    found = fitted(table, categorical=OrdinalEncoder()).descriptors(table, np.arange(2))
    assert found[:, 1].tolist() == [0, 1]


def test_values_that_stay_missing_are_missing_to_the_mixture():
    table = pd.DataFrame({"key": list("aaabbb"), "full": np.arange(6.0), "x": [1.0, np.nan] * 3})
    encoder = fitted(table[["full", "x"]], numeric=StandardScaler())
    assert np.isnan(encoder.descriptors(table, np.arange(6))[1::2, 1]).all()

    extractor = TableSets(table, key="key", numeric=StandardScaler())
    fv = FisherVectorEncoder(2, extractor=extractor, random_state=0)
    assert np.isfinite(fv.fit_transform(pd.DataFrame({"key": ["a", "b"]}))).all()


@pytest.mark.parametrize(
    "empty", [[np.nan, np.nan, 1.0], [None, None, "a"], [None, None, None]], ids=str
)
def test_a_column_without_values_is_named(empty):
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "empty": empty})
    with pytest.raises(ValueError, match="Column 'empty' of table has no value in any row"):
        fitted(table, np.arange(2))
