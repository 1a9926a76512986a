import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from reiterable import Blocks
from scipy.sparse import csr_array

from skvae.data.sequences import is_table, sequence_of
from skvae.fisher.packing import check_sets, pack_sets

SETS = [np.ones((2, 3)), np.zeros((0, 3)), 2 * np.ones((1, 3))]


def object_array(sets):
    array = np.empty(len(sets), dtype=object)
    array[:] = sets
    return array


def lists(sets):
    return [s.tolist() for s in sets]


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": object_array,
    "column of objects": lambda sets: object_array(sets)[:, None],
    "Series": pd.Series,
    "Series with levels": lambda sets: pd.Series(
        sets, pd.MultiIndex.from_tuples([(0, i) for i in range(len(sets))])
    ),
    "data frame": lambda sets: pd.DataFrame({"sets": sets}),
    "lists of lists": lists,
    "lists of rows": lambda sets: [list(s) for s in sets],
    "Series of Series of rows": lambda sets: pd.Series([pd.Series(list(s)) for s in sets]),
    "dict.values()": lambda sets: dict(enumerate(sets)).values(),
    "iterable": lambda sets: Blocks(*sets),
    "data frames": lambda sets: [pd.DataFrame(s) for s in sets],
    "nullable data frames": lambda sets: [pd.DataFrame(s).astype("Float64") for s in sets],
    "polars frames": lambda sets: [pl.DataFrame(s) for s in sets],
    "polars Series": lambda sets: pl.Series(lists(sets)),
    "polars frame": lambda sets: pl.DataFrame({"sets": lists(sets)}),
    "tensors": lambda sets: [torch.tensor(s) for s in sets],
    "nested tensor": lambda sets: torch.nested.nested_tensor([torch.tensor(s) for s in sets]),
    "jagged tensor": lambda sets: torch.nested.nested_tensor(
        [torch.tensor(s) for s in sets], layout=torch.jagged
    ),
    "matrices": lambda sets: [np.asmatrix(s) for s in sets],
    "arrays without a masked value": lambda sets: [np.ma.array(s) for s in sets],
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_packs_alike(container):
    X = sequence_of(container(SETS), "FisherVectorEncoder")
    assert not is_table(X)
    descriptors, offsets = pack_sets(X)
    assert np.array_equal(descriptors, [[1] * 3, [1] * 3, [2] * 3])
    assert offsets.tolist() == [0, 2, 2, 3]


def test_3d_array_equals_its_list(rng):
    X = rng.normal(size=(4, 5, 2))
    for a, b in zip(pack_sets(X), pack_sets(list(X)), strict=True):
        assert np.array_equal(a, b)


def test_nested_lists_of_numbers_are_sets():
    X = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    assert not is_table(X)
    assert pack_sets(X)[1].tolist() == [0, 2, 3]


def test_empty_list_counts_as_an_empty_set():
    assert pack_sets([np.ones((2, 3)), []])[1].tolist() == [0, 2, 2]


def test_empty_sets_of_unknown_width_have_the_others():
    for empty in ([], np.empty((0, 0)), np.empty(0)):
        descriptors, offsets = pack_sets([empty, np.ones((2, 3)), empty])
        assert descriptors.shape == (2, 3) and offsets.tolist() == [0, 0, 2, 2]
        assert not is_table([empty])
        assert pack_sets([empty], width=5)[0].shape == (0, 5)
        with pytest.raises(ValueError, match="every set is empty"):
            pack_sets([empty])


@pytest.mark.parametrize("dtype", ["f4", "u1", "i8", "f8"])
def test_the_type_of_the_numbers_stays_whatever_empty_sets_are(dtype):
    sets = [s.astype(dtype) for s in SETS]
    tensors = [torch.tensor(s) for s in sets]
    for some in (sets, [*sets, np.empty((0, 3))], [*sets, []], tensors, np.stack(sets[::2][:1])):
        assert pack_sets(some)[0].dtype == dtype


def test_descriptors_lie_row_after_row_however_sets_do():
    for layout in (np.asfortranarray, pd.DataFrame, lambda s: s[::-1, ::-1]):
        assert pack_sets([layout(s) for s in SETS])[0].flags.c_contiguous


def test_one_type_holds_all_sets():
    kinds = (np.uint8, np.float32, np.int64)
    assert pack_sets([SETS[0].astype(dtype) for dtype in kinds])[0].dtype == np.float64
    assert pack_sets([SETS[0].astype(dtype) for dtype in kinds[:2]])[0].dtype == np.float32


def test_sets_that_disagree_are_named():
    with pytest.raises(ValueError, match="set 0 has 3, set 1 has 4"):
        pack_sets([np.ones((2, 3)), np.ones((2, 4))])


def test_a_set_of_wrong_dimension_is_named():
    with pytest.raises(ValueError, match=r"Set 1 of X has shape \(3,\)"):
        pack_sets([np.ones((2, 3)), np.ones(3)])


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.ma.masked_equal(np.ones((2, 3)), 1), ValueError, "Set 1 of X has masked values"),
        (torch.ones((2, 3), requires_grad=True), TypeError, "Set 1 of X is a tensor that requires"),
        (None, TypeError, "Set 1 of X is of type NoneType"),
        (csr_array(np.eye(3)), TypeError, "Set 1 of X is sparse"),
        (np.array([["a", "b", "c"]]), ValueError, "Set 1 of X holds text"),
        ([[1.0, 2.0, 3.0], [4.0]], ValueError, "elements of Set 1 of X .* differ in shape"),
        (np.ones((1, 3), "M8[s]"), ValueError, "Set 1 of X holds dates"),
        (pd.DataFrame({"c": pd.Categorical(["a"])}), ValueError, "Column 'c' of Set 1 of X"),
    ],
)
def test_a_set_whose_meaning_would_be_lost_is_named(bad, error, message):
    with pytest.raises(error, match=message):
        pack_sets([np.ones((2, 3)), bad])


def test_frames_whose_columns_are_in_another_order_are_named():
    a = pd.DataFrame({"x": [1.0], "y": [2.0]})
    assert check_sets([a, np.ones((1, 2)), a])[2].tolist() == [[1, 2]]
    for other in (a[["y", "x"]], a.rename(columns={"y": "z"})):
        with pytest.raises(ValueError, match=r"Set 2 of X has the columns .*, but set 0 has \['x'"):
            check_sets([a, np.ones((1, 2)), other])
