"""Everything between local descriptors and normalised vectors, both ways, as one value."""

from dataclasses import dataclass

import numpy as np

from skvae.fisher.encoding import (
    BLOCKS,
    block_starts,
    flatten,
    normalize,
    set_gradients,
    signed_power,
    unflatten,
)
from skvae.fisher.inversion import denormalize, lost_scale, unwhiten
from skvae.fisher.spatial import cells_of, n_cells, pyramid, sort_by_cell
from skvae.fisher.statistics import Mixture

__all__ = ["Codec"]


@dataclass(frozen=True)
class Codec:
    """A mixture and the choices that fix a Fisher vector.

    Parameters
    ----------
    mixture : Mixture
        Parameters, over reduced descriptors with their positions where those are appended.
    gradients : tuple of str
        Blocks that are kept.
    power : float
        Of the signed power.
    norm : {"l2", "intra"} or None
        As in ``encoding.normalize``.
    levels : tuple of int
        Cells per side of each level of a pyramid; (1,) is none.
    """

    mixture: Mixture
    gradients: tuple
    power: float
    norm: str | None
    levels: tuple = (1,)

    @property
    def n_cells(self):
        """Cells of all levels."""
        return n_cells(self.levels)

    @property
    def statistics_size(self):
        """Numbers in the statistics of one set."""
        k, d = self.mixture.means.shape
        return self.n_cells * k * (1 + 2 * d)

    @property
    def n_features(self):
        """Length of a vector."""
        k, d = self.mixture.means.shape
        widths = dict(zip(BLOCKS, (k, k * d, k * d), strict=True))
        return self.n_cells * sum(widths[b] for b in set(self.gradients))

    def feature_names(self):
        """Block, component and dimension of every feature, after its cell."""
        k, d = self.mixture.means.shape
        grid = [f"_k{i}_d{j}" for i in range(k) for j in range(d)]
        parts = {
            "weights": [f"weight_k{i}" for i in range(k)],
            "means": [f"mean{g}" for g in grid],
            "stds": [f"std{g}" for g in grid],
        }
        one = [name for b in BLOCKS if b in self.gradients for name in parts[b]]
        prefixes = [""] if self.n_cells == 1 else [f"cell{c}_" for c in range(self.n_cells)]
        return np.array([f"fisher_{p}{name}" for p in prefixes for name in one], dtype=object)

    @property
    def _starts(self):
        return block_starts(self.gradients, *self.mixture.means.shape)

    def encode(self, local, offsets, positions):
        """Vectors of sets, and what each was divided by.

        Parameters
        ----------
        local : ndarray of shape (N, d)
            Reduced descriptors of all sets.
        offsets : ndarray of shape (n_sets + 1,)
            Where each set begins.
        positions : ndarray of shape (N, 2) or None
            Of each descriptor; needed by a pyramid.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_cells, n_features / n_cells), float64
        scales : ndarray of shape (n_sets, n_cells, 1 or n_blocks)
        """
        fine, membership = pyramid(self.levels)
        if fine > 1:
            order, offsets = sort_by_cell(cells_of(positions, fine), offsets, fine * fine)
            local = local[order]
        gradients = set_gradients(local, offsets, self.mixture, membership)
        vectors = flatten(gradients.reshape(-1, *gradients.shape[2:]), self.gradients)
        vectors = signed_power(vectors, self.power)
        vectors, scales = normalize(vectors, self.norm, self._starts)
        shape = gradients.shape[:2]
        return vectors.reshape(*shape, -1), scales.reshape(*shape, -1)

    def decode(self, F, mean_scales):
        """Statistics per descriptor about the mixture's center.

        Parameters
        ----------
        F : ndarray of shape (n_sets, n_features)
            Vectors.
        mean_scales : ndarray of shape (n_cells, 1 or n_blocks)
            Stand in for the scales that normalisation took away, where the vector does not tell.

        Returns
        -------
        s0 : ndarray of shape (n_sets, n_cells, K, 1)
        s1, s2 : ndarray of shape (n_sets, n_cells, K, d)
        """
        k, d = self.mixture.means.shape
        vectors = F.reshape(len(F) * self.n_cells, -1)
        scales = np.tile(mean_scales, (len(F), 1))
        gradients = denormalize(vectors, self.power, scales, self._starts)
        gradients = unflatten(gradients, self.gradients, k, d)
        if self.norm == "l2" and set(self.gradients) == set(BLOCKS):
            mean_scales = scales ** (1 / self.power)
            unit = gradients / mean_scales[:, :, None]
            factor = lost_scale(unit, self.mixture.weights, mean_scales[:, 0])
            gradients = unit * factor[:, None, None]
        shape = (len(F), self.n_cells, k, -1)
        center = self.mixture.center(np.float64)
        return [s.reshape(shape) for s in unwhiten(gradients, self.mixture, center)]
