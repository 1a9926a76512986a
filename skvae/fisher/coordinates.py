"""Coordinates of descriptors that move while a reducer learns, and what a model makes of that."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from skvae._typing import FloatArray, IntArray

__all__ = ["Move"]

# Share of its variance that a component keeps at least, where a coordinate becomes constant.
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Move:
    """A linear map from old coordinates to new ones, and what it leaves over in each component.

    The map is the one that fits descriptors best. What of the new coordinates does not lie among
    the old ones differs from component to component, and so does how much: blank patches of images,
    for instance, all lie in one point before and after.

    Parameters
    ----------
    slope : ndarray of shape (d, d)
        New coordinates are about ``(old - before) @ slope + after``.
    before, after : ndarray of shape (d,)
        Mean of the descriptors in both.
    shifts, noise : ndarray of shape (K, d)
        Mean and variance of what is left over, of the descriptors of each component; no shift and
        the variance of all for a component that has none.
    """

    slope: FloatArray
    before: FloatArray
    after: FloatArray
    shifts: FloatArray
    noise: FloatArray

    @classmethod
    def between(
        cls, old: FloatArray, new: FloatArray, labels: IntArray, n_components: int
    ) -> "Move":
        """The move that descriptors have made.

        Parameters
        ----------
        old, new : ndarray of shape (n, d)
            Directions in which descriptors do not vary stay as they are.
        labels : ndarray of shape (n,)
            Component of each descriptor.
        n_components : int
            K.

        Examples
        --------
        >>> import numpy as np
        >>> from skvae.fisher.coordinates import Move
        >>> old = np.random.default_rng(0).normal(size=(10, 2))
        >>> move = Move.between(old, 1 - old[:, ::-1], np.zeros(10, int), 1)
        >>> move.of_means(np.array([[3.0, 4.0]])).round(6)
        array([[-3., -2.]])
        """
        old, new = old.astype(np.float64), new.astype(np.float64)
        before, after = old.mean(axis=0), new.mean(axis=0)
        about, change = old - before, (new - after) - (old - before)
        found = np.linalg.lstsq(about, change, rcond=None)[0]  # the least change that fits
        left = change - about @ found
        n = len(labels)
        members = csr_array((np.ones(n), (labels, np.arange(n))), (n_components, n))
        counts = members.sum(axis=1)[:, None]
        shifts = members @ left / np.maximum(counts, 1)
        noise = members @ (left - shifts[labels]) ** 2 / np.maximum(counts, 1)
        noise = np.where(counts > 0, noise, left.var(axis=0))
        return cls(np.eye(len(found)) + found, before, after, shifts, noise)

    def of_means(self, means: FloatArray) -> FloatArray:
        """Means (K, d) in the new coordinates."""
        moved: FloatArray = (means - self.before) @ self.slope + self.after + self.shifts
        return moved

    def of_variances(self, variances: FloatArray) -> FloatArray:
        """Variances (K, d) in the new coordinates, of which covariances are left out."""
        moved: FloatArray = np.maximum(variances @ self.slope**2 + self.noise, _LEAST * variances)
        return moved
