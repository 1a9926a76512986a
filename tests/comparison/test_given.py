import numpy as np
import pandas as pd
import pytest

from skvae.comparison.given import check_folds, check_test, check_training


def test_a_table_stays_a_data_frame_with_rows_numbered_from_zero():
    table = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", None, "y"]}, index=[5, 5, 7])
    given = check_training(table, ["no", "yes", "no"], table=True)

    assert list(given["X_train"].index) == [0, 1, 2]
    assert given["X_train"].b[1] is None or pd.isna(given["X_train"].b[1])


def test_text_of_pandas_is_one_for_encoders():
    text = pd.Series(["x", None, "y"], dtype="string")
    given = check_training(pd.DataFrame({"b": text}), ["no", "yes", "no"], table=True)

    assert given["X_train"].b.tolist() == ["x", None, "y"]


def test_an_array_is_no_table():
    with pytest.raises(ValueError, match="X_train must be a DataFrame of pandas, got ndarray"):
        check_training(np.zeros((2, 2)), [0, 1], table=True)


@pytest.mark.parametrize(("X", "y", "missing"), [(None, [0], "X_test"), ([[0.0]], None, "y_test")])
def test_half_of_the_test_rows_is_an_error(X, y, missing):
    with pytest.raises(ValueError, match=f"{missing} is missing: give both, or neither"):
        check_test(X, y, check_training([[0.0], [1.0]], [0, 1], table=False), table=False)


@pytest.mark.parametrize("cv", [1, 2.5, "5", None])
def test_a_number_of_folds_is_a_whole_number_of_at_least_two(cv):
    with pytest.raises(ValueError, match=r"cv=.* must be an integer of at least 2"):
        check_folds(np.array([0, 0, 1, 1]), cv)


def test_a_class_with_fewer_rows_than_folds_is_named():
    with pytest.raises(ValueError, match=r"fewer of rare \(2\): take fewer folds"):
        check_folds(np.array(["often"] * 9 + ["rare"] * 2), 3)
