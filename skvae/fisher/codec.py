"""Everything between local descriptors and normalised vectors, both ways, as one value."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import Array, FloatArray, Names
from skvae.fisher.encoding import (
    cell_statistics,
    normalize,
    residuals,
    rounding,
    signed_power,
    whiten,
    whitened_rounding,
)
from skvae.fisher.inversion import denormalize, lost_scale, unwhiten
from skvae.fisher.layout import GRADIENTS, Layout
from skvae.fisher.spatial import cells_of, n_cells, pyramid, sort_by_cell
from skvae.mixture.assignment import Assignment, is_hard
from skvae.mixture.expectation import set_statistics
from skvae.mixture.kernel import LEAST_POSTERIOR, recent, recent_centers
from skvae.mixture.moments import n_moments, split_totals
from skvae.mixture.statistics import Mixture, group_by_center, in_double, natural_parameters

if TYPE_CHECKING:
    import torch

__all__ = ["Codec", "recent_codec"]

# Vectors with no gradient above this, per descriptor and in its own units, are looked at for noise.
_SHORT = 1e-4
# Descriptors that are summed in one precision, at most: so many rounding errors add up at random.
_SUMMED = 8192


@dataclass(frozen=True)
class Codec:
    """A mixture and the choices that fix a vector of a set.

    Parameters
    ----------
    mixture : Mixture
        Parameters, over reduced descriptors with their positions where those are appended.
    gradients : tuple of str
        Those that are kept.
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
    gradients: tuple[str, ...]
    power: float
    norm: str | None
    levels: tuple[int, ...] = (1,)
    assignment: Assignment | None = None
    whitened: bool = True
    prefix: str = "fisher"
    device: "torch.device | None" = None
    eps_means: float = float(np.finfo(np.float64).eps)

    @property
    def n_cells(self) -> int:
        """Cells of all levels."""
        return n_cells(self.levels)

    @property
    def statistics_size(self) -> int:
        """Numbers in the statistics of one set."""
        k, d = self.mixture.means.shape
        return self.n_cells * int(k) * n_moments(d)

    @cached_property
    def layout(self) -> Layout:
        """Of the vector of one cell."""
        return Layout(self.gradients, *self.mixture.means.shape)

    @cached_property
    def _norms_of_ones(self) -> Any:
        """What a vector of ones, or each of its groups, would be divided by."""
        n_features = self.layout.n_features
        if self.norm != "intra":
            return np.float64(n_features) ** (1.0 if self.norm == "l1" else 0.5)
        starts = self.layout.group_starts
        return (np.diff([*starts, n_features]) * len(starts)) ** 0.5

    @cached_property
    def _largest_mean(self) -> Any:
        return np.abs(self.mixture.means).max()

    @property
    def n_features(self) -> int:
        """Length of a vector."""
        return self.n_cells * self.layout.n_features

    def feature_names(self) -> Names:
        """Gradient, component and dimension of every feature, after its cell."""
        # Sums of residuals are of one kind, which the prefix names.
        one = self.layout.feature_names(labelled=self.whitened)
        prefixes = [""] if self.n_cells == 1 else [f"cell{c}_" for c in range(self.n_cells)]
        return np.array(
            [f"{self.prefix}_{p}{name}" for p in prefixes for name in one], dtype=object
        )

    def statistics(
        self,
        local: FloatArray,
        offsets: Array,
        positions: FloatArray | None,
        weights: FloatArray | None = None,
        n_jobs: int | None = 1,
        *,
        complete: bool = False,
        dtype: DTypeLike | None = None,
    ) -> tuple[FloatArray, Array]:
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
        n_jobs : int or None, default=1
            Threads for a large set, as of ``skvae.compute.parallel``.
        complete : bool, default=False
            Whether it is known that no value is missing.
        dtype : dtype, default=None
            That descriptors had before they were reduced in float64; None is that of ``local``.

        Returns
        -------
        totals : ndarray of shape (n_sets, n_cells, K, 1 + 2 d), float64
            Or (n_sets, n_cells, K, 1 + 3 d), where values are missing.
        counts : ndarray of shape (n_sets, n_cells)
        """
        fine, membership = pyramid(self.levels)
        if fine > 1:
            order, offsets = sort_by_cell(cells_of(positions, fine), offsets, fine * fine)
            local = local[order]
            weights = None if weights is None else weights[order]
        compute: Callable[..., Any] = partial(set_statistics, n_jobs=n_jobs, complete=complete)
        if self.device is not None:
            from skvae.mixture import torch_statistics

            compute = partial(torch_statistics.set_statistics, device=self.device)
        batches = compute(local, offsets, self.mixture, self.assignment, weights, dtype=dtype)
        return cell_statistics(batches, offsets, membership, weights)

    def vectors(
        self, totals: FloatArray, counts: Array, dtype: DTypeLike
    ) -> tuple[FloatArray, FloatArray]:
        """Normalised vectors of statistics, and what each was divided by.

        Parameters
        ----------
        totals : ndarray of shape (n_sets, n_cells, K, 1 + 2 d)
            [S0 | S1 | S2] about ``mixture.centers(dtype)``, and N where values are missing.
        counts : ndarray of shape (n_sets, n_cells)
            Descriptors in each cell.
        dtype : dtype
            That the descriptors had.

        Returns
        -------
        vectors : ndarray of shape (n_sets, n_cells, n_features / n_cells)
            In the dtype of ``totals``.
        scales : ndarray of shape (n_sets, n_cells, 1 or n_groups)
        """
        shape = counts.shape
        totals, counts = totals.reshape(-1, *totals.shape[2:]), counts.reshape(-1)
        center = recent_centers(self.mixture, dtype)
        if self.whitened:
            gradients = whiten(totals, counts, self.mixture, center)
        else:
            gradients = residuals(totals, (self.mixture.means - center).astype(totals.dtype))
        gradients = self.layout.keep(gradients)
        vectors, scales = self._normalized(gradients)
        short = self._short(scales, totals, counts)
        if short is not None and totals.dtype != np.float64:
            exact = totals[short, None].astype(np.float64), counts[short, None]
            again = self.vectors(*exact, dtype)
            vectors[short], scales[short] = (a[:, 0] for a in again)
        elif short is not None:
            noise = self.layout.flatten(self._noise(totals[short], counts[short], dtype))
            gradients = np.where(np.abs(gradients[short]) > noise, gradients[short], 0)
            vectors[short], scales[short] = self._normalized(gradients)
        return vectors.reshape(*shape, -1), scales.reshape(*shape, -1)

    def gradients_of_each(self, local: FloatArray) -> FloatArray:
        """Gradients of descriptors that are sets of their own, before power and norm.

        Parameters
        ----------
        local : ndarray of shape (n, d)
            Reduced descriptors.

        Returns
        -------
        gradients : ndarray of shape (n, n_features / n_cells)
            Laid out as the vector of one cell.
        """
        plain = replace(self, power=1.0, norm=None, levels=(1,))
        totals, counts = plain.statistics(local, np.arange(len(local) + 1), None)
        vectors, _ = plain.vectors(totals, counts, local.dtype)
        return vectors[:, 0]

    def _normalized(self, gradients: FloatArray) -> tuple[FloatArray, FloatArray]:
        vectors = signed_power(gradients, self.power)
        starts = self.layout.group_starts if self.norm == "intra" else None
        return normalize(vectors, self.norm, starts)

    def _short(self, scales: FloatArray, totals: FloatArray, counts: Array) -> Array | None:
        """Vectors that may be, or have a group of, rounding errors alone; None for none."""
        if self.norm is None:
            return None
        unit: Any = 1.0
        if not self.whitened:
            _, *sums, _ = split_totals(totals, self.mixture.means.shape[1])
            largest = np.maximum(*(s.max(axis=(1, 2)) for s in sums))
            of_means = self.eps_means * self._largest_mean * counts
            unit = np.sqrt(counts * largest) + _errors_in(counts) * of_means / _SHORT
            unit = unit[:, None]
        are_short = scales <= (_SHORT * unit) ** self.power * self._norms_of_ones
        if not np.count_nonzero(are_short):
            return None
        short: Array = are_short.any(axis=1)
        return short

    def _noise(self, totals: FloatArray, counts: Array, dtype: DTypeLike) -> FloatArray:
        center = self.mixture.centers(dtype)
        eta = natural_parameters(self.mixture, center)
        double = in_double(eta, self.mixture, np.float64 if is_hard(self.assignment) else dtype)
        for components, _ in group_by_center(center, len(eta))[1]:
            double[components] = True
        eps = np.where(double, np.finfo(np.float64).eps, np.finfo(dtype).eps)[:, None]
        n_errors = _errors_in(counts)[:, None, None]
        eps = n_errors * eps
        if self.whitened:  # by parameters that are made of such sums too, over more descriptors
            eps = eps + np.finfo(np.float64).eps * _SUMMED**0.5
        # Posteriors as small as the least are not known any better.
        s0 = totals[:, :, :1]
        eps = eps + LEAST_POSTERIOR * counts[:, None, None] / np.where(s0 > 0, s0, np.inf)
        noise = rounding(totals, self.mixture, center, eps, n_errors * self.eps_means)
        if not self.whitened:
            return noise
        return whitened_rounding(noise, totals, counts, self.mixture, eps)

    def decode(self, F: FloatArray, mean_scales: FloatArray) -> list[FloatArray]:
        """Statistics per descriptor about the mixture's center.

        Parameters
        ----------
        F : ndarray of shape (n_sets, n_features)
            Vectors.
        mean_scales : ndarray of shape (n_cells, 1 or n_groups)
            Stand in for the scales that normalisation took away, where the vector does not tell.

        Returns
        -------
        s0 : ndarray of shape (n_sets, n_cells, K, 1)
        s1, s2 : ndarray of shape (n_sets, n_cells, K, d)
        """
        vectors = F.reshape(len(F) * self.n_cells, -1)
        scales = np.tile(mean_scales, (len(F), 1))
        layout = self.layout
        gradients = denormalize(vectors, self.power, scales, layout.group_starts)
        gradients = layout.unflatten(gradients)
        if self.norm == "l2" and set(self.gradients) == set(GRADIENTS):
            mean_scales = scales ** (1 / self.power)
            unit = gradients / mean_scales[:, :, None]
            factor = lost_scale(unit, self.mixture.weights, mean_scales[:, 0])
            gradients = unit * factor[:, None, None]
        shape = (len(F), self.n_cells, layout.n_components, -1)
        center = self.mixture.center(np.float64)
        return [s.reshape(shape) for s in unwhiten(gradients, self.mixture, center)]


# A codec from the numbers of its mixture and the other parameters: that of a model is made once.
recent_codec = recent(Codec)


def _errors_in(counts: Array) -> Array:
    """Rounding errors that add up in sums over so many descriptors, in units of a single one."""
    errors: Array = np.sqrt(np.minimum(np.maximum(counts, 1), _SUMMED))
    return errors
