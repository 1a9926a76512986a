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
    return (rows @ resampling(width, points)).reshape(n, channels, points)


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
        What does not vary, but for rounding, is 0.

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
    rounding = 4 * np.finfo(windows.dtype).eps * np.abs(windows).max(axis=-1, keepdims=True)
    centred: FloatArray = windows - windows.mean(axis=-1, keepdims=True)
    peak = np.abs(centred).max(axis=-1, keepdims=True)
    centred[np.broadcast_to(peak <= rounding, centred.shape)] = 0
    if how == "mean":
        return centred
    centred /= np.where(peak > rounding, peak, 1)  # so that no square overflows
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True))
    result: FloatArray = centred / np.where(deviation > 0, deviation, 1)
    return result
