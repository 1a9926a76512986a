"""All rows of a key become its set, in whatever scikit-learn puts around it."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from containers_of_tables import TABLES
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skvae import BagOfVisualWordsEncoder, FisherVectorEncoder, TableSets, VLADEncoder

KEYS = [f"k{i}" for i in range(60)]
# Columns in raw units, one of which tells the classes apart by how it varies.
COLUMNS = ["metres", "pascals", "colour"]


@pytest.fixture(scope="module")
def columns():
    """Columns of the other table, by their names: some 12 rows for each of 60 keys."""
    rng = np.random.default_rng(0)
    of_row = rng.integers(0, 60, 700)
    spread = np.where(of_row % 2, 0.2, 3.0)
    return {
        "key": [KEYS[i] for i in of_row],
        "metres": rng.normal(size=700) * spread,
        "pascals": 1e5 + 1e3 * rng.normal(size=700),
        "colour": rng.choice(["red", "green", "blue"], 700).tolist(),
    }


@pytest.fixture(scope="module")
def table(columns):
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def main():
    return pd.DataFrame({"own": np.arange(60.0), "key": KEYS})


@pytest.fixture(scope="module")
def y():
    return np.arange(60) % 2


def test_a_set_is_all_rows_of_its_key(table, main):
    extractor = TableSets(table, key="key", columns=["pascals", "metres"], numeric=StandardScaler())
    sets = extractor.fit(main).transform(main)
    raw = StandardScaler().fit_transform(table[["pascals", "metres"]])
    for key, found in zip(main.key, sets, strict=True):
        np.testing.assert_allclose(found, raw[table.key == key])


def test_names_and_kinds_are_those_of_the_columns(table, main):
    extractor = TableSets(table, key="key").fit(main)
    assert extractor.kinds_ == {"metres": "number", "pascals": "number", "colour": "category"}
    colours = ["colour_blue", "colour_green", "colour_red"]
    assert extractor.descriptor_names_.tolist() == ["metres", "pascals", *colours]
    assert extractor.transform(main)[0].shape[1] == 5


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("make_main", TABLES.values(), ids=TABLES)
def test_every_library_gives_the_same_vectors(make, make_main, columns, table, main):
    encoder = FisherVectorEncoder(3, extractor=TableSets(table, key="key"), random_state=0)
    expected = encoder.fit_transform(main)
    encoder.set_params(extractor__table=make(columns))
    other = make_main({"own": main.own.tolist(), "key": main.key.tolist()})
    assert np.array_equal(encoder.fit_transform(other), expected)
    assert encoder.n_features_in_ == 2


@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
def test_vectors_are_those_of_the_sets(encoder, table, main):
    extractor = TableSets(table, key="key")
    of_keys = encoder(3, extractor=extractor, random_state=0).fit(main)
    sets = extractor.fit(main).transform(main)
    vectors = of_keys.transform(main)
    parts = of_keys.get_params(deep=False) | {"extractor": None}
    assert np.array_equal(vectors, encoder(**parts).fit(sets).transform(sets))
    np.testing.assert_allclose(of_keys.encode(sets[5]), vectors[5], atol=1e-12)


def test_the_order_of_rows_and_of_keys_does_not_matter(table, main, rng):
    encoder = FisherVectorEncoder(3, extractor=TableSets(table, key="key"), random_state=0)
    vectors = encoder.fit_transform(main)
    order = rng.permutation(60)
    assert np.array_equal(encoder.transform(main.iloc[order]), vectors[order])
    shuffled = table.sample(frac=1, random_state=0)
    encoder.extractor_.set_table(shuffled)
    np.testing.assert_allclose(encoder.transform(main), vectors, atol=1e-12)


@pytest.mark.slow
def test_it_stands_in_pipelines_searches_and_beside_own_columns(table, main, y):
    sets = TableSets(table, key="key", unknown="ignore")
    encoder = FisherVectorEncoder(2, extractor=sets, random_state=0)
    pipeline = Pipeline([("fv", encoder), ("linear", LogisticRegression())])
    assert cross_val_score(pipeline, main, y, cv=3).mean() > 0.9
    assert cross_val_score(pipeline, main.key, y, cv=3).mean() > 0.9
    both = make_column_transformer((encoder, ["key"]), (StandardScaler(), ["own"]))
    assert cross_val_score(make_pipeline(both, LogisticRegression()), main, y, cv=3).mean() > 0.9
    grid = {
        "fv__extractor__columns": [["metres"], ["pascals"]],
        "fv__extractor__numeric": [None, StandardScaler()],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(main, y)
    assert search.best_params_["fv__extractor__columns"] == ["metres"]


def test_the_encoder_knows_the_columns_of_the_main_table(table, main):
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key")).fit(main)
    assert encoder.feature_names_in_.tolist() == ["own", "key"]
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(main[["key"]])


def test_only_rows_of_the_keys_of_the_fit_are_learned_from(table, main):
    other = table.copy()
    other.loc[other.key == "k0", "metres"] = 1e9
    some = main[main.key != "k0"]
    found = [
        FisherVectorEncoder(3, extractor=TableSets(t, key="key", unknown="ignore"), random_state=0)
        .fit(some)
        .transform(some)
        for t in (table, other)
    ]
    assert np.array_equal(*found)


def test_keys_may_be_repeated_unknown_or_missing(table, main):
    extractor = TableSets(table, key="key").fit(main)
    sets = extractor.transform(["k1", "new", None, "k1"])
    assert [len(s) for s in sets] == [len(sets[0]), 0, 0, len(sets[0])]
    assert sets[1].shape == (0, 5)
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key"), random_state=0)
    vectors = encoder.fit(pd.concat([main, main])).transform(main.replace("k3", "new"))
    assert not vectors[3].any() and vectors[4].any()


def test_quantiles_are_of_rows_not_of_repeated_keys(table, main):
    once = TableSets(table, key="key").fit(main).transform(main)
    repeated = pd.concat([main, main[:5], main[:5]])
    again = TableSets(table, key="key").fit(repeated).transform(main)
    assert all(map(np.array_equal, once, again))


def test_keys_may_be_several_columns_with_other_names(table, main):
    other = table.assign(a=table.key.str[0], b=table.key.str[1:].astype(int)).drop(columns="key")
    own = pd.DataFrame({"letter": "k", "number": np.arange(60)})
    expected = TableSets(table, key="key").fit(main).transform(main)
    extractor = TableSets(other, key=["letter", "number"], table_key=["a", "b"]).fit(own)
    assert all(map(np.array_equal, extractor.transform(own), expected))
    assert list(extractor.kinds_) == COLUMNS


def test_rows_of_unknown_keys_are_counted(table, main):
    table = pd.concat([table, table[:2].assign(key=None)])
    n = (table.key == "k0").sum() + (table.key == "k1").sum() + 2
    message = rf"{n} of the {len(table)} rows of table are of no key of X \(2 other keys, or none\)"
    with pytest.warns(UserWarning, match=message):
        TableSets(table, key="key").fit(main[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor = TableSets(table, key="key", unknown="ignore").fit(main[2:])
        extractor.transform(main)


def test_a_table_that_came_later_is_read_by_what_was_learned(table, main):
    encoder = FisherVectorEncoder(3, extractor=TableSets(table, key="key"), random_state=0)
    vectors = encoder.fit_transform(main)
    later = table.assign(key="later " + table.key, also="more")
    assert encoder.extractor_.set_table(later) is encoder.extractor_
    assert np.array_equal(encoder.transform(main.assign(key="later " + main.key)), vectors)
    assert not encoder.transform(main).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metres": "far"}, "'metres' of table holds values of the kind 'category', but 'number'"),
        (None, "'metres' is no column of table"),
    ],
)
def test_a_table_that_does_not_fit_changes_nothing(change, message, table, main):
    extractor = TableSets(table, key="key").fit(main)
    other = table.drop(columns="metres") if change is None else table.assign(**change)
    with pytest.raises(ValueError, match=message):
        extractor.set_table(other)
    assert extractor.table is table
    assert len(extractor.transform(main)[0])


# Copies


def test_clones_share_the_table(table):
    nested = FisherVectorEncoder(2, extractor=TableSets(table, key="key", numeric=StandardScaler()))
    for model in (nested, make_pipeline(nested)):
        cloned = clone(clone(model))
        extractor = (cloned if model is nested else cloned[0]).extractor
        assert extractor.table is table
        assert extractor.numeric is not nested.extractor.numeric
    assert nested.extractor.table is table


def test_a_fit_shares_the_table(table, main):
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key")).fit(main)
    assert encoder.extractor_.table is table


def test_a_pickle_gives_the_same_vectors(table, main):
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key"), random_state=0)
    vectors = encoder.fit_transform(main)
    assert np.array_equal(pickle.loads(pickle.dumps(encoder)).transform(main), vectors)


def test_descriptors_go_to_other_processes_not_the_table(table, main):
    extractor = TableSets(table, key="key").fit(main)
    source = extractor.sets(main.key[:3])
    received = pickle.loads(pickle.dumps(source))
    assert np.array_equal(received.pull().descriptors, source.pull().descriptors)
    assert len(pickle.dumps(source)) < source.pull().descriptors.nbytes + 1000


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_give_the_same_vectors(backend, table, main):
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key"), random_state=0)
    vectors = encoder.fit_transform(main)
    with joblib.parallel_config(backend=backend):
        assert np.array_equal(encoder.set_params(n_jobs=2).transform(main), vectors)


def test_output_of_frames_changes_no_set(table, main):
    extractor = TableSets(table, key="key")
    expected = extractor.fit(main).transform(main)
    with sklearn.config_context(transform_output="pandas"):
        found = clone(extractor).fit(main).transform(main)
        vectors = FisherVectorEncoder(2, extractor=extractor).fit_transform(
            main.set_index("own", drop=False)
        )
    assert all(map(np.array_equal, found, expected))
    assert vectors.index.tolist() == main.own.tolist()


# Errors, which lose nothing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "kye"}, "key 'kye' is no column of X, which has 'own', 'key'"),
        ({"table_key": "kye"}, "table_key 'kye' is no column of table, which has 'key', 'metres'"),
        ({"columns": ["metres", "grams"]}, "columns: 'grams' is no column of table"),
        ({"columns": []}, "columns is empty"),
        ({"table_key": []}, "table_key is empty: name the column of table"),
        ({"table_key": ["key", "metres"]}, "table_key=.* must name as many columns as key='key'"),
        ({"key": ["key"], "table_key": ["key", "metres"]}, "as many columns as key=.'key'."),
        ({"numeric": "quantiles"}, "The 'numeric' parameter of TableSets"),
        ({"unknown": "raise"}, "The 'unknown' parameter of TableSets"),
    ],
)
def test_what_is_not_there_is_named_and_loses_no_fit(options, message, table, main):
    extractor = TableSets(table, key="key").fit(main)
    before = extractor.transform(main)
    with pytest.raises(ValueError, match=message):
        extractor.set_params(**options).fit(main)
    extractor.set_params(key="key")
    assert all(map(np.array_equal, extractor.transform(main), before))


def test_numbers_that_are_missing_are_named_where_their_transformer_does_not_take_them(table, main):
    observed = table.assign(metres=np.arange(len(table), dtype=float))
    holes = observed.assign(metres=observed.metres.where(observed.metres % 7 != 0))
    extractor = TableSets(holes, key="key", columns=["metres"], numeric=PCA(1))
    message = "'metres' of table has missing values.*numeric=PCA.*SimpleImputer"
    with pytest.raises(ValueError, match=message):
        extractor.fit(main)
    fitted = extractor.set_params(table=observed).fit(main).set_table(holes)
    with pytest.raises(ValueError, match=message):
        fitted.transform(main)


def test_keys_of_another_kind_are_named(table, main):
    numbered = main.assign(key=np.arange(60))
    encoder = FisherVectorEncoder(2, extractor=TableSets(table, key="key"))
    with pytest.raises(ValueError, match="Keys of X are numbers, such as .*text, such as 'k"):
        encoder.fit(numbered)
    encoder.fit(main)
    with pytest.raises(ValueError, match="Keys of X are numbers"):
        encoder.transform(numbered)


def test_keys_that_all_miss_are_named(table, main):
    with pytest.raises(ValueError, match="None of the 60 keys of X, such as ' k0', has a row"):
        TableSets(table, key="key").fit(main.assign(key=" " + main.key))


def test_a_table_without_keys_is_named(table, main):
    for empty in (table[:0], table.assign(key=None)):
        with pytest.raises(ValueError, match="table has no row with a key"):
            TableSets(empty, key="key").fit(main)


@pytest.mark.parametrize("names", [{"metres", "pascals"}, 3])
def test_columns_without_an_order_are_refused(names, table, main):
    with pytest.raises(TypeError, match="columns must be a list of names"):
        TableSets(table, key="key", columns=names).fit(main)


def test_categories_that_do_not_compare_are_named(table, main):
    mixed = table.assign(colour=pd.Categorical([1, "a"] * 350))
    with pytest.raises(ValueError, match="The categories of column 'colour' of table: Encoders"):
        TableSets(mixed, key="key").fit(main)


def test_two_columns_of_one_name_in_the_main_table_are_named(table, main):
    twice = pd.concat([main, main], axis=1)
    with pytest.raises(ValueError, match="X has more than one column of the name 'own'"):
        FisherVectorEncoder(2, extractor=TableSets(table, key="key")).fit(twice)


def test_durations_do_not_become_times(main):
    days = pd.DataFrame({"key": KEYS, "long": pd.to_timedelta(np.arange(60), "D")})
    extractor = TableSets(days, key="key").fit(main)
    with pytest.raises(ValueError, match="values of the kind 'time', but 'duration' in fit"):
        extractor.set_table(days.assign(long=pd.Timestamp("2026-01-01")))


def test_a_column_without_values_in_the_rows_of_the_fit_is_named(table, main):
    empty = table.assign(grams=np.nan)
    with pytest.raises(ValueError, match="'grams' of table has no value in any row"):
        FisherVectorEncoder(2, extractor=TableSets(empty, key="key")).fit(main)


def test_infinity_is_named(table, main):
    infinite = table.assign(metres=np.inf)
    with pytest.raises(ValueError, match="Column 'metres' of table contains infinity"):
        TableSets(infinite, key="key").fit(main)


def test_what_is_no_table_is_named(main):
    with pytest.raises(TypeError, match="table must be a DataFrame .* got list"):
        TableSets([1, 2], key="key").fit(main)


def test_it_has_to_be_fitted(table, main):
    with pytest.raises(NotFittedError):
        TableSets(table, key="key").transform(main)


def test_scales_may_be_learned_by_the_reducer_as_well(table, main):
    sets = TableSets(table, key="key", columns=["metres", "pascals"])
    reducer = QuantileTransformer(n_quantiles=100, random_state=0)
    vectors = FisherVectorEncoder(2, extractor=sets, reducer=reducer).fit_transform(main)
    assert np.isfinite(vectors).all()
