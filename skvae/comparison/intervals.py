"""How sure one can be of a test error, and of a difference between two."""

from collections.abc import Iterable

import numpy as np
from scipy.stats import binomtest, norm

__all__ = ["mcnemar", "wilson_interval"]


def wilson_interval(proportion: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    For a whole count of cases it is that of ``scipy.stats.binomtest``, which takes no mean of
    several proportions.

    Parameters
    ----------
    proportion : float
        Observed proportion, or a mean of several over the same n cases.
    n : int
        Number of cases.
    confidence : float, default=0.95
        Coverage.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> from skvae.comparison.intervals import wilson_interval
    >>> low, high = wilson_interval(70 / 10_000, 10_000)
    >>> print(f"{low:.4f} {high:.4f}")
    0.0055 0.0088
    """
    z = norm.ppf(0.5 + confidence / 2)
    centre = (proportion + z**2 / (2 * n)) / (1 + z**2 / n)
    spread = z / (1 + z**2 / n) * np.sqrt(proportion * (1 - proportion) / n + (z / (2 * n)) ** 2)

    # Rounding must not put the proportion outside of its interval.
    low, high = min(centre - spread, proportion), max(centre + spread, proportion)

    return float(max(low, 0)), float(min(high, 1))


def mcnemar(mistakes_a: Iterable[int], mistakes_b: Iterable[int]) -> tuple[int, int, float]:
    """McNemar's exact test: do two classifiers err equally often on the same cases?

    Parameters
    ----------
    mistakes_a, mistakes_b : iterable of int
        The cases that each gets wrong.

    Returns
    -------
    only_a, only_b : int
        Cases that only one of the two gets wrong.
    p_value : float
        Two-sided.

    Examples
    --------
    >>> from skvae.comparison.intervals import mcnemar
    >>> mcnemar([1, 2, 3, 4, 5, 6], [6])
    (5, 0, 0.0625)
    """
    a, b = set(mistakes_a), set(mistakes_b)
    only_a, only_b = len(a - b), len(b - a)
    if only_a + only_b == 0:
        return 0, 0, 1.0

    return only_a, only_b, float(binomtest(only_a, only_a + only_b).pvalue)
