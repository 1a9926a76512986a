"""Keys to sets of descriptors: all rows of a key in another table."""

from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import HasMethods, StrOptions, fit_context
from skvae._typing import Array, Constraints, Names
from skvae._warnings import warn
from skvae.data.keys import RowsOfKeys, check_kinds, column_keys, keys_of
from skvae.data.tables import ColumnKind, columns_beside, objects
from skvae.fisher.sets import Sets
from skvae.tables.columns import ColumnEncoder, fit_columns, kinds_of
from skvae.tables.sources import DescribedSets

__all__ = ["TableSets"]


class TableSets(TransformerMixin, Estimator):
    """All rows that a table has of a key: one set of descriptors per row of the main table.

    X is the main table, with one row for each plane, say, and ``table`` the other, with one row for
    each flight. Columns of numbers are scaled, columns of text become a dimension per category, and
    what that takes is learned in ``fit``, from the rows of the keys of X alone.

    Parameters
    ----------
    table : DataFrame of pandas or polars, or Table of pyarrow
        Any number of rows for a key, in any order. ``clone`` does not copy it.
    key : hashable or list of hashable
        Column of X and of ``table`` that says whose rows they are; several in a list.
    table_key : hashable or list of hashable, default=None
        The column of ``table``, where it has another name there.
    columns : sequence of hashable, default=None
        Columns of ``table`` that make descriptors; None means all but the keys.
    numeric : transformer, default=None
        Of numbers and times, as an array in which NaN is missing. None: a
        ``QuantileTransformer(output_distribution="normal")``, then a
        ``SimpleImputer(strategy="median", add_indicator=True)``.
    categorical : transformer, default=None
        Of text, categories and booleans, as an array of objects in which None is missing. None: a
        ``OneHotEncoder`` of at most 30 categories a column, the rarest of which are one, as are
        those that ``fit`` has not seen.
    unknown : {"warn", "ignore"}, default="warn"
        What ``fit`` does about rows of keys that X does not have: it never reads them, and
        ``"warn"`` counts them. Cross-validation leaves keys out on purpose: ``"ignore"``.

    Attributes
    ----------
    kinds_ : dict
        Of each column: "number", "time", "duration", "boolean" or "category".
    descriptor_names_ : ndarray of str
        Of the dimensions of a descriptor.

    See Also
    --------
    sets_from_table : Sets without a main table.

    Notes
    -----
    Keys may be whatever Python can hash, and are equal where Python says so. A key without rows has
    an empty set; a missing key (None, NaN, NaT) has none, nor have rows whose key is missing. Keys
    may occur more than once in X.

    Times are numbers: seconds since 1970, in UTC; durations are seconds. Integers are numbers:
    make codes text, or a categorical type, where they have no order.

    A pickle holds the table. Clones share it, so it must not change while they are used; joblib's
    processes share its larger arrays of numpy; threads share it whole.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae import FisherVectorEncoder, TableSets
    >>> planes = pd.DataFrame({"plane": ["N1", "N2", "N3"]})
    >>> flights = pd.DataFrame({"plane": ["N2", "N1", "N2"], "miles": [200.0, 1500.0, 300.0]})
    >>> TableSets(flights, key="plane").fit(planes).transform(planes)[1].round(2)
    array([[-5.2],
           [ 0. ]])
    >>> encoder = FisherVectorEncoder(1, extractor=TableSets(flights, key="plane"))
    >>> encoder.fit_transform(planes).shape
    (3, 3)
    """

    kinds_: dict[Any, ColumnKind]
    _encoder: ColumnEncoder
    _rows: RowsOfKeys

    _parameter_constraints: Constraints = {
        "numeric": [HasMethods(["fit", "transform"]), None],
        "categorical": [HasMethods(["fit", "transform"]), None],
        "unknown": [StrOptions({"warn", "ignore"})],
    }

    def __init__(
        self,
        table: Any,
        *,
        key: Any,
        table_key: Any = None,
        columns: Sequence[Any] | None = None,
        numeric: Any = None,
        categorical: Any = None,
        unknown: str = "warn",
    ) -> None:
        self.table = table
        self.key = key
        self.table_key = table_key
        self.columns = columns
        self.numeric = numeric
        self.categorical = categorical
        self.unknown = unknown

    def __sklearn_clone__(self) -> Self:
        without = copy(self)
        without.table = None
        clone: Self = super(TableSets, without).__sklearn_clone__()
        clone.table = self.table
        return clone

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the rows of each key, and fit the transformers on those of the keys of X.

        Parameters
        ----------
        X : DataFrame, Table or sequence of keys, of shape (n_sets,) or (n_sets, n_columns)
            The main table, which has the key; or the keys themselves.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : TableSets

        Raises
        ------
        ValueError
            If the key or a column is not there, no key of X has rows, a column has no value in any
            of these or holds what is no descriptor, or ``numeric`` does not take missing values.
        TypeError
            If ``table`` is none, or keys cannot be hashed.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X: Any) -> None:
        keys = self.read(X)
        table_keys = self._keys_of_table()
        key = self.key if self.table_key is None else self.table_key
        self.kinds_ = kinds_of(self.table, columns_beside(self.table, key, self.columns))
        self._rows = RowsOfKeys.of(table_keys)
        known = dict.fromkeys(key for key in keys if key in self._rows.numbers)
        rows, _ = self._rows.of_keys(known)
        if not len(rows):
            if not self._rows.numbers:
                raise ValueError("table has no row with a key.")
            check_kinds(keys, self._rows.numbers)
            raise ValueError(
                f"None of the {len(keys)} keys of X, such as {keys[0]!r}, has a row in table, "
                f"whose keys are such as {next(iter(self._rows.numbers))!r}."
            )
        if self.unknown == "warn" and len(rows) < len(table_keys):
            _warn_of_unknown(len(table_keys), len(rows), len(self._rows.numbers) - len(known))
        rows = np.sort(rows)
        self._encoder = fit_columns(self.table, rows, self.kinds_, self.numeric, self.categorical)

    def _keys_of_table(self) -> Array:
        name = "key" if self.table_key is None else "table_key"
        keys = column_keys(self.table, getattr(self, name), "table", name)
        if _n_columns(self.key) != _n_columns(getattr(self, name)):
            raise ValueError(
                f"table_key={self.table_key!r} must name as many columns as key={self.key!r}, in "
                "the same order: lists of one length, or one name each."
            )
        return keys

    def read(self, X: Any) -> Array:
        """Keys of a main table: how an encoder reads what it passes on to ``sets``.

        Parameters
        ----------
        X : DataFrame, Table or sequence of keys, of shape (n_sets,) or (n_sets, n_columns)
            As for ``fit``.

        Returns
        -------
        keys : ndarray of shape (n_sets,)
            Of objects; None where one is missing.
        """
        return keys_of(X, self.key)

    def sets(self, keys: Iterable[Any]) -> Sets:
        """Sets of keys, of which descriptors are made when they are asked for.

        Parameters
        ----------
        keys : iterable of hashable
            As from ``read``.

        Returns
        -------
        source : Sets
            Rows come in the order that they have in the table.
        """
        check_is_fitted(self)
        rows, offsets = self._rows.of_keys(keys)
        if not len(rows):
            check_kinds(keys, self._rows.numbers)
        describe = partial(self._encoder.descriptors, self.table)
        return DescribedSets.of(rows, offsets, describe)

    def transform(self, X: Any) -> Array:
        """Descriptors of all rows of each key.

        Parameters
        ----------
        X : DataFrame, Table or sequence of keys, of shape (n_sets,) or (n_sets, n_columns)
            As for ``fit``.

        Returns
        -------
        sets : ndarray of shape (n_sets,) of ndarray of shape (n_i, d)
            Rows come in the order that they have in the table.
        """
        packed = self.sets(self.read(X)).pull()
        return objects(np.split(packed.descriptors, packed.offsets[1:-1]))

    def set_table(self, table: Any) -> Self:
        """Look keys up in another table from now on, by what was learned from the one before.

        For rows that came after ``fit``, of known and of new keys: of an encoder by
        ``encoder.extractor_.set_table(table)``.

        Parameters
        ----------
        table : DataFrame or Table
            Has the same columns; more do not matter.

        Returns
        -------
        self : TableSets

        Raises
        ------
        ValueError
            If the key or a column is not there, or is of another kind. The table before stays.
        """
        check_is_fitted(self)
        with fitted_aside(self) as other:
            other._set_table(table)
        self.table = table
        return self

    def _set_table(self, table: Any) -> None:
        self.table = table
        self._rows = RowsOfKeys.of(self._keys_of_table())
        for name, kind in kinds_of(table, list(self.kinds_)).items():
            if kind not in (self.kinds_[name], "missing"):
                raise ValueError(
                    f"Column {name!r} of table holds values of the kind {kind!r}, but "
                    f"{self.kinds_[name]!r} in fit."
                )

    @property
    def descriptor_names_(self) -> Names:
        """Names of the dimensions of a descriptor."""
        return np.array(self._encoder.names(), object)


def _n_columns(key: Any) -> int | None:
    """Columns that make tuples of keys; None for a single one, whose values are keys."""
    return len(key) if isinstance(key, list) else None


def _warn_of_unknown(n_all: int, n_known: int, n_keys: int) -> None:
    warn(
        f"{n_all - n_known:,} of the {n_all:,} rows of table are of no key of X ({n_keys:,} other "
        'keys, or none) and are not read. unknown="ignore" says that this is as it should be.'
    )
