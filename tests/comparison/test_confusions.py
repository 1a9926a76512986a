import numpy as np
from sklearn import metrics

from skvae.comparison.confusions import confused_pairs, confusion_matrix, hardest
from skvae.comparison.records import Row


def as_row(y, predicted):
    wrong = np.flatnonzero(y != predicted)

    return Row(
        "raw",
        "knn",
        0,
        mistakes=tuple(wrong.tolist()),
        mistaken_for=tuple(predicted[wrong].tolist()),
    )


def test_matrix_is_that_of_the_predictions(rng):
    y = rng.choice(["cat", "dog", "eel"], 200)
    predictions = [np.where(rng.random(200) < 0.7, y, rng.choice(["cat", "dog"], 200))] * 2
    rows = [as_row(y, predicted) for predicted in predictions]
    expected = sum(metrics.confusion_matrix(y, predicted) for predicted in predictions)

    np.testing.assert_array_equal(confusion_matrix(rows, y, np.unique(y)), expected)


def test_labels_may_be_bools_or_only_predicted():
    y = np.array([True, False, True])
    names, longer = np.array(["a", "b"]), np.array(["a", "long name"])
    counts = confusion_matrix([as_row(y, np.array([True, True, False]))], y, np.unique(y))
    wide = confusion_matrix([as_row(names, longer)], names, np.array(["a", "b", "long name"]))

    assert counts.tolist() == [[0, 1], [1, 1]]
    assert wide.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_pairs_and_rows_come_from_the_most_confused():
    y = np.array([0, 1, 2, 2])
    rows = [
        as_row(y, np.array(predicted)) for predicted in ([0, 1, 1, 1], [2, 1, 1, 2], [0, 1, 0, 2])
    ]

    assert confused_pairs(rows, y, 1) == [((2, 1), 3)]
    first, second, *_ = hardest(rows, y, 3)
    assert (first.row, first.label, first.taken_for, first.n_wrong) == (2, 2, 1, 3)
    assert second.row == 0
    assert len(hardest(rows, y, 1)) == 1
