"""Recipes for tables, whose columns are numbers and categories and may have holes.

scikit-learn's usual encoding of columns, what is learned from it, and a VAE that needs none.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skvae.data.containers import check_names
from skvae.data.tables import kind_of
from skvae.vae.transformer import VAETransformer

__all__ = [
    "MAX_CATEGORIES",
    "TABLE_FEATURES",
    "TABLE_FEATURE_TEXTS",
    "check_frame",
    "encoded_columns",
    "kinds_of",
    "make_for_table",
    "marked_columns",
    "with_none",
]

# Passed on to what draws.
Seed: TypeAlias = int | np.random.RandomState | None

# Of a column; the rarer ones share the last.
MAX_CATEGORIES = 30
# Of what is learned from a table.
_MAX_COMPONENTS = 16


def encoded_columns(numbers: Sequence[str], categories: Sequence[str]) -> ColumnTransformer:
    """Rows of numbers, of columns as a table has them.

    Parameters
    ----------
    numbers : sequence of str
        Columns to standardise, in which the median stands for what is missing, beside a column
        that marks it.
    categories : sequence of str
        Columns that become one for each of their commonest values, of which a missing one is one.

    Returns
    -------
    transformer : ColumnTransformer
        Unfitted.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.table_recipes import encoded_columns
    >>> table = pd.DataFrame({"age": [20, None, 40], "city": ["Bonn", "Bonn", "Rome"]})
    >>> encoded_columns(["age"], ["city"]).fit_transform(table)
    array([[-1.,  0.,  1.,  0.],
           [ 0.,  1.,  1.,  0.],
           [ 1.,  0.,  0.,  1.]])
    """
    # Scaled before it is completed: the marks of holes stay 0 and 1, however few they are.
    scaled = Pipeline(
        [
            ("scaler", StandardScaler()),
            ("imputer", SimpleImputer(strategy="median", add_indicator=True)),
        ]
    )
    one_hot = _one_hot().set_params(sparse_output=False)
    blocks = [("numbers", scaled, list(numbers)), ("categories", one_hot, list(categories))]

    return ColumnTransformer([block for block in blocks if block[2]])


def _one_hot() -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES)


def check_frame(table: Any, name: str = "table") -> None:
    """Raise unless a table is what the recipes read.

    Parameters
    ----------
    table : object
    name : str
        What the error calls it.

    Raises
    ------
    ValueError
        If it is no DataFrame of pandas, is empty, or has columns that scikit-learn cannot tell
        apart by their names, or whose values are none.
    """
    if not hasattr(table, "iloc") or not hasattr(table, "select_dtypes"):
        raise ValueError(
            f"{name} must be a DataFrame of pandas, got {type(table).__name__}: call its "
            "to_pandas(), or name the columns by pandas.DataFrame(X, columns=...)."
        )
    if not table.size:
        raise ValueError(f"{name} has the shape {table.shape}: there is no value in it.")
    check_names(list(table.columns), name)
    for place, column in enumerate(table.columns):
        if not isinstance(column, str) and column != place:
            raise ValueError(
                f"{name} has a column of the name {column!r}, which is no text, and would be taken "
                f"for a place: pass {name}.rename(columns=str), or one with names of text."
            )
        try:
            table[column].nunique()
        except TypeError as error:
            raise ValueError(
                f"Column {column!r} of {name} holds lists or structures, no values: leave it out."
            ) from error


def kinds_of(table: Any) -> tuple[list[str], list[str]]:
    """Which columns of a table are numbers, and which are categories.

    Parameters
    ----------
    table : DataFrame of pandas
        Numbers have a numeric dtype, or are objects such as decimals; all else is categories:
        text, bools, categorical dtypes.

    Returns
    -------
    numbers, categories : list of str
        Names of columns, in their order.

    Raises
    ------
    ValueError
        If a column holds times, durations or something else that is neither.
    """
    kinds = {name: kind_of(table[name], name) for name in table.columns}
    for name, kind in kinds.items():
        if kind in ("time", "duration"):
            raise ValueError(
                f"Column {name!r} of table holds {kind}s: make numbers of it, such as days, or "
                "leave it out."
            )
    numeric = table.select_dtypes("number").columns
    numbers = [
        c for c, kind in kinds.items() if kind == "number" or (kind == "missing" and c in numeric)
    ]

    return numbers, [name for name in kinds if name not in numbers]


def marked_columns(table: Any) -> list[Any]:
    """Columns of text in which NA or NaT of pandas stands for a missing value.

    scikit-learn's ``OneHotEncoder`` takes None and NaN for that alone.

    Parameters
    ----------
    table : DataFrame of pandas

    Returns
    -------
    names : list
    """
    columns = (table.iloc[:, place] for place in range(table.shape[1]))

    return [column.name for column in columns if _is_marked(column)]


def _is_marked(column: Any) -> bool:
    if column.dtype.kind in "biufc":
        return False
    missing, values = column.isna(), column.astype(object)
    is_marked = not all(mark is None or isinstance(mark, float) for mark in values[missing])

    return is_marked and any(isinstance(value, str) for value in values[~missing])


def with_none(table: Any) -> Any:
    """A table in which None stands for the missing values of :func:`marked_columns`.

    Parameters
    ----------
    table : DataFrame of pandas

    Returns
    -------
    table : DataFrame
        These columns hold objects; the others are as they were.
    """
    plain = table.copy(deep=False)
    for name in marked_columns(table):
        column = table[name].astype(object)
        plain[name] = column.where(column.notna(), None)

    return plain


def make_for_table(name: str, table: Any, *, random_state: Seed = None) -> Pipeline:
    """Make an unfitted feature pipeline for rows of a table.

    Numbers are standardised, the median stands for missing ones, and a column marks them;
    categories become columns of zeros and ones. That is all of "raw", from which "pca" learns. The
    VAEs read the table itself: they have a likelihood for each kind of column, and leave out what
    is missing. Numbers of which there are two, such as 0 and 1, are categories to them.

    Parameters
    ----------
    name : {"raw", "pca", "vae", "raw+vae", "vae_prior"}
        The encoded columns; their principal components; posterior means of a VAE; the first and
        the third side by side; posterior means of a VAE with class means as priors, the one that
        reads labels.
    table : DataFrame of pandas
        Whose columns the pipeline is for: numbers, which have a numeric dtype or are objects such
        as decimals, and categories, which are the other ones.
    random_state : int, RandomState instance or None, default=None
        Passed on.

    Returns
    -------
    pipeline : Pipeline

    Raises
    ------
    ValueError
        If the name is unknown, the table is no DataFrame of pandas, or columns are to be encoded
        and one of text has missing values that scikit-learn's encoder does not take.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae import recipes
    >>> table = pd.DataFrame({"age": [20, None, 40], "city": ["Bonn", "Bonn", "Rome"]})
    >>> recipes.make_for_table("raw", table).fit_transform(table).shape
    (3, 4)
    """
    if name not in TABLE_FEATURES:
        known = ", ".join(TABLE_FEATURES)
        raise ValueError(f"Feature {name!r} is unknown for tables: choose from {known}.")
    check_frame(table)
    if name in _ENCODED and (marked := marked_columns(table)):
        raise ValueError(
            f"Column {marked[0]!r} of table has pandas.NA or NaT among text, which OneHotEncoder "
            "does not take. Put None in its place, here, in fit and in transform: table.astype({"
            f"{marked[0]!r}: object}}).replace({{pandas.NA: None, pandas.NaT: None}})."
        )
    numbers, categories = kinds_of(table)
    columns = _Columns(
        numbers, categories, two_valued=[c for c in numbers if table[c].nunique() <= 2]
    )
    # As many as vary freely: of k categories all but one.
    n_free = len(columns.numbers) + sum(
        min(table[name].nunique(dropna=False), MAX_CATEGORIES) - 1 for name in columns.categories
    )
    n_components = max(1, min(_MAX_COMPONENTS, n_free))

    return TABLE_FEATURES[name](columns, n_components, random_state)


class _Columns(NamedTuple):
    """Names of columns; those of two numbers have no density, and are categories to a VAE."""

    numbers: list[str]
    categories: list[str]
    two_valued: list[str]


def _raw(columns: _Columns, n_components: int, random_state: Seed) -> Pipeline:
    return Pipeline([("columns", encoded_columns(columns.numbers, columns.categories))])


def _pca(columns: _Columns, n_components: int, random_state: Seed) -> Pipeline:
    pca = PCA(n_components, random_state=random_state)

    return Pipeline(
        [("columns", encoded_columns(columns.numbers, columns.categories)), ("pca", pca)]
    )


def _vae(columns: _Columns, n_components: int, random_state: Seed) -> Pipeline:
    numbers = [name for name in columns.numbers if name not in columns.two_valued]
    blocks = [
        ("numbers", "gaussian_diag", numbers),
        ("categories", _one_hot(), columns.categories + columns.two_valued),
    ]
    likelihood = [block for block in blocks if block[2]]
    vae = VAETransformer(n_components, likelihood=likelihood, random_state=random_state)

    return Pipeline([("vae", vae)])


def _raw_and_vae(columns: _Columns, n_components: int, random_state: Seed) -> Pipeline:
    makers = {"raw": _raw, "vae": _vae}
    parts = [(name, make(columns, n_components, random_state)) for name, make in makers.items()]

    return Pipeline([("union", FeatureUnion(parts))])


def _vae_prior(columns: _Columns, n_components: int, random_state: Seed) -> Pipeline:
    return _vae(columns, n_components, random_state).set_params(vae__conditional="prior")


TABLE_FEATURES: dict[str, Callable[[_Columns, int, Seed], Pipeline]] = {
    "raw": _raw,
    "pca": _pca,
    "vae": _vae,
    "raw+vae": _raw_and_vae,
    "vae_prior": _vae_prior,
}
_ENCODED = ("raw", "pca", "raw+vae")  # by OneHotEncoder
TABLE_FEATURE_TEXTS = {
    "raw": "numbers standardised, categories one-hot, holes filled",
    "pca": f"at most {_MAX_COMPONENTS} principal components of raw",
    "vae": f"posterior means of a variational autoencoder, at most {_MAX_COMPONENTS}",
    "raw+vae": "raw and vae, side by side",
    "vae_prior": "posterior means of a VAE with class means as priors: reads labels",
}
