from datetime import datetime
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from skvae.data.frames import (
    FrameType,
    is_data_frame,
    rows_at,
    series_categories,
    with_values_of,
)

INTERVALS = pd.cut([1.0, 5.0, 9.0], [0, 4, 8, 12])


def wide():
    """A column of each type of pandas."""
    return pd.DataFrame(
        {
            "float32": np.array([0.5, 1, 2], np.float32),
            "uint8": np.array([3, 0, 255], np.uint8),
            "int64": [1, -2, 3],
            "Int16": pd.array([1, 2, 3], "Int16"),
            "Float32": pd.array([1.5, 2, 3], "Float32"),
            "bool": [True, False, True],
            "boolean": pd.array([True, False, True], "boolean"),
            "str": ["a", "b", "c"],
            "string": pd.array(["a", "b", "c"], "string"),
            "object": np.array(["a", "b", "c"], object),
            "ordered": pd.Categorical(["lo", "hi", "lo"], ["lo", "mid", "hi"], ordered=True),
            "of ints": pd.Categorical([3, 1, 3], [3, 1, 2]),
            "cut": INTERVALS,
            7: [1, 2, 3],
        },
        index=["x", "y", "z"],
    )


def values(frame):
    """Values as a model gives them: floats, and objects for categories."""
    names = {"float32", "uint8", "int64", "Int16", "Float32", 7}
    return [
        frame[name].to_numpy(float) if name in names else np.array([*frame[name]], object)
        for name in frame
    ]


def test_a_frame_of_pandas_comes_back_with_its_names_types_and_index():
    frame = wide()
    back = FrameType.of(frame).frame(values(frame), frame.index)

    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="needs pyarrow")
def test_types_of_arrow_in_pandas_come_back():
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "large": pa.large_string(),
        "kind": pa.dictionary(pa.int8(), pa.string()),
        "price": pa.decimal128(10, 2),
        "n": pa.int8(),
        "yes": pa.bool_(),
        "x": pa.float32(),
    }
    objects = {"text": ["a", None], "large": ["a", "b"], "kind": ["a", "b"], "yes": [True, None]}
    floats = {"price": [1.5, 2.25], "n": [3.0, 4.0], "x": [0.5, 1.0]}
    frame = pd.DataFrame(
        {
            name: pd.array((objects | floats)[name], dtype=pd.ArrowDtype(kind))
            for name, kind in types.items()
        }
    )
    given = [np.array(objects[n], object) if n in objects else np.array(floats[n]) for n in types]
    back = FrameType.of(frame).frame(given, frame.index)
    pd.testing.assert_frame_equal(back, frame)


def test_sparse_columns_and_the_storage_of_text_come_back():
    frame = pd.DataFrame(
        {
            "x": pd.arrays.SparseArray([0.0, 1.5], fill_value=0.0),
            "n": pd.arrays.SparseArray([0, 3]),
            "b": pd.arrays.SparseArray([True, False]),
            "s": pd.array(["a", "b"], "string[python]"),
        }
    )
    numbers = [np.array([0.0, 1.5]), np.array([0.4, 2.6])]
    others = [np.array([True, False], object), np.array(["a", "b"], object)]
    back = FrameType.of(frame).frame([*numbers, *others])

    pd.testing.assert_frame_equal(back, frame)
    assert list(back.dtypes) == list(frame.dtypes)


def test_categories_may_be_tuples():
    categories = pd.Index([(1, 2), (3, 4)], tupleize_cols=False)
    frame = pd.DataFrame({"c": pd.Categorical.from_codes([1, 0], categories)})
    values = [np.fromiter([(3, 4), (1, 2)], object, 2)]
    pd.testing.assert_frame_equal(FrameType.of(frame).frame(values), frame)


@pytest.mark.skipif(find_spec("polars") is None, reason="needs polars")
def test_a_frame_of_polars_comes_back_with_its_names_and_types():
    import polars as pl

    frame = pl.DataFrame(
        {
            "f": [0.5, 1.0],
            "u": [3, 255],
            "b": [True, False],
            "s": ["a", "b"],
            "e": ["lo", "hi"],
            "c": ["x", "y"],
            "d": [Decimal("1.25"), Decimal("2.50")],
            "t": [datetime(2026, 1, 1), datetime(2026, 1, 2)],
        },
        schema_overrides={
            "f": pl.Float32,
            "u": pl.UInt8,
            "e": pl.Enum(["lo", "mid", "hi"]),
            "c": pl.Categorical,
            "d": pl.Decimal(10, 2),
            "t": pl.Datetime("ms", "Europe/Berlin"),
        },
    )
    numbers = [frame[name].to_numpy().astype(float) for name in "fu"]
    others = [np.array(frame[name].to_list(), object) for name in "bsecdt"]
    back = FrameType.of(frame).frame([*numbers, *others])

    assert back.equals(frame) and back.schema == frame.schema
    assert rows_at(frame, np.array([1]))["s"].to_list() == ["b"]
    assert is_data_frame(frame) and series_categories(frame["e"]) == ["lo", "mid", "hi"]
    assert series_categories(frame["c"]) is None and series_categories(frame["b"]) == [False, True]


def test_whole_numbers_are_rounded_and_kept_within_their_type():
    kind = FrameType.of(pd.DataFrame({"a": np.zeros(1, np.uint8), "b": [1], "c": [True]}))
    back = kind.frame([[255.7, -3.0, 2.5], [1e30, -2.6, 0.4], [0.7, 0.5, 0.2]])

    assert back["a"].tolist() == [255, 0, 2]
    assert back["b"].tolist()[1:] == [-3, 0]
    assert back["b"][0] > 9e18
    assert back["c"].tolist() == [True, True, False]


WIDE = Decimal("1234567890123456789012345678901234.12")  # which no float is


def decimals(library, digits, values):
    """A frame with a column of decimals of so many digits, two of them behind the point."""
    if library == "polars":
        polars = pytest.importorskip("polars")
        return polars.DataFrame({"n": polars.Series(values, dtype=polars.Decimal(digits, 2))})
    arrow = pytest.importorskip("pyarrow")
    return pd.DataFrame({"n": pd.array(values, dtype=pd.ArrowDtype(arrow.decimal128(digits, 2)))})


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_decimals_are_rounded_and_kept_within_their_type(library):
    fit = decimals(library, 4, [Decimal("1.25"), Decimal("99.99")])
    back = FrameType.of(fit).frame([np.array([1.239, 1e9, -1e9])])

    assert back["n"].dtype == fit["n"].dtype
    assert back["n"].to_list() == [Decimal(text) for text in ("1.24", "99.99", "-99.99")]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_decimals_of_another_table_stand_as_they_are(library):
    kind = FrameType.of(decimals(library, 38, [WIDE, Decimal(0)]))
    made, holes = kind.frame([np.array([0.5, 0.25])]), decimals(library, 38, [WIDE, None])

    assert with_values_of(made, holes, kind)["n"].to_list() == [WIDE, Decimal("0.25")]


@pytest.mark.skipif(find_spec("polars") is None, reason="needs polars")
def test_a_column_of_objects_of_polars_comes_back():
    import polars as pl

    frame = pl.DataFrame({"o": pl.Series(["a", "b"], dtype=pl.Object)})
    back = FrameType.of(frame).frame([np.array(["b", "a"], object)])
    assert back["o"].to_list() == ["b", "a"] and back.schema == frame.schema


HUGE = 2**60 + 1  # which no float is


def columns_that_others_do_not_hold(library):
    """A table as of a fit, one with holes, and the values that are to stand there."""
    fit = {"n": [1, 2, 3], "m": [1, 2, 3], "x": [0.5, 1.5, 2.5], "s": ["a", "b", "a"]}
    holes = {"n": [HUGE, None, 2], "m": [None, 7, 0.5], "x": [None, 4.0, 5.0]}
    holes["s"] = [None, "new", "b"]
    kinds = {"n": "Int64", "m": "Float64"}
    if library == "polars":
        import polars as pl

        dtypes = {name: getattr(pl, kind) for name, kind in kinds.items()}
        fitted = pl.DataFrame(fit, schema_overrides={"s": pl.Enum(["a", "b"])})
        return fitted, pl.DataFrame(holes, schema_overrides=dtypes)
    fitted = pd.DataFrame(fit).astype({"s": "category", "n": "Int64"})

    return fitted, pd.DataFrame(holes, dtype=object).astype(kinds | {"x": float})


@pytest.mark.parametrize(
    "library",
    [
        "pandas",
        pytest.param("polars", marks=pytest.mark.skipif(find_spec("polars") is None, reason="-")),
    ],
)
def test_values_of_another_table_stand_as_they_are_where_it_has_some(library):
    fitted, X = columns_that_others_do_not_hold(library)
    table = with_values_of(fitted, X, FrameType.of(fitted))
    found = {name: table[name].to_list() for name in ("n", "m", "x", "s")}

    wanted = {"n": [HUGE, 2, 2], "m": [1, 7, 0.5], "x": [0.5, 4, 5], "s": ["a", "new", "b"]}
    assert found == wanted
    assert table["n"].dtype == fitted["n"].dtype and table["x"].dtype == fitted["x"].dtype
    assert with_values_of(fitted, fitted, FrameType.of(fitted)) is fitted


def test_values_of_another_array_stand_as_they_are_where_it_has_some():
    made = np.array([[0.5, 1], [2, 3]])
    known = np.array([[np.nan, 77], [4, np.nan]])
    assert with_values_of(made, known, None).tolist() == [[0.5, 77], [4, 3]]
    mixed = np.array([[0.5, "a"], [2.5, "b"]], object)
    known = np.array([[None, "new"], [4, None]], object)
    assert with_values_of(mixed, known, None).tolist() == [[0.5, "new"], [4, "b"]]


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="more than one column of the name 'a'"):
        FrameType.of(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_categories_are_those_that_the_type_lists():
    frame = wide()
    assert series_categories(frame["ordered"]) == ["lo", "mid", "hi"]
    assert series_categories(frame["of ints"]) == [3, 1, 2]
    assert series_categories(frame["boolean"]) == [False, True]
    assert series_categories(frame["str"]) is None
    assert series_categories(np.zeros(3)) is None
    assert not is_data_frame(np.zeros((3, 2))) and not is_data_frame(frame["str"])
