import numpy as np
import pytest

from skvae.data.row_facts import facts_of
from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.support import check_support


def test_counts_are_whole_numbers_from_0():
    check_support(facts_of(np.array([[0.0, 3.0]])), LIKELIHOODS["poisson"])
    with pytest.raises(ValueError, match="between 0 and 3.5"):
        check_support(facts_of(np.array([[0.0, 3.5]])), LIKELIHOODS["poisson"])
    with pytest.raises(ValueError, match="between -3 and 1"):
        check_support(facts_of(np.array([[-3.0, 1.0]])), LIKELIHOODS["poisson"])
