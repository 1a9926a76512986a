"""Series to sets of their windows."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import Interval, StrOptions, fit_context
from skvae._typing import Array, Constraints, SetsLike
from skvae.data.containers import float_type
from skvae.data.tables import objects
from skvae.fisher.sets import Sets
from skvae.series.panel import check_channels, read_panel
from skvae.series.sources import WindowedSets
from skvae.series.windows import Windows

__all__ = ["SeriesWindows"]


class SeriesWindows(TransformerMixin, Estimator):
    """Windows of series, which may differ in length: one set of windows per series.

    Parameters
    ----------
    width : int or sequence of int
        Time points of a window; 1 makes descriptors of the frames. Windows of several widths are
        one set: the wider are resampled to the narrowest, by means over equal parts of their time.
    stride : int, default=1
        Time points between the beginnings of two windows.
    normalize : {"mean", "z"}, default=None
        Of each window and channel: "mean" takes its mean away, "z" makes its standard deviation 1
        too. A channel that does not vary within a window becomes 0.

    Attributes
    ----------
    n_channels_ : int
        Channels of a series.
    n_dimensions_ : int
        Length of a descriptor: channels times time points of the narrowest window.

    See Also
    --------
    ImagePatches : Windows of images.

    Notes
    -----
    A panel X is one of these, and need not be in ``transform`` what it was in ``fit``:

    - an array (n_series, length) or (n_series, n_channels, length);
    - a list, or what can be iterated over anew, of series (length,) or (n_channels, length), each
      of its own length, as aeon's; data frames in it have time in their rows, as sktime's;
    - a data frame: numbers with a series in each row; cells that hold series, with a channel in
      each column (sktime's nested frames, list columns of polars); or with a MultiIndex of pandas,
      whose last level is the time and whose columns are the channels.

    A descriptor has the window of the first channel, then that of the second. Its position is the
    time of its middle, from -1 for the first time point of its series to 1 for the last:
    ``spatial="xy"`` of an encoder appends it. Windows are cut a few series at a time.

    **NaN is a missing value**, and stays one in the windows, which encoders take as such. Windows
    are normalised, and wider ones resampled, by what is observed. Series that end in nothing but
    NaN are taken to be padded, which is an error.

    Examples
    --------
    >>> from skvae import FisherVectorEncoder, SeriesWindows
    >>> X = [[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0]]
    >>> sets, positions = SeriesWindows(2, stride=2).fit(X).extract(X)
    >>> sets[0]
    array([[0., 1.],
           [0., 1.]])
    >>> positions[0].ravel().round(2)
    array([-0.67,  0.67])
    >>> FisherVectorEncoder(1, extractor=SeriesWindows(2), random_state=0).fit_transform(X).shape
    (2, 5)
    """

    n_channels_: int
    n_dimensions_: int
    _windows: Windows

    _parameter_constraints: Constraints = {
        "width": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "normalize": [StrOptions({"mean", "z"}), None],
    }

    def __init__(
        self, width: int | Sequence[int], *, stride: int = 1, normalize: str | None = None
    ) -> None:
        self.width = width
        self.stride = stride
        self.normalize = normalize

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: SetsLike, y: Any = None) -> Self:
        """Learn the number of channels; values play no part.

        Parameters
        ----------
        X : array-like, sequence or data frame
            A panel of series (see Notes).
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : SeriesWindows

        Raises
        ------
        TypeError
            If X can be read only once.
        ValueError
            If a window is wider than the shortest series, series differ in the number of channels,
            or one is no array of numbers, holds infinity or ends in nothing but NaN.
        """
        with fitted_aside(self) as fitted:
            fitted._fit(X)
        return self

    def _fit(self, X: SetsLike) -> None:
        self._windows, panel = self._check_windows(), self.read(X)
        _check_lengths(panel, self._windows)
        self.n_channels_ = len(panel[0])
        self.n_dimensions_ = self.n_channels_ * self._windows.points

    def _check_windows(self) -> Windows:
        widths = self.width if isinstance(self.width, (tuple, list)) else (self.width,)
        if not widths or not all(_is_positive(width) for width in widths):
            raise ValueError(
                f"width={self.width!r} must be a positive integer, or a sequence of some."
            )
        if self.normalize is not None and 1 in widths:
            raise ValueError(
                f"normalize={self.normalize!r} makes 0 of every window of width 1: take "
                "wider ones, or normalize=None."
            )
        return Windows(tuple(int(width) for width in widths), self.stride, self.normalize)

    def read(self, X: SetsLike) -> list[Array]:
        """Series of a panel: how an encoder reads what it passes on to ``sets``.

        Parameters
        ----------
        X : array-like, sequence or data frame
            As for ``fit``.

        Returns
        -------
        panel : list of ndarray of shape (n_channels, length)
        """
        return read_panel(X, type(self).__name__)

    def sets(self, panel: Sequence[Array]) -> Sets:
        """Sets of windows, which are cut when they are asked for.

        Parameters
        ----------
        panel : list of ndarray of shape (n_channels, length)
            As from ``read``.

        Returns
        -------
        source : Sets
        """
        check_is_fitted(self)
        check_channels(panel, self.n_channels_)
        _check_lengths(panel, self._windows)
        dtype = float_type(np.result_type(*{series.dtype for series in panel}))
        return WindowedSets(panel, self._windows, dtype)

    def extract(self, X: SetsLike) -> tuple[Array, Array]:
        """Windows of series, and where they lie.

        Parameters
        ----------
        X : array-like, sequence or data frame
            As for ``fit``.

        Returns
        -------
        sets : ndarray of shape (n_series,) of ndarray of shape (n_i, n_dimensions)
            float32 or float64.
        positions : ndarray of shape (n_series,) of ndarray of shape (n_i, 1)
            Time of the middle of each window, from -1 (first time point) to 1 (last).
        """
        panel = self.read(X)
        packed = self.sets(panel).pull()
        sets = objects(np.split(packed.descriptors, packed.offsets[1:-1]))
        return sets, objects([self._windows.positions(series.shape[1]) for series in panel])

    def transform(self, X: SetsLike) -> Array:
        """Windows of series.

        Parameters
        ----------
        X : array-like, sequence or data frame
            As for ``fit``.

        Returns
        -------
        sets : ndarray of shape (n_series,) of ndarray of shape (n_i, n_dimensions)
            float32 or float64.
        """
        return self.extract(X)[0]


def _is_positive(width: object) -> bool:
    return isinstance(width, Integral) and not isinstance(width, bool) and int(width) > 0


def _check_lengths(panel: Sequence[Array], windows: Windows) -> None:
    lengths = [series.shape[1] for series in panel]
    shortest, widest = int(np.argmin(lengths)), max(windows.widths)
    if lengths[shortest] < widest:
        raise ValueError(
            f"A window of width={widest} is wider than series {shortest} of X, the shortest, which "
            f"has {lengths[shortest]} time points. Take a narrower one, or leave such series out."
        )
