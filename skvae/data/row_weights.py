"""Weights of rows: which rows count, and how much."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae.data.row_facts import RowFacts, facts_of
from skvae.data.rows import Rows
from skvae.data.weights import check_weights

__all__ = ["RowWeights"]


@dataclass(frozen=True, eq=False)
class RowWeights:
    """Which rows count, and how much; all alike unless told otherwise.

    Parameters
    ----------
    places : ndarray of int or None, default=None
        Ascending numbers of the rows that count; None means all.
    shares : ndarray of shape (n,), float64, or None, default=None
        What each of them counts, 1 on average; None where all count the same.

    Examples
    --------
    >>> from skvae.data.row_weights import RowWeights
    >>> RowWeights.of([2, 0, 2, 5], 4)
    RowWeights(places=array([0, 2, 3]), shares=array([0.66666667, 0.66666667, 1.66666667]))
    >>> RowWeights.of([7, 7], 2)
    RowWeights(places=None, shares=None)
    """

    places: np.ndarray | None = None
    shares: np.ndarray | None = None

    @classmethod
    def of(cls, sample_weight: Any, n_rows: int, name: str = "sample_weight") -> "RowWeights":
        """What a user's weights mean, None among them."""
        if sample_weight is None:
            return cls()
        weights = check_weights(sample_weight, n_rows, name)
        weights = weights / weights.max()  # the sum of large ones may be infinite
        counted = weights > 0
        places = None if counted.all() else np.flatnonzero(counted)
        shares = weights[counted]
        if shares.min() == shares.max():
            return cls(places)

        return cls(places, shares / shares.mean())

    def of_rows(
        self, rows: Rows, facts: RowFacts, *, unit: float, moments: bool
    ) -> tuple[Rows, RowFacts]:
        """The rows that count, and what is true of them.

        Parameters
        ----------
        rows : Rows of shape (n, n_features)
            All of them.
        facts : RowFacts
            Of all.
        unit, moments
            As for :func:`skvae.data.rows.facts_of`.

        Returns
        -------
        rows : Rows of shape (n_counted, n_features)
        facts : RowFacts
            Their moments are weighted.
        """
        if self.places is not None:
            rows = rows.part(self.places)
        if self.places is not None or self.shares is not None:
            facts = facts_of(rows, unit=unit, moments=moments, weights=self.shares)

        return rows, facts
