"""Recipes for tables: unfitted, printable, and at ease with holes and unknown categories."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skvae import recipes
from skvae.table_recipes import (
    MAX_CATEGORIES,
    TABLE_FEATURE_TEXTS,
    TABLE_FEATURES,
    kinds_of,
    marked_columns,
    with_none,
)


@pytest.fixture
def table(rng):
    n = 60
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "city": rng.choice(["Bonn", "Rome", "Oslo"], n),
            "member": rng.random(n) < 0.5,
            "visits": rng.integers(0, 9, n),
        }
    )
    table.loc[::7, "age"] = np.nan
    table.loc[::5, "city"] = None

    return table


@pytest.mark.parametrize("name", TABLE_FEATURES)
def test_recipes_for_tables_are_unfitted_pipelines_with_the_seed_given(name, table):
    pipeline = recipes.make_for_table(name, table, random_state=3)

    assert isinstance(clone(pipeline), Pipeline)
    assert repr(pipeline) == repr(recipes.make_for_table(name, table, random_state=3))
    assert "0x" not in repr(pipeline)  # it can be printed as a program
    assert name in TABLE_FEATURE_TEXTS


@pytest.mark.parametrize("name", TABLE_FEATURES)
def test_features_of_rows_that_the_fit_has_not_seen_are_finite(name, table):
    pipeline = recipes.make_for_table(name, table, random_state=0)
    epochs = {key: 1 for key in pipeline.get_params() if key.endswith("max_iter")}
    new = table.assign(city="Lima", age=np.nan)
    F = pipeline.set_params(**epochs).fit(table, table.member).transform(new)

    assert F.shape[0] == len(table)
    assert np.isfinite(F).all()


def test_numbers_are_standardised_and_their_holes_marked(table):
    F = recipes.make_for_table("raw", table).fit_transform(table)
    known = table.age.notna()

    assert F.shape[1] == 2 + 1 + 4 + 2  # numbers, mark, city with a missing one, member
    assert F[known, 0].mean() == pytest.approx(0, abs=1e-9)
    assert F[known, 0].std() == pytest.approx(1)
    np.testing.assert_array_equal(F[:, 2], ~known)


def test_rare_categories_share_a_column():
    table = pd.DataFrame({"name": [f"n{i}" for i in range(100)]})

    assert recipes.make_for_table("raw", table).fit_transform(table).shape[1] == MAX_CATEGORIES


def test_there_are_never_more_components_than_a_table_has_freedom():
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 4.0] * 5, "b": ["x", "y"] * 10})

    assert recipes.make_for_table("pca", table).fit_transform(table).shape[1] == 2


def test_numbers_are_what_has_a_numeric_type(table):
    table = table.astype({"visits": "category"})

    assert kinds_of(table) == (["age"], ["city", "member", "visits"])


def marked(table):
    """The same table with pandas' own marks of missing values among text."""
    categories = table.city.astype("string").astype("category")
    held = table.city.astype(object).where(table.city.notna(), pd.NaT)
    return table.assign(city=table.city.astype("string"), b=categories, c=held)


def test_none_stands_for_marks_that_an_encoder_does_not_take(table):
    given = marked(table)
    assert marked_columns(given) == ["city", "b", "c"]
    numbers = table[["age", "member"]].convert_dtypes()
    assert marked_columns(numbers.assign(age=numbers.age.astype("category"))) == []
    plain = with_none(given)
    for name in marked_columns(given):
        assert plain[name].tolist() == [None if pd.isna(city) else city for city in table.city]
    pd.testing.assert_frame_equal(plain[["age", "member"]], table[["age", "member"]])
    assert given.city.dtype == "string"


@pytest.mark.parametrize("name", ["raw", "pca", "raw+vae"])
def test_marks_that_an_encoder_does_not_take_are_named(name, table):
    with pytest.raises(ValueError, match=r"Column 'city' of table has pandas.NA .*astype\({'city'"):
        recipes.make_for_table(name, marked(table))
    assert isinstance(recipes.make_for_table("vae", marked(table)), Pipeline)
    assert isinstance(recipes.make_for_table(name, with_none(marked(table))), Pipeline)


def test_objects_that_are_numbers_are_numbers(table):
    table["fee"] = [Decimal(i) / 4 for i in range(len(table))]
    table["nothing"] = np.nan
    assert kinds_of(table) == (["age", "visits", "fee", "nothing"], ["city", "member"])
    table.loc[3, "fee"] = None
    floats = table.assign(fee=table["fee"].astype(float)).drop(columns="nothing")
    for name in ("raw", "vae"):
        made, same = (
            recipes.make_for_table(name, X, random_state=0).fit_transform(X)
            for X in (table.drop(columns="nothing"), floats)
        )
        np.testing.assert_array_equal(made, same)


@pytest.mark.parametrize("times", [pd.Timestamp("2026-11-28"), pd.Timedelta("1h")])
def test_times_are_neither_numbers_nor_categories(times, table):
    with pytest.raises(ValueError, match="Column 'when' of table holds (times|durations): make"):
        recipes.make_for_table("raw", table.assign(when=times))


def test_two_numbers_are_a_category_to_a_vae(table):
    table = table.assign(married=np.arange(60.0) % 2)
    (_, _, numbers), (_, _, categories) = (
        recipes.make_for_table("vae", table).named_steps["vae"].likelihood
    )

    assert numbers == ["age", "visits"]
    assert categories == ["city", "member", "married"]


def test_an_unknown_feature_is_an_error_with_the_known_ones(table):
    with pytest.raises(ValueError, match="'fv' is unknown for tables: choose from raw, pca"):
        recipes.make_for_table("fv", table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict, "table must be a DataFrame of pandas, got dict"),
        (lambda table: table[:0], r"table has the shape \(0, 4\): there is no value"),
        (lambda table: table[[]], r"table has the shape \(60, 0\): there is no"),
        (
            lambda table: table.set_axis(list("abca"), axis=1),
            "more than one column of the name 'a'",
        ),
        (
            lambda table: table.set_axis([1, 0, 2, 3], axis=1),
            "column of the name 1, which is no",
        ),
        (lambda table: table.assign(age=[[1]] * 60), "Column 'age' of table holds lists or"),
    ],
)
def test_what_is_no_table_for_recipes_is_named(change, message, table):
    with pytest.raises(ValueError, match=message):
        recipes.make_for_table("raw", change(table))


def test_names_may_be_the_places_of_columns(table):
    numbered = table.set_axis(range(4), axis=1)
    F, same = (recipes.make_for_table("raw", t).fit_transform(t) for t in (numbered, table))

    assert np.array_equal(F, same)
