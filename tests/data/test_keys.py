"""Keys find their rows, whatever they are."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from containers_of_tables import TABLES

from skvae.data.keys import RowsOfKeys, check_kinds, column_keys, keys_of


@pytest.mark.parametrize(
    "kinds",
    [list("abc"), [3, -1, 2**70], [1.5, 2, np.inf], [(1, "a"), (1, "b"), ()], [b"a", True, "a"]],
    ids=["text", "integers", "numbers", "tuples", "mixed"],
)
def test_rows_of_a_key_are_those_that_have_it_in_their_order(kinds, rng):
    table = [kinds[i] for i in rng.integers(0, 3, 50)]
    rows, offsets = RowsOfKeys.of(table).of_keys([*kinds, "none", kinds[0]])
    found = np.split(rows, offsets[1:-1])
    for key, of_key in zip([*kinds, "none", kinds[0]], found, strict=True):
        assert of_key.tolist() == [i for i, other in enumerate(table) if other == key]


def test_rows_without_a_key_belong_to_none():
    rows, offsets = RowsOfKeys.of([None, "a", None]).of_keys([None, "a"])
    assert rows.tolist() == [1] and offsets.tolist() == [0, 0, 1]


def test_a_table_may_have_no_keys():
    rows, offsets = RowsOfKeys.of([None]).of_keys(["a"])
    assert rows.tolist() == [] and offsets.tolist() == [0, 0]


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_keys_are_a_column_or_several(make):
    table = make({"a": ["x", None, "z"], "b": [1, 2, 3]})
    assert column_keys(table, "a", "table", "key").tolist() == ["x", None, "z"]
    assert column_keys(table, ["a", "b"], "table", "key").tolist() == [("x", 1), None, ("z", 3)]
    assert keys_of(table, "b").tolist() == [1, 2, 3]
    assert keys_of(table["a"], "a").tolist() == ["x", None, "z"]


@pytest.mark.parametrize(
    "X",
    [["x", "y"], np.array(["x", "y"]), np.array([["x"], ["y"]], object), pd.Series(["x", "y"])],
    ids=["list", "array", "column", "Series"],
)
def test_keys_may_come_as_they_are(X):
    assert keys_of(X, "k").tolist() == ["x", "y"]


def test_an_array_has_no_more_columns_than_keys_have():
    X = np.array([["x", 1], ["y", 2]], object)
    assert keys_of(X, ["k", "n"]).tolist() == [("x", 1), ("y", 2)]
    with pytest.raises(ValueError, match="X has 2 columns without names, which of them is key='k'"):
        keys_of(X, "k")


def test_times_of_any_unit_are_the_same_keys():
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    found = [
        keys_of(pd.Series(pd.to_datetime(days)).astype(f"datetime64[{unit}]"), "k").tolist()
        for unit in ("s", "us", "ns")
    ]
    midnights = [datetime(2026, 1, 1), datetime(2026, 1, 2)]
    found += [keys_of(np.array(days, f"datetime64[{unit}]"), "k").tolist() for unit in ("s", "ns")]
    assert found == [midnights] * 5
    assert {hash(key) for keys in found for key in keys} == {hash(key) for key in midnights}


def test_nanoseconds_that_python_has_not_stay_apart():
    keys = keys_of(np.array([1, 2, 1], "datetime64[ns]"), "k")
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("X", [{"a", "b"}, frozenset("a"), "ab", b"ab"])
def test_what_has_no_order_or_is_one_text_is_no_sequence_of_keys(X):
    with pytest.raises(TypeError, match=f"X is a {type(X).__name__}, which is no sequence of keys"):
        keys_of(X, "k")


def test_no_column_of_keys_is_an_error():
    with pytest.raises(ValueError, match="by is empty: name the column of table that has the keys"):
        column_keys(pd.DataFrame({"k": [1]}), [], "table", "by")


def test_keys_without_a_hash_are_named():
    frame = pd.DataFrame({"k": [[1], [2]]})
    with pytest.raises(TypeError, match=r"key of X holds list, such as \[1\], which cannot"):
        keys_of(frame, "k")
    with pytest.raises(TypeError, match="by of table holds list"):
        column_keys(frame, "k", "table", "by")


def test_an_empty_main_table_is_an_error():
    with pytest.raises(ValueError, match=r"found 0 sample\(s\)"):
        keys_of(pd.DataFrame({"k": []}), "k")


@pytest.mark.parametrize(
    ("keys", "known", "message"),
    [
        (["1"], [1], "text, such as '1', .* numbers, such as 1"),
        ([1.0], ["1"], "numbers, such as 1.0, .* text, such as '1'"),
        ([date(2026, 1, 1)], ["2026-01-01"], "dates, .* text"),
        ([("a", 1)], [("a", "1")], "tuples of text, numbers, .* tuples of text, text"),
        ([b"a"], ["a"], "of type bytes, .* text"),
        ([date(2026, 1, 1)], [datetime(2026, 1, 1)], "dates, .* times"),
        (
            [datetime(2026, 1, 1)],
            [datetime(2026, 1, 1, tzinfo=UTC)],
            "times, such .* times with a time zone",
        ),
    ],
)
def test_kinds_of_keys_that_never_meet_are_named(keys, known, message):
    with pytest.raises(ValueError, match=f"Keys of X are {message}.*: convert one of them"):
        check_kinds(keys, known)


@pytest.mark.parametrize(
    ("keys", "known"),
    [
        ([1], [1.0]),
        ([np.int8(1)], [True]),
        (["a", 1], ["b"]),
        ([datetime(2026, 1, 1)], [datetime(2025, 1, 1), datetime(2025, 1, 1, tzinfo=UTC)]),
        ([None], ["a"]),
        (["a"], []),
    ],
)
def test_kinds_of_keys_that_may_meet_are_let_be(keys, known):
    check_kinds(keys, known)
