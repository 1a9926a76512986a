import numpy as np
import pytest

from skvae.data.row_facts import facts_of
from skvae.data.row_weights import RowWeights
from skvae.data.rows import ArrayRows


def test_no_weights_and_equal_ones_are_the_same():
    for same in (None, 7, np.full(5, 0.1), np.full(5, 1e308), np.full(5, 5e-324)):
        weights = RowWeights.of(same, 5)
        assert weights.places is None and weights.shares is None


def test_rows_of_weight_zero_are_left_out_and_the_others_count_one_on_average():
    weights = RowWeights.of([1, 0, 2, 0, 1e-300], 5)
    assert weights.places.tolist() == [0, 2, 4]
    assert weights.shares.mean() == pytest.approx(1)
    assert weights.shares[1] == pytest.approx(2 * weights.shares[0])
    assert RowWeights.of([2, 0, 2], 3).shares is None
    large = RowWeights.of(np.array([1e308, 1e308, 5e307]), 3).shares
    np.testing.assert_allclose(large, [1.2, 1.2, 0.6])


@pytest.mark.parametrize("moments", [False, True])
def test_nothing_is_known_of_rows_that_do_not_count(moments):
    X = np.array([[1.0, 2.0], [9.5, -7.0], [3.0, 2.0]])
    all_rows = ArrayRows(X), facts_of(X)
    rows, facts = RowWeights.of([1, 0, 3], 3).of_rows(*all_rows, unit=1.0, moments=moments)
    assert rows[:].tolist() == X[[0, 2]].tolist()
    assert (facts.n_rows, facts.low, facts.high, facts.whole) == (2, 1.0, 3.0, True)
    assert (facts.mean is not None) == moments
    if moments:
        np.testing.assert_allclose(facts.mean, [2.5, 2.0])
    assert RowWeights.of(None, 3).of_rows(*all_rows, unit=1.0, moments=moments) == all_rows
