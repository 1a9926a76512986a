"""A user's table, read from a file: rows to classify and their labels."""

import argparse
import re
import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skvae._warnings import warn
from skvae.data.tables import kind_of
from skvae.table_recipes import marked_columns, with_none

__all__ = ["Table", "add_table_options", "read_table"]

_PARQUET = (".parquet", ".pq")
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".ods")
_SEPARATORS = ",;\t|"
# Of a target that is numbers: more of them are measurements, not classes.
_MAX_NUMBERS = 30
# How a date or time begins that is not written as ISO 8601 wants it: 16.05.2016, 5/16/16, 9:30.
_DATE = r"\s*\d{1,2}(?:[.-]\d{1,2}[.-]\d{4}|/\d{1,2}/\d{2,4}|:\d{2})\b"
# Numbers that are not read as such: 1.876,50, 5%, $ 20.
_NUMBER = r"\s*[$€£¥]?\s*[+-]?[\d.,' ]*\d\s*[%$€£¥]?\s*"
# Rows that tell how a CSV is written.
_HEAD = 1000


class Table(NamedTuple):
    """Rows to classify, and what they are.

    Attributes
    ----------
    X : DataFrame of pandas
        Columns of numbers, and of text, bools or a categorical dtype.
    y : ndarray of shape (n,)
        Labels: strings, numbers or bools.
    call : str
        Of pandas, imported as ``pd``: it reads the whole file as it was read here.
    """

    X: Any
    y: np.ndarray
    call: str


def add_table_options(parser: argparse.ArgumentParser, source: Any) -> None:
    """Add the options that name a table and its columns.

    Parameters
    ----------
    parser : ArgumentParser
    source : parser or group
        That takes ``--data``, and perhaps what excludes it.
    """
    source.add_argument("--data", metavar="FILE", help="your own table: CSV or Parquet")
    add = parser.add_argument
    add("--target", metavar="COLUMN", help="of the table: the classes")
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add(
        "--categorical",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns whose numbers are names, such as codes",
    )


def read_table(
    path: str, target: str | None, *, drop: Collection[str] = (), categorical: Collection[str] = ()
) -> Table:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    path : str
        A file that ends in .parquet or .pq, or a CSV, perhaps compressed, with commas, semicolons,
        tabs or bars. A first line such as ``sep=;``, which Excel writes, says what divides columns.
    target : str
        Column of the labels.
    drop : collection of str
        Columns to leave out.
    categorical : collection of str
        Columns whose numbers are names; the target may be among them.

    Returns
    -------
    table : Table

    Raises
    ------
    ValueError
        If the file is no table, a column is not there or of no use, or the target is no class.
    ImportError
        If pandas is missing, or what it needs to read Parquet.
    OSError
        If the file cannot be read.
    """
    if target is None:
        raise ValueError("--data needs --target COLUMN, which has the classes.")
    frame, call = _read(path)
    for option, names in (
        ("--target", [target]),
        ("--drop", drop),
        ("--categorical", categorical),
    ):
        _check_names(option, names, list(map(str, frame.columns)))
    if target in drop:
        raise ValueError(f"--drop {target}: this is the target.")
    y = _labels(frame[target], path, declared=target in categorical)
    X = frame.drop(columns=[target, *drop])
    if not len(X.columns):
        raise ValueError(f"{path} has no column but {', '.join([target, *drop])}.")
    for name in X.columns:
        _check_column(X[name], declared=name in categorical)
    names = [name for name in categorical if name in X.columns]

    return Table(X.astype(dict.fromkeys(names, "category")), y, call)


def _read(path: str) -> tuple[Any, str]:
    """The whole table, and the call that reads it."""
    if Path(path).is_dir():
        raise IsADirectoryError(
            f"--data {path} is a folder: name a CSV or Parquet file. Images of a folder become "
            "features in Python, by skvae.ImagePatches."
        )
    if not Path(path).is_file():
        raise FileNotFoundError(f"--data {path}: there is no such file.")
    if path.lower().endswith(_WORKBOOKS):
        raise ValueError(f"--data {path} is a workbook: save its sheet as CSV, in UTF-8.")
    is_parquet = path.lower().endswith(_PARQUET)
    try:
        frame, call, names = _read_parquet(path) if is_parquet else _read_csv(path)
    except ImportError as error:
        raise ImportError(f"--data {path} needs pyarrow: pip install pyarrow.") from error
    except Exception as error:  # each engine has errors of its own
        kind = "Parquet file" if is_parquet else "CSV file"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, UnicodeDecodeError):
            reason = "it is not in UTF-8. Save it in that encoding"
        raise ValueError(f"--data {path} is no {kind} that pandas can read: {reason}") from error
    columns = [str(name) for name in frame.columns]
    if columns != list(frame.columns):
        frame, call = frame.set_axis(columns, axis=1), f"{call}.set_axis({columns}, axis=1)"
    if not len(frame):
        raise ValueError(f"--data {path} has no rows.")
    _check_unique(names, path)

    return frame, call


def _read_parquet(path: str) -> tuple[Any, str, list[str]]:
    """The table, the call that reads it, and the names of its columns."""
    frame, call = _pandas().read_parquet(path), f"pd.read_parquet({path!r})"
    if any(name is not None for name in frame.index.names):
        frame, call = frame.reset_index(), f"{call}.reset_index()"
    if marked := marked_columns(frame):
        columns, none = dict.fromkeys(marked, "object"), "{pd.NA: None, pd.NaT: None}"
        call += f".astype({columns}).replace(dict.fromkeys({marked}, {none}))"
        frame = with_none(frame)

    return frame, call, list(map(str, frame.columns))


def _read_csv(path: str) -> tuple[Any, str, list[str]]:
    """The table, the call that reads it, and the names that the file has, twice or not."""
    pd, options = _pandas(), _csv_options(path)
    header = pd.read_csv(path, **options, header=None, nrows=1, dtype=str)
    frame = pd.read_csv(path, **options, low_memory=False)
    if "index_col" in options:
        warn(f"--data {path}: the first column, without a name, counts rows: left out.")
    written = [f"{name}={value!r}" for name, value in options.items()]
    names = list(header.iloc[0].dropna())

    return frame, f"pd.read_csv({', '.join([repr(path), *written])})", names


def _csv_options(path: str) -> dict[str, Any]:
    """Of ``pandas.read_csv``: what divides columns, decimals, and a first one that counts rows."""
    declared = _declared_separator(path)
    separator = declared or _separator(path)
    options: dict[str, Any] = {} if separator == "," else {"sep": separator}
    if declared:
        options["skiprows"] = 1
    head = _pandas().read_csv(path, **options, nrows=_HEAD)
    if separator != "," and any(_has_decimal_commas(head[name]) for name in head):
        options["decimal"] = ","
    if len(head) and str(head.columns[0]).startswith("Unnamed: ") and _counts(head.iloc[:, 0]):
        options["index_col"] = 0

    return options


def _has_decimal_commas(column: Any) -> bool:
    values = column.dropna()
    pattern = r"\s*[+-]?\d*,?\d+(e[+-]?\d+)?\s*"

    return _is_text(values) and bool(values.str.fullmatch(pattern).all())


def _is_text(column: Any) -> bool:
    pd = _pandas()
    return bool(len(column)) and bool(pd.api.types.is_string_dtype(column))


def _check_unique(names: Any, path: str) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(
            f"--data {path} has two columns {twice[0]!r}: give each a name of its own."
        )


def _counts(column: Any) -> bool:
    first = column.iloc[0]
    return first in (0, 1) and bool((column == np.arange(len(column)) + first).all())


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("--data needs pandas: pip install pandas.") from error

    return pandas


def _declared_separator(path: str) -> str | None:
    """What a first line ``sep=;`` says, which Excel writes and reads."""
    whole = _pandas().read_csv(path, sep="\x1f", header=None, nrows=1, dtype=str)
    said = re.fullmatch("sep=(.)", str(whole.iat[0, 0]))

    return said[1] if said else None


def _separator(path: str) -> str:
    """What divides the first line into the most columns."""
    pd = _pandas()

    return max(_SEPARATORS, key=lambda each: len(pd.read_csv(path, sep=each, nrows=0).columns))


def _check_names(option: str, names: Collection[str], columns: Sequence[str]) -> None:
    for name in names:
        if name not in columns:
            near = get_close_matches(name, columns, n=1, cutoff=0.5)
            known = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
            meant = f"did you mean {near[0]!r}?" if near else f"there are {known}."
            raise ValueError(f"{option} {name}: there is no such column; {meant}")


def _labels(column: Any, path: str, *, declared: bool) -> np.ndarray:
    """Labels of every row: numbers, strings or bools as they are, others as text."""
    if n_missing := int(column.isna().sum()):
        raise ValueError(
            f"--target {column.name} is missing in {n_missing:,} of {len(column):,} rows of "
            f"{path}: delete these rows, since nothing can be learned from them or tested on them."
        )
    pd = _pandas()
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if is_number and np.isinf(column.astype(float)).any():
        raise ValueError(f"--target {column.name} holds infinite values: mend them.")
    if is_number and not declared:
        different = column.nunique()
        if different > _MAX_NUMBERS or (column != column.round()).any():
            raise ValueError(
                f"--target {column.name} is a measurement, of {different:,} different numbers: "
                "this command compares classifiers. Make classes of it, by pandas.qcut for "
                f"example, or say --categorical {shlex.quote(column.name)} if it names classes."
            )
    if is_number or pd.api.types.is_bool_dtype(column):
        values: np.ndarray = column.to_numpy()
        if not is_number or (np.abs(values) < 2**63).all() and (values == np.rint(values)).all():
            return values if values.dtype == bool else values.astype(np.int64)

    text: np.ndarray = column.astype(str).to_numpy(dtype=str)

    return text


def _check_column(column: Any, *, declared: bool) -> None:
    """Raise if a column says nothing that the recipes can read, or is not what it looks like."""
    pd = _pandas()
    advice = f"leave it out by --drop {shlex.quote(column.name)}"
    if column.isna().all():
        raise ValueError(f"Column {column.name} has no value in any row: {advice}.")
    if column.dtype.kind in "mM":
        raise ValueError(
            f"Column {column.name} holds {column.dtype}: make numbers of it, such as days, or "
            f"{advice}."
        )
    if pd.api.types.is_numeric_dtype(column) and np.isinf(column.astype(float)).any():
        raise ValueError(f"Column {column.name} holds infinite values: mend them, or {advice}.")
    try:
        column.nunique()
    except TypeError as error:
        raise ValueError(
            f"Column {column.name} holds lists or structures, no values: {advice}."
        ) from error
    if not declared and (column.dtype.kind == "O" or _is_text(column)):
        _check_values(column.dropna(), advice)


def _check_values(values: Any, advice: str) -> None:
    """Raise if values of a column are of no use, or many that look like numbers or dates."""
    pd = _pandas()
    if not _is_text(values):
        try:
            kind = kind_of(values, values.name, "--data")
        except ValueError as error:
            problem, _, _ = str(error).partition(": convert")
            raise ValueError(f"{problem}: convert it, or {advice}.") from error
        if kind in ("time", "duration"):
            raise ValueError(
                f"Column {values.name} holds {kind}s: make numbers of it, such as days, or "
                f"{advice}."
            )
        return
    if values.nunique() <= _MAX_NUMBERS:
        return
    numbers = pd.to_numeric(values, errors="coerce").notna()
    written = values.str.fullmatch(_NUMBER)
    dates = pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True).notna()
    dates |= values.str.match(_DATE)
    for looks, what, remedy in (
        (dates, "dates or times", "make numbers of them, such as days"),
        (numbers | written, "numbers", "mend them"),
    ):
        if looks.mean() > 0.5:
            odd = values[~numbers].iloc[0]
            raise ValueError(
                f"Column {values.name} holds {what} written as text, such as {odd!r}: {remedy}, "
                f"{advice}, or say --categorical {shlex.quote(values.name)} if they are names."
            )
