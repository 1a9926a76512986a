import numpy as np
import pytest
from sklearn import config_context
from sklearn.preprocessing import OneHotEncoder

from skvae.vae.categories import Categories

IGNORES = OneHotEncoder(handle_unknown="ignore")


@pytest.mark.parametrize(
    "values",
    [["b", "a", "b", "c"], [3, 1, 3, 2], [True, False], ["only"], [0.5, 2.0]],
)
def test_values_come_back(values):
    fitted = Categories.fit(values, IGNORES, None, "c")
    x = fitted.to_columns(values)

    assert x.shape == (len(values), len(set(values)))
    assert (x.sum(axis=1) == 1).all()
    assert fitted.to_values(x).tolist() == values


def test_unknown_ones_are_zeros_and_missing_ones_nan():
    fitted = Categories.fit(["b", None, "a", np.nan], IGNORES, None, "c")
    np.testing.assert_array_equal(
        fitted.to_columns(["c", None, "a", np.nan, float("nan")]),
        [[0, 0], [np.nan] * 2, [1, 0], [np.nan] * 2, [np.nan] * 2],
    )
    strict = Categories.fit(["b", "a"], OneHotEncoder(), None, "port")
    with pytest.raises(ValueError, match=r"categories of column 'port' of X: Found unknown.*'c'"):
        strict.to_columns(["c"], "port")


def test_values_of_another_kind_than_all_categories_are_named():
    numbers = Categories.fit([1, 2], IGNORES, None, "c")
    np.testing.assert_array_equal(numbers.to_columns([3, 2.0], "c"), [[0, 0], [0, 1]])
    np.testing.assert_array_equal(numbers.to_columns(["1", 2], "c"), [[0, 0], [0, 1]])
    with pytest.raises(
        ValueError, match="Values of column 'c' of X are text, such as '2', but its"
    ):
        numbers.to_columns(["1", None, "2"], "c")
    with pytest.raises(ValueError, match="are numbers, such as 1, but its categories are text"):
        Categories.fit(["a"], IGNORES, None, "c").to_columns([1], "c")


def test_infinity_is_no_category():
    with pytest.raises(ValueError, match="Column 'c' of X contains infinity"):
        Categories.fit([1.0, np.inf], IGNORES, None, "c")
    with pytest.raises(ValueError, match="Column 'c' of X contains infinity"):
        Categories.fit([1.0], IGNORES, None, "c").to_columns([-np.inf], "c")


def test_known_categories_have_columns_in_their_order_whether_they_are_there_or_not():
    fitted = Categories.fit(["lo"], IGNORES, ["lo", "hi", "mid"], "grade")

    assert fitted.values.tolist() == ["lo", "hi", "mid"]
    assert fitted.names == ["grade_lo", "grade_hi", "grade_mid"]
    np.testing.assert_array_equal(fitted.to_columns(["mid"]), [[0, 0, 1]])


def test_a_missing_value_is_no_category_though_an_encoder_lists_it():
    for missing in (None, np.nan):
        fitted = Categories.fit(["lo", missing], IGNORES, ["lo", "hi", missing], "grade")
        assert fitted.names == ["grade_lo", "grade_hi"]
        np.testing.assert_array_equal(fitted.to_columns([missing]), [[np.nan, np.nan]])


def test_an_encoder_that_cannot_be_is_refused_within_a_fit_too():
    skips = config_context(skip_parameter_validation=True)  # as while an estimator is fitted
    with skips, pytest.raises(ValueError, match="column 'c' of X: The 'min_frequency' parameter"):
        Categories.fit(["a", "b"], OneHotEncoder(min_frequency=-1), None, "c")


def test_errors_name_the_table():
    fitted = Categories.fit(["a"], IGNORES, None, "c")
    for value, message in ((1.0, "Values of column 'c' of y are"), (np.inf, "'c' of y contains")):
        with pytest.raises(ValueError, match=message):
            fitted.to_columns([value], "c", "y")


@pytest.mark.parametrize("rule", [{"min_frequency": 3}, {"max_categories": 2}])
def test_rare_ones_share_a_column_and_come_back_as_the_most_frequent_of_them(rule):
    values = ["a"] * 5 + ["z"] * 2 + ["b"]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", **rule)
    fitted = Categories.fit(values, encoder, None, "c")

    np.testing.assert_array_equal(
        fitted.to_columns(["a", "b", "z", "new"]), [[1, 0], [0, 1], [0, 1], [0, 1]]
    )
    assert fitted.values.tolist() == ["a", "z"]
    assert encoder.get_params()["categories"] == "auto"


def test_columns_without_a_value_or_of_several_kinds_are_refused_by_name():
    with pytest.raises(ValueError, match="Column 'c' of X has no value"):
        Categories.fit([None, np.nan], IGNORES, None, "c")
    with pytest.raises(ValueError, match="The categories of column 'c' of X: Encoders require"):
        Categories.fit(["a", 1], IGNORES, None, "c")
    with pytest.raises(ValueError, match="The categories of column 'c' of X: Found unknown"):
        Categories.fit(["a", "b"], OneHotEncoder(), ["a"], "c")
