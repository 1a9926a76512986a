"""Columns of pandas, polars and pyarrow are read alike."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from containers_of_tables import TABLES

from skvae.data.tables import (
    categories,
    check_table,
    column_names,
    column_of,
    floats,
    is_missing,
    kind_of,
    objects,
)

ALL = np.arange(3)


@pytest.fixture(params=TABLES)
def table(request):
    """Makes a table of columns."""
    return TABLES[request.param]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, 3], "number", [1, 2, 3]),
        ([1, None, 3], "number", [1, np.nan, 3]),
        ([0.5, None, 1.5], "number", [0.5, np.nan, 1.5]),
        ([Decimal("0.5"), None, Decimal(2)], "number", [0.5, np.nan, 2]),
        ([datetime(1970, 1, 1, 1), None, datetime(1970, 1, 2)], "time", [3600, np.nan, 86400]),
        (
            [datetime(1970, 1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC), None],
            "time",
            [3600, -86400, np.nan],
        ),
        ([date(1970, 1, 3), None, date(1970, 1, 1)], "time", [2 * 86400, np.nan, 0]),
        ([timedelta(seconds=1.5), None, timedelta(days=1)], "duration", [1.5, np.nan, 86400]),
    ],
    ids=["integers", "holes", "floats", "decimals", "times", "zones", "dates", "durations"],
)
def test_numbers_and_times_are_float64(table, values, kind, expected):
    column = column_of(table({"x": values}), "x", "table", "columns:")
    assert kind_of(column, "x") == kind
    found = floats(column, ALL, "x")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(floats(column, ALL[::2], "x"), expected[::2])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None, "b"], "category"),
        ([True, None, False], "boolean"),
        ([True, True, False], "boolean"),
        ([None, None, None], "missing"),
    ],
)
def test_text_and_booleans_are_objects(table, values, kind):
    column = table({"x": values})["x"]
    assert kind_of(column, "x") == kind
    assert categories(column, ALL).tolist() == values
    assert categories(column, ALL[1:]).tolist() == values[1:]


def test_a_categorical_type_is_one_of_categories_even_of_numbers():
    column = pd.Series([3, 1, None], dtype="category")
    assert kind_of(column, "x") == "category"
    assert categories(column, ALL).tolist() == [3, 1, None]


def test_categories_of_polars_and_arrow_are_text():
    polars = pytest.importorskip("polars")
    column = polars.Series(["a", "b", None], dtype=polars.Categorical)
    assert kind_of(column, "x") == "category"
    assert categories(column, ALL).tolist() == ["a", "b", None]
    pyarrow = pytest.importorskip("pyarrow")
    column = pyarrow.table({"x": pyarrow.array(["a", "b", None]).dictionary_encode()})["x"]
    assert kind_of(column, "x") == "category"
    assert categories(column, ALL).tolist() == ["a", "b", None]


def test_nullable_numbers_of_pandas_are_numbers():
    column = pd.Series([1, None, 3], dtype="Int32")
    assert kind_of(column, "x") == "number"
    np.testing.assert_array_equal(floats(column, ALL, "x"), [1, np.nan, 3])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 3], "number", [1, np.nan, 3]),
        ([True, None, False], "boolean", [1, np.nan, 0]),
        ([date(1970, 1, 3), None, date(1970, 1, 1)], "time", [2 * 86400, np.nan, 0]),
        ([datetime(1970, 1, 1, 1, tzinfo=UTC), None, None], "time", [3600, np.nan, np.nan]),
        ([timedelta(days=1), None, None], "duration", [86400, np.nan, np.nan]),
        ([Decimal("0.5"), None, Decimal(2)], "number", [0.5, np.nan, 2]),
    ],
)
def test_types_of_arrow_in_pandas_are_those_of_their_values(values, kind, expected):
    arrow = pytest.importorskip("pyarrow")
    dtype = pd.ArrowDtype(arrow.array(values).type)
    column = pd.Series(pd.array(values, dtype=dtype))
    assert kind_of(column, "x") == kind
    np.testing.assert_array_equal(floats(column, ALL, "x"), expected)


def test_types_that_a_library_does_not_take_rows_of_are_read_all_the_same():
    arrow = pytest.importorskip("pyarrow")
    runs = arrow.chunked_array([arrow.compute.run_end_encode(arrow.array([5, 5, 7]))])
    assert kind_of(runs, "x") == "number" and floats(runs, ALL[1:], "x").tolist() == [5, 7]
    views = arrow.array(["a", None, "b"], arrow.string_view())
    assert categories(views, ALL[1:]).tolist() == [None, "b"]


def test_whole_numbers_of_128_bits_are_numbers():
    polars = pytest.importorskip("polars")
    if not hasattr(polars, "Int128"):
        pytest.skip("needs polars 1.18")
    wide = polars.Series([2**70, None, 1], dtype=polars.Int128)
    assert kind_of(wide, "x") == "number"
    np.testing.assert_array_equal(floats(wide, ALL, "x"), [2.0**70, np.nan, 1])


@pytest.mark.parametrize("name", ["Array", "Struct"])
def test_columns_of_arrays_and_structures_are_named(name):
    polars = pytest.importorskip("polars")
    values = {"Array": ([[1, 2]] * 3, polars.Array(polars.Int64, 2)), "Struct": ([{"a": 1}] * 3,)}
    with pytest.raises(ValueError, match="Column 'x' of table holds (list|dict)"):
        kind_of(polars.Series("x", *values[name][:1], dtype=(*values[name], None)[1]), "x")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1j, 2, 3], "holds .*complex"),
        ([timedelta(1), datetime(2026, 1, 1), None], "holds datetime and timedelta"),
        (pd.Categorical([b"a", b"b", b"a"]), "holds bytes"),
    ],
    ids=["complex", "times and durations", "bytes"],
)
def test_what_would_lose_its_meaning_is_named(values, message):
    with pytest.raises(ValueError, match=f"Column 'x' of table {message}"):
        kind_of(pd.Series(values), "x")


def test_numbers_beyond_float64_are_named():
    with pytest.raises(ValueError, match="'x' of table has a number that is too large for float64"):
        floats(pd.Series([10**400, 1, 2], dtype=object), ALL, "x")
    with pytest.raises(ValueError, match="'x' of table contains infinity"):
        floats(pd.Series([Decimal("inf"), 1, 2], dtype=object), ALL, "x")


def test_objects_of_numpy_are_times_and_durations():
    times = pd.Series([np.datetime64("1970-01-02"), None, np.datetime64("NaT")], dtype=object)
    assert kind_of(times, "x") == "time"
    np.testing.assert_array_equal(floats(times, ALL, "x"), [86400, np.nan, np.nan])
    durations = np.array([np.timedelta64(2, "m"), np.timedelta64(3, "s"), None], object)
    assert kind_of(durations, "x") == "duration"
    np.testing.assert_array_equal(floats(durations, ALL, "x"), [120, 3, np.nan])


def test_what_is_neither_is_named(table):
    lists = table({"trace": [[1, 2], [3], [4]]})
    with pytest.raises(ValueError, match="'trace' of table holds .*or leave it out"):
        kind_of(lists["trace"], "trace")


def test_several_kinds_in_one_column_are_named():
    with pytest.raises(ValueError, match="Column 'x' of table holds int and str"):
        kind_of(pd.Series([1, "a"], dtype=object), "x")


def test_infinity_is_named(table):
    column = table({"x": [1.0, np.inf, 2.0]})["x"]
    with pytest.raises(ValueError, match="Column 'x' of table contains infinity"):
        floats(column, ALL, "x")
    np.testing.assert_array_equal(floats(column, ALL[::2], "x"), [1, 2])


def test_names_are_those_of_the_columns(table):
    assert column_names(table({"column_names": [1], "y": [2]})) == ["column_names", "y"]


def test_a_column_that_is_not_there_is_named_beside_those_that_are(table):
    with pytest.raises(ValueError, match="key 'c' is no column of X, which has 'a', 'b'.$"):
        column_of(table({"a": [1], "b": [1]}), "c", "X", "key")


def test_an_index_of_that_name_is_pointed_at():
    frame = pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="k"))
    with pytest.raises(ValueError, match=r"It is its index: pass X.reset_index\(\)"):
        column_of(frame, "k", "X", "key")


@pytest.mark.parametrize("what", [{"a": [1]}, [[1]], np.ones((2, 2)), pd.Series([1]), None])
def test_what_has_no_columns_is_no_table(what):
    with pytest.raises(TypeError, match="table must be a DataFrame of pandas or polars"):
        check_table(what, "table")


def test_a_table_that_is_still_to_be_computed_is_no_table():
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"call its collect\(\)"):
        check_table(polars.LazyFrame({"a": [1]}), "table")
    dataframe = pytest.importorskip("dask.dataframe")
    with pytest.raises(TypeError, match=r"call its compute\(\)"):
        check_table(dataframe.from_pandas(pd.DataFrame({"a": [1]}), npartitions=1), "table")


def test_two_columns_of_one_name_are_named():
    with pytest.raises(ValueError, match="more than one column of the name 'a'"):
        check_table(pd.DataFrame([[1, 2]], columns=["a", "a"]), "table")


def test_missing_is_what_each_library_says():
    assert all(map(is_missing, [None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT")]))
    assert all(map(is_missing, [Decimal("nan"), Decimal("snan")]))
    assert not any(map(is_missing, [0, "", False, (), [], np.zeros(2), pd.Timestamp(0)]))


def test_objects_may_have_lengths():
    assert objects([(1, 2), (3, 4)]).tolist() == [(1, 2), (3, 4)]
    assert [a.shape for a in objects([np.ones((2, 1)), np.ones((2, 1))])] == [(2, 1)] * 2
