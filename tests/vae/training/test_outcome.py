import warnings

import numpy as np
import pytest

from skvae.exceptions import PosteriorCollapseWarning
from skvae.vae.training.outcome import warn_of_collapse


@pytest.mark.parametrize(
    ("n_active", "nats", "said"),
    [(0, 0.0, "none of 32"), (0, 5.0, "none of 32"), (1, 0.9, "1 of 32"), (3, 0.9, "3 of 32")],
)
def test_a_posterior_next_to_the_prior_is_a_collapse(n_active, nats, said):
    with pytest.warns(PosteriorCollapseWarning, match=f"{said} latent dimensions.*smaller beta"):
        warn_of_collapse(n_active, np.full(32, nats / 32))


@pytest.mark.parametrize(("n_active", "nats"), [(1, 2.0), (4, 0.9), (32, 0.1)])
def test_few_dimensions_that_carry_something_are_none(n_active, nats):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_collapse(n_active, np.full(32, nats / 32))


def test_the_advice_of_a_likelihood_is_given():
    with pytest.warns(PosteriorCollapseWarning, match="of a row. Count again.$"):
        warn_of_collapse(0, np.zeros(32), "Count again.")
