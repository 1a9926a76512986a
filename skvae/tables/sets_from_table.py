"""Sets of rows of one table, under their keys."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae._optional import require
from skvae._typing import FloatArray, IntArray
from skvae.data.keys import RowsOfKeys, column_keys
from skvae.data.tables import column_of, columns_beside, floats, kind_of, objects

__all__ = ["sets_from_table"]


def sets_from_table(table: Any, *, by: Any, columns: Sequence[Any] | None = None) -> Any:
    """All rows of each key of a table: one set per key, in a Series of pandas under the keys.

    Parameters
    ----------
    table : DataFrame of pandas or polars, or Table of pyarrow
        Any number of rows for a key, in any order.
    by : hashable or list of hashable
        Column of the keys; several in a list.
    columns : sequence of hashable, default=None
        Columns of numbers, times or booleans that make descriptors; None means all but the keys.

    Returns
    -------
    sets : pandas.Series of ndarray of shape (n_i, d)
        In the order in which keys first occur, with the keys as its index. Descriptors are float64,
        times seconds since 1970 in UTC, booleans 0 and 1; what is missing is NaN, which encoders
        take as such. Rows without a key are left out.

    Raises
    ------
    ValueError
        If a column is not there, holds text or infinity, or has no value.
    TypeError
        If ``table`` is none, or keys cannot be hashed.
    ImportError
        If pandas is not installed.

    See Also
    --------
    TableSets : Looks keys of a main table up; for text too, with scales.

    Notes
    -----
    Descriptors are in the units of the table; scale them in the encoder, so that cross-validation
    learns scales from its training sets alone:
    ``FisherVectorEncoder(reducer=QuantileTransformer(output_distribution="normal"))``.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae import FisherVectorEncoder, sets_from_table
    >>> table = pd.DataFrame({"plane": ["N2", "N1", "N2"], "miles": [200.0, 1500.0, 300.0]})
    >>> sets = sets_from_table(table, by="plane")
    >>> sets["N2"]
    array([[200.],
           [300.]])
    >>> encoder = FisherVectorEncoder(1).set_output(transform="pandas")
    >>> encoder.fit_transform(sets).index.tolist()
    ['N2', 'N1']
    """
    require("pandas", "sets_from_table", "pandas")
    from pandas import Index, MultiIndex, Series

    keys = RowsOfKeys.of(column_keys(table, by, "table", "by"))
    if not keys.numbers:
        raise ValueError(f"table has no row with a key in {by!r}.")
    names = columns_beside(table, by, columns)
    values = np.stack([_numbers(table, name, keys.rows) for name in names], axis=1)
    if isinstance(by, list):
        index = MultiIndex.from_tuples(keys.numbers, names=by)
    else:
        index = Index(list(keys.numbers), name=by, tupleize_cols=False)
    return Series(objects(np.split(values, keys.offsets[1:-1])), index)


def _numbers(table: Any, name: Any, rows: IntArray) -> FloatArray:
    column = column_of(table, name, "table", "columns:")
    if kind_of(column, name) == "category":
        raise ValueError(
            f"Column {name!r} of table holds categories, no numbers: leave it out of columns, or "
            "use TableSets, which encodes them."
        )
    values = floats(column, rows, name)
    if np.isnan(values).all():
        raise ValueError(f"Column {name!r} of table has no value: leave it out of columns.")
    return values
