import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from skvae.fisher.reduction import Reduction
from skvae.fisher.sets import PackedSets


@pytest.fixture
def sets(rng):
    offsets = np.array([0, 30, 30, 31, 80])
    return PackedSets(rng.normal(size=(80, 4)), offsets, rng.uniform(-1, 1, (80, 2)))


def test_without_a_reducer_descriptors_stay_what_they_are(sets):
    reduction = Reduction(None)
    assert reduction.apply(sets) is sets.descriptors
    assert reduction.invert(sets.descriptors) is sets.descriptors


@pytest.mark.parametrize("xy_weight", [None, 1.0, 0.25])
def test_splitting_and_inverting_undo_it(sets, xy_weight):
    reduction = Reduction(PCA(4).fit(sets.descriptors), xy_weight)
    local = reduction.apply(sets)
    assert local.shape == (80, 4 if xy_weight is None else 6)
    reduced, positions = reduction.split(local)
    assert np.allclose(reduction.invert(reduced), sets.descriptors)
    if xy_weight is None:
        assert positions is None
        assert reduction.place(sets.positions).shape == (80, 0)
    else:
        assert np.allclose(positions, sets.positions)
        assert np.array_equal(reduction.place(sets.positions), local[:, 4:])


def test_float32_stays_float32(sets):
    single = PackedSets(sets.descriptors.astype(np.float32), sets.offsets, sets.positions)
    assert Reduction(PCA(2).fit(sets.descriptors), 0.5).apply(single).dtype == np.float32


def test_a_set_feels_no_neighbours(sets):
    reduction = Reduction(PCA(3).fit(sets.descriptors), 0.5)
    alone = reduction.apply(sets.part(slice(3, 4)))
    assert np.array_equal(reduction.apply(sets)[31:], alone)


def test_a_reducer_that_cannot_invert_is_named(sets):
    class Halves(FunctionTransformer):
        inverse_transform = property()

    with pytest.raises(AttributeError, match="Halves has no inverse_transform"):
        Reduction(Halves()).invert(sets.descriptors)
