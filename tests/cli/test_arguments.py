import argparse

import pytest

from skvae.cli.arguments import above_zero, positive, seed, workers


@pytest.mark.parametrize(
    ("read", "text", "number"),
    [
        (above_zero, "2.5", 2.5),
        (positive, "3", 3),
        (seed, "0", 0),
        (seed, str(2**32 - 1), 2**32 - 1),
        (workers, "-1", -1),
    ],
)
def test_numbers_are_read(read, text, number):
    assert read(text) == number


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (above_zero, "0", "0 is not above 0 and finite"),
        (above_zero, "nan", "nan is not above 0 and finite"),
        (above_zero, "white", "'white' is no number"),
        (positive, "0", "0 is less than 1"),
        (positive, "two", "'two' is no whole number"),
        (seed, "-1", "-1 is not within 0 to 4294967295"),
        (seed, str(2**32), "is not within"),
        (seed, "1.5", "'1.5' is no whole number"),
        (workers, "0", "0 is no number of workers: -1 takes all cores"),
    ],
)
def test_others_are_refused_with_the_range(read, text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        read(text)
