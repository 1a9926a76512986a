import numpy as np
import pandas as pd
import pytest

from skvae.data.weights import (
    WeightedRows,
    are_whole,
    check_weights,
    far_unit,
    moderate,
    power_near,
    repeated_rows,
    split_weights,
)


@pytest.mark.parametrize("given", [[1, 0, 2], np.array([True, False, True]), (0.5, 0.1, 1e300)])
def test_weights_become_float64(given):
    weights = check_weights(given, 3)
    assert weights.dtype == np.float64 and np.array_equal(weights, given)


@pytest.mark.parametrize("container", [list, np.array, pd.Series, np.float32])
def test_weights_come_in_any_container_of_one_dimension(container):
    weights = np.array([0.5, 2.0, 0.0])
    assert check_weights(container(weights), 3).tolist() == [0.5, 2.0, 0.0]


def test_a_number_is_the_weight_of_each():
    assert check_weights(3, 2).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="shape"):
        check_weights(3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], r"sample_weight must have shape \(3,\), one for every row; got \(2,\)"),
        (np.ones((3, 1)), r"must have shape \(3,\)"),
        ([1, -2, 3], r"sample_weight\[1\] is -2, a negative weight. A row of weight 0"),
        (-1.0, r"sample_weight\[0\] is -1"),
        ([0, 0, 0], r"All weights are zero \(sample_weight\): no row is left"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
        ([1, np.inf, 1], "sample_weight contains infinity"),
        (["a", "b", "c"], "sample_weight holds text"),
    ],
)
def test_bad_weights_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        check_weights(given, 3)


def test_weights_may_be_all_zero_where_others_follow():
    assert not check_weights([0, 0], 2, all_zero=True).any()


def test_whole_numbers_are_told_from_others():
    assert are_whole(np.array([0.0, 3.0])) and are_whole(np.empty(0))
    assert not are_whole(np.array([0.5, 1.0])) and not are_whole(np.array([1e300]))


def test_whole_weights_repeat_rows_exactly():
    assert repeated_rows(np.array([1.0, 0.0, 3.0])).tolist() == [0, 2, 2, 2]


def test_other_weights_repeat_rows_in_proportion(rng):
    weights = rng.random(1000)
    rows = repeated_rows(weights)
    assert len(rows) == 1000
    shares = np.bincount(rows, minlength=1000).cumsum() - weights.cumsum() * 1000 / weights.sum()
    assert np.abs(shares).max() < 1


def test_a_power_of_two_is_near_the_largest_weight():
    assert power_near(np.array([0.1, 5.0])) == 4
    assert power_near(np.array([1e-300])) < 1e-300 * 1.01
    assert power_near(np.empty(0)) == 1


def test_far_weights_have_a_unit_and_others_keep_their_bits(rng):
    weights = rng.random(9)
    assert np.array_equal(moderate(weights), weights)
    for unit in (2.0**300, 2.0**-300):
        far = weights * unit
        assert np.array_equal(moderate(far) * far_unit(far.max()), far)
        assert 1 <= moderate(far).max() < 4
    assert moderate(np.full(3, 5e-324)).tolist() == [1, 1, 1]
    assert np.isfinite(moderate(np.full(9, 1.7e308)).sum())
    assert not moderate(np.zeros(2)).any()


def test_rows_of_weight_zero_do_not_count():
    block = WeightedRows(np.arange(3.0)[:, None], np.array([1.0, 0.0, 2.0]))
    X, weights = split_weights(block.counted())
    assert X.ravel().tolist() == [0, 2] and weights.tolist() == [1, 2]
    assert len(block[1:]) == 2 and block.dtype == np.float64


def test_a_block_without_weights_is_rows_alone():
    X = np.ones((2, 1))
    assert split_weights(X) == (X, None)
