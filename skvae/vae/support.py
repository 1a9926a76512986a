"""Which values a likelihood can give rise to, and what to do about others."""

from functools import partial
from typing import Any

import numpy as np

from skvae._warnings import warn
from skvae.data.row_facts import RowFacts, facts_of
from skvae.data.rows import PreparedRows
from skvae.vae.part_types import Likelihood
from skvae.vae.value_ranges import in_unit_interval

__all__ = ["check_support", "within_support"]


def check_support(facts: RowFacts, likelihood: Likelihood, max_value: float = 1.0) -> None:
    """Raise an error unless the likelihood can give rise to such rows, as far as it says."""
    if likelihood.check is not None:
        likelihood.check(facts, max_value)


def within_support(X: Any, likelihood: Likelihood, max_value: float, *, binary: bool) -> Any:
    """Rows whose density a likelihood of shares is asked for, clipped to [0, ``max_value``].

    Unseen rows may leave the range that the training rows had; a score of them is no reason to
    fail, nor to be silent.

    Parameters
    ----------
    X : ndarray or Rows of shape (n, n_features)
        In the user's units.
    likelihood : Likelihood
        Which one.
    max_value : float
        What means 1.
    binary : bool
        Whether values between the ends are no probabilities, so that there is no density.

    Returns
    -------
    X : ndarray or Rows of shape (n, n_features)
    """
    facts = facts_of(X, unit=max_value)
    if not in_unit_interval(facts, max_value):
        warn(
            f"X has values between {facts.low:.4g} and {facts.high:.4g}, which "
            f"likelihood={likelihood.name!r} has no density for; the scores are those of X clipped "
            f"to [0, {max_value:g}]. Scale X as in the fit, or use likelihood='gaussian' where "
            "unseen rows may leave the range."
        )
        X = PreparedRows(X, partial(np.clip, a_min=0, a_max=max_value))
    if binary and not facts.binary:
        warn(
            f"Scores of values between 0 and {max_value:g} under likelihood={likelihood.name!r} "
            "are a cross-entropy, not a log-density: they do not tell outliers and compare with no "
            "other likelihood. Use likelihood='gaussian', or binarize=."
        )
    return X
