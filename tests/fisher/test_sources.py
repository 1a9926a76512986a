import numpy as np
import pandas as pd
import pytest
import torch
from reiterable import Blocks

from skvae import VLADEncoder
from skvae.fisher.sources import is_table_in_memory, read_sets

ONE_SET = [[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]


@pytest.mark.parametrize(
    "X",
    [
        [],
        (),
        np.empty((0, 4, 2)),
        np.empty(0, object),
        np.empty((0, 2)),
        pd.Series([], dtype=object),
        {}.values(),
        Blocks(),
        torch.empty(0, 4, 2),
    ],
)
def test_no_sets_are_named_as_no_samples(X):
    for call in (VLADEncoder(1).fit, VLADEncoder(1).fit([ONE_SET]).transform):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            call(X)


@pytest.mark.parametrize("X", [[np.empty((3, 0))], np.empty((2, 3, 0)), np.empty((3, 0))])
def test_sets_without_features_are_named(X):
    for call in (VLADEncoder(1).fit, VLADEncoder(1).fit([ONE_SET]).transform):
        with pytest.raises(ValueError, match=r"0 feature\(s\)"):
            call(X)


@pytest.mark.parametrize("empty", [[], np.empty((0, 0)), np.empty((0, 2)), np.empty(0)])
def test_a_batch_of_empty_sets_has_the_vectors_of_each(empty):
    encoder = VLADEncoder(1).fit([ONE_SET, empty])
    assert np.array_equal(encoder.transform([empty, empty]), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="every set is empty"):
        VLADEncoder(1).fit([empty])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("abc", "X holds text such as abc"),
        (["a.jpg", "b.jpg"], "X holds text such as a.jpg"),
        (3.0, "Expected 2D array, got scalar"),
        ([1.0, 2.0], "Expected 2D array, got 1D"),
        (np.ones((2, 2, 2, 2)), "Found array with dim 4"),
        ([ONE_SET, [[1.0, 2.0, 3.0]]], "set 0 has 2, set 1 has 3"),
        (np.ma.masked_equal([ONE_SET], 5), "X has masked values"),
        ([np.ma.masked_equal(ONE_SET, 5)], "Set 0 of X has masked values"),
        (np.ma.masked_equal(ONE_SET, 5), "X has masked values"),
    ],
)
def test_what_is_no_collection_of_sets_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        VLADEncoder(1).fit(X)


def test_a_multiindex_says_which_rows_belong_together():
    levels = pd.MultiIndex.from_product([["a", "b"], range(3)], names=["image", "keypoint"])
    X = pd.DataFrame(2 * ONE_SET, index=levels, columns=["x", "y"])
    with pytest.raises(ValueError, match=r"index, with levels \['image', 'keypoint'\].*groupby"):
        is_table_in_memory(X)
    sets = [rows.to_numpy() for _, rows in X.groupby(level=0)]
    assert not is_table_in_memory(sets)
    assert len(read_sets(sets, "VLADEncoder")[0]) == 2
    assert is_table_in_memory(X.reset_index(drop=True))
    assert len(VLADEncoder(1).fit_transform(X.reset_index(drop=True))) == 6
    with pytest.raises(ValueError, match="columns, with levels"):
        is_table_in_memory(X.reset_index(drop=True).T.set_axis(levels, axis=1))


def test_a_fit_needs_a_descriptor_and_a_reader_with_a_width_does_not():
    with pytest.raises(ValueError, match="every set is empty"):
        read_sets([np.empty((0, 2))], "VLADEncoder")
    source, head = read_sets([[], []], "VLADEncoder", width=2)
    assert len(source) == 2 and head.shape == source.pull().descriptors.shape == (0, 2)
