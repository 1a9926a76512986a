import numpy as np
import pytest

from skvae.series.windows import Windows, normalized, resampling


@pytest.mark.parametrize(("width", "stride"), [(1, 1), (3, 1), (3, 2), (4, 5), (11, 3)])
def test_windows_are_slices_of_the_series(rng, width, stride):
    series = rng.normal(size=(2, 11))
    windows = Windows((width,), stride)
    expected = [series[:, a : a + width] for a in range(0, 11 - width + 1, stride)]
    assert np.array_equal(windows.cut(series), expected)
    assert windows.counts(11) == [len(expected)]


def test_some_windows_are_those_of_their_numbers(rng):
    series, windows = rng.normal(size=(3, 20)), Windows((4, 8, 6), 3)
    everything = windows.cut(series)
    assert len(everything) == sum(windows.counts(20)) == len(windows.positions(20))
    for numbers in ([0], [1, 5, 6, 9], [len(everything) - 1], []):
        some = windows.cut(series, np.array(numbers, int))
        assert np.array_equal(some, everything[numbers])


def test_wider_windows_are_resampled_to_the_narrowest_by_means(rng):
    series = rng.normal(size=(2, 12))
    wide = Windows((3, 6), 1).cut(series)[len(Windows((3,), 1).cut(series)) :]
    expected = Windows((6,), 1).cut(series).reshape(-1, 2, 3, 2).mean(axis=-1)
    assert np.allclose(wide, expected, atol=1e-14)


@pytest.mark.parametrize(("width", "points"), [(3, 2), (7, 3), (10, 10), (12, 4), (5, 1)])
def test_resampling_keeps_constants_and_means(rng, width, points):
    weights = resampling(width, points)
    assert np.allclose(weights.sum(axis=0), 1)
    assert np.allclose(weights.sum(axis=1), points / width)
    assert (weights >= 0).all()


def test_positions_run_from_the_first_time_point_to_the_last():
    assert Windows((1,), 2).positions(5).ravel().tolist() == [-1, 0, 1]
    assert Windows((3,), 1).positions(5).ravel().tolist() == [-0.5, 0, 0.5]
    assert Windows((5, 1), 4).positions(5).ravel().tolist() == [0, -1, 1]
    assert Windows((1,), 1).positions(1).tolist() == [[0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalized_windows_have_mean_zero_and_deviation_one(rng, dtype):
    windows = (5 + rng.normal(size=(20, 3, 8))).astype(dtype)
    before = windows.copy()
    centred, scaled = normalized(windows, "mean"), normalized(windows, "z")
    assert np.array_equal(windows, before) and scaled.dtype == centred.dtype == dtype
    assert np.allclose(centred, windows - windows.mean(axis=2, keepdims=True))
    assert np.allclose(scaled.mean(axis=2), 0, atol=1e-6)
    assert np.allclose(scaled.std(axis=2), 1, atol=1e-6)
    assert normalized(windows, None) is windows


@pytest.mark.parametrize("value", [0.1, -1e6 / 3, 1e300, 0.0])
def test_windows_that_do_not_vary_are_zero(value):
    for how in ("mean", "z"):
        assert np.array_equal(normalized(np.full((1, 1, 7), value), how), np.zeros((1, 1, 7)))


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e12, 1e200])
def test_a_window_of_any_scale_is_normalized_alike(rng, scale):
    windows = rng.normal(size=(2, 2, 5))
    assert np.allclose(normalized(scale * windows, "z"), normalized(windows, "z"))


def test_a_window_does_not_depend_on_its_neighbours(rng):
    windows = rng.normal(size=(9, 2, 7)).astype(np.float32)
    whole = normalized(windows, "z")
    for i in range(9):
        assert np.array_equal(normalized(windows[i : i + 1], "z"), whole[i : i + 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("how", ["mean", "z"])
def test_windows_are_normalized_by_what_is_observed(rng, dtype, how):
    windows = (5 + rng.normal(size=(20, 3, 8))).astype(dtype)
    whole = normalized(windows, how)
    windows[4:, :, [1, 5]] = np.nan
    windows[7, 1] = np.nan  # nothing is left
    windows[8, 2, 1:] = np.nan  # a single value does not vary
    found = normalized(windows, how)
    assert found.dtype == dtype and np.array_equal(np.isnan(found), np.isnan(windows))
    assert np.array_equal(found[:4], whole[:4])
    expected = normalized(np.delete(windows[4:], [1, 5], axis=2), how)
    assert np.allclose(np.delete(found[4:], [1, 5], axis=2), expected, atol=1e-6, equal_nan=True)
    assert found[8, 2, 0] == 0


def test_parts_of_wider_windows_are_means_of_what_is_observed(rng):
    series = rng.normal(size=(1, 24))
    whole = Windows((2, 6), 6).cut(series)
    series[0, [7, 9, 10, 11, 18, 19, 20, 21, 22, 23]] = np.nan
    *_, first, second, third, fourth = Windows((2, 6), 6).cut(series)[:, 0]
    assert np.array_equal(first, whole[-4, 0])
    assert np.allclose(second[0], series[0, [6, 8]].mean()) and np.isnan(second[1])
    assert np.array_equal(third, whole[-2, 0])
    assert np.isnan(fourth).all()
