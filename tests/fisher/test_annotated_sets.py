import numpy as np
import pytest

from skvae.fisher.annotated_sets import AnnotatedSets, SetWeights, random_sets
from skvae.fisher.packing import pack_sets
from skvae.fisher.sets import PackedSets


@pytest.fixture
def packed(rng):
    return PackedSets(*pack_sets([rng.normal(size=(n, 2)) for n in (3, 0, 4, 1)]))


def test_weights_of_sets_are_those_of_their_descriptors(packed):
    sets = AnnotatedSets(packed, weights=SetWeights.read([2, 1, 0.5, 0], 4))
    assert sets.pull().weights.tolist() == [2, 2, 2, 0.5, 0.5, 0.5, 0.5, 0]
    assert sets.part(np.array([2, 3])).pull().weights.tolist() == [0.5, 0.5, 0.5, 0.5, 0]


def test_weights_multiply(packed):
    inner = AnnotatedSets(packed, weights=SetWeights.read([[1, 2, 3], [], [4, 5, 6, 7], [8]], 4))
    sets = AnnotatedSets(inner, weights=SetWeights.read([2, 1, 1, 10], 4))
    assert sets.pull().weights.tolist() == [2, 4, 6, 4, 5, 6, 7, 80]
    assert sets.without_set_weights().pull().weights.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sets.set_weights().tolist() == [2, 1, 1, 10]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2, 3], r"sample_weight must have shape \(4,\), one for every set"),
        ([[1], [1]], "weights of the descriptors of 2 sets, but there are 4 sets"),
        (
            [[1, 1, 1], [], [1, -2, 1, 1], [1]],
            r"weight of set 2\[\d\] is -\d, a negative",
        ),
        ([[1, 1, 1], [], [1, np.nan, 1, 1], [1]], "sample_weight of set 2 contains NaN"),
        ([1, 1, np.inf, 1], "sample_weight contains infinity"),
        ([0, 0, 0, 0], "All weights are zero"),
        ([[0, 0, 0], [], [0] * 4, [0]], "sample_weight is all zero"),
    ],
)
def test_bad_weights_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        SetWeights.read(given, 4)


def test_a_set_with_other_weights_than_descriptors_is_named(packed):
    weights = SetWeights.read([[1, 1, 1], [], [1, 1], [1]], 4)
    with pytest.raises(ValueError, match="Set 2 has 4 descriptors, but 2 weights in sample_weight"):
        AnnotatedSets(packed, weights=weights).part(slice(1, 4)).pull()


@pytest.mark.parametrize("n", [2, 100])
def test_a_set_of_weight_two_is_there_twice_where_sets_are_drawn(packed, n):
    weighted = AnnotatedSets(packed, weights=SetWeights.read([2, 0, 1, 3], 4))
    repeated = packed.part(np.repeat([0, 2, 3], [2, 1, 3]))
    some, times = random_sets(weighted, n, np.random.RandomState(0))
    others, ones = random_sets(repeated, n, np.random.RandomState(0))
    assert times.sum() == ones.sum() == len(others)
    sums = (s.pull().descriptors.sum() for s in (others,))
    sizes = np.diff(some.pull().offsets)
    rows = np.repeat(times, sizes)
    assert np.isclose(rows @ some.pull().descriptors.sum(axis=1), next(sums))


def test_sets_of_other_weights_keep_them_where_sets_are_drawn(packed):
    sets = AnnotatedSets(packed, weights=SetWeights.read([0.5, 0, 1.5, 1], 4))
    some, times = random_sets(sets, 10, np.random.RandomState(0))
    assert len(some) == 3 and times.tolist() == [0.5, 1.5, 1]
