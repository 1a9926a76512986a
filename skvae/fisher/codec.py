"""Everything between local descriptors and normalised vectors, both ways, as one value."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from skvae.fisher.encoding import (
    BLOCKS,
    block_starts,
    cell_statistics,
    flatten,
    normalize,
    residuals,
    rounding,
    signed_power,
    unflatten,
    whiten,
    whitened_rounding,
)
from skvae.fisher.inversion import denormalize, lost_scale, unwhiten
from skvae.fisher.spatial import cells_of, n_cells, pyramid, sort_by_cell
from skvae.mixture.assignment import Assignment, is_hard
from skvae.mixture.expectation import set_statistics
from skvae.mixture.statistics import Mixture, in_double, natural_parameters

__all__ = ["Codec"]

# Vectors with no gradient above this, per descriptor and in its own units, are looked at for noise.
_SHORT = 1e-4


@dataclass(frozen=True)
class Codec:
    """A mixture and the choices that fix a vector of a set.

    Parameters
    ----------
    mixture : Mixture
        Parameters, over reduced descriptors with their positions where those are appended.
    gradients : tuple of str
        Blocks that are kept.
    power : float
        Of the signed power.
    norm : {"l2", "l1", "intra"} or None
        As in ``encoding.normalize``.
    levels : tuple of int
        Cells per side of each level of a pyramid; (1,) is none.
    assignment : Assignment or None
        Which posteriors are kept; None keeps all.
    whitened : bool
        Gradients in Fisher's metric; otherwise plain sums of residuals.
    prefix : str
        That names of features begin with.
    device : torch.device or None
        Where statistics are computed; None is numpy.
    eps_means : float
        Relative rounding error of the mixture's means.
    """

    mixture: Mixture
    gradients: tuple
    power: float
    norm: str | None
    levels: tuple = (1,)
    assignment: Assignment | None = None
    whitened: bool = True
    prefix: str = "fisher"
    device: object = None
    eps_means: float = np.finfo(np.float64).eps

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
        grid = [f"k{i}_d{j}" for i in range(k) for j in range(d)]
        parts = {
            "weights": [f"weight_k{i}" for i in range(k)],
            "means": [f"mean_{g}" for g in grid],
            "stds": [f"std_{g}" for g in grid],
        }
        if not self.whitened:  # of one block, which then needs no name
            parts = {"weights": [f"k{i}" for i in range(k)], "means": grid}
        one = [name for b in BLOCKS if b in self.gradients for name in parts[b]]
        prefixes = [""] if self.n_cells == 1 else [f"cell{c}_" for c in range(self.n_cells)]
        return np.array(
            [f"{self.prefix}_{p}{name}" for p in prefixes for name in one], dtype=object
        )

    @property
    def _starts(self):
        return block_starts(self.gradients, *self.mixture.means.shape)

    def statistics(self, local, offsets, positions, weights=None):
        """Statistics of the cells of sets; those of parts of a set add.

        Parameters
        ----------
        local : ndarray of shape (N, d)
            Reduced descriptors of all sets.
        offsets : ndarray of shape (n_sets + 1,)
            Where each set begins.
        positions : ndarray of shape (N, 2) or None
            Of each descriptor; needed by a pyramid.
        weights : ndarray of shape (N,), default=None
            How often each descriptor counts; None means once.

        Returns
        -------
        totals : ndarray of shape (n_sets, n_cells, K, 1 + 2 d), float64
        counts : ndarray of shape (n_sets, n_cells)
        """
        fine, membership = pyramid(self.levels)
        if fine > 1:
            order, offsets = sort_by_cell(cells_of(positions, fine), offsets, fine * fine)
            local = local[order]
            weights = None if weights is None else weights[order]
        compute = set_statistics
        if self.device is not None:
            from skvae.mixture import torch_statistics

            compute = partial(torch_statistics.set_statistics, device=self.device)
        blocks = compute(local, offsets, self.mixture, self.assignment, weights)
        return cell_statistics(blocks, offsets, membership, weights)

    def vectors(self, totals, counts, dtype):
        """Normalised vectors of statistics, and what each was divided by.

        Parameters
        ----------
        totals : ndarray of shape (n_sets, n_cells, K, 1 + 2 d)
            [S0 | S1 | S2] about ``mixture.center(dtype)``.
        counts : ndarray of shape (n_sets, n_cells)
            Descriptors in each cell.
        dtype : dtype
            That the descriptors had.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_cells, n_features / n_cells), float64
        scales : ndarray of shape (n_sets, n_cells, 1 or n_blocks)
        """
        shape = counts.shape
        totals, counts = totals.reshape(-1, *totals.shape[2:]), counts.reshape(-1)
        center = self.mixture.center(dtype)
        if self.whitened:
            gradients = whiten(totals, counts, self.mixture, center)
        else:
            gradients = residuals(totals, self.mixture.means - center)
        vectors, scales = self._normalized(gradients)
        short = self._short(scales, totals, counts)
        if short.any():
            noise = self._noise(totals[short], counts[short], dtype)
            gradients = np.where(np.abs(gradients[short]) > noise, gradients[short], 0)
            vectors[short], scales[short] = self._normalized(gradients)
        return vectors.reshape(*shape, -1), scales.reshape(*shape, -1)

    def _normalized(self, gradients):
        vectors = signed_power(flatten(gradients, self.gradients), self.power)
        return normalize(vectors, self.norm, self._starts)

    def _short(self, scales, totals, counts):
        """Vectors that may be, or have a block of, rounding errors alone."""
        if self.norm is None:
            return np.zeros(len(scales), bool)
        n_features = self.n_features // self.n_cells
        n_values = np.full(1, n_features)
        if self.norm == "intra":
            n_values = np.diff([*self._starts, n_features]) * len(self._starts)
        unit = 1.0
        if not self.whitened:
            unit = np.sqrt(counts * totals[:, :, 1:].max(axis=(1, 2)))[:, None]
        longest = (_SHORT * unit) ** self.power * n_values ** (1.0 if self.norm == "l1" else 0.5)
        return (scales <= longest).any(axis=1)

    def _noise(self, totals, counts, dtype):
        center = self.mixture.center(dtype)
        eta = natural_parameters(self.mixture, center)
        double = in_double(eta, self.mixture, np.float64 if is_hard(self.assignment) else dtype)
        eps = np.where(double, np.finfo(np.float64).eps, np.finfo(dtype).eps)[:, None]
        noise = rounding(totals, self.mixture, center, eps, self.eps_means)
        return whitened_rounding(noise, counts, self.mixture, eps) if self.whitened else noise

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
