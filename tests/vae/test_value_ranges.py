import numpy as np
import pytest

from skvae.data.row_facts import facts_of
from skvae.vae.value_ranges import check_unit_interval, in_unit_interval


def test_unit_interval_forgives_rounding_only():
    assert in_unit_interval(facts_of(np.array([[0.0, 1 + 2e-16]])))
    assert not in_unit_interval(facts_of(np.array([[0.0, 1.001]])))
    assert not in_unit_interval(facts_of(np.array([[-0.001, 1.0]])))


def test_the_error_says_how_to_scale():
    with pytest.raises(ValueError, match=r"binarize needs.*255.*X / 255.*MinMaxScaler"):
        check_unit_interval(facts_of(np.array([[0.0, 255.0]])), "binarize")
