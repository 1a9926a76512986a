"""Which rows are learned from and which are tests: a split that is given, or folds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold

from skvae.comparison.intervals import wilson_interval
from skvae.comparison.records import SECONDS, Row
from skvae.comparison.shared import read_shared

__all__ = ["Parts", "folds", "given_split", "merged", "rows_of"]


class Parts(NamedTuple):
    """Rows to learn from, and rows to test.

    Attributes
    ----------
    X_train, X_test : ndarray or DataFrame
        Rows.
    y_train, y_test : ndarray
        Their labels.
    test_rows : ndarray of int
        What the test rows are called in records.
    """

    X_train: Any
    y_train: np.ndarray
    X_test: Any
    y_test: np.ndarray
    test_rows: np.ndarray


def given_split(folder: Path) -> Parts:
    """The split whose four arrays are in the folder."""
    X_train, y_train, X_test, y_test = (
        read_shared(folder, name) for name in ("X_train", "y_train", "X_test", "y_test")
    )

    return Parts(X_train, y_train, X_test, y_test, np.arange(len(y_test)))


def folds(folder: Path, n_folds: int, random_state: int) -> Iterator[Parts]:
    """Splits of the training rows in the folder, each of which is a test row once.

    Parameters
    ----------
    folder : Path
        With ``X_train`` and ``y_train``.
    n_folds : int
        Parts of equal size, in which classes are as frequent as in the whole.
    random_state : int
        Decides which rows are in which.

    Yields
    ------
    parts : Parts
    """
    X, y = read_shared(folder, "X_train"), np.asarray(read_shared(folder, "y_train"))
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    for train, test in splitter.split(np.zeros(len(y)), y):
        yield Parts(rows_of(X, train), y[train], rows_of(X, test), y[test], test)


def rows_of(X: Any, rows: np.ndarray) -> Any:
    """Some rows of an array or a DataFrame, by their numbers."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def merged(rows: Sequence[Row], n_rows: Sequence[int]) -> Row:
    """What the folds of one feature with one classifier and one seed say together.

    Parameters
    ----------
    rows : sequence of Row
        One for each fold.
    n_rows : sequence of int
        Test rows of each.

    Returns
    -------
    row : Row
        Whose errors are shares of all rows, whose hyperparameters are lists with a value for each
        fold, and whose times are sums. If a fold was left out, so is all.
    """
    first = next((row for row in rows if row.status != "ok"), rows[0])
    if first.status != "ok":
        return first
    n = sum(n_rows)
    order = sorted(
        (mistake, label)
        for row in rows
        for mistake, label in zip(row.mistakes, row.mistaken_for, strict=True)
    )
    error = len(order) / n
    low, high = wilson_interval(error, n)
    seconds: dict[str, Any] = {
        name: sum(getattr(row, name) or 0.0 for row in rows) for name in SECONDS
    }

    return replace(
        first,
        n_dims=max(row.n_dims or 0 for row in rows),
        test_error=error,
        error_low=low,
        error_high=high,
        validation_error=float(np.mean([row.validation_error for row in rows])),
        chosen={name: [row.chosen[name] for row in rows] for name in first.chosen},
        peak_memory_mb=rows[-1].peak_memory_mb,  # of the process that ran all of them
        notes=tuple(dict.fromkeys(note for row in rows for note in row.notes)),
        mistakes=tuple(mistake for mistake, _ in order),
        mistaken_for=tuple(label for _, label in order),
        **seconds,
    )
