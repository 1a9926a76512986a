"""Blocks of columns, as ``likelihood`` names them: which columns each has, and its likelihood."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from skvae.vae.descriptions import LIKELIHOODS, is_categorical, likelihood_of_column
from skvae.vae.part_types import Likelihood

__all__ = ["ColumnBlock", "named_blocks", "places_of"]


@dataclass(frozen=True)
class ColumnBlock:
    """Columns of one likelihood.

    Parameters
    ----------
    name : str
        Its own, for messages.
    likelihood : str, Likelihood or callable
        Of its columns.
    columns : list of int
        Their places.
    encoder : OneHotEncoder or None, default=None
        Of categories.
    """

    name: str
    likelihood: Any
    columns: list[int]
    encoder: OneHotEncoder | None = None

    @classmethod
    def of(cls, name: str, likelihood: Any, columns: list[int]) -> "ColumnBlock":
        """A block whose likelihood may be an encoder of categories instead."""
        if isinstance(likelihood, OneHotEncoder):
            if likelihood.drop is not None:
                raise ValueError(
                    f"The encoder of the block {name!r} of likelihood= has drop="
                    f"{likelihood.drop!r}: each category needs a column. Use drop=None."
                )
            return cls(name, likelihood_of_column(is_category=True), columns, likelihood)
        encoder = OneHotEncoder(handle_unknown="ignore") if is_categorical(likelihood) else None

        return cls(name, likelihood, columns, encoder)

    def is_same(self, other: "ColumnBlock") -> bool:
        """Whether it has the same name, likelihood and columns."""
        mine, others = ((block.name, block.likelihood, block.columns) for block in (self, other))
        return bool(mine == others)

    def categories_of(self, column: int) -> Sequence[Any] | None:
        """All categories of one of its columns, where the encoder has been given them."""
        given: Any = None if self.encoder is None else self.encoder.categories
        if given is None or (isinstance(given, str) and given == "auto"):
            return None
        if len(given) != len(self.columns):
            raise ValueError(
                f"The encoder of the block {self.name!r} of likelihood= has the categories of "
                f"{len(given)} columns, but {len(self.columns)} are in it."
            )
        return list(given[self.columns.index(column)])


def named_blocks(
    triples: Any, X: Any, names: Sequence[Any], conditions: Sequence[int] = ()
) -> list[ColumnBlock]:
    """Blocks that the user names, in which each column is once.

    Parameters
    ----------
    triples : list of (str, likelihood, columns)
        The ``likelihood`` parameter.
    X : DataFrame or ndarray of shape (n, n_columns)
        For selectors of columns.
    names : sequence of hashable
        Of its columns; their places where they have none.
    conditions : sequence of int, default=()
        Places of columns that belong into no block.

    Returns
    -------
    blocks : list of ColumnBlock

    Raises
    ------
    ValueError
        If there is no such column or likelihood, a block has no column or the name of another, or
        a column is in no block or in two, or a condition is in one.
    """
    owners: dict[int, str] = {}
    blocks: list[ColumnBlock] = []
    for triple in triples:
        name, likelihood, columns = _checked(triple, [block.name for block in blocks])
        places = places_of(columns, X, names, f"The block {name!r} of likelihood=")
        for place in places:
            if place in conditions:
                raise ValueError(
                    f"Column {names[place]!r} of X is in the block {name!r} of likelihood= and in "
                    "conditions=: the likelihood describes the other columns, given the "
                    "conditions. Leave it out of one of them."
                )
            if place in owners:
                twice = "twice in the block" if owners[place] == name else "in two blocks"
                both = repr(name) if owners[place] == name else f"{owners[place]!r} and {name!r}"
                raise ValueError(
                    f"Column {names[place]!r} of X is {twice} of likelihood=, {both}; it can be in "
                    "one, once."
                )
            owners[place] = name
        if places:
            blocks.append(ColumnBlock.of(name, likelihood, places))
    left = [names[p] for p in range(len(names)) if p not in owners and p not in conditions]
    if left:
        raise ValueError(
            f"Column {left[0]!r} of X is in no block of likelihood="
            f"{f', nor are {len(left) - 1} others' if left[1:] else ''}: give it to one, or leave "
            "it out of X."
        )
    return blocks


def _checked(triple: Any, known: Iterable[str]) -> tuple[str, Any, Any]:
    """A triple, if it is one."""
    if not isinstance(triple, tuple | list) or len(triple) != 3 or not isinstance(triple[0], str):
        raise ValueError(
            "likelihood= has blocks of columns as triples (name, likelihood, columns), such as "
            f"('numbers', 'gaussian_diag', ['age', 'fare']); got {triple!r}."
        )
    name, likelihood, columns = triple
    if name in known:
        raise ValueError(f"likelihood= has two blocks of the name {name!r}: rename one.")
    is_known = isinstance(likelihood, str) and likelihood in LIKELIHOODS
    is_part = isinstance(likelihood, OneHotEncoder | Likelihood) or callable(likelihood)
    if not is_known and not is_part:
        raise ValueError(
            f"The block {name!r} of likelihood= has the likelihood {likelihood!r}; it can be "
            f"{', '.join(map(repr, LIKELIHOODS))}, a OneHotEncoder for categories, a "
            "skvae.parts.Likelihood, or a callable that makes a module."
        )
    return name, likelihood, columns


def places_of(columns: Any, X: Any, names: Sequence[Any], who: str) -> list[int]:
    """Places of columns that are given by names, places, a slice, a mask or a selector.

    Parameters
    ----------
    columns : object
        As in a block of ``likelihood``.
    X : DataFrame or ndarray of shape (n, n_columns)
        For selectors of columns.
    names : sequence of hashable
        Of its columns; their places where they have none.
    who : str
        Names them, for messages.

    Returns
    -------
    places : list of int

    Raises
    ------
    ValueError
        If there is no such column, or a mask is not one of all columns.
    """
    if callable(columns):
        columns = columns(X)
    if isinstance(columns, slice):
        return list(range(len(names)))[_slice_of_places(columns, names, who)]
    is_listed = hasattr(columns, "__getitem__") and hasattr(columns, "__len__")
    keys = list(columns) if is_listed and not isinstance(columns, str) else [columns]
    if keys and all(isinstance(key, bool | np.bool_) for key in keys):
        if len(keys) != len(names):
            raise ValueError(f"{who} has a mask of {len(keys)} columns, but X has {len(names)}.")
        return np.flatnonzero(keys).tolist()

    return [_place(key, names, who) for key in keys]


def _slice_of_places(columns: slice, names: Sequence[Any], who: str) -> slice:
    """A slice of places; one of names includes its end, as scikit-learn's do."""
    start, stop = columns.start, columns.stop
    if isinstance(start, str):
        start = _place(start, names, who)
    if isinstance(stop, str):
        stop = _place(stop, names, who) + 1

    return slice(start, stop, columns.step)


def _place(key: Any, names: Sequence[Any], who: str) -> int:
    """Place of a column by its name, or by its place from either end."""
    n = len(names)
    if isinstance(key, Integral) and not isinstance(key, bool) and -n <= int(key) < n:
        return int(key) % n
    if isinstance(key, str) and key in names:
        return list(names).index(key)
    shown = ", ".join(map(repr, names[:20])) + (", ..." if n > 20 else "")
    advice = ""
    own = [place for place, name in enumerate(names) if type(name) is type(key) and name == key]
    if own:
        advice = f" Only text is a name here: call this column {own[0]}, its place."
    elif isinstance(key, Integral):
        advice = " A whole number is a place, counted from 0."
    raise ValueError(
        f"{who} names the column {key!r}, which X does not have. Its columns are {shown}.{advice}"
    )
