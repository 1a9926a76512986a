import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from skvae.explorer.units import decoder_in_units, inverse_of


@pytest.mark.parametrize("scaler", [MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler])
def test_a_scaler_is_undone_feature_by_feature(scaler, rng):
    X = rng.normal(size=(30, 3)) * [1, 20, 0.1] + [0, 5, 3]
    step = scaler().fit(X)
    inverse = inverse_of([step])
    np.testing.assert_allclose(inverse(step.transform(X)), X)

    decoder = {"offset": [0.0, 1.0, 2.0], "scale": [1.0, 2.0, 3.0], "mean": "output"}
    there = decoder_in_units(decoder, inverse)
    m = rng.normal(size=3)
    wanted = inverse((m * decoder["scale"] + decoder["offset"])[None])[0]
    np.testing.assert_allclose(m * there["scale"] + there["offset"], wanted)
    assert there["mean"] == "output"


def test_what_mixes_features_has_no_units_of_single_ones(rng):
    X = rng.normal(size=(30, 3))
    assert inverse_of([StandardScaler().fit(X), PCA(2).fit(X)]) is None


def test_nothing_is_undone_where_no_step_changes_anything():
    assert inverse_of([]) is inverse_of(["passthrough", None]) is None
