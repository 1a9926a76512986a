"""From descriptors as they come to those that a model is fitted on, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae._sklearn import plain_outputs
from skvae._typing import FloatArray
from skvae.data.tiles import map_aligned_sets
from skvae.fisher.parts import naming_missing_values
from skvae.fisher.sets import PackedSets

__all__ = ["Reduction"]

# Rows that a reducer transforms at a time: fixed, see skvae.data.tiles.
_TILE = 1920


@dataclass(frozen=True)
class Reduction:
    """A fitted reducer, and whether positions are appended to what it gives.

    Parameters
    ----------
    reducer : transformer or None
        Fitted; None leaves descriptors as they are.
    xy_weight : float, default=None
        Scale of appended positions; None appends none.
    n_positions : int, default=2
        Dimensions of a position.
    """

    reducer: Any
    xy_weight: float | None = None
    n_positions: int = 2

    def apply(self, sets: PackedSets) -> FloatArray:
        """Reduced descriptors, with positions where those are appended.

        Parameters
        ----------
        sets : PackedSets
            At least one descriptor.

        Returns
        -------
        local : ndarray of shape (N, d)
        """
        local = self._reduced(sets)
        if self.xy_weight is None:
            return local
        return np.concatenate([local, self.place(sets.positions).astype(local.dtype)], axis=1)

    def place(self, positions: Any) -> FloatArray:
        """Positions as they are appended, (n, p); without columns where they are not."""
        weight = self.xy_weight
        placed: FloatArray = positions[:, :0] if weight is None else weight * positions
        return placed

    def _reduced(self, sets: PackedSets) -> FloatArray:
        descriptors = sets.descriptors
        if self.reducer is None:
            return descriptors
        with plain_outputs(), naming_missing_values(descriptors, self.reducer):
            reduced = map_aligned_sets(
                lambda tile: np.asarray(self.reducer.transform(tile)),
                descriptors,
                sets.offsets,
                _TILE,
            )
        return reduced.astype(descriptors.dtype, copy=False)

    def split(self, local: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Reduced descriptors, and their positions in [-1, 1] if those are appended."""
        if self.xy_weight is None:
            return local, None
        d = local.shape[1] - self.n_positions
        return local[:, :d], local[:, d:] / self.xy_weight

    def invert(self, reduced: FloatArray) -> FloatArray:
        """Descriptors of reduced ones.

        Raises
        ------
        AttributeError
            If the reducer cannot invert.
        """
        if self.reducer is None:
            return reduced
        if not hasattr(self.reducer, "inverse_transform"):
            raise AttributeError(
                f"{type(self.reducer).__name__} has no inverse_transform, so what it "
                "reduced cannot be inverted."
            )
        with plain_outputs():
            return np.asarray(self.reducer.inverse_transform(reduced))
