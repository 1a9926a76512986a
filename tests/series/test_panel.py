"""Layouts of a panel: of one, the same series come out of all."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from reiterable import Blocks

from skvae.series.panel import check_channels, read_panel

LENGTHS = [5, 3, 4]
RAGGED = [np.arange(2.0 * n).reshape(2, n) / 4 + i for i, n in enumerate(LENGTHS)]
FLAT = [series[0] for series in RAGGED]
EVEN = np.arange(24.0).reshape(3, 2, 4) / 4


def multi_index(panel, shuffled=False):
    """As sktime's: rows are times, columns channels."""
    frames = {f"s{i}": pd.DataFrame(series.T, columns=["a", "b"]) for i, series in enumerate(panel)}
    return pd.concat(frames, names=["series", "time"])


def nested(panel):
    """As sktime's: a channel of a series in each cell."""
    return pd.DataFrame({c: [pd.Series(s[j]) for s in panel] for j, c in enumerate("ab")})


def nested_in_polars(panel):
    return pl.DataFrame({c: [s[j].tolist() for s in panel] for j, c in enumerate("ab")})


MULTIVARIATE = {
    "aeon": list,
    "tuple": tuple,
    "lists": lambda panel: [series.tolist() for series in panel],
    "frames": lambda panel: [pd.DataFrame(series.T) for series in panel],
    "frames of polars": lambda panel: [pl.DataFrame(series.T) for series in panel],
    "tensors": lambda panel: [torch.tensor(series) for series in panel],
    "column": lambda panel: pd.Series(list(panel)),
    "column of a frame": lambda panel: pd.DataFrame({"x": pd.Series(list(panel))}),
    "values of a dict": lambda panel: dict(enumerate(panel)).values(),
    "iterable": lambda panel: Blocks(*panel),
    "nested": nested,
    "nested in polars": nested_in_polars,
    "levels": multi_index,
    "levels in any order": lambda panel: multi_index(panel).iloc[[0, 3, 1, 2, *range(4, 12)]],
}
EVENLY = {"array": np.array, "tensor": torch.tensor, "list of arrays": list, "nested": nested}


def assert_are(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and np.array_equal(a, b)


@pytest.mark.parametrize("layout", MULTIVARIATE)
def test_series_of_any_length_are_read_from_every_layout(layout):
    found = read_panel(MULTIVARIATE[layout](RAGGED), "SeriesWindows")
    assert_are(found, RAGGED)


@pytest.mark.parametrize("layout", EVENLY)
def test_series_of_one_length_are_read_from_every_layout(layout):
    assert_are(read_panel(EVENLY[layout](EVEN), "SeriesWindows"), EVEN)


@pytest.mark.parametrize(
    "X",
    [
        FLAT,
        [x.tolist() for x in FLAT],
        pd.Series(FLAT),
        pd.DataFrame({"x": FLAT}),
        pd.DataFrame({"x": [pd.Series(x) for x in FLAT]}),
        pl.Series([x.tolist() for x in FLAT]),
        pl.DataFrame({"x": [x.tolist() for x in FLAT]}),
        [torch.tensor(x) for x in FLAT],
        torch.nested.nested_tensor([torch.tensor(x) for x in FLAT]),
        multi_index(RAGGED)[["a"]],
    ],
)
def test_series_of_a_single_channel_need_no_axis_for_it(X):
    assert_are(read_panel(X, "SeriesWindows"), [x[None] for x in FLAT])


@pytest.mark.parametrize("kind", [np.array, pd.DataFrame, pl.DataFrame, list, torch.tensor])
def test_rows_of_a_table_are_series(kind):
    assert_are(read_panel(kind(EVEN[:, 0]), "SeriesWindows"), EVEN[:, :1])


def test_more_levels_than_two_name_the_series_together():
    X = pd.concat({"g": multi_index(RAGGED[:2]), "h": multi_index(RAGGED[2:])})
    assert_are(read_panel(X, "SeriesWindows"), RAGGED)


def test_arrays_keep_their_type_and_their_memory():
    X = EVEN.astype(np.float32)
    found = read_panel(X, "SeriesWindows")
    assert all(np.shares_memory(series, X) and series.dtype == X.dtype for series in found)
    assert_are(read_panel(found, "SeriesWindows"), found)


def with_nan(n):
    X = EVEN.copy()
    X[1, :, n:] = np.nan
    return X


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], r"0 sample\(s\)"),
        (np.empty((0, 2, 4)), r"0 sample\(s\)"),
        (pd.DataFrame({"x": []}), r"0 sample\(s\)"),
        ([1.0, 2.0], r"single series.*\[X\]"),
        (np.ones(5), r"single series.*\[X\]"),
        (np.ones((2, 2, 2, 2)), "4 dimensions"),
        ([np.empty((0, 9))], "have no channel"),
        (np.empty((3, 0, 9)), "have no channel"),
        ([np.ones((2, 3)), np.ones((2, 2, 2))], r"Series 1 of X has shape \(2, 2, 2\)"),
        (
            [np.ones((2, 3)), np.ones((3, 3))],
            r"series 0 has 2, series 1 has 3.*\[x\.T for x in X\]",
        ),
        ([np.ones((2, 3)), np.ones(3)], "series 0 has 2, series 1 has 1"),
        ([[[1.0, 2.0], [3.0]]], "elements of Series 0 of X .* differ in shape"),
        (with_nan(3), r"Series 1 of X has nothing but NaN after its first 3 .*zip\(X, lengths\)"),
        (with_nan(0), "Series 1 of X has nothing but NaN after its first 0"),
        ([[1.0, np.nan, np.inf, 2.0]], "Series 0 of X contains infinity"),
        ([[1.0, 2.0], [np.inf, 2.0]], "Series 1 of X contains infinity"),
        ([["a", "b"]], "Series 0 of X holds text"),
        (np.ma.masked_greater(EVEN, 5), "masked values"),
        (list(np.ma.masked_greater(EVEN, 5)), "Series 2 of X has masked values|Series 1 of X has"),
        (pd.DataFrame({"a": [[1.0, 2.0]], "b": [[1.0]]}), r"series 0 of X have \[2, 1\]"),
        (pd.DataFrame({"a": ["x"]}), "Column 'a' of .* holds"),
    ],
)
def test_what_is_no_panel_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        read_panel(X, "SeriesWindows")


def test_what_can_be_read_once_and_what_lies_elsewhere_say_what_to_pass():
    with pytest.raises(TypeError, match=r"read once.*list\(X\)"):
        read_panel((x for x in RAGGED), "SeriesWindows")
    dask = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"X\.compute\(\)"):
        read_panel(dask.zeros((3, 4)), "SeriesWindows")


def test_series_have_as_many_channels_as_those_of_the_fit():
    check_channels(RAGGED, 2)
    with pytest.raises(ValueError, match="have 2 channels; the fit has seen 3"):
        check_channels(RAGGED, 3)
