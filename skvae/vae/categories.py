"""The categories of a column: to columns of 0 and 1 by scikit-learn, and back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder

from skvae.data.keys import check_kinds
from skvae.data.tables import is_missing, objects

__all__ = ["Categories"]


@dataclass(frozen=True, eq=False)
class Categories:
    """Categories of a column, a column of 0 and 1 for each; pooled ones share the last.

    Parameters
    ----------
    encoder : OneHotEncoder
        Fitted on the column.
    values : ndarray of objects of shape (n_categories,)
        What each of them means; the most frequent of pooled ones.
    names : list of str
        Names of the columns of 0 and 1.

    Examples
    --------
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from skvae.vae.categories import Categories
    >>> port = Categories.fit(["b", "a", "b"], OneHotEncoder(handle_unknown="ignore"), None, "port")
    >>> port.to_columns(["a", "c", None])
    array([[ 1.,  0.],
           [ 0.,  0.],
           [nan, nan]])
    >>> port.to_values(port.to_columns(["b", "a"])).tolist()
    ['b', 'a']
    """

    encoder: OneHotEncoder
    values: np.ndarray
    names: list[str]

    @classmethod
    def fit(
        cls,
        values: Sequence[Any],
        encoder: OneHotEncoder,
        known: Sequence[Any] | None,
        name: Any,
    ) -> "Categories":
        """Those of a column.

        Parameters
        ----------
        values : sequence of hashable
            Of the column, some of them missing.
        encoder : OneHotEncoder
            Of which a clone is fitted.
        known : sequence or None
            All categories, None for those that are there.
        name : hashable
            Of the column.

        Raises
        ------
        ValueError
            If there is no value, or values of kinds that do not compare.
        """
        observed = [value for value in values if not is_missing(value)]
        _check_finite(observed, name)
        if not observed:
            raise ValueError(f"Column {name!r} of X has no value: leave it out.")
        categories: Any = "auto"
        if known is not None:  # a missing value is none, though scikit-learn has it among them
            categories = [objects([value for value in known if not is_missing(value)])]
        encoder = clone(encoder).set_params(sparse_output=False, categories=categories)
        try:
            with config_context(skip_parameter_validation=False):  # which our own fit skips
                encoder.fit(objects(observed)[:, None])
        except (TypeError, ValueError) as error:
            raise ValueError(f"The categories of column {name!r} of X: {error}") from error
        rare = _pooled(encoder)
        own = [category for category in encoder.categories_[0] if category not in rare]
        if rare:
            own.append(max(rare, key=Counter(observed).__getitem__))
        names = [str(column) for column in encoder.get_feature_names_out([str(name)])]

        return cls(encoder, objects(own), names)

    def to_columns(self, values: Sequence[Any], name: Any = None, table: str = "X") -> np.ndarray:
        """Columns of 0 and 1.

        Parameters
        ----------
        values : sequence of hashable
            One for each row.
        name : hashable
            Of the column, for errors.
        table : str, default="X"
            The argument that has it, for errors.

        Returns
        -------
        x : ndarray of shape (n, n_categories)
            NaN where a value is missing; zeros where it is unknown, if the encoder ignores those.

        Raises
        ------
        ValueError
            If a value is unknown and the encoder does not ignore it, or all are of another kind
            than the categories, such as text where those are numbers.
        """
        numbers: dict[Any, int] = {}
        places = np.array([numbers.setdefault(value, len(numbers)) for value in values])
        rows = np.full((len(numbers), len(self.values)), np.nan)
        known = np.array([not is_missing(value) for value in numbers], bool)
        if known.any():
            distinct = objects([*numbers])[known]
            names = f"Values of column {name!r} of {table}", "its categories"
            _check_finite(distinct, name, table)
            check_kinds(distinct, self.encoder.categories_[0], names)
            try:
                rows[known] = self.encoder.transform(distinct[:, None])
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"The categories of column {name!r} of {table}: {error}"
                ) from error

        x: np.ndarray = rows[places]

        return x

    def to_values(self, x: np.ndarray) -> np.ndarray:
        """The category of the largest of its columns, (n,), objects."""
        values: np.ndarray = self.values[x.argmax(axis=1)]

        return values


def _check_finite(values: Iterable[Any], name: Any, table: str = "X") -> None:
    if any(isinstance(value, float) and isinf(value) for value in values):
        raise ValueError(
            f"Column {name!r} of {table} contains infinity: put a number or NaN in its place."
        )


def _pooled(encoder: OneHotEncoder) -> list[Any]:
    """Categories that share a column."""
    if encoder.min_frequency is None and encoder.max_categories is None:
        return []
    rare: np.ndarray | None = encoder.infrequent_categories_[0]

    return [] if rare is None else list(rare)
