"""A source of sets that are the windows of series, cut when they are asked for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae._typing import Array, FloatArray, IntArray
from skvae.data.blocks import random_rows
from skvae.fisher.sets import PackedSets, batches_of
from skvae.series.windows import Windows, normalized

__all__ = ["WindowedSets"]


class WindowedSets:
    """Windows of series: a set for each, with the times of their middles as positions.

    Parameters
    ----------
    panel : sequence of ndarray of shape (n_channels, length)
        None shorter than the widest window.
    windows : Windows
        Where they are cut, and what is done to each.
    dtype : dtype
        Of the descriptors, float32 or float64.
    """

    def __init__(self, panel: Sequence[Array], windows: Windows, dtype: np.dtype[Any]) -> None:
        self.panel, self.windows, self.dtype = panel, windows, dtype

    def __len__(self) -> int:
        return len(self.panel)

    @property
    def sizes(self) -> IntArray:
        """Windows of each series, (n_series,)."""
        return np.array([sum(self.windows.counts(series.shape[1])) for series in self.panel])

    def _offsets(self) -> IntArray:
        return np.concatenate([[0], np.cumsum(self.sizes)])

    def batches(self, max_sets: int) -> list[slice]:
        """Slices of at most ``max_sets`` series and about ``BATCH_DESCRIPTORS`` windows."""
        return batches_of(self._offsets(), max_sets)

    def part(self, sets: slice | IntArray) -> "WindowedSets":
        """Windows of some of the series, by a slice or an array of their numbers."""
        some = self.panel[sets] if isinstance(sets, slice) else [self.panel[i] for i in sets]
        return WindowedSets(some, self.windows, self.dtype)

    def pull(self) -> PackedSets:
        """All windows."""
        cut = [self.windows.cut(series) for series in self.panel]
        positions = [self.windows.positions(series.shape[1]) for series in self.panel]
        return PackedSets(self._descriptors(cut), self._offsets(), np.concatenate(positions))

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random windows, as one set."""
        offsets = self._offsets()
        rows = random_rows(int(offsets[-1]), n, rng)
        cuts = np.searchsorted(rows, offsets)
        cut, positions = [], []
        for i in map(int, np.flatnonzero(np.diff(cuts))):
            numbers = rows[cuts[i] : cuts[i + 1]] - offsets[i]
            cut.append(self.windows.cut(self.panel[i], numbers))
            positions.append(self.windows.positions(self.panel[i].shape[1])[numbers])
        return PackedSets.one(self._descriptors(cut), np.concatenate(positions))

    def _descriptors(self, cut: Sequence[Array]) -> FloatArray:
        windows = np.concatenate(cut).astype(self.dtype, copy=False)
        n, channels, points = windows.shape
        return normalized(windows, self.windows.normalize).reshape(n, channels * points)
