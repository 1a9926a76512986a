import numpy as np
import pandas as pd
import pytest

from skvae import FisherVectorEncoder
from skvae.displays import ComponentChangesDisplay


@pytest.fixture
def sets(rng):
    return [rng.normal(size=(30, 2)), rng.normal(size=(9, 2))]


def test_pictures_hold_the_changes_of_the_commonest_components(sets):
    encoder = FisherVectorEncoder(4, random_state=0).fit(sets)
    changes = encoder.component_changes(sets[1:]).droplevel("set")
    display = ComponentChangesDisplay.from_estimator(encoder, sets[1:], n_components=3)
    commonest = changes.sort_values("prevalence", ascending=False).index[:3]

    pd.testing.assert_frame_equal(display.changes, changes)
    heights = np.reshape([bar.get_height() for bar in display.ax_.patches], (2, 3))
    np.testing.assert_array_equal(heights[0], changes.prevalence[commonest])
    np.testing.assert_array_equal(heights[1], changes.weight[commonest])
    shifts = display.plot("shift", n_components=3).ax_.images[0].get_array()
    np.testing.assert_array_equal(shifts, changes.loc[commonest, ["shift_d0", "shift_d1"]])
    variances = display.plot("variance", n_components=3).ax_.images[0].get_array()
    expected = np.log2(changes.loc[commonest, ["variance_d0", "variance_d1"]])
    np.testing.assert_allclose(variances, expected)


def test_components_that_do_not_occur_are_blank(sets):
    encoder = FisherVectorEncoder(2, random_state=0).fit([sets[0], sets[1] + 1000])
    display = ComponentChangesDisplay.from_estimator(encoder, sets[:1], kind="shift")
    shifts = display.ax_.images[0].get_array()
    assert np.isfinite(shifts[0]).all()
    assert np.ma.getmaskarray(np.ma.masked_invalid(shifts))[1].all()


def test_a_picture_of_several_sets_is_an_error(sets):
    encoder = FisherVectorEncoder(2, random_state=0).fit(sets)
    with pytest.raises(ValueError, match="holds 2 sets"):
        ComponentChangesDisplay.from_estimator(encoder, sets)
