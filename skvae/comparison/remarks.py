"""What has to be said of a table before its errors: its columns, and what was done to them."""

from typing import Any

import numpy as np

from skvae.table_recipes import MAX_CATEGORIES, kinds_of

__all__ = ["remarks_on_folds", "remarks_on_table"]

_ENCODING = (
    "raw and pca take neither categories nor holes: StandardScaler scales the numbers, "
    "SimpleImputer fills in medians and marks where, and OneHotEncoder makes a column of each "
    "value, a missing one among them. A VAE reads the columns as they are, and leaves out what is "
    "missing."
)
# Names of columns that are written out.
_N_NAMES = 4


def remarks_on_folds(y: np.ndarray, n_folds: int) -> str:
    """How rows are tested, and how often the commonest class would be wrong."""
    classes, counts = np.unique(y, return_counts=True)
    common = counts.argmax()
    error = 1 - counts[common] / len(y)

    return (
        f"{len(y):,} rows of {len(classes)} classes, each tested once in {n_folds} folds; always "
        f"to say {classes[common]} is wrong for {error:.2%}."
    )


def remarks_on_table(X: Any) -> list[str]:
    """Columns of a table, and what the features make of them.

    Parameters
    ----------
    X : DataFrame of pandas

    Returns
    -------
    remarks : list of str
        Whole sentences.
    """
    numbers, categories = kinds_of(X)
    remarks = [
        f"{_counted(names, 'column')} of {kind}: {_named(names)}."
        for kind, names in (("numbers", numbers), ("categories", categories))
        if names
    ]
    holes = X.isna().sum()
    if n_holes := int(holes.sum()):
        where = _named(list(holes.index[holes > 0]))
        remarks.append(f"{n_holes:,} cells are empty, in {where}.")
    many = [name for name in categories if X[name].nunique() > MAX_CATEGORIES]
    if many:
        remarks.append(
            f"More than {MAX_CATEGORIES} values are in {_named(many)}: the rarer ones share a "
            "column. Drop what only tells rows apart, such as names or free text."
        )

    return [*remarks, _ENCODING]


def _counted(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''}"


def _named(names: list[str]) -> str:
    shown = ", ".join(map(str, names[:_N_NAMES]))

    return f"{shown} and {len(names) - _N_NAMES} more" if len(names) > _N_NAMES else shown
