import numpy as np
import pytest

from skvae.data.rows import facts_of
from skvae.vae.descriptions import LIKELIHOODS, check_unit_interval, in_unit_interval
from skvae.vae.support import check_support


def test_unit_interval_forgives_rounding_only():
    assert in_unit_interval(facts_of(np.array([[0.0, 1 + 2e-16]])))
    assert not in_unit_interval(facts_of(np.array([[0.0, 1.001]])))
    assert not in_unit_interval(facts_of(np.array([[-0.001, 1.0]])))


def test_the_error_says_how_to_scale():
    with pytest.raises(ValueError, match=r"binarize needs.*255.*X / 255.*MinMaxScaler"):
        check_unit_interval(facts_of(np.array([[0.0, 255.0]])), "binarize")


def test_counts_are_whole_numbers_from_0():
    check_support(facts_of(np.array([[0.0, 3.0]])), LIKELIHOODS["poisson"])
    with pytest.raises(ValueError, match="between 0 and 3.5"):
        check_support(facts_of(np.array([[0.0, 3.5]])), LIKELIHOODS["poisson"])
    with pytest.raises(ValueError, match="between -3 and 1"):
        check_support(facts_of(np.array([[-3.0, 1.0]])), LIKELIHOODS["poisson"])
