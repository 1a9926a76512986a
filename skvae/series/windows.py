"""Windows of a series: where they lie, and the numbers in them."""

from dataclasses import dataclass

import numpy as np

from skvae._typing import Array, FloatArray, IntArray

__all__ = ["Windows", "normalized", "resampling"]


@dataclass(frozen=True)
class Windows:
    """Windows of some widths, of the first width first, each in the order of time.

    Parameters
    ----------
    widths : tuple of int
        Numbers of time points.
    stride : int
        Time points between the beginnings of two windows.
    normalize : {"mean", "z"}, default=None
        As of :func:`normalized`.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.series.windows import Windows
    >>> Windows((2,), stride=1).cut(np.arange(4.0)[None])[:, 0]
    array([[0., 1.],
           [1., 2.],
           [2., 3.]])
    """

    widths: tuple[int, ...]
    stride: int
    normalize: str | None = None

    @property
    def points(self) -> int:
        """Numbers that a window has of a channel: those of the narrowest."""
        return min(self.widths)

    def counts(self, length: int) -> list[int]:
        """Windows of each width in a series."""
        return [max(0, 1 + (length - width) // self.stride) for width in self.widths]

    def cut(self, series: Array, numbers: IntArray | None = None) -> Array:
        """Windows of a series, the wider ones resampled to ``points``.

        Parameters
        ----------
        series : ndarray of shape (n_channels, length)
        numbers : ndarray of int, default=None
            Which windows, ascending; None means all.

        Returns
        -------
        windows : ndarray of shape (n, n_channels, points)
        """
        cut, first = [], 0
        for width, n in zip(self.widths, self.counts(series.shape[1]), strict=True):
            here: IntArray = np.arange(n)
            if numbers is not None:
                here = numbers[(numbers >= first) & (numbers < first + n)] - first
            times = self.stride * here[:, None] + np.arange(width)
            cut.append(_resampled(series[:, times].swapaxes(0, 1), self.points))
            first += n
        return cut[0] if len(cut) == 1 else np.concatenate(cut)

    def positions(self, length: int) -> FloatArray:
        """Time of the middle of each window of a series.

        Parameters
        ----------
        length : int
            Time points of the series.

        Returns
        -------
        positions : ndarray of shape (n, 1)
            From -1, the first time point, to 1, the last.
        """
        last = max(length - 1, 1)
        middles = [
            (width - 1) / 2 + self.stride * np.arange(n)
            for width, n in zip(self.widths, self.counts(length), strict=True)
        ]
        return (2 * np.concatenate(middles)[:, None] - (length - 1)) / last


def _resampled(windows: Array, points: int) -> Array:
    n, channels, width = windows.shape
    if width == points:
        return windows
    rows = np.ascontiguousarray(windows, np.float64).reshape(-1, width)
    weights, missing = resampling(width, points), np.isnan(rows)
    means = np.where(missing, 0, rows) @ weights
    if missing.any():  # where nothing is missing of a window, no other one changes its bits
        observed = np.where(missing.any(axis=1, keepdims=True), ~missing @ weights, 1)
        means = np.where(observed > 0, means / np.where(observed > 0, observed, 1), np.nan)
    return means.reshape(n, channels, points)


def resampling(width: int, points: int) -> FloatArray:
    """What takes a window to the means over equal parts of its time.

    Parameters
    ----------
    width : int
        Time points of the window, each of which lasts as long.
    points : int
        How many parts.

    Returns
    -------
    weights : ndarray of shape (width, points)

    Examples
    --------
    >>> from skvae.series.windows import resampling
    >>> resampling(3, 2).T.round(2)
    array([[0.67, 0.33, 0.  ],
           [0.  , 0.33, 0.67]])
    """
    times = np.arange(width)[:, None]
    edges = np.linspace(0, width, points + 1)
    shared = np.minimum(edges[1:], times + 1) - np.maximum(edges[:-1], times)
    weights: FloatArray = np.maximum(shared, 0) * (points / width)
    return weights


def normalized(windows: FloatArray, how: str | None) -> FloatArray:
    """Windows without their mean, and with standard deviation 1, channel by channel.

    Parameters
    ----------
    windows : ndarray of shape (n, n_channels, points)
        Not changed.
    how : {"mean", "z"} or None
        "mean" takes the mean away, "z" divides by the deviation too; None leaves them as they are.

    Returns
    -------
    windows : ndarray of shape (n, n_channels, points)
        What does not vary, but for rounding, is 0. Means and deviations are those of what is
        observed; what is missing stays NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.series.windows import normalized
    >>> normalized(np.array([[[1.0, 3.0], [0.1, 0.1]]]), "z")
    array([[[-1.,  1.],
            [ 0.,  0.]]])
    """
    if how is None:
        return windows
    rounding = 4 * np.finfo(windows.dtype).eps * _peaks(windows)
    centred: FloatArray = windows - _means(windows)
    peak = _peaks(centred)
    centred[(peak <= rounding) & ~np.isnan(centred)] = 0
    if how == "mean":
        return centred
    centred /= np.where(peak > rounding, peak, 1)  # so that no square overflows
    deviation = np.sqrt(_means(centred**2))
    result: FloatArray = centred / np.where(deviation > 0, deviation, 1)
    return result


def _peaks(windows: FloatArray) -> FloatArray:
    """Largest size of what is observed, NaN where nothing is."""
    peaks: FloatArray = np.fmax.reduce(np.abs(windows), axis=-1, keepdims=True)
    return peaks


def _means(windows: FloatArray) -> FloatArray:
    """Means of what is observed, 0 where nothing is."""
    means: FloatArray = windows.mean(axis=-1, keepdims=True)
    missing = np.isnan(windows)
    if missing.any():
        n = np.maximum(windows.shape[-1] - missing.sum(axis=-1, keepdims=True), 1)
        means = np.nansum(windows, axis=-1, keepdims=True) / n.astype(windows.dtype)
    return means
