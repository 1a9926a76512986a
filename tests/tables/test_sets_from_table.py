"""Sets know their keys, and vectors come back under them."""

import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from containers_of_tables import TABLES
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.fixes import parse_version

from skvae import FisherVectorEncoder, sets_from_table

COLUMNS = {
    "k": ["b", "a", None, "b", "c"],
    "n": [1, 1, 1, 1, 2],
    "x": [1.0, 2.0, 3.0, 4.0, 5.0],
    "flag": [True, False, True, True, True],
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_sets_are_under_their_keys_in_the_order_of_the_table(make):
    sets = sets_from_table(make(COLUMNS), by="k", columns=["x", "flag"])
    assert sets.index.tolist() == ["b", "a", "c"] and sets.index.name == "k"
    assert sets["b"].tolist() == [[1, 1], [4, 1]] and sets["a"].tolist() == [[2, 0]]
    assert sets_from_table(make(COLUMNS), by="k")["c"].tolist() == [[2, 5, 1]]


def test_several_columns_are_levels_of_the_index():
    sets = sets_from_table(pd.DataFrame(COLUMNS), by=["k", "n"])
    assert sets.index.names == ["k", "n"]
    assert sets[("b", 1)].tolist() == [[1, 1], [4, 1]]


def test_keys_may_be_tuples():
    sets = sets_from_table(pd.DataFrame({"k": [(1, 2), (3, 4)], "x": [1.0, 2.0]}), by="k")
    assert sets.index.tolist() == [(1, 2), (3, 4)] and sets.index.nlevels == 1


@pytest.fixture
def table(rng):
    keys = rng.integers(0, 40, 500)
    return pd.DataFrame({"k": keys, "x": 1e3 + rng.normal(size=500) * np.where(keys % 2, 5, 0.1)})


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7.1"),
    reason="older scikit-learn takes the index of frames only",
)
@pytest.mark.parametrize("by", ["k", ["k"]])
def test_vectors_come_back_under_the_keys(by, table):
    sets = sets_from_table(table, by=by)
    vectors = FisherVectorEncoder(2).set_output(transform="pandas").fit_transform(sets)
    assert vectors.index.equals(sets.index) and vectors.shape == (len(sets), 6)


def test_splitters_index_them(table):
    sets = sets_from_table(table, by="k")
    y = sets.index.to_numpy() % 2
    train, test = train_test_split(sets, random_state=0)
    assert set(train.index) | set(test.index) == set(sets.index)
    reducer = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    encoder = FisherVectorEncoder(2, reducer=reducer, random_state=0)
    model = make_pipeline(encoder, LogisticRegression())
    assert cross_val_score(model, sets, y, cv=4).mean() > 0.9


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a"] * 5, "'x' of table holds categories, no numbers: .* or use TableSets"),
        ([np.nan] * 5, "'x' of table has no value"),
        ([1.0, np.inf, 1.0, 1.0, 1.0], "'x' of table contains infinity"),
        ([[1]] * 5, "'x' of table holds list"),
    ],
    ids=["text", "all holes", "infinity", "lists"],
)
def test_what_is_no_number_is_named(column, message):
    with pytest.raises(ValueError, match=message):
        sets_from_table(pd.DataFrame(COLUMNS | {"x": column}), by="k")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "key"}, "by 'key' is no column of table"),
        ({"by": "k", "columns": ["y"]}, "columns: 'y' is no column of table"),
        ({"by": ["k", "n", "x", "flag"]}, "columns is empty"),
        ({"by": "k", "columns": []}, "columns is empty"),
        ({"by": []}, "by is empty"),
    ],
)
def test_columns_that_are_not_there_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        sets_from_table(pd.DataFrame(COLUMNS), **options)


def test_missing_values_stay_for_the_mixture():
    table = pd.DataFrame({"k": [1, 2, 1, 2], "x": [1.0, np.nan, 3.0, 4.0]})
    sets = sets_from_table(table, by="k")
    assert np.array_equal(sets[2], [[np.nan], [4.0]], equal_nan=True)
    assert np.isfinite(FisherVectorEncoder(1).fit_transform(sets)).all()


def test_a_table_without_keys_is_named():
    with pytest.raises(ValueError, match="table has no row with a key in 'k'"):
        sets_from_table(pd.DataFrame({"k": [None, None], "x": [1.0, 2.0]}), by="k")


def test_without_pandas_a_message_says_what_to_install(monkeypatch):
    pytest.importorskip("polars")
    table = TABLES["polars"](COLUMNS)
    monkeypatch.delitem(sys.modules, "pandas")  # None in its place confuses scikit-learn < 1.9
    monkeypatch.setattr(sys, "meta_path", [])  # nothing is found any more
    with pytest.raises(ImportError, match="sets_from_table needs pandas: pip install pandas"):
        sets_from_table(table, by="k", columns=["x"])
