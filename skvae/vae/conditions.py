"""Columns of a table that the decoder is told beside z, and that no likelihood describes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import OneHotEncoder

from skvae._typing import Array
from skvae.data.containers import array_of, check_names
from skvae.data.frames import (
    checked_table,
    column_at,
    is_data_frame,
    named_columns,
    series_categories,
)
from skvae.data.row_weights import RowWeights
from skvae.data.tables import (
    categories,
    column_names,
    floats,
    is_missing,
    is_named_table,
    kind_of,
)
from skvae.vae.categories import Categories
from skvae.vae.column_blocks import places_of
from skvae.vae.options import check_unchanged

__all__ = ["Condition", "Conditions", "between"]

# Standard deviations that float32 still tells apart, whatever follows.
_FARTHEST = 1e15


@dataclass(frozen=True, eq=False)
class Condition:
    """A column that the decoder is told: categories as columns of 0 and 1, or a number.

    Parameters
    ----------
    name : hashable
        Of the column; its place where it has none.
    place : int
        In the table.
    categories : Categories or None
        None where it holds numbers.
    mean, scale : float
        Of the numbers in the fit, scale 1 where they do not vary.
    """

    name: Any
    place: int
    categories: Categories | None = None
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, column: Any, place: int, name: Any, weights: RowWeights) -> "Condition":
        """What a column of the fit's rows is to a decoder."""
        kind = kind_of(column, name, "X")
        if kind in ("time", "duration"):
            raise ValueError(
                f"Column {name!r} of X, a condition, holds {kind}s: make it numbers, such as "
                "seconds since the first."
            )
        if kind == "missing":
            raise ValueError(
                f"Column {name!r} of X, a condition, has no value: leave it out of conditions=."
            )
        counted = np.arange(len(column)) if weights.places is None else weights.places
        if kind != "number":
            encoder = OneHotEncoder(handle_unknown="ignore")
            known, values = series_categories(column), categories(column, counted)
            return cls(name, place, Categories.fit(list(values), encoder, known, name))
        values = floats(column, counted, name, "X")
        observed = ~np.isnan(values)
        if not observed.any():
            raise ValueError(f"Column {name!r} of X, a condition, has no value in rows that count.")
        shares = None if weights.shares is None else weights.shares[observed]
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.average(values[observed], weights=shares))
            scale = float(np.sqrt(np.average((values[observed] - mean) ** 2, weights=shares)))
        if not np.isfinite(scale):
            raise ValueError(
                f"Column {name!r} of X, a condition, has values too large to square: rescale it."
            )

        if np.ptp(values[observed]) == 0:  # the mean has a rounding error, the deviation is one
            return cls(name, place, None, float(values[observed][0]), 1.0)
        return cls(name, place, None, mean, scale)

    @property
    def width(self) -> int:
        """How many inputs of the decoder it is."""
        return 1 if self.categories is None else len(self.categories.values)

    def values_of(self, column: Any, table: str) -> Array:
        """Values of rows: floats, NaN where missing, or objects, None where missing."""
        every = np.arange(len(column))
        if self.categories is not None:
            return categories(column, every)
        if kind_of(column, self.name, table) not in ("number", "boolean", "missing"):
            raise self._error(table, "holds other things than numbers")
        return floats(column, every, self.name, table)

    def to_inputs(self, values: Array, table: str) -> Array:
        """Inputs of the decoder, (n, width), of values that are all known."""
        missing = np.array([is_missing(value) for value in values], bool)
        if missing.any():
            raise self._error(table, f"has no value in row {int(missing.argmax())}")
        if self.categories is None:
            inputs: Array = ((values - self.mean) / self.scale)[:, None]
            self._check_reach(values, inputs, table)
            return inputs
        inputs = self.categories.to_columns(list(values), self.name, table)
        unknown = ~inputs.any(axis=1)
        if unknown.any():
            known = self.categories.values.tolist()
            shown = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
            value = values[int(unknown.argmax())]
            raise self._error(
                table, f"has {value!r} in row {int(unknown.argmax())}; the fit knows {shown}"
            )
        return inputs

    def _check_reach(self, values: Array, inputs: Array, table: str) -> None:
        """Raise where float32 would lose what the decoder makes of an input."""
        far = np.abs(inputs[:, 0]) > _FARTHEST
        if far.any():
            row = int(far.argmax())
            raise self._error(
                table,
                f"has {values[row]:g} in row {row}, more than {_FARTHEST:.0e} standard deviations "
                f"from the mean of the fit, {self.mean:g}",
            )

    def _error(self, table: str, problem: str) -> ValueError:
        return ValueError(
            f"Column {self.name!r} of {table}, a condition that the decoder needs to know, "
            f"{problem}. transform alone does without conditions."
        )


@dataclass(frozen=True, eq=False)
class Conditions:
    """Columns that the decoder is told.

    Parameters
    ----------
    columns : list of Condition
        In the order in which they were named.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.vae.conditions import Conditions
    >>> table = pd.DataFrame({"x": [4.0, 7.0], "batch": ["b", "a"], "age": [30, 50]})
    >>> conditions = Conditions.fit(["batch", "age"], table)
    >>> conditions.to_matrix(conditions.of_rows(table))
    array([[ 0.,  1., -1.],
           [ 1.,  0.,  1.]], dtype=float32)
    >>> conditions.to_matrix(conditions.of_table([["a", 40]], 2))
    array([[1., 0., 0.],
           [1., 0., 0.]], dtype=float32)
    """

    columns: list[Condition]

    @classmethod
    def fit(cls, keys: Any, X: Any, sample_weight: Any = None) -> "Conditions":
        """Those that a user names.

        Parameters
        ----------
        keys : object
            Names, places, a slice, a mask or a selector.
        X : DataFrame or array-like of shape (n, n_columns)
            Rows of a fit.
        sample_weight : float or array-like of shape (n,) or None, default=None
            Their weights.

        Raises
        ------
        ValueError
            If there is no such column, none or no other, or one cannot be told to a decoder.
        TypeError
            If X is sparse or comes in blocks.
        """
        X, names = named_columns(X)
        places = _places(keys, X, names)
        weights = RowWeights.of(sample_weight, X.shape[0])

        return cls([Condition.fit(column_at(X, p), p, names[p], weights) for p in places])

    @property
    def places(self) -> list[int]:
        """Their places in the table."""
        return [condition.place for condition in self.columns]

    @property
    def width(self) -> int:
        """Inputs of the decoder behind z."""
        return sum(condition.width for condition in self.columns)

    def check_same(self, keys: Any, X: Any, names: Sequence[Any]) -> None:
        """Refuse to continue the fit, whose table had these names, with other conditions."""
        if _places(keys, checked_table(X), names) != self.places:
            check_unchanged(["conditions"])

    def of_rows(self, X: Any) -> list[Array]:
        """Their values in rows of a table, (n,) each."""
        X = checked_table(X)

        return [c.values_of(column_at(X, c.place), "X") for c in self.columns]

    def of_table(self, y: Any, n_rows: int | None) -> list[Array]:
        """Their values in a table of conditions.

        Parameters
        ----------
        y : DataFrame or array-like of shape (n_rows, n_conditions) or (1, n_conditions)
            A frame may have other columns as well. Where there is one condition it may be a value
            or a list of them.
        n_rows : int or None
            How many rows there are; one row of conditions is for all of them. None takes those of
            the table.

        Returns
        -------
        values : list of ndarray of shape (n_rows,)

        Raises
        ------
        ValueError
            If there is no table, or one of another shape.
        """
        wanted = ", ".join(repr(condition.name) for condition in self.columns)
        if y is None:
            raise ValueError(
                f"The decoder of this fit needs to know {wanted}: pass y=, a table of these "
                "conditions with one row for each sample, or one for all."
            )
        table, places = self._columns_in(y, wanted)
        values = [
            condition.values_of(column_at(table, place), "y")
            for condition, place in zip(self.columns, places, strict=True)
        ]
        n_given = len(values[0])
        n_rows = n_given if n_rows is None else n_rows
        if n_given not in (1, n_rows):
            raise ValueError(
                f"y has {n_given} rows of conditions, but {n_rows} samples need as many, or one "
                "for all."
            )
        return [column if n_given == n_rows else column.repeat(n_rows) for column in values]

    def _columns_in(self, y: Any, wanted: str) -> tuple[Any, list[int]]:
        """A table of conditions, and the place of each in it."""
        if is_named_table(y):
            names = column_names(y)
            check_names(names, "y")
            lacking = [c.name for c in self.columns if c.name not in names]
            if lacking:
                raise ValueError(
                    f"y has no column {lacking[0]!r}; it needs those of the conditions, {wanted}."
                )
            if not y.shape[0]:
                raise ValueError(f"y has no rows; it needs values of the conditions, {wanted}.")
            table = y if is_data_frame(y) else np.asarray(y)
            return table, [names.index(c.name) for c in self.columns]
        if isinstance(y, np.ma.MaskedArray) or hasattr(y, "requires_grad") or issparse(y):
            y = array_of(y, "y")
        table = np.asarray(y.to_list() if hasattr(y, "to_list") else y)
        if table.dtype.kind in "US":
            table = np.asarray(y, object)  # numbers beside text stay numbers
        if table.ndim < 2:
            table = table.reshape(-1, 1) if len(self.columns) == 1 else table.reshape(1, -1)
        if table.ndim > 2 or table.shape[1] != len(self.columns) or not len(table):
            raise ValueError(
                f"y has the shape {np.shape(y)}; it needs a column for each of the conditions, "
                f"{wanted}, in this order."
            )
        return table, list(range(len(self.columns)))

    def to_matrix(self, values: Sequence[Array], table: str = "X") -> Array:
        """What the decoder is told.

        Parameters
        ----------
        values : sequence of ndarray of shape (n,)
            Of each of them.
        table : str, default="X"
            Where they come from, for errors.

        Returns
        -------
        c : ndarray of shape (n, width), float32

        Raises
        ------
        ValueError
            If a value is missing or unknown.
        """
        inputs = [c.to_inputs(own, table) for c, own in zip(self.columns, values, strict=True)]
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            matrix: Array = np.hstack(inputs).astype(np.float32)

        return matrix


def between(starts: Sequence[Array], ends: Sequence[Array], n_steps: int) -> list[Array]:
    """Values of conditions on the way from some rows to others.

    Parameters
    ----------
    starts, ends : sequence of ndarray of shape (n,)
        Values of each condition.
    n_steps : int
        Points of each way, both ends included.

    Returns
    -------
    values : list of ndarray of shape (n * n_steps,)
        Way after way: numbers change evenly, and a category is that of the nearer end.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.conditions import between
    >>> between([np.array([30.0])], [np.array([50.0])], 3)
    [array([30., 40., 50.])]
    """
    t = np.linspace(0, 1, n_steps)
    values = []
    for start, end in zip(starts, ends, strict=True):
        a, b = start[:, None], end[:, None]
        way = np.where(t <= 0.5, a, b) if start.dtype == object else (1 - t) * a + t * b
        values.append(way.ravel())

    return values


def _places(keys: Any, X: Any, names: Sequence[Any]) -> list[int]:
    places = places_of(keys, X, names, "conditions=")
    if not places:
        raise ValueError("conditions= names no column: name one, or use conditions=None.")
    twice = [place for place in dict.fromkeys(places) if places.count(place) > 1]
    if twice:
        raise ValueError(f"conditions= names the column {names[twice[0]]!r} twice.")
    if len(places) == len(names):
        raise ValueError(
            "conditions= names all columns of X, which leaves none for the likelihood to describe."
        )
    return places
