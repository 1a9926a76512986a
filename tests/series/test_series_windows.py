import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skvae import (
    BagOfVisualWordsEncoder,
    FisherVectorEncoder,
    SeriesWindows,
    VLADEncoder,
    load_estimator,
)

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]


def waves(rng, n=60):
    """Series of 2 channels and 8 to 30 frames; the classes differ in the frequency alone."""
    y = np.arange(n) % 2
    times = [np.arange(rng.integers(8, 30)) + rng.uniform(0, 6) for _ in y]
    X = [
        np.stack([np.sin(f * t), np.cos(f * t)]) for f, t in zip(0.6 + 0.8 * y, times, strict=True)
    ]
    return [x + 0.1 * rng.normal(size=x.shape) for x in X], y


def test_descriptors_are_windows_channel_by_channel(rng):
    X = [rng.normal(size=(2, n)) for n in (4, 6)]
    windows = SeriesWindows(3, stride=2).fit(X)
    sets, positions = windows.extract(X)
    assert [s.shape for s in sets] == [(1, 6), (2, 6)]
    assert np.array_equal(sets[1][1], [*X[1][0, 2:5], *X[1][1, 2:5]])
    assert [p.shape for p in positions] == [(1, 1), (2, 1)]
    assert windows.n_channels_ == 2 and windows.n_dimensions_ == 6


def test_width_one_makes_descriptors_of_frames(rng):
    X = [rng.normal(size=(3, n)) for n in (4, 6, 2)]
    for series, frames in zip(X, SeriesWindows(1).fit_transform(X), strict=True):
        assert np.array_equal(frames, series.T)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_vectors_are_those_of_sets_of_windows(rng, encoder):
    X, _ = waves(rng)
    sets = SeriesWindows((3, 6), stride=2, normalize="mean").fit_transform(X)
    within = encoder(4, extractor=SeriesWindows((3, 6), stride=2, normalize="mean"), random_state=0)
    F = within.fit_transform(X)
    assert np.array_equal(F, encoder(4, random_state=0).fit_transform(sets))
    assert np.array_equal(F[7:9], within.transform(X[7:9]))
    assert np.array_equal(within.encode(sets[3]), F[3])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_missing_values_of_series_are_left_out_of_the_vectors(rng, encoder):
    X = [rng.normal(size=(2, n)) for n in (20, 35, 50)]
    whole = encoder(3, extractor=SeriesWindows(4), random_state=0).fit(X)
    expected = whole.transform(X)
    X[1][:, [3, 9, 20]] = X[2][0, 5:9] = np.nan
    found = whole.transform(X)
    assert np.array_equal(found[0], expected[0])
    sets = [
        np.concatenate([w[:, i : i + 4].reshape(1, 8) for i in range(w.shape[1] - 3)]) for w in X
    ]
    assert np.array_equal([whole.encode(s) for s in sets], found)
    again = encoder(3, extractor=SeriesWindows((4, 8), normalize="z"), random_state=0)
    assert np.isfinite(again.fit_transform(X)).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_time_is_a_position_of_one_dimension(rng, encoder):
    X, _ = waves(rng)
    windows = SeriesWindows(4).fit(X)
    sets, positions = windows.extract(X)
    with_time = [np.hstack([s, 3 * p]) for s, p in zip(sets, positions, strict=True)]
    timed = encoder(4, extractor=windows, spatial="xy", xy_weight=3, random_state=0)
    F = timed.fit_transform(X)
    assert np.array_equal(F, encoder(4, random_state=0).fit_transform(with_time))
    assert np.array_equal(timed.encode(sets[0], positions[0]), F[0])
    _, descriptors, places = timed.component_descriptors()
    assert descriptors.shape == (4, 8) and places.shape == (4, 1) and (abs(places) <= 1).all()
    with pytest.raises(ValueError, match=r"positions must have shape \(\d+, 1\)"):
        timed.encode(sets[0], np.zeros((len(sets[0]), 2)))


def test_a_pyramid_of_squares_is_refused_where_positions_are_times(rng):
    X, _ = waves(rng)
    with pytest.raises(ValueError, match="positions of 2 dimensions here; these have 1"):
        FisherVectorEncoder(2, extractor=SeriesWindows(4), spatial=(1, 2)).fit(X)


@pytest.mark.slow
def test_cross_validation_and_searches_reach_the_windows(rng):
    X, y = waves(rng)
    encoder = FisherVectorEncoder(
        4, extractor=SeriesWindows(1), reducer=StandardScaler(), random_state=0
    )
    model = make_pipeline(encoder, LogisticRegression())
    search = GridSearchCV(
        model, {"fishervectorencoder__extractor__width": [1, 4, (4, 8)]}, cv=3
    ).fit(X, y)
    assert search.best_params_["fishervectorencoder__extractor__width"] != 1
    assert cross_val_score(search.best_estimator_, X, y, cv=3).mean() > 0.9


def test_widths_can_stand_side_by_side(rng):
    X, _ = waves(rng)
    parts = [VLADEncoder(3, extractor=SeriesWindows(w), random_state=0) for w in (2, 5)]
    F = make_union(*parts).fit_transform(X)
    assert F.shape == (len(X), 3 * (2 * 2 + 2 * 5))


def test_a_panel_may_come_in_another_layout_and_length_later(rng):
    X = rng.normal(size=(20, 30))
    encoder = VLADEncoder(3, extractor=SeriesWindows(4), random_state=0).fit(X)
    expected = encoder.transform(X[:, :12])
    assert np.array_equal(encoder.transform(list(X[:, :12])), expected)
    assert np.array_equal(encoder.transform(X[:, None, :12]), expected)
    assert np.array_equal(encoder.transform(pd.Series(list(X[:, :12]))), expected)


def test_names_of_channels_are_those_of_the_fit(rng):
    frame = pd.DataFrame({c: list(rng.normal(size=(9, 12))) for c in "ab"})
    encoder = VLADEncoder(3, extractor=SeriesWindows(4), random_state=0).fit(frame)
    assert encoder.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(frame[["b", "a"]])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_vectors_keep_the_type_of_the_series(rng, dtype):
    X = rng.normal(size=(20, 2, 15)).astype(dtype)
    windows = SeriesWindows(4, normalize="z")
    assert {s.dtype for s in windows.fit_transform(X)} == {np.dtype(dtype)}
    assert VLADEncoder(2, extractor=windows, random_state=0).fit_transform(X).dtype == dtype


def test_arrays_of_dask_are_transformed_lazily(rng):
    da = pytest.importorskip("dask.array")
    X = rng.normal(size=(12, 2, 15))
    encoder = VLADEncoder(2, extractor=SeriesWindows(4), random_state=0).fit(X)
    lazy = encoder.transform(da.from_array(X, chunks=(5, 1, 15)))
    assert np.array_equal(lazy.compute(), encoder.transform(X))


def test_processes_make_the_same_vectors(rng):
    from joblib import parallel_config

    X, _ = waves(rng)
    encoder = VLADEncoder(2, extractor=SeriesWindows(4), random_state=0).fit(X)
    expected = encoder.transform(X)
    with parallel_config("threading"):
        assert np.array_equal(encoder.set_params(n_jobs=2, verbose=1).transform(X), expected)


def test_what_the_fit_has_settled_stays(rng):
    X, _ = waves(rng)
    windows = SeriesWindows(3).fit(X)
    expected = windows.transform(X)
    windows.set_params(width=5, stride=2, normalize="z")
    for a, b in zip(windows.transform(X), expected, strict=True):
        assert np.array_equal(a, b)


def test_a_file_of_skops_is_loaded(rng, tmp_path):
    skops = pytest.importorskip("skops.io")
    X = [rng.normal(size=(2, n)) for n in (20, 35, 50)]
    encoder = FisherVectorEncoder(2, extractor=SeriesWindows((3, 6)), random_state=0).fit(X)
    skops.dump(encoder, tmp_path / "encoder")
    loaded = load_estimator(tmp_path / "encoder")
    assert np.array_equal(loaded.transform(X), encoder.transform(X))


def test_clone_and_pickle(rng):
    X, _ = waves(rng)
    windows = clone(SeriesWindows((3, 5), normalize="z")).fit(X)
    again = pickle.loads(pickle.dumps(windows))
    for a, b in zip(again.transform(X), windows.transform(X), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 0}, "width"),
        ({"width": -3}, "width"),
        ({"width": 2.5}, "width"),
        ({"width": ()}, r"width=\(\) must be a positive integer"),
        ({"width": (3, 0)}, r"width=\(3, 0\) must be a positive integer"),
        ({"width": (3, True)}, "must be a positive integer"),
        ({"width": 3, "stride": 0}, "stride"),
        ({"width": 3, "normalize": "std"}, "normalize"),
        ({"width": 1, "normalize": "z"}, "normalize='z' makes 0 of every window of width 1"),
        (
            {"width": 7},
            "width=7 is wider than series 1 of X, the shortest, which has 4 time points",
        ),
        ({"width": (2, 7)}, "width=7 is wider than series 1"),
    ],
)
def test_bad_settings_are_named(params, message):
    X = [np.arange(8.0), np.arange(4.0), np.arange(5.0)]
    with pytest.raises(ValueError, match=message):
        SeriesWindows(**params).fit(X)


def test_later_series_that_do_not_fit_are_named(rng):
    X, _ = waves(rng)
    windows = SeriesWindows(4).fit(X)
    with pytest.raises(ValueError, match="wider than series 2 of X"):
        windows.transform([*X[:2], X[2][:, :3]])
    with pytest.raises(ValueError, match="have 1 channels; the fit has seen 2"):
        windows.transform([x[0] for x in X])
    with pytest.raises(NotFittedError):
        SeriesWindows(4).transform(X)


def test_a_refit_that_fails_leaves_the_fit_before(rng):
    X, _ = waves(rng)
    windows = SeriesWindows(4).fit(X)
    with pytest.raises(ValueError, match="wider"):
        windows.set_params(width=100).fit(X)
    assert len(windows.transform(X)) == len(X)
