from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from reiterable import Blocks

from skvae import VLADEncoder
from skvae.fisher.sources import (
    is_table_in_memory,
    read_one_set,
    read_sets,
    sequence_of_sets,
)

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
        ([Path("a.jpg"), Path("b.jpg")], "X holds paths such as a.jpg, no numbers: read files"),
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


def loader(X, **options):
    return torch.utils.data.DataLoader(X, **options)


RAGGED = [torch.tensor(s).double() for s in (ONE_SET, ONE_SET[:2], ONE_SET[1:])]
EVEN = torch.tensor([ONE_SET, ONE_SET[::-1], ONE_SET]).double()


@pytest.mark.parametrize(
    ("X", "sets"),
    [
        (loader(RAGGED, batch_size=None), RAGGED),
        (loader(RAGGED, batch_size=1), RAGGED),
        (loader(RAGGED, batch_size=2, collate_fn=list), RAGGED),
        (loader(EVEN, batch_size=2), EVEN),
        (loader(torch.utils.data.TensorDataset(EVEN), batch_size=2), EVEN),
        (Blocks(EVEN[:1].numpy(), EVEN[1:].numpy()), EVEN),
        (Blocks(RAGGED[:2], RAGGED[2:]), RAGGED),
        (dict(enumerate(RAGGED)).values(), RAGGED),
        (torch.nested.nested_tensor(RAGGED), RAGGED),
        (pd.DataFrame({"x": [s.numpy() for s in RAGGED]}), RAGGED),
        (pl.DataFrame({"x": [s.tolist() for s in RAGGED]}), RAGGED),
        (pl.Series([s.tolist() for s in EVEN], dtype=pl.Array(pl.Float64, (3, 2))), EVEN),
    ],
)
def test_sets_come_out_of_loaders_and_columns(X, sets):
    found = sequence_of_sets(X, "VLADEncoder")
    assert len(found) == len(sets)
    expected = VLADEncoder(2, random_state=0).fit_transform([s.numpy() for s in sets])
    for _ in range(2):  # anew
        assert np.array_equal(VLADEncoder(2, random_state=0).fit_transform(X), expected)


def test_sets_come_out_of_tables_of_arrow():
    pa = pytest.importorskip("pyarrow")
    column = [s.tolist() for s in RAGGED]
    expected = VLADEncoder(2, random_state=0).fit_transform(RAGGED)
    for X in (pa.array(column), pa.table({"x": column})):
        assert np.array_equal(VLADEncoder(2, random_state=0).fit_transform(X), expected)


PADDED = np.array([ONE_SET, [*ONE_SET[:2], [np.nan, np.nan]]])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ((s for s in RAGGED), TypeError, r"read once.*list\(X\).*__iter__ starts anew"),
        (torch.nn.utils.rnn.pack_sequence(RAGGED, False), TypeError, r"rnn\.unpack_sequence\(X\)"),
        (
            loader(torch.utils.data.TensorDataset(EVEN, torch.arange(3)), batch_size=2),
            ValueError,
            "yields a list of 2 things, such as sets with their labels",
        ),
        (Blocks((RAGGED[0], 1)), ValueError, "yields a tuple of 2 things"),
        ([(RAGGED[0], 1)], ValueError, r"sets with their labels: pass .*\[one\[0\] for one in X\]"),
        (loader(EVEN, shuffle=True), ValueError, "is a DataLoader that shuffles, .*shuffle=False"),
        ((PADDED, [3, 2]), ValueError, r"\[x\[:n\] for x, n in zip\(X, lengths\)\]"),
        ([PADDED, PADDED], ValueError, r"\[s for block in X for s in block\]"),
        (PADDED, ValueError, r"Set 1 of X ends .* \[x\[:n\] for x, n in zip\(X, lengths\)\]"),
        (list(PADDED), ValueError, r"Set 1 of X ends .* zip\(X, lengths\)"),
        (np.ma.masked_invalid(PADDED), ValueError, r"\[np\.ma\.compress_rows\(x\) for x in X\]"),
        ([[1.0, 2.0], [3.0]], ValueError, r"extractor=SeriesWindows\(1\)"),
        (pl.Series([[1.0, 2.0], [3.0]]), ValueError, r"extractor=SeriesWindows\(1\)"),
        (pl.DataFrame({"k": [0], "x": [[1.0]]}), ValueError, r"extractor=SeriesWindows\(1\)"),
        (pd.DataFrame({"x": [[1.0], [2.0]]}), ValueError, r"extractor=SeriesWindows\(1\)"),
    ],
)
def test_what_is_no_collection_of_sets_names_the_way_to_one(X, error, message):
    encoder = VLADEncoder(1).fit([ONE_SET])
    for call in (encoder.fit, encoder.transform, encoder.fit_transform):
        with pytest.raises(error, match=message):
            call(X)


def test_the_ways_that_errors_name_lead_to_sets():
    expected = VLADEncoder(1).fit_transform([ONE_SET, ONE_SET[:2]])
    for X in (
        [x[:n] for x, n in zip(PADDED, [3, 2], strict=True)],
        [np.ma.compress_rows(x) for x in np.ma.masked_invalid(PADDED)],
        torch.nn.utils.rnn.unpack_sequence(torch.nn.utils.rnn.pack_sequence(RAGGED[:2])),
    ):
        assert np.array_equal(VLADEncoder(1).fit_transform(X), expected)


def test_a_fit_needs_a_descriptor_and_a_reader_with_a_width_does_not():
    with pytest.raises(ValueError, match="every set is empty"):
        read_sets([np.empty((0, 2))], "VLADEncoder")
    source, head = read_sets([[], []], "VLADEncoder", width=2)
    assert len(source) == 2 and head.shape == source.pull().descriptors.shape == (0, 2)


def test_one_set_may_come_in_blocks_and_has_beside_it_what_all_of_them_have():
    X, places, weights = np.arange(8.0).reshape(4, 2), np.zeros((4, 2)), np.arange(1.0, 5)
    for given in (X, Blocks(X[:1], X[1:])):
        blocks, beside = read_one_set(given, places, weights, 2, 2)
        assert np.array_equal(np.concatenate(list(blocks)), X)
        assert len(beside) == 1
        assert len(beside.positions) == len(beside.weights) == 4
        assert read_one_set(given, None, None, 2, None)[1].positions is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 3}, "descriptors have 2 features; this encoder was fitted on 3"),
        ({"positions": np.zeros((3, 2))}, "positions"),
        ({"weights": [1.0, -1.0, 1.0, 1.0]}, "weights"),
    ],
)
def test_what_does_not_belong_to_one_set_is_refused(change, message):
    given = {"positions": None, "weights": None, "width": 2}
    given |= {"n_positions": 2 if "positions" in change else None} | change
    with pytest.raises(ValueError, match=message):
        read_one_set(np.ones((4, 2)), **given)
