"""Tables of every library that is here, from the same columns."""

from importlib.util import find_spec

import pandas as pd

__all__ = ["TABLES"]


def _arrow(columns):
    import pyarrow

    return pyarrow.table(columns)


def _polars(columns):
    import polars

    return polars.DataFrame(columns)


TABLES = {"pandas": pd.DataFrame}
if find_spec("polars"):
    TABLES["polars"] = _polars
if find_spec("pyarrow"):
    TABLES["pyarrow"] = _arrow
