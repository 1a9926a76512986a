"""Fits that leave the one before as it was until they are whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import TypeVar

from sklearn.base import BaseEstimator

from skvae._sklearn import plain

__all__ = ["fitted_aside"]

Estimator = TypeVar("Estimator", bound=BaseEstimator)


@contextmanager
def fitted_aside(estimator: Estimator) -> Iterator[Estimator]:
    """Context that gives a copy to fit, whose attributes become the estimator's at its end.

    When the block raises, or is interrupted at any moment, the estimator is what it was. The copy
    is shallow: attributes may be replaced in it, not changed in place. Its parameters are Python's
    own where a grid has set numpy's scalars; the estimator keeps its parameters as they are.

    Parameters
    ----------
    estimator : estimator
        Fitted or not.

    Yields
    ------
    estimator
        Of the same parameters and attributes.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae._refit import fitted_aside
    >>> scaler = StandardScaler().fit([[0.0], [2.0]])
    >>> with fitted_aside(scaler) as aside:
    ...     _ = aside.fit([[0.0], [4.0]])
    ...     float(scaler.mean_[0])
    1.0
    >>> float(scaler.mean_[0])
    2.0
    """
    given = estimator.get_params(deep=False)
    aside = copy(estimator)
    vars(aside).update(plain(given))
    yield aside
    # One assignment: an interruption comes before it or after it.
    estimator.__dict__ = vars(aside) | given
