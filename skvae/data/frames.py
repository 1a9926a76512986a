"""Data frames of pandas and polars: columns by their places, their types, and frames of those."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from skvae._typing import Array
from skvae.data.containers import array_of, check_computed, is_frame
from skvae.data.iterables import yields_blocks
from skvae.data.tables import (
    check_table,
    column_names,
    is_missing,
    is_named_table,
    objects,
    values_of,
)

__all__ = [
    "ColumnType",
    "FrameType",
    "checked_table",
    "column_at",
    "is_data_frame",
    "named_columns",
    "rows_at",
    "series_categories",
    "with_values_of",
]

# Digits in all and behind the point, as types of polars and of arrow are written.
_DECIMAL = re.compile(r"decimal\d*\(\D*(\d+), \D*(\d+)\)")
# To which decimals of any type are exact.
_EXACT = Context(prec=100)


def is_data_frame(X: Any) -> bool:
    """Whether X is a data frame of pandas or polars."""
    return is_frame(X) and is_named_table(X)


def checked_table(X: Any) -> Any:
    """A data frame or a two-dimensional array of any values, with rows and columns."""
    check_computed(X, "X")
    is_sparse = issparse(X)
    if is_sparse or yields_blocks(X, "VAETransformer", "Stack its blocks."):
        problem = "is sparse: call its toarray()" if is_sparse else "comes in blocks: stack them"
        raise TypeError(
            "Blocks of columns, categories and conditions= need X as a data frame or an array in "
            f"one piece, but it {problem}."
        )
    if not is_data_frame(X):
        if isinstance(X, np.ma.MaskedArray) or hasattr(X, "requires_grad"):
            X = array_of(X, "X")
        if isinstance(X, list | tuple) and np.asarray(X).dtype.kind in "US":
            X = np.array(X, object)  # numbers beside text stay numbers
        return check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
    if not X.shape[0] or not X.shape[1]:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s), while a minimum "
            "of 1 is required: X is an empty table."
        )
    return X


def named_columns(X: Any) -> tuple[Any, list[Any]]:
    """A checked table, and the names of its columns; of an array, which has none, their places."""
    table = checked_table(X)
    names = column_names(X) if is_named_table(X) else list(range(table.shape[1]))

    return table, names


def column_at(X: Any, place: int) -> Any:
    """A column of a data frame or array, by its place."""
    if hasattr(X, "iloc"):
        return X.iloc[:, place]

    return X.to_series(place) if hasattr(X, "to_series") else X[:, place]


def rows_at(X: Any, places: Array) -> Any:
    """Rows of a data frame or array, by their places."""
    return X.iloc[places] if hasattr(X, "iloc") else X[places]


def series_categories(column: Any) -> list[Any] | None:
    """All values that a column can have, where its type says so: categories in their order."""
    dtype = getattr(column, "dtype", None)
    if str(dtype) in ("bool", "boolean", "Boolean"):
        return [False, True]
    if str(dtype) == "Categorical":  # of polars, whose categories are those of all its frames
        return None
    known = getattr(dtype, "categories", None)

    return None if known is None else values_of(known)


@dataclass(frozen=True)
class ColumnType:
    """The type of a column of a data frame, in plain values.

    Parameters
    ----------
    dtype : str
        Its name.
    categories : list or None, default=None
        Where the type lists them.
    of_categories : str or None, default=None
        Name of the type of the categories, in pandas.
    ordered : bool, default=False
        Whether they are ordered, in pandas.
    arrow : bytes or None, default=None
        A type of arrow's in pandas, whose name does not say all: a schema of it.
    fill_value : scalar, default=None
        What a sparse column of pandas does not store; ``dtype`` is that of its values.
    """

    dtype: str
    categories: list[Any] | None = None
    of_categories: str | None = None
    ordered: bool = False
    arrow: bytes | None = None
    fill_value: Any = None

    @classmethod
    def of(cls, column: Any) -> "ColumnType":
        """The type of a Series."""
        dtype = column.dtype
        if hasattr(dtype, "pyarrow_dtype"):
            return cls(str(dtype), arrow=_bytes_of_arrow(dtype.pyarrow_dtype))
        if hasattr(dtype, "fill_value"):
            return cls(str(dtype.subtype), fill_value=np.asarray(dtype.fill_value).item())
        if str(dtype) == "string":
            return cls(f"string[{dtype.storage}]")
        if not hasattr(dtype, "categories") or str(dtype) == "Categorical":
            return cls(str(dtype))
        of_categories = getattr(dtype.categories, "dtype", None)

        return cls(
            str(dtype).split("(")[0],
            values_of(dtype.categories),
            None if of_categories is None else str(of_categories),
            bool(getattr(dtype, "ordered", False)),
        )

    @property
    def digits(self) -> tuple[int, int] | None:
        """Of decimals how many digits they have, and how many of these behind the point."""
        found = _DECIMAL.match(self.dtype.lower())

        return None if found is None else (int(found[1]), int(found[2]))

    def held(self, values: Any) -> Any:
        """Values as such a column can hold them."""
        if self.digits is not None:
            return _decimals(values, *self.digits)
        array = np.asarray(values)

        return self.numbers(array) if array.dtype.kind == "f" else values

    def numbers(self, values: Array) -> Array:
        """Numbers as such a column can hold them: whole ones rounded, booleans from a half."""
        name = self.dtype.lower().split("[")[0]
        if name in ("bool", "boolean"):
            return values >= 0.5
        if name.startswith(("int", "uint")):
            whole = np.dtype(name if name in np.sctypeDict else "int64")
            limits = np.iinfo(whole)
            # The greatest float below: that next to the limit of 64 bits is beyond it.
            highest = np.nextafter(float(limits.max), 0) if whole.itemsize > 4 else limits.max
            return np.rint(values).clip(limits.min, highest).astype(whole)

        return values

    def holds(self, values: Sequence[Any]) -> bool:
        """Whether such a column has these values as they are."""
        if self.categories is not None:
            return set(values) <= set(self.categories)
        name = self.dtype.lower().split("[")[0].replace("boolean", "bool")
        if not name.startswith(("int", "uint", "float", "bool")):
            return True
        try:
            held = objects(values).astype(name)
        except (OverflowError, TypeError, ValueError):
            return False
        return bool((held == objects(values)).all())


@dataclass(frozen=True)
class FrameType:
    """What a data frame is but for its values.

    Parameters
    ----------
    library : {"pandas", "polars"}
        Whose frame it is.
    names : list of hashable
        Names of the columns.
    types : list of ColumnType
        Their types.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.data.frames import FrameType
    >>> kind = FrameType.of(pd.DataFrame({"age": [4, 7], "name": ["Ada", "Bob"]}))
    >>> kind.frame([[5.4], ["Eve"]])
       age name
    0    5  Eve
    """

    library: str
    names: list[Any]
    types: list[ColumnType]

    @classmethod
    def of(cls, X: Any) -> "FrameType":
        """That of a frame whose columns have different names."""
        check_table(X, "X")
        names = column_names(X)
        types = [ColumnType.of(column_at(X, place)) for place in range(len(names))]

        return cls("pandas" if hasattr(X, "iloc") else "polars", names, types)

    def frame(self, columns: Sequence[Any], index: Any = None) -> Any:
        """A frame of such a kind.

        Parameters
        ----------
        columns : sequence of array-like
            Values of each column; numbers may be fractions where a column has whole ones.
        index : Index or None, default=None
            Of its rows, in pandas.

        Returns
        -------
        frame : DataFrame
        """
        series = [kind.held(values) for kind, values in zip(self.types, columns, strict=True)]
        if self.library == "polars":
            return _of_polars(self, series)
        return _of_pandas(self, series, index)


def with_values_of(table: Any, X: Any, kind: FrameType | None) -> Any:
    """A table in which what another has stands as it is there.

    Parameters
    ----------
    table : DataFrame or ndarray of shape (n, n_columns)
        Without missing values.
    X : DataFrame or array-like of shape (n, n_columns)
        The other; its missing values are those of ``table``.
    kind : FrameType or None
        Of ``table``; None if it is an array.

    Returns
    -------
    table : DataFrame or ndarray of shape (n, n_columns)
        A column that cannot hold the values of X has the type that it has there, or one that holds
        all.
    """
    X = checked_table(X)
    if kind is None:
        X = X if X.dtype.kind in "biuf" else np.asarray(X, object)
        missing = np.vectorize(is_missing, otypes=[bool])(X)
        return np.where(missing, table, X).astype(table.dtype, copy=False)
    is_alike = is_data_frame(X) and hasattr(X, "iloc") == (kind.library == "pandas")
    columns, types, is_same = [], [], True
    for place, own in enumerate(kind.types):
        given, made = column_at(X, place), values_of(column_at(table, place))
        both = [m if is_missing(v) else v for v, m in zip(values_of(given), made, strict=True)]
        is_same = is_same and both == made
        columns.append(both)
        types.append(_type_holding(both, kind, [own, ColumnType.of(given)] if is_alike else [own]))

    if is_same:
        return table
    return replace(kind, types=types).frame(columns, getattr(table, "index", None))


def _type_holding(
    values: Sequence[Any], kind: FrameType, types: Sequence[ColumnType]
) -> ColumnType:
    """The first of some types that holds values, or else one that does."""
    are_numbers = all(isinstance(value, Real) for value in values)
    plain = {"pandas": ("object", "float64"), "polars": ("String", "Float64")}[kind.library]

    return next((t for t in types if t.holds(values)), ColumnType(plain[are_numbers]))


def _decimals(values: Any, n_digits: int, n_behind: int) -> list[Decimal]:
    """Numbers rounded to so many digits behind the point, the greatest for those beyond it."""
    unit = Decimal(1).scaleb(-n_behind)
    most = _EXACT.multiply(Decimal(10**n_digits - 1), unit)
    exact = map(_EXACT.create_decimal, values)

    return [_EXACT.quantize(max(-most, min(value, most)), unit) for value in exact]


def _of_polars(kind: FrameType, columns: list[Any]) -> Any:
    import polars as pl

    made = []
    for name, of_column, values in zip(kind.names, kind.types, columns, strict=True):
        dtype = pl.Enum(of_column.categories or ())
        if of_column.categories is None:
            dtype = _type_of_polars(of_column.dtype)
        if dtype == pl.Object:
            made.append(pl.Series(name, [*values], dtype=dtype))
            continue
        listed = values if isinstance(values, np.ndarray) and values.dtype != object else [*values]
        made.append(pl.Series(name, listed, strict=False).cast(dtype))

    return pl.DataFrame(made)


def _type_of_polars(written: str) -> Any:
    """A type as it is written: ``Int8``, ``Decimal(precision=10, scale=2)``."""
    import polars as pl

    expression = ast.parse(written, mode="eval").body
    if not isinstance(expression, ast.Call):
        return getattr(pl, written)
    name, _, _ = written.partition("(")
    options = {k.arg: ast.literal_eval(k.value) for k in expression.keywords if k.arg}

    return getattr(pl, name)(**options)


def _of_pandas(kind: FrameType, columns: list[Any], index: Any) -> Any:
    import pandas as pd

    made = {}
    for place, (of_column, values) in enumerate(zip(kind.types, columns, strict=True)):
        dtype: Any = of_column.dtype
        if of_column.categories is not None:
            categories = pd.Index(
                of_column.categories, dtype=of_column.of_categories, tupleize_cols=False
            )
            dtype = pd.CategoricalDtype(categories, of_column.ordered)
        if of_column.fill_value is not None:
            dtype = pd.SparseDtype(np.dtype(dtype), of_column.fill_value)
        if of_column.arrow is not None:
            values, dtype = _values_of_arrow(of_column.arrow, values), None
        made[place] = pd.Series(values, dtype=dtype, index=index)
    frame = pd.DataFrame(made)
    frame.columns = pd.Index(kind.names)

    return frame


def _bytes_of_arrow(kind: Any) -> bytes:
    import pyarrow as pa

    written: bytes = pa.schema([("", kind)]).serialize().to_pybytes()
    return written


def _values_of_arrow(kind: bytes, values: Any) -> Any:
    """Values as an array of pandas that has a type of arrow's."""
    import pandas as pd
    import pyarrow as pa

    dtype = pa.ipc.read_schema(pa.py_buffer(kind)).field(0).type
    array = pa.array(list(values), from_pandas=True)
    if pa.types.is_dictionary(dtype):
        array = array.cast(dtype.value_type).dictionary_encode()
    return pd.array(array.cast(dtype, safe=False), dtype=pd.ArrowDtype(dtype))
