import numpy as np
import pytest

from skvae.data.repeats import order_if_repeated


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_order_of_rows_that_repeat_each_other_does_not_matter(rng, dtype):
    rows = rng.integers(0, 3, (40, 2)).astype(dtype)
    shuffled = rows[rng.permutation(40)]
    orders = order_if_repeated(rows), order_if_repeated(shuffled)
    assert np.array_equal(rows[orders[0]], shuffled[orders[1]])


def test_most_rows_have_to_be_there_more_than_once(rng):
    rows = rng.integers(0, 10**6, (100, 2)).astype(float)
    assert order_if_repeated(rows) is None
    blank = np.concatenate([rows, np.zeros((300, 2))])  # one that repeats, and a hundred others
    assert order_if_repeated(blank) is None
    assert order_if_repeated(np.concatenate([blank, rows[:60]])) is not None


def test_signs_of_zero_make_no_difference():
    assert order_if_repeated(np.array([[0.0], [-0.0], [1.0], [1.0]])) is not None


def test_no_rows_are_in_order():
    assert order_if_repeated(np.empty((0, 2))) is None
