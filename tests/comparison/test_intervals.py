"""Intervals and tests agree with scipy and with tables worked out by hand."""

import pytest
from scipy.stats import binomtest

from skvae.comparison.intervals import mcnemar, wilson_interval


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (69, 10_000)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_wilson_interval_is_scipys(k, n, confidence):
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")

    assert wilson_interval(k / n, n, confidence) == pytest.approx(tuple(expected), abs=1e-12)


def test_mcnemar_counts_discordant_cases():
    # 7 against 1: p = 2 (C(8, 0) + C(8, 1)) / 2^8 = 18 / 256.
    only_a, only_b, p_value = mcnemar(range(10), [7, 8, 9, 50])

    assert (only_a, only_b) == (7, 1)
    assert p_value == pytest.approx(18 / 256)


def test_mcnemar_is_symmetric():
    assert mcnemar([1, 2, 3], [3, 4])[2] == mcnemar([3, 4], [1, 2, 3])[2]


@pytest.mark.parametrize("mistakes", [[], [1, 2]])
def test_mcnemar_of_equal_mistakes_is_certain_of_nothing(mistakes):
    assert mcnemar(mistakes, mistakes) == (0, 0, 1.0)
