"""Rows that a fit learns from or is judged by, with what belongs to each of them."""

from dataclasses import dataclass

import numpy as np

from skvae.data.row_facts import RowFacts
from skvae.data.rows import Rows, evenly_spaced
from skvae.vae.labels import Labels

__all__ = ["Examples", "FitData"]


@dataclass(frozen=True)
class Examples:
    """Rows with their class numbers or conditions, and weights.

    Parameters
    ----------
    rows : Rows of shape (n, n_features)
        In the user's units.
    numbers : ndarray of shape (n,) or (n, n_conditions), or None, default=None
        Class numbers, -1 where unknown, or conditions.
    weights : ndarray of shape (n,) or None, default=None
        Positive; None means that all rows count the same.
    has_missing : bool, default=False
        Whether any value of the rows, or of those that they are a part of, is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.rows import ArrayRows
    >>> from skvae.vae.examples import Examples
    >>> examples = Examples(ArrayRows(np.zeros((3, 2))), np.array([0, 1, -1]))
    >>> examples.part(np.array([0, 2])).numbers
    array([ 0, -1])
    """

    rows: Rows
    numbers: np.ndarray | None = None
    weights: np.ndarray | None = None
    has_missing: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, places: np.ndarray) -> "Examples":
        """Those with these ascending numbers."""
        numbers, weights = (None if a is None else a[places] for a in (self.numbers, self.weights))

        return Examples(self.rows.part(places), numbers, weights, self.has_missing)

    def spread(self, n: int) -> "Examples":
        """So many of them, evenly spaced, or all where there are fewer."""
        return self.part(evenly_spaced(len(self), n))


@dataclass(frozen=True)
class FitData:
    """All data of a fit.

    Parameters
    ----------
    examples : Examples
        What it learns from, and those that it will hold out.
    facts : RowFacts
        Of their rows.
    labels : Labels or None, default=None
        Of their rows.
    validation : Examples or None, default=None
        What it stops early by, where it holds none of the others out.
    """

    examples: Examples
    facts: RowFacts
    labels: Labels | None = None
    validation: Examples | None = None
