"""Columns of a table, as a network sees them and as they come back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from skvae._typing import Array
from skvae.compute.sizes import check_memory
from skvae.data.containers import array_of_sequence, check_computed, is_text
from skvae.data.frames import (
    FrameType,
    checked_table,
    column_at,
    is_data_frame,
    named_columns,
    series_categories,
)
from skvae.data.row_facts import facts_of
from skvae.data.tables import column_names, floats, is_named_table, kind_of, values_of
from skvae.vae.categories import Categories
from skvae.vae.column_blocks import ColumnBlock, named_blocks
from skvae.vae.conditions import Conditions
from skvae.vae.descriptions import (
    Blocks,
    automatic_likelihood,
    is_categorical,
    likelihood_of,
    likelihood_of_column,
)
from skvae.vae.options import check_unchanged
from skvae.vae.part_types import Likelihood

__all__ = ["Columns", "columns_of"]

_WHAT = {"category": "categories", "time": "times", "duration": "durations"}


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a table in blocks of one likelihood each, numbers for a network and back.

    A number is one column of the network's, a category as many as it has values, of 0 and 1. They
    lie block after block, within a block in the order of its columns.

    Parameters
    ----------
    blocks : list of ColumnBlock
        In which each column is once, but for conditions.
    names : list of hashable
        Of the columns; their places where they have none.
    frame : FrameType or None
        What kind of frame they came in; None for an array.
    categories : dict
        Those of columns of categories, by place.
    conditions : Conditions or None, default=None
        The other columns of the table, which are in no block.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.vae.columns import columns_of
    >>> table = pd.DataFrame({"port": ["S", "C", "S"], "age": [22.0, 38.0, 26.0]})
    >>> columns = columns_of("auto", table)
    >>> columns.to_matrix(table)
    array([[22.,  0.,  1.],
           [38.,  1.,  0.],
           [26.,  0.,  1.]])
    >>> columns.feature_names.tolist(), columns.column_of.tolist()
    (['age', 'port_C', 'port_S'], [1, 0, 0])
    >>> columns.to_table(columns.to_matrix(table)).equals(table)
    True
    """

    blocks: list[ColumnBlock]
    names: list[Any]
    frame: FrameType | None
    categories: Mapping[int, Categories]
    conditions: Conditions | None = None

    @property
    def likelihood(self) -> Blocks:
        """The likelihoods of the network's columns, as an architecture has them."""
        return tuple(
            (block.likelihood, tuple(self.width(place) for place in block.columns))
            for block in self.blocks
        )

    @property
    def triples(self) -> list[tuple[str, Any, list[Any]]]:
        """Name, likelihood and columns of the blocks, as the parameter ``likelihood`` takes them.

        Columns are named, or have their place where they have no name that is text.
        """
        return [
            (
                block.name,
                block.likelihood,
                [self._key(place) for place in block.columns],
            )
            for block in self.blocks
        ]

    def _key(self, place: int) -> Any:
        name = self.names[place]

        return name if isinstance(name, str) else place

    @cached_property
    def column_of(self) -> Array:
        """For each of the network's columns the place of that in the table, (n_features,)."""
        places = [place for block in self.blocks for place in block.columns]

        return np.repeat(places, [self.width(place) for place in places])

    @property
    def feature_names(self) -> Array:
        """Names of the network's columns, (n_features,)."""
        places = [place for block in self.blocks for place in block.columns]
        known = self.categories

        return np.concatenate(
            [known[p].names if p in known else [str(self.names[p])] for p in places]
        )

    def width(self, place: int) -> int:
        """How many of the network's columns one of the table is."""
        return len(self.categories[place].values) if place in self.categories else 1

    def to_matrix(self, X: Any, *, learning: bool = False) -> Array:
        """Rows as numbers.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, n_columns)
            With columns as in the fit.
        learning : bool, default=False
            Whether a fit goes on with them, to which categories must be known.

        Returns
        -------
        matrix : ndarray of shape (n, n_features), float64
            In the user's units. NaN where a value is missing; zeros for an unknown category, if its
            encoder ignores those.

        Raises
        ------
        ValueError
            If a value is infinite, or one that its likelihood cannot give rise to.
        """
        X = checked_table(X)
        n_rows, n_features = len(X), len(self.column_of)
        wide = self.names[max(range(len(self.names)), key=self.width)]
        check_memory(
            8 * n_rows * n_features,
            f"X with {n_features:,} columns of numbers and categories, most of them those of "
            f"{wide!r} (a OneHotEncoder(max_categories=...) in its place pools rare ones),",
        )
        matrix = np.empty((n_rows, n_features))
        for block, place, features in self._places():
            column, name = column_at(X, place), self.names[place]
            if place in self.categories:
                matrix[:, features] = self.categories[place].to_columns(values_of(column), name)
                if learning:
                    _check_known(matrix[:, features], column, name)
            else:
                matrix[:, features.start] = _numbers_of(column, name, block)

        return matrix

    def to_table(self, x: Array, index: Any = None, given: Sequence[Array] = ()) -> Any:
        """The table that rows of numbers stand for.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
            In the user's units; of a category, the largest of its columns counts.
        index : Index or None, default=None
            Of the rows, in pandas.
        given : sequence of ndarray of shape (n,)
            Values of the conditions, where there are some.

        Returns
        -------
        table : DataFrame or ndarray of shape (n, n_columns)
            Of the kind and with the types of the fit; an array of floats unless a column has other
            categories than numbers.
        """
        columns: list[Any] = [None] * len(self.names)
        for _, place, features in self._places():
            part = x[:, features]
            if place in self.categories:
                columns[place] = self.categories[place].to_values(part)
            else:
                columns[place] = part[:, 0]
        if self.conditions is not None:
            for condition, values in zip(self.conditions.columns, given, strict=True):
                columns[condition.place] = values
        if self.frame is not None:
            return self.frame.frame(columns, index)
        if any(isinstance(value, str) for column in columns for value in column[:1]):
            return np.column_stack([column.astype(object) for column in columns])
        try:
            return np.column_stack([column.astype(x.dtype) for column in columns])
        except (TypeError, ValueError):  # categories that are no numbers
            return np.column_stack([column.astype(object) for column in columns])

    def _places(self) -> Iterator[tuple[ColumnBlock, int, slice]]:
        """Block, place and slice of the network's columns of each column."""
        first = 0
        for block in self.blocks:
            for place in block.columns:
                last = first + self.width(place)
                yield block, place, slice(first, last)
                first = last


def columns_of(
    likelihood: Any,
    X: Any,
    settled: Columns | None = None,
    conditions: Conditions | None = None,
) -> Columns | None:
    """What the columns of a table are to a fit; None where all of X has one likelihood.

    Parameters
    ----------
    likelihood : object
        The parameter of the estimator.
    X : array-like
        Rows of a fit.
    settled : Columns or None, default=None
        Of the fit that this one continues.
    conditions : Conditions or None, default=None
        Columns that are not described.

    Returns
    -------
    columns : Columns or None

    Raises
    ------
    ValueError
        If the table cannot be described so, or otherwise than by the fit before.
    """
    _check_library(X)
    by_columns = isinstance(likelihood, list | tuple) or is_categorical(likelihood)
    is_automatic = isinstance(likelihood, str) and likelihood == "auto"
    if settled is not None and is_automatic:
        return settled
    if conditions is None and not by_columns and not (is_automatic and is_data_frame(X)):
        _check_numbers(likelihood, X)
        return None
    taken = () if conditions is None else conditions.places
    X, names = named_columns(X)
    if settled is not None:
        names = settled.names  # the order of columns is checked with the rows
    if is_automatic:
        blocks = _automatic_blocks(X, names, taken)
        if blocks is None:
            return None
    if isinstance(likelihood, list | tuple):
        blocks = named_blocks(likelihood, X, names, taken)
    elif not is_automatic:
        places = [place for place in range(len(names)) if place not in taken]
        blocks = [ColumnBlock.of(likelihood_of(likelihood).name, likelihood, places)]
    assert blocks is not None
    if settled is not None:
        _check_same(blocks, settled)
        return settled
    categories = {
        place: _fit_categories(block, column_at(X, place), place, names[place])
        for block in blocks
        if block.encoder is not None
        for place in block.columns
    }
    frame = FrameType.of(X) if is_data_frame(X) else None

    return Columns(blocks, names, frame, categories, conditions)


def _check_library(X: Any) -> None:
    """Refuse tables of arrow, unless they are but numbers, and those still to be computed."""
    check_computed(X, "X")
    if is_named_table(X) and not is_data_frame(X):
        names = column_names(X)
        if any(kind_of(X[name], name, "X") != "number" for name in names):
            raise TypeError(
                f"X is a {type(X).__name__} with other columns than numbers: pass a data frame, "
                "X.to_pandas() or polars.from_arrow(X)."
            )


def _automatic_blocks(
    X: Any, names: Sequence[Any], taken: Sequence[int]
) -> list[ColumnBlock] | None:
    """Numbers and categories of a table; None where there are numbers alone and no conditions."""
    places = [place for place in range(len(names)) if place not in taken]
    kinds = {place: kind_of(column_at(X, place), names[place], "X") for place in places}
    if not {"category", "boolean"} & {*kinds.values()} and not taken:
        return None
    for place, kind in kinds.items():
        name = names[place]
        if kind in ("time", "duration"):
            raise ValueError(
                f"Column {name!r} of X holds {kind}s, which have no likelihood: make it numbers, "
                "such as seconds since the first, or leave it out."
            )
        if kind == "missing":
            raise ValueError(f"Column {name!r} of X has no value: leave it out.")
    if {*kinds.values()} == {"number"}:
        numbers = [floats(column_at(X, p), np.arange(len(X)), names[p], "X") for p in places]
        own = automatic_likelihood(facts_of(np.column_stack(numbers)), 1.0, binarized=False)
        return [ColumnBlock.of(own, own, places)]
    blocks = []
    for name, is_category in (("numbers", False), ("categories", True)):
        columns = [p for p, kind in kinds.items() if (kind != "number") == is_category]
        if columns:
            likelihood = likelihood_of_column(is_category=is_category)
            blocks.append(ColumnBlock.of(name, likelihood, columns))

    return blocks


def _fit_categories(block: ColumnBlock, column: Any, place: int, name: Any) -> Categories:
    known = block.categories_of(place)
    known = series_categories(column) if known is None else known

    return Categories.fit(values_of(column), block.encoder, known, name)


def _check_same(blocks: Sequence[ColumnBlock], settled: Columns) -> None:
    same = len(blocks) == len(settled.blocks) and all(
        new.is_same(old) for new, old in zip(blocks, settled.blocks, strict=True)
    )
    if not same:
        check_unchanged(["likelihood"])


def _check_numbers(likelihood: Any, X: Any) -> None:
    """Refuse text in a table, all of which has one likelihood of numbers."""
    if isinstance(X, list | tuple):
        X = array_of_sequence(X, "X")
    if isinstance(X, np.ndarray) and X.dtype.kind in "OUS" and X.ndim == 2:
        _check_rows(likelihood, X)
    if not is_data_frame(X):
        return
    for place, name in enumerate(column_names(X)):
        column = column_at(X, place)
        if str(column.dtype) == "object" and kind_of(column, name, "X") == "category":
            raise ValueError(
                f"Column {name!r} of X holds categories, which likelihood={likelihood!r} does not "
                "describe: use likelihood='auto', or blocks of columns."
            )


def _check_rows(likelihood: Any, X: Array) -> None:
    for row in X:
        place = next((place for place, value in enumerate(row) if is_text(value)), None)
        if place is not None:
            raise ValueError(
                f"Column {place} of X holds text such as {str(row[place])!r}, which likelihood="
                f"{likelihood!r} does not describe in an array: pass a data frame with "
                "likelihood='auto', or blocks of columns."
            )


def _numbers_of(column: Any, name: Any, block: ColumnBlock) -> Array:
    """Numbers of a column, NaN where missing, if its likelihood can give rise to them."""
    kind = kind_of(column, name, "X")
    shown = likelihood_of(block.likelihood).name
    if kind in _WHAT:
        advice = {
            "category": "put it into a block of categories",
            "time": "make it numbers, such as seconds since the first",
            "duration": "make it numbers, such as seconds",
        }[kind]
        raise ValueError(
            f"Column {name!r} of X holds {_WHAT[kind]}, which likelihood={shown!r} of the block "
            f"{block.name!r} does not describe: {advice}, or leave it out."
        )
    values = floats(column, np.arange(len(column)), name, "X")
    observed = values[~np.isnan(values), None]
    if len(observed):
        _check_values(likelihood_of(block.likelihood), observed, name, block)

    return values


def _check_values(likelihood: Likelihood, values: Array, name: Any, block: ColumnBlock) -> None:
    facts = facts_of(values)
    try:
        if likelihood.check is not None:
            likelihood.check(facts, 1.0)
    except ValueError as error:
        raise ValueError(f"Column {name!r} of X (block {block.name!r}): {error}") from error
    if likelihood.binary and not facts.binary:
        raise ValueError(
            f"Column {name!r} of X (block {block.name!r}) has values between 0 and 1, for which "
            f"likelihood={likelihood.name!r} is no density. Use a Gaussian one."
        )


def _check_known(values: Array, column: Any, name: Any) -> None:
    unknown = ~values.any(axis=1)
    if unknown.any():
        value = values_of(column)[int(unknown.argmax())]
        raise ValueError(
            f"Column {name!r} of X has the category {value!r}, which the first data did not have. "
            "Give that fit a categorical type with all categories, or OneHotEncoder(categories="
            "...) as the likelihood of the block."
        )
