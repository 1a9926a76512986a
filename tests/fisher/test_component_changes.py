"""What a set would change of the mixture: shares, shifts and variances of its components."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from skvae import (
    DescriptorSets,
    FisherVectorEncoder,
    ImagePatches,
    SeriesWindows,
    TableSets,
    sets_from_table,
)
from skvae.mixture import from_parameters

MIXTURE = from_parameters(
    np.array([0.25, 0.75]), np.array([[-50.0, 0.0], [50.0, 10.0]]), np.array([[4.0, 1.0], [1, 9]])
)


def fitted(rng, **settings):
    return FisherVectorEncoder(mixture=MIXTURE, **settings).fit(rng.normal(size=(2, 3, 2)))


def test_they_are_moments_of_the_descriptors_of_each_component(rng):
    left = rng.normal([-48.0, 1.0], [1, 2], size=(30, 2))
    right = rng.normal([50.0, 13.0], [2, 3], size=(10, 2))
    found = fitted(rng).component_changes([np.concatenate([left, right])])

    assert found.index.names == ["set", "component"]
    np.testing.assert_allclose(found.prevalence, [0.75, 0.25])
    assert found.weight.tolist() == [0.25, 0.75]
    for k, part in enumerate((left, right)):
        row = found.loc[(0, k)]
        scale = np.sqrt(MIXTURE.covariances_[k])
        shift = (part.mean(axis=0) - MIXTURE.means_[k]) / scale
        np.testing.assert_allclose(row[["shift_d0", "shift_d1"]], shift, rtol=1e-9)
        ratio = part.var(axis=0) / scale**2
        np.testing.assert_allclose(row[["variance_d0", "variance_d1"]], ratio, rtol=1e-9)


def test_missing_values_have_no_part_in_means_and_variances(rng):
    left = rng.normal([-48.0, 1.0], [1, 2], size=(30, 2))
    right = rng.normal([50.0, 13.0], [2, 3], size=(10, 2))
    left[::3, 1] = right[:4, 1] = np.nan  # the first dimension says which component
    weights = rng.random(40)
    X = [np.concatenate([left, right])]
    encoder = fitted(rng)
    for of_descriptors in (np.ones(40), weights):
        sets = DescriptorSets(X, weights=[of_descriptors])
        found = encoder.component_changes(sets)
        for k, rows in enumerate((slice(30), slice(30, None))):
            part, w = X[0][rows], of_descriptors[rows, None] * ~np.isnan(X[0][rows])
            mean = np.nansum(w * part, axis=0) / w.sum(axis=0)
            variance = np.nansum(w * (part - mean) ** 2, axis=0) / w.sum(axis=0)
            scale = np.sqrt(MIXTURE.covariances_[k])
            row = found.loc[(0, k)]
            shift = (mean - MIXTURE.means_[k]) / scale
            np.testing.assert_allclose(row[["shift_d0", "shift_d1"]], shift, rtol=1e-9)
            ratio = variance / scale**2
            np.testing.assert_allclose(row[["variance_d0", "variance_d1"]], ratio, rtol=1e-9)
    X[0][:30, 1] = np.nan
    row = encoder.component_changes(X).loc[(0, 0)]
    assert np.isfinite(row.shift_d0)
    assert np.isnan(row.shift_d1)


def test_they_do_not_depend_on_power_norm_gradients_or_pyramid(rng, digits):
    X = digits[0][:60].astype(np.float64)
    parts = {"extractor": ImagePatches(4), "reducer": PCA(3), "random_state": 0}
    plain = FisherVectorEncoder(3, power=1, norm=None, **parts).fit(X)
    other = FisherVectorEncoder(
        3, power=0.2, norm="intra", gradients=("means",), spatial=(1, 2), n_jobs=2, **parts
    ).fit(X)
    pd.testing.assert_frame_equal(other.component_changes(X[:5]), plain.component_changes(X[:5]))


def test_what_a_set_does_not_hold_is_not_a_number(rng):
    one = np.array([[-50.0, 0.0]])
    found = fitted(rng).component_changes([one, np.empty((0, 2))])
    there, absent = found.loc[(0, 0)], found.loc[(0, 1)]
    np.testing.assert_allclose(there[["shift_d0", "variance_d0"]], 0, atol=1e-9)
    assert absent.prevalence == pytest.approx(0, abs=1e-9)
    assert absent[2:].isna().all()
    assert found.loc[1].drop(columns="weight").isna().all(axis=None)


def test_sets_and_dimensions_keep_their_names(rng, digits):
    table = pd.DataFrame({"plane": ["a", "b", "a", "b", "b"], "miles": [1.0, 2, 3, 9, 5]})
    sets = sets_from_table(table, by="plane")
    encoder = FisherVectorEncoder(1).fit(sets)
    found = encoder.component_changes(sets)
    assert found.index.names == ["plane", "component"]
    assert found.index.tolist() == [("a", 0), ("b", 0)]

    planes = pd.DataFrame({"plane": ["b", "a"]}, index=[7, 9])
    encoder = FisherVectorEncoder(1, extractor=TableSets(table, key="plane")).fit(planes)
    found = encoder.component_changes(planes)
    assert found.columns.tolist() == ["prevalence", "weight", "shift_miles", "variance_miles"]
    assert found.index.get_level_values("set").tolist() == [7, 9]

    parts = {"extractor": ImagePatches(3), "reducer": PCA(2), "spatial": "xy"}
    found = FisherVectorEncoder(2, **parts).fit(digits[0][:20]).component_changes(digits[0][:1])
    assert [name for name in found if name.startswith("shift")] == [
        *("shift_d0", "shift_d1", "shift_x", "shift_y")
    ]

    X = rng.normal(size=(4, 20))
    found = FisherVectorEncoder(1, extractor=SeriesWindows(2), spatial="xy").fit(X)
    shifts = [name for name in found.component_changes(X) if name.startswith("shift")]
    assert shifts == ["shift_d0", "shift_d1", "shift_x"]

    places = DescriptorSets(rng.normal(size=(4, 9, 1)), positions=rng.uniform(-1, 1, (4, 9, 4)))
    found = FisherVectorEncoder(1, spatial="xy").fit(places).component_changes(places)
    assert list(found)[2:5] == ["shift_d0", "shift_position0", "shift_position1"]

    keys = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["maker", "number"])
    found = FisherVectorEncoder(1).fit(sets).component_changes(pd.Series(list(sets), keys))
    assert found.index.names == ["maker", "number", "component"]


def test_without_pandas_the_error_says_so(rng, monkeypatch):
    encoder = fitted(rng)
    monkeypatch.delitem(sys.modules, "pandas")  # None in its place confuses scikit-learn < 1.9
    monkeypatch.setattr(sys, "meta_path", [])  # nothing is found any more
    with pytest.raises(ImportError, match="component_changes needs pandas: pip install pandas"):
        encoder.component_changes([np.zeros((2, 2))])
