import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from skvae.fisher.sets import is_table, pack_sets

SETS = [np.ones((2, 3)), np.zeros((0, 3)), 2 * np.ones((1, 3))]


def object_array(sets):
    array = np.empty(len(sets), dtype=object)
    array[:] = sets
    return array


@pytest.mark.parametrize("container", [list, tuple, object_array, pd.Series])
def test_every_container_packs_alike(container):
    X = container(SETS)
    assert not is_table(X)
    descriptors, offsets = pack_sets(X)
    assert np.array_equal(descriptors, [[1] * 3, [1] * 3, [2] * 3])
    assert offsets.tolist() == [0, 2, 2, 3]


def test_3d_array_equals_its_list(rng):
    X = rng.normal(size=(4, 5, 2))
    for a, b in zip(pack_sets(X), pack_sets(list(X)), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "X",
    [
        np.ones((2, 3)),
        [[1.0, 2.0], [3.0, 4.0]],
        pd.DataFrame(np.ones((2, 3))),
        csr_array(np.eye(3)),
        np.ones(3),
        [1.0, 2.0],
        np.array([["a", "b"]], dtype=object),
    ],
)
def test_tables_are_left_to_scikit_learn(X):
    assert is_table(X)


def test_nested_lists_of_numbers_are_sets():
    X = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    assert not is_table(X)
    assert pack_sets(X)[1].tolist() == [0, 2, 3]


def test_empty_list_counts_as_an_empty_set():
    assert pack_sets([np.ones((2, 3)), []])[1].tolist() == [0, 2, 2]


def test_float32_stays():
    assert pack_sets([s.astype(np.float32) for s in SETS])[0].dtype == np.float32


def test_sets_that_disagree_are_named():
    with pytest.raises(ValueError, match="set 0 has 3, set 1 has 4"):
        pack_sets([np.ones((2, 3)), np.ones((2, 4))])


def test_a_set_of_wrong_dimension_is_named():
    with pytest.raises(ValueError, match=r"Set 1 of X has shape \(3,\)"):
        pack_sets([np.ones((2, 3)), np.ones(3)])
