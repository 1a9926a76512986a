"""Panels of series: one internal form for every layout that holds them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae._typing import Array
from skvae.data.containers import MISSING_ALLOWED, array_of, check_numbers, is_dask, is_frame
from skvae.data.sequences import inner_ndim, outer_ndim, sequence_of
from skvae.data.tables import column_names, is_named_table, values_of

__all__ = ["check_channels", "read_panel"]


def read_panel(X: Any, reader: str) -> list[Array]:
    """Series as arrays of channels, in the memory where they lie if they are arrays.

    Parameters
    ----------
    X : array-like, sequence or data frame
        A panel in any of the layouts that :class:`~skvae.SeriesWindows` takes.
    reader : str
        Who is to read it, for errors.

    Returns
    -------
    series : list of ndarray of shape (n_channels, length)

    Raises
    ------
    TypeError
        For collections of dask, and what can be read only once.
    ValueError
        If X is empty or a single series, a series is no array of numbers, holds infinity or ends in
        nothing but NaN, or two have different numbers of channels.

    Examples
    --------
    >>> from skvae.series.panel import read_panel
    >>> [series.shape for series in read_panel([[1.0, 2.0, 3.0], [4.0, 5.0]], "SeriesWindows")]
    [(1, 3), (1, 2)]
    """
    if is_dask(X):
        raise TypeError(
            f"X is a dask {type(X).__name__}, but {reader} learns from series in memory: pass "
            "X.compute(), or a part of it. The transform of a fitted encoder takes arrays of dask."
        )
    X = sequence_of(X, reader)
    if is_named_table(X):
        found = _of_table(X)
    else:
        _check_dimensions(X)
        found = [_one_series(x, f"Series {i} of X") for i, x in enumerate(X)]
    panel = [_checked(series, f"Series {i} of X") for i, series in enumerate(found)]
    check_channels(panel)
    return panel


def check_channels(panel: Sequence[Array], n_channels: int | None = None) -> None:
    """Raise an error unless all series have the same number of channels.

    Parameters
    ----------
    panel : list of ndarray of shape (n_channels, length)
        As from :func:`read_panel`.
    n_channels : int, default=None
        How many a fit has seen.
    """
    numbers: dict[int, int] = {}
    for i, series in enumerate(panel):
        numbers.setdefault(len(series), i)
    if len(numbers) > 1:
        (a, i), (b, j) = list(numbers.items())[:2]
        raise ValueError(
            f"All series of X must have the same number of channels: series {i} has {a}, series "
            f"{j} has {b}. Arrays are (n_channels, length): where time runs down the rows, pass "
            "[x.T for x in X]."
        )
    found = next(iter(numbers))
    if found == 0:
        raise ValueError(
            "Series of X have no channel: arrays are (length,) or (n_channels, length)."
        )
    if n_channels not in (None, found):
        raise ValueError(
            f"Series of X have {found} channels; the fit has seen {n_channels}. Arrays are "
            "(n_channels, length)."
        )


def _check_dimensions(X: Any) -> None:
    n = inner_ndim(X)
    if n == 1:
        raise ValueError("X is a single series: pass a panel of it alone, [X].")
    if n > 3:
        raise ValueError(
            f"A panel is (n_series, length), (n_series, n_channels, length) or a list of series; "
            f"X has {n} dimensions."
        )


def _one_series(x: Any, name: str) -> Array:
    """A series with its channels first; a data frame has time in its rows."""
    if is_frame(x) and outer_ndim(x) == 2:
        return array_of(x, name).T
    values = array_of(list(x) if outer_ndim(x) == 1 and inner_ndim(x) > 1 else x, name)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} has shape {values.shape}; a series is (length,) or (n_channels, length)."
        )
    return np.atleast_2d(values)


def _checked(series: Array, name: str) -> Array:
    if series.dtype.kind == "f" and series.size and np.isnan(series[:, -1]).all():
        with_values = np.flatnonzero(~np.isnan(series).all(axis=0))
        length = int(with_values[-1]) + 1 if len(with_values) else 0
        raise ValueError(
            f"{name} has nothing but NaN after its first {length} values. If that is padding, pass "
            "series without it, [x[..., :n] for x, n in zip(X, lengths)]."
        )
    return check_numbers(series, name, **MISSING_ALLOWED) if series.size else series


def _of_table(X: Any) -> list[Array]:
    """Series of a frame: in its levels, its cells or its rows."""
    if len(getattr(getattr(X, "index", None), "names", ())) > 1:
        return _of_levels(X)
    columns = [X[name] for name in column_names(X)]
    if columns and inner_ndim(columns[0]) > 1:
        return _of_cells([values_of(column) for column in columns])
    return list(array_of(X)[:, None])


def _of_levels(X: Any) -> list[Array]:
    """Series of a frame of pandas, whose index has the time as its last level."""
    outer = list(range(X.index.nlevels - 1))
    numbers = X.groupby(level=outer, sort=False).ngroup().to_numpy()
    times = X.index.get_level_values(-1).factorize(sort=True)[0]
    order = np.lexsort((times, numbers))
    cuts = np.cumsum(np.bincount(numbers))[:-1]
    return [rows.T for rows in np.split(array_of(X)[order], cuts)]


def _of_cells(columns: list[list[Any]]) -> list[Array]:
    """Series of a frame that has a channel of one in each cell; a single column may have all."""
    found = []
    for i, cells in enumerate(zip(*columns, strict=True)):
        channels = [_one_series(cell, f"Series {i} of X") for cell in cells]
        lengths = [channel.shape[1] for channel in channels]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"The channels of a series must have one length: those of series {i} of X have "
                f"{lengths}."
            )
        found.append(np.concatenate(channels))
    return found
