import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import DataConversionWarning

from skvae.vae.labels import (
    Labels,
    announced_classes,
    class_frequencies,
    encode_labels,
    known_classes,
    some_labels,
    split_labels,
)

NAN, NA = np.nan, pd.NA


@pytest.mark.parametrize(
    "labels",
    [[3, 1, 1, 8], ["b", "a", "a", "c"], [2.0, 0.0, 0.0, 4.0], [True, False, False, True]],
)
@pytest.mark.parametrize("container", [np.array, list, tuple, pd.Series, pl.Series, object])
def test_labels_become_places(labels, container):
    y = np.array(labels, dtype=object) if container is object else container(labels)
    classes = known_classes(y)
    class_numbers = encode_labels(y, classes)

    assert classes[class_numbers].tolist() == labels
    assert classes.dtype == np.array(labels).dtype
    assert class_numbers.dtype == np.int64


def arrow(labels):
    return pytest.importorskip("pyarrow").array(labels)


@pytest.mark.parametrize("labels", [[3, None, 1, 1], ["b", None, "a", "a"], [True, None, False]])
@pytest.mark.parametrize(
    "column",
    [
        list,
        pl.Series,
        arrow,
        lambda labels: pd.Series(labels, dtype=object),
        lambda labels: pd.Series(labels, dtype=object).convert_dtypes(),  # Int64, string, boolean
    ],
)
def test_labels_of_a_column_with_gaps_stay_what_they_are(labels, column):
    classes = known_classes(column(labels))
    known = [label for label in labels if label is not None]
    assert classes.tolist() == sorted(set(known))
    assert classes.dtype == np.array(known).dtype
    assert encode_labels(column(labels), classes)[1] == -1


@pytest.mark.parametrize(
    "y",
    [
        np.array([-1, 4, 2, -1]),
        np.array([-1.0, 4, 2, -1]),
        [NAN, 4.0, 2.0, -1],
        np.array([NAN, 4, 2, -1]),
        np.array([-1, 4, 2, -1.0], dtype=object),
        np.array([None, 4, 2, NA], dtype=object),
        np.ma.masked_array([9, 4, 2, 9], [True, False, False, True]),
        pd.Series([NA, 4, 2, -1], dtype="Int64"),
        pd.Series([None, 4, 2, None]),
        pd.Series([None, 4, 2, -1], dtype="category"),
        pl.Series([None, 4, 2, None]),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_numbers_may_be_missing(y):
    assert known_classes(y).tolist() == [2, 4]
    assert encode_labels(y, np.array([2, 4])).tolist() == [-1, 1, 0, -1]


@pytest.mark.parametrize("unknown", [-1, -1.0, "-1", "", None, NAN, NA, np.float32("nan")])
@pytest.mark.parametrize("container", ["list", "Series", "object", "category"])
def test_names_may_be_missing(unknown, container):
    y = [unknown, "spam", "ham", unknown]
    if container == "object":
        y = np.array(y, dtype=object)
    elif container != "list":
        y = pd.Series(y, dtype=None if container == "Series" else container)

    assert known_classes(y).tolist() == ["ham", "spam"]
    assert encode_labels(y, np.array(["ham", "spam"])).tolist() == [-1, 1, 0, -1]


@pytest.mark.parametrize("unknown", ["-1", ""])
@pytest.mark.parametrize("dtype", ["U", "S"])
def test_arrays_of_text_may_lack_names_too(unknown, dtype):
    y = np.array([unknown, "spam", "ham"], dtype=dtype)

    assert known_classes(y).tolist() == np.array(["ham", "spam"], dtype).tolist()
    assert encode_labels(y, np.array(["ham", "spam"], dtype)).tolist() == [-1, 1, 0]


@pytest.mark.parametrize("y", [pd.array([True, NA, False], "boolean"), [True, None, False]])
def test_truth_values_may_be_missing(y):
    assert known_classes(y).tolist() == [False, True]
    assert encode_labels(y, np.array([False, True])).tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    "y", [[2**63, 2**63 - 1, 5], np.array([2**64 - 1, 7], np.uint64), [10**30, 1]]
)
def test_long_numbers_keep_their_last_digit(y):
    classes = known_classes(y)

    assert classes.tolist() == sorted(int(v) for v in y)
    assert classes[encode_labels(y, classes)].tolist() == [int(v) for v in y]


def test_equal_numbers_of_other_types_are_the_same_label():
    for classes in (np.array([0, 1]), np.array([0.0, 1.0]), np.array([False, True])):
        for y in ([0, 1], [0.0, 1.0], [False, True], np.array([0, 1], np.uint8)):
            assert encode_labels(y, classes).tolist() == [0, 1]


@pytest.mark.parametrize("y", [["-1", "1"], ["a", None], [7, -1]])
def test_one_class_beside_unlabelled_rows_is_no_model_of_classes(y):
    with pytest.raises(ValueError, match=r"one class.*unlabelled.*partial_fit"):
        known_classes(y)


@pytest.mark.parametrize("y", [[-1, 1, 1], [-1.0, 1.0], np.array([1, -1]), [-1, None, 1]])
def test_minus_one_and_one_alone_are_two_classes(y):
    classes = known_classes(y)
    assert classes.tolist() == [-1, 1]
    assert announced_classes([1, -1]).tolist() == [-1, 1]
    assert encode_labels(np.array([-1, -1]), classes).tolist() == [0, 0]
    assert encode_labels([None, 1], classes).tolist() == [-1, 1]


def test_one_class_for_all_rows_is_a_class():
    assert known_classes([5, 5]).tolist() == [5]


@pytest.mark.parametrize("y", [[-1, -1], [None, NAN], [""]])
def test_no_label_at_all_is_refused(y):
    with pytest.raises(ValueError, match="all of y is -1 or missing"):
        known_classes(y)


@pytest.mark.parametrize("y", [[0.5, 1.0, 2.0], [0.25, None, 1.0], np.float32([0, 1, 0.1])])
def test_measurements_are_no_labels(y):
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        known_classes(y)


def test_infinity_is_no_label():
    with pytest.raises(ValueError, match="y contains infinity"):
        known_classes([0.0, np.inf])


def test_a_class_for_nearly_every_row_is_a_warning():
    with pytest.warns(UserWarning, match=r"30 classes in 40 labelled rows.*regression") as record:
        known_classes(np.r_[np.arange(30), np.zeros(10, int)])
    assert record[0].filename == __file__


def test_text_beside_numbers_is_refused():
    with pytest.raises(ValueError, match="mixes text and numbers"):
        known_classes(["a", 1, None])


@pytest.mark.parametrize("label", [object(), {"a": 1}, 1j])
def test_labels_without_an_order_are_refused(label):
    y = np.array([label, None, label, object()], object)
    with pytest.raises(ValueError, match="labels that cannot be sorted, such as"):
        known_classes(y)


def test_columns_become_vectors_and_tables_are_refused():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        assert known_classes([[3], [4]]).tolist() == [3, 4]
    for y in (np.eye(3), 5, "text"):
        with pytest.raises(ValueError, match="y should be a 1d array"):
            split_labels(y)


def test_announced_classes_are_classes():
    assert announced_classes([2, 0, 9, 0]).tolist() == [0, 2, 9]
    for classes in ([-1, 1, 2], ["a", None], [NAN, 1]):
        with pytest.raises(ValueError, match="means unlabelled and is no class"):
            announced_classes(classes)


@pytest.mark.parametrize("y", [[9], [0], ["a"], [3]])
def test_unseen_labels_are_refused(y):
    with pytest.raises(ValueError, match="not seen in fit"):
        encode_labels(np.array(y), np.array([2, 4]))


def test_frequencies_are_shares_or_equal_before_the_first_label():
    assert class_frequencies(np.array([1, 3])).tolist() == [0.25, 0.75]
    assert class_frequencies(np.array([0, 0])).tolist() == [0.5, 0.5]


def test_labels_are_numbered_and_counted_over_calls():
    y = np.arange(20) % 4
    classes = announced_classes([2, 0, 1, 9])
    labels = Labels.of(np.where(y == 3, -1, y), classes)
    again = Labels.of(np.full(5, 9), classes, labels.counts)

    assert labels.classes.tolist() == [0, 1, 2, 9]
    assert labels.counts.tolist() == [5, 5, 5, 0]
    assert np.array_equal(labels.numbers, np.where(y == 3, -1, y))
    assert again.counts.tolist() == [5, 5, 5, 5]
    assert again.frequencies.tolist() == [0.25] * 4


def test_labels_are_counted_by_weight():
    classes = np.array([1, 5])
    weighted = Labels.of([5, -1, 1, 5], classes, np.array([2, 0]), np.array([0.5, 9.0, 2.0, 0.5]))
    assert weighted.counts.tolist() == [4.0, 1.0]
    np.testing.assert_allclose(weighted.frequencies, [0.8, 0.2])


@pytest.mark.parametrize("container", [list, tuple, pd.Series, pl.Series, np.array])
def test_some_labels_of_any_container(container):
    some = some_labels(container(["a", None, "b", "c"]), np.array([0, 3]))
    assert some.tolist() == ["a", "c"]
