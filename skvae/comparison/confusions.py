"""Which labels were taken for which, and which test rows for something else than they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics

from skvae.comparison.records import Row

__all__ = ["Hard", "confusion_matrix", "confused_pairs", "hardest"]


@dataclass(frozen=True)
class Hard:
    """A test row that was misclassified.

    Attributes
    ----------
    row : int
        Of the test rows.
    label : label
        What it is.
    taken_for : label
        What it was taken for most often.
    n_wrong : int
        How many classifiers took it for something else than it is.
    """

    row: int
    label: Any
    taken_for: Any
    n_wrong: int


def confusion_matrix(rows: Sequence[Row], y_test: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts of true and predicted labels, summed over rows.

    Parameters
    ----------
    rows : list of Row
        Finished ones, such as the seeds of a feature with a classifier.
    y_test : ndarray of shape (n_test,)
        Labels of the test rows.
    labels : ndarray of shape (n_labels,)
        In the order of the matrix.

    Returns
    -------
    counts : ndarray of shape (n_labels, n_labels)
        True label by predicted label.
    """
    counts: np.ndarray = sum(
        metrics.confusion_matrix(y_test, _predictions(row, y_test, labels), labels=labels)
        for row in rows
    )

    return counts


def _predictions(row: Row, y_test: np.ndarray, labels: np.ndarray) -> np.ndarray:
    predicted = y_test.astype(labels.dtype)
    predicted[list(row.mistakes)] = row.mistaken_for

    return predicted


def confused_pairs(
    rows: Sequence[Row], y_test: np.ndarray, n: int
) -> list[tuple[tuple[Any, Any], int]]:
    """The true and predicted labels that were confused most often.

    Parameters
    ----------
    rows : list of Row
        Finished ones.
    y_test : ndarray of shape (n_test,)
        Labels of the test rows.
    n : int
        Pairs at most.

    Returns
    -------
    pairs : list of ((label, label), int)
        True and predicted label, and how often.
    """
    truth = y_test.tolist()
    pairs = Counter(
        (truth[test_row], label)
        for row in rows
        for test_row, label in zip(row.mistakes, row.mistaken_for, strict=True)
    )

    return pairs.most_common(n)


def hardest(rows: Sequence[Row], y_test: np.ndarray, n: int) -> list[Hard]:
    """The test rows that most classifiers got wrong.

    Parameters
    ----------
    rows : list of Row
        Finished ones.
    y_test : ndarray of shape (n_test,)
        Labels of the test rows.
    n : int
        Test rows at most.

    Returns
    -------
    hard : list of Hard
        From the hardest.
    """
    taken: dict[int, Counter[Any]] = {}
    for row in rows:
        for test_row, label in zip(row.mistakes, row.mistaken_for, strict=True):
            taken.setdefault(test_row, Counter())[label] += 1
    order = sorted(taken, key=lambda test_row: (-taken[test_row].total(), test_row))

    return [
        Hard(i, y_test.tolist()[i], taken[i].most_common(1)[0][0], taken[i].total())
        for i in order[:n]
    ]
