"""From descriptors as they come to those that a model is fitted on, and back."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skvae._sklearn import plain_outputs
from skvae._typing import FloatArray
from skvae.data.tiles import map_aligned_sets
from skvae.fisher.parts import naming_missing_values
from skvae.fisher.sets import PackedSets
from skvae.mixture.expectation import log_posteriors
from skvae.mixture.statistics import Mixture, in_double, natural_parameters

__all__ = ["Reduction", "rounds_coarsely"]

# Rows that a reducer transforms at a time: fixed, see skvae.data.tiles.
_TILE = 1920
# By how much rounding may move descriptors, and the mean of those of a component, in standard
# deviations; and by how many rows that is known, about.
_COARSE, _SOME_ROWS = 2.5e-6, 2 * _TILE


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
    in_double : bool, default=False
        Whether what is computed of descriptors is float64, whatever they are themselves.
    """

    reducer: Any
    xy_weight: float | None = None
    n_positions: int = 2
    in_double: bool = False

    def apply(self, sets: PackedSets) -> FloatArray:
        """Reduced descriptors, with positions where those are appended.

        Parameters
        ----------
        sets : PackedSets
            At least one descriptor.

        Returns
        -------
        local : ndarray of shape (N, d)
            In the dtype of the descriptors, unless ``in_double`` says otherwise.
        """
        dtype = np.dtype(np.float64) if self.in_double else sets.dtype
        local = self._reduced(sets, dtype)
        if self.xy_weight is None:
            return local
        placed = self.place(sets.positions)
        return np.concatenate([local, placed], axis=1, dtype=dtype, casting="same_kind")

    def place(self, positions: Any) -> FloatArray:
        """Positions as they are appended, (n, p); without columns where they are not."""
        weight = self.xy_weight
        placed: FloatArray = positions[:, :0] if weight is None else weight * positions
        return placed

    def _reduced(self, sets: PackedSets, dtype: np.dtype[Any]) -> FloatArray:
        descriptors = sets.descriptors
        if self.reducer is None:
            return descriptors
        with plain_outputs(), naming_missing_values(descriptors, self.reducer):
            reduced = map_aligned_sets(
                lambda tile: np.asarray(self.reducer.transform(tile.astype(dtype, copy=False))),
                descriptors,
                sets.offsets,
                _TILE,
            )
        return reduced.astype(dtype, copy=False)

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


def rounds_coarsely(reduction: Reduction, sample: PackedSets, mixture: Mixture) -> bool:
    """Whether float32 descriptors have to be reduced in float64.

    A reducer rounds what it subtracts and multiplies, and positions are rounded where they are
    appended. Components that are narrow feel that, as do all of them where descriptors lie far from
    zero.

    Parameters
    ----------
    reduction : Reduction
        What was fitted.
    sample : PackedSets
        Descriptors, as one set.
    mixture : Mixture
        Of reduced descriptors, with positions where those are appended.

    Returns
    -------
    bool
        False where there is nothing to reduce, or the reducer takes no float64.
    """
    if reduction.reducer is None and reduction.xy_weight is None:
        return False
    rows = np.arange(0, len(sample.descriptors), -(-len(sample.descriptors) // _SOME_ROWS))
    some = sample.picked(rows)
    with np.errstate(over="ignore"):
        single = replace(some, descriptors=some.descriptors.astype(np.float32))
    if np.isinf(single.descriptors).any():
        return True
    double = replace(single, descriptors=single.descriptors.astype(np.float64))
    center, coarse = mixture.center(np.float32), _COARSE
    if in_double(natural_parameters(mixture, center), mixture, np.float32).any():
        coarse = 0.0
    try:
        exact = replace(reduction, in_double=True).apply(double)
    except (RuntimeError, TypeError, ValueError):  # as of networks in float32
        return False
    rounded = replace(reduction, in_double=False).apply(single)
    gammas = [gamma for _, _, gamma in log_posteriors(exact, mixture)]
    nearest = np.concatenate(gammas).argmax(axis=1)
    errors = np.nan_to_num(rounded - exact) / np.sqrt(mixture.covariances)[nearest]
    moved = [np.abs(errors[nearest == k].mean(axis=0)).max() for k in np.unique(nearest)]
    return bool(max(*moved, np.abs(errors).mean()) > coarse)
