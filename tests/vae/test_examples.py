import numpy as np

from skvae.data.rows import ArrayRows
from skvae.vae.examples import Examples

ALL = Examples(ArrayRows(np.arange(20.0).reshape(10, 2)), np.arange(10), np.arange(1.0, 11.0))


def test_what_belongs_to_rows_stays_with_them():
    some = ALL.part(np.array([2, 7]))
    assert len(some) == 2
    assert some.rows[:].tolist() == [[4.0, 5.0], [14.0, 15.0]]
    assert some.numbers.tolist() == [2, 7] and some.weights.tolist() == [3.0, 8.0]


def test_what_is_not_there_is_not_made_up():
    some = Examples(ALL.rows).part(np.array([2, 7]))
    assert some.numbers is None and some.weights is None


def test_some_are_spread_over_all():
    assert ALL.spread(4).numbers.tolist() == [0, 3, 6, 9]
    assert len(ALL.spread(99)) == 10
