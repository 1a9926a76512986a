"""Columns of a table to descriptors: numbers and categories, each by a transformer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from skvae._sklearn import plain_outputs
from skvae._typing import Array, FloatArray, IntArray
from skvae.data.tables import ColumnKind, categories, column_of, floats, is_missing, kind_of

__all__ = ["ColumnEncoder", "fit_columns", "kinds_of"]

_MAX_CATEGORIES = 30
_QUANTILES = 1000


@dataclass(frozen=True, eq=False)
class ColumnEncoder:
    """Fitted transformers, and the columns that each reads.

    Parameters
    ----------
    numbers, categories : list of hashable
        Names of columns of numbers and times, and of those of categories and booleans.
    numeric, categorical : transformer
        What is fitted on each, where there is such a column.
    n_dimensions : int
        d of a descriptor.
    """

    numbers: list[Any]
    categories: list[Any]
    numeric: Any
    categorical: Any
    n_dimensions: int = 0

    def descriptors(self, table: Any, rows: IntArray) -> FloatArray:
        """Descriptors of rows of a table, of which there may be none.

        Parameters
        ----------
        table : DataFrame or Table
            Has the columns.
        rows : ndarray of shape (n_rows,)
            Numbers of the rows.

        Returns
        -------
        descriptors : ndarray of shape (n_rows, d)

        Raises
        ------
        ValueError
            If a column holds infinity.
        """
        if not len(rows):
            return np.empty((0, self.n_dimensions))
        parts = []
        if self.numbers:
            values = _numbers(table, rows, self.numbers)
            with _naming_missing_values(values, self.numbers, self.numeric):
                parts.append(_transformed(self.numeric, values))
        if self.categories:
            values = _categories(table, rows, self.categories)
            parts.append(_transformed(self.categorical, values))
        return np.hstack(parts)

    def names(self) -> list[str]:
        """Names of the dimensions of a descriptor."""
        parts = [(self.numeric, self.numbers), (self.categorical, self.categories)]
        return [
            str(name)
            for transformer, columns in parts
            if columns
            for name in transformer.get_feature_names_out(list(map(str, columns)))
        ]


def kinds_of(table: Any, columns: Sequence[Any]) -> dict[Any, ColumnKind]:
    """Kind of each of some columns of a table.

    Parameters
    ----------
    table : DataFrame or Table
        Has the columns.
    columns : sequence of hashable
        Their names.

    Raises
    ------
    ValueError
        If there is no such column, or it holds what is no descriptor.
    """
    return {name: kind_of(column_of(table, name, "table", "columns:"), name) for name in columns}


def fit_columns(
    table: Any,
    rows: IntArray,
    kinds: dict[Any, ColumnKind],
    numeric: Any = None,
    categorical: Any = None,
) -> ColumnEncoder:
    """Fit clones of transformers on rows of a table.

    Parameters
    ----------
    table : DataFrame or Table
        Has the columns.
    rows : ndarray of shape (n_rows,)
        Numbers of the rows.
    kinds : dict
        Of the columns, as from :func:`kinds_of`.
    numeric, categorical : transformer, default=None
        None: quantiles of numbers, with indicators of missing ones, and a dimension for each
        category.

    Returns
    -------
    encoder : ColumnEncoder

    Raises
    ------
    ValueError
        If a column has no value in these rows.
    """
    numbers = [name for name, kind in kinds.items() if kind in ("number", "time", "duration")]
    others = [name for name in kinds if name not in numbers]
    numeric = _quantiles(len(rows)) if numeric is None else clone(numeric)
    categorical = _one_hot() if categorical is None else clone(categorical)
    with plain_outputs():
        if numbers:
            values = _with_values(_numbers(table, rows, numbers), numbers)
            with _naming_missing_values(values, numbers, numeric):
                numeric.fit(values)
        if others:
            _fit_categories(categorical, _categories(table, rows, others), others)
    encoder = ColumnEncoder(numbers, others, numeric, categorical)
    return replace(encoder, n_dimensions=encoder.descriptors(table, rows[:1]).shape[1])


def _quantiles(n_rows: int) -> Any:
    # subsample=None draws nothing, so there is no seed to have.
    quantiles = QuantileTransformer(
        n_quantiles=min(_QUANTILES, n_rows), output_distribution="normal", subsample=None
    )
    return make_pipeline(quantiles, SimpleImputer(strategy="median", add_indicator=True))


def _one_hot() -> Any:
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=_MAX_CATEGORIES, sparse_output=False
    )


def _numbers(table: Any, rows: IntArray, names: list[Any]) -> FloatArray:
    return np.stack([floats(table[name], rows, name) for name in names], axis=1)


def _categories(table: Any, rows: IntArray, names: list[Any]) -> Array:
    return np.stack([categories(table[name], rows) for name in names], axis=1)


@contextmanager
def _naming_missing_values(values: FloatArray, names: list[Any], numeric: Any) -> Iterator[None]:
    """Say of an error about missing values which column has them, and what to do."""
    try:
        yield
    except ValueError as error:
        missing = np.isnan(values).any(axis=0)
        if not missing.any():
            raise
        raise ValueError(
            f"Column {names[int(np.argmax(missing))]!r} of table has missing values (NaN), which "
            f"numeric={numeric!r} does not take. Impute them before it, "
            f"numeric=make_pipeline(SimpleImputer(), {numeric!r}) for instance."
        ) from error


def _fit_categories(categorical: Any, values: Array, names: list[Any]) -> None:
    _with_values(values, names)
    try:
        categorical.fit(values)
    except TypeError as error:  # categories of one column that do not compare
        kinds = [{type(value) for value in column if value is not None} for column in values.T]
        mixed = [name for name, types in zip(names, kinds, strict=True) if len(types) > 1]
        if not mixed:
            raise
        raise ValueError(f"The categories of column {mixed[0]!r} of table: {error}") from error


def _with_values(values: Array, names: list[Any]) -> Array:
    """Values of columns, each of which has one at least."""
    columns = zip(names, values.T, strict=True)
    empty = [name for name, column in columns if all(map(is_missing, column))]
    if empty:
        raise ValueError(
            f"Column {empty[0]!r} of table has no value in any row of the keys of X: leave it out "
            "of columns."
        )
    return values


def _transformed(transformer: Any, values: Array) -> FloatArray:
    with plain_outputs():
        transformed = transformer.transform(values)
    dense = transformed.toarray() if issparse(transformed) else np.asarray(transformed)
    return dense.astype(np.float64, copy=False)
