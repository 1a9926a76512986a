"""Labels of every container are the same labels, and what is no label is refused."""

import numpy as np
import pandas as pd
import pytest

from skvae.comparison.labels import check_labels, strata

NAMES = ["b", "a", "b", "cc"]
NUMBERS = [-1, 1, 1, -1]
ANSWERS = [True, False, True, True]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (NAMES, NAMES),
        (np.array(NAMES, object), NAMES),
        (pd.Series(NAMES, index=[3, 1, 7, 9]), NAMES),
        (pd.Series(NAMES, dtype="string"), NAMES),
        (pd.Series(NAMES, dtype="category"), NAMES),
        (pd.Categorical(NAMES), NAMES),
        (pd.DataFrame({"y": NAMES}), NAMES),
        (np.array([np.str_(name) for name in NAMES], object), NAMES),
        (NUMBERS, NUMBERS),
        (np.array(NUMBERS, object), NUMBERS),
        (np.array([np.int8(k) for k in NUMBERS], object), NUMBERS),
        (pd.Series(NUMBERS, dtype="Int64"), NUMBERS),
        (pd.Series(NUMBERS, dtype="category"), NUMBERS),
        (np.array(NUMBERS, float), NUMBERS),
        (np.ma.array(NUMBERS, mask=False), NUMBERS),
        (ANSWERS, ANSWERS),
        (np.array(ANSWERS, object), ANSWERS),
        (pd.Series(ANSWERS, dtype="boolean"), ANSWERS),
        (pd.Series(ANSWERS, dtype="category"), ANSWERS),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_every_container_gives_the_same_labels_in_an_array_that_a_file_can_hold(y, expected):
    labels = check_labels(y, "y")

    assert labels.tolist() == expected
    assert labels.dtype.kind == ("f" if np.asarray(y).dtype == float else labels.dtype.kind)
    assert labels.dtype != object


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", None], object), "type NoneType and str"),
        (np.array(["a", np.nan], object), "type float and str"),
        (np.array([1, "a"], object), "type int and str"),
        (pd.Series([1, None], dtype="Int64"), "NAType|nan"),
        (np.array([b"a", b"b"]), "type .*S1"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64"),
        ([1.5, 2.0], "holds 1.5, which is no class"),
        ([1.0, np.nan], "holds nan"),
        ([1.0, np.inf], "holds inf"),
        (np.ma.array([1, 2], mask=[False, True]), "masked"),
    ],
    ids=str,
)
def test_what_is_no_label_is_refused_by_the_name_of_the_argument(y, message):
    with pytest.raises(ValueError, match=f"^y_test .*({message})"):
        check_labels(y, "y_test")


def test_classes_keep_their_proportion_where_they_can():
    y = np.array(["a"] * 5 + ["b"] * 4 + ["c"])

    assert strata(y, 7, 3).tolist() == [0] * 5 + [1] * 4 + [0]
    assert strata(y, 8, 2) is None
