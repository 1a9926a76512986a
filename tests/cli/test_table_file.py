"""Files of tables: what is read of them, and what is said of those that are none."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skvae.cli.table_file import read_table
from skvae.table_recipes import kinds_of

_TABLE = pd.DataFrame(
    {
        "age": [20.5, None, 40.0, 33.0],
        "town, old": ["Bonn", "Rome", None, "Bonn"],
        "zip": [1, 2, 2, 1],
        "Survived": ["no", "yes", "no", "yes"],
    }
)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "table.csv"
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_numbers_categories_and_holes_are_read_whatever_divides_columns(separator, tmp_path):
    path = str(tmp_path / "table.csv")
    _TABLE.to_csv(path, sep=separator, index=False)
    X, y, call = read_table(path, "Survived", drop=["zip"])

    assert y.tolist() == ["no", "yes", "no", "yes"]
    assert list(X.columns) == ["age", "town, old"]
    np.testing.assert_array_equal(X.age, _TABLE.age)
    assert X["town, old"].isna().tolist() == [False, False, True, False]
    pd.testing.assert_frame_equal(eval(call, {"pd": pd})[X.columns], X)


@pytest.mark.parametrize("separator", [",", ";", "\t", ":"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_first_line_says_what_divides_columns(separator, mark, tmp_path):
    path = tmp_path / "table.csv"
    text = _TABLE.to_csv(sep=separator, index=False, decimal="," if separator == ";" else ".")
    lines = [f"{mark}sep={separator}", *text.splitlines(), ""]
    path.write_bytes("\r\n".join(lines).encode())
    X, y, call = read_table(str(path), "Survived")

    assert y.tolist() == ["no", "yes", "no", "yes"]
    assert list(X.columns) == ["age", "town, old", "zip"]
    np.testing.assert_array_equal(X.age, _TABLE.age)
    pd.testing.assert_frame_equal(eval(call, {"pd": pd})[X.columns], X)


@pytest.mark.parametrize("name", ["table.parquet", "TABLE.PQ"])
def test_a_parquet_file_is_read(name, tmp_path):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / name)
    _TABLE.to_parquet(path)
    X, _, call = read_table(path, "Survived")

    assert list(X.columns) == ["age", "town, old", "zip"]
    assert "read_parquet" in call


def test_names_of_a_parquet_file_are_text(tmp_path):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    _TABLE.set_axis([1, 2, 3, 4], axis=1).to_parquet(path)
    X, y, call = read_table(path, "4")

    assert list(X.columns) == ["1", "2", "3"] and y.tolist() == _TABLE.Survived.tolist()
    pd.testing.assert_frame_equal(eval(call, {"pd": pd})[X.columns], X)


def test_missing_text_of_a_parquet_file_is_none(tmp_path):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    _TABLE.astype({"town, old": "string", "age": "Float64"}).to_parquet(path)
    X, _, call = read_table(path, "Survived")

    assert X["town, old"].tolist() == ["Bonn", "Rome", None, "Bonn"]
    assert X.age.dtype == "Float64"
    pd.testing.assert_frame_equal(eval(call, {"pd": pd})[X.columns], X)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffa,y\n1,u\n2,v\n".encode())

    assert list(read_table(str(path), "y").X.columns) == ["a"]


def test_columns_of_codes_become_categories_when_asked(tmp_path):
    path = str(tmp_path / "table.csv")
    _TABLE.to_csv(path, index=False)
    X, *_ = read_table(path, "Survived", categorical=["zip"])

    assert isinstance(X.zip.dtype, pd.CategoricalDtype)
    assert X.age.dtype == float


@pytest.mark.parametrize(
    ("target", "dtype"),
    [("1\n2\n1", "i"), ("1.0\n2.0\n1.0", "i"), ("True\nFalse\nTrue", "b"), ("a\nb\na", "U")],
)
def test_labels_are_whole_numbers_bools_or_text(target, dtype, write):
    lines = target.split("\n")
    path = write("y,a\n" + "".join(f"{label},{i}\n" for i, label in enumerate(lines)))

    assert read_table(path, "y").y.dtype.kind == dtype


def test_a_target_of_many_numbers_is_refused_unless_they_are_names(write):
    path = write("y,a\n" + "".join(f"{i},{i}\n" for i in range(100)))
    with pytest.raises(ValueError, match="100 different numbers: .*qcut.*--categorical y"):
        read_table(path, "y")

    assert len(np.unique(read_table(path, "y", categorical=["y"]).y)) == 100


def test_a_target_with_fractions_is_refused(write):
    with pytest.raises(ValueError, match="--target y is a measurement"):
        read_table(write("y,a\n0.5,1\n1.5,2\n"), "y")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("age,sex\n1,f\n", {"target": "Sex"}, "--target Sex: .* did you mean 'sex'"),
        ("age,sex\n1,f\n", {"target": "nothing"}, "no such column; there are age, sex"),
        ("age,sex\n1,f\n", {"target": "sex", "drop": ["agee"]}, "--drop agee: .* mean 'age'"),
        ("age,sex\n1,f\n", {"target": "sex", "categorical": ["ag"]}, "--categorical ag: "),
        ("age,sex\n1,f\n", {"target": "sex", "drop": ["sex"]}, "--drop sex: this is the target"),
        ("age,sex\n1,f\n", {"target": "sex", "drop": ["age"]}, "no column but sex, age"),
        ("age,sex\n1,f\n", {"target": None}, "--data needs --target COLUMN"),
        ("age,sex\n1,f\n2,\n", {"target": "sex"}, "--target sex is missing in 1 of 2 rows"),
        ("age,n,sex\n,1,f\n,2,m\n", {"target": "sex"}, "Column age has no value in any row"),
        ("age,sex\ninf,f\n2,m\n", {"target": "sex"}, "Column age holds infinite values"),
        ("age,sex\n", {"target": "sex"}, "has no rows"),
        ("", {"target": "sex"}, "is no CSV file that pandas can read: No columns"),
        ("a,b\n1,2\n1,2,3,4\n", {"target": "b"}, "is no CSV file that pandas can read: "),
        ("a,a,b\n1,2,u\n", {"target": "b"}, r"^--data \S+ has two columns 'a'"),
    ],
)
def test_what_cannot_be_compared_is_an_error_that_says_why(text, options, message, write):
    with pytest.raises(ValueError, match=message):
        read_table(write(text), **options)


@pytest.mark.parametrize("name", ["table.xlsx", "Table.ODS"])
def test_a_workbook_is_to_be_saved_as_csv(name, tmp_path):
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="is a workbook: save its sheet as CSV, in UTF-8"):
        read_table(str(tmp_path / name), "y")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_csv_in_another_encoding_is_to_be_saved_in_utf_8(encoding, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("größe,y\n1,u\n2,v\n", encoding)
    with pytest.raises(ValueError, match="is not in UTF-8. Save it in that encoding"):
        read_table(str(path), "y")


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: .* skvae.ImagePatches"):
        read_table(str(tmp_path), "y")


def test_a_file_is_read_once(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    _TABLE.to_parquet(path)
    read, calls = pd.read_parquet, []
    monkeypatch.setattr(pd, "read_parquet", lambda path: calls.append(path) or read(path))
    read_table(path, "Survived")

    assert calls == [path]


def test_a_picture_is_no_csv_file(tmp_path):
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"picture.csv is no CSV file"):
        read_table(str(path), "y")


def test_a_text_is_no_parquet_file(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="is no Parquet file"):
        read_table(str(path), "b")


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="--data nowhere.csv: there is no such file"):
        read_table("nowhere.csv", "y")


def test_dates_and_lists_of_a_parquet_file_are_named(tmp_path):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    frame = pd.DataFrame({"y": ["a", "b"], "when": pd.to_datetime(["2026-01-01", "2026-01-02"])})
    frame.to_parquet(path)
    with pytest.raises(ValueError, match="Column when holds datetime64"):
        read_table(path, "y")
    frame.assign(when=[[1], [2]]).to_parquet(path)
    with pytest.raises(ValueError, match="Column when holds lists"):
        read_table(path, "y")


# Files that pandas reads as something else than was meant


def test_decimal_commas_are_numbers_where_something_else_divides_columns(write):
    path = write("size;n;town;y\n1,5;1;a,1;u\n2;2;b;v\n-0,25;;c;u\n")
    X, _, call = read_table(path, "y")

    assert X["size"].tolist() == [1.5, 2, -0.25] and X["town"].tolist() == ["a,1", "b", "c"]
    pd.testing.assert_frame_equal(eval(call, {"pd": pd})[X.columns], X)


def test_a_first_column_that_counts_rows_is_left_out_with_a_warning(tmp_path):
    path = str(tmp_path / "table.csv")
    _TABLE.to_csv(path)
    with pytest.warns(UserWarning, match="the first column, without a name, counts rows"):
        X, _, call = read_table(path, "Survived")

    assert list(X.columns) == ["age", "town, old", "zip"]
    pd.testing.assert_frame_equal(eval(call, {"pd": pd})[X.columns], X)


def test_an_index_with_a_name_is_a_column(tmp_path):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    _TABLE.set_index("zip").to_parquet(path)
    X, _, call = read_table(path, "Survived")

    assert X["zip"].tolist() == [1, 2, 2, 1]
    assert list(eval(call, {"pd": pd}).columns[:1]) == ["zip"]


def test_two_columns_of_one_name_are_named(write):
    with pytest.raises(ValueError, match="has two columns 'y': give each a name of its own"):
        read_table(write("a,y,y\n1,0,0\n2,1,1\n"), "y")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"{i},000" for i in range(40)], "holds numbers written as text, such as '0,000'"),
        ([f"{i}%" for i in range(40)], "holds numbers written as text, such as '0%'"),
        ([f"$ {i}" for i in range(40)], r"holds numbers written as text, such as '\$ 0'"),
        (
            [f"{i}.000,50 €" for i in range(40)],
            "holds numbers written as text, such as '0.000,50 €'",
        ),
        ([*range(39), "?"], "holds numbers written as text, such as '?'"),
        (
            [f"2026-01-{i:02}" for i in range(1, 32)],
            "holds dates or times written as text, such as '2026",
        ),
        (
            [f"{i:02}.01.2026" for i in range(1, 32)],
            "holds dates or times written as text, such as '01.01",
        ),
        ([f"9:{i:02}" for i in range(40)], "holds dates or times written as text, such as '9:00"),
        (
            [f"1/{i}/26 09:30" for i in range(1, 32)],
            "holds dates or times written as text, such as '1/1/",
        ),
    ],
    ids=[
        *("thousands", "percent", "dollars", "euros", "a mark for missing ones"),
        *("dates", "with points", "times", "with slashes"),
    ],
)
def test_columns_of_numbers_and_dates_do_not_become_categories(values, message, tmp_path):
    path = str(tmp_path / "table.csv")
    y = ["u", "v"] * len(values)
    pd.DataFrame({"x": values, "a": 1, "y": y[: len(values)]}).to_csv(path, index=False)
    with pytest.raises(ValueError, match=f"Column x {message}.*--drop x, or say --categorical x"):
        read_table(path, "y")
    assert read_table(path, "y", drop=["x"]).X.shape[1] == 1
    assert isinstance(read_table(path, "y", categorical=["x"]).X.x.dtype, pd.CategoricalDtype)


def test_few_different_values_are_categories_whatever_they_look_like(write):
    X, *_ = read_table(write("children,y\n0,u\n1,v\n2,u\n3+,v\n"), "y")
    assert X["children"].tolist() == ["0", "1", "2", "3+"]


def test_an_infinite_target_is_named(write):
    with pytest.raises(ValueError, match="--target y holds infinite values"):
        read_table(write("a,y\n1,inf\n2,0\n"), "y")


def test_bytes_and_dates_of_a_parquet_file_are_named(tmp_path):
    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    for value, message in ((b"a", "'x' of --data holds bytes"), (date(2026, 1, 1), "holds times")):
        pd.DataFrame({"x": [value] * 2, "y": ["u", "v"]}).to_parquet(path)
        with pytest.raises(ValueError, match=f"{message}.*--drop x"):
            read_table(path, "y")


def test_decimals_and_numbers_beyond_64_bits_are_numbers(write, tmp_path):
    if pd.__version__ >= "3":  # before, pandas reads such numbers as text
        X = read_table(write("n,y\n1" + "0" * 25 + ",u\n-3,v\n"), "y").X
        assert kinds_of(X) == (["n"], []) and X["n"].astype(float).tolist() == [1e25, -3]

    pytest.importorskip("pyarrow")
    path = str(tmp_path / "table.parquet")
    fees = [Decimal("1.50"), None, Decimal("12.25")]
    pd.DataFrame({"fee": fees, "y": ["u", "v", "u"]}).to_parquet(path)
    assert kinds_of(read_table(path, "y").X) == (["fee"], [])
    assert kinds_of(read_table(path, "y", categorical=["fee"]).X) == ([], ["fee"])


def test_what_is_to_be_dropped_is_written_as_a_shell_reads_it(write):
    path = write("a,y,\n1,u,\n2,v,\n")
    with pytest.raises(
        ValueError, match="no value in any row: leave it out by --drop 'Unnamed: 2'"
    ):
        read_table(path, "y")
