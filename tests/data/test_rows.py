from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from architecture import having, read_package
from reiterable import Blocks
from scipy.sparse import coo_matrix, csc_array, csr_array
from torch.utils.data import DataLoader, TensorDataset

import skvae
from skvae import VAETransformer
from skvae.data import maps
from skvae.data.iterables import BlockPasses, IteratedRows
from skvae.data.maps import MappedRows
from skvae.data.rows import (
    ArrayRows,
    PreparedRows,
    Rows,
    SequentialRows,
    output_dtype,
    validate_rows,
)
from skvae.data.sparse import SparseRows


def test_rows_stay_where_and_what_they_are(tmp_path):
    X = np.random.default_rng(0).integers(0, 256, (50, 3))
    held = validate_rows(VAETransformer(), X.astype(np.uint8), reset=True)
    assert held.dtype == np.uint8 and isinstance(held, np.ndarray)
    for dtype in (np.uint8, np.int64, np.float16, np.float32):
        np.save(tmp_path / "X.npy", X.astype(dtype))
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        rows = validate_rows(VAETransformer(), mapped[5:], reset=True)
        assert isinstance(rows, MappedRows)
        assert np.shares_memory(rows.X, mapped)
        assert rows.dtype == dtype
        assert np.array_equal(rows[:], X[5:].astype(dtype))


def test_rows_of_any_container_keep_their_type():
    X = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    for dtype in (np.uint8, np.float32, np.float64):
        rows = X.astype(dtype)
        loader = DataLoader(TensorDataset(torch.tensor(rows)), batch_size=20)
        for same in (pd.DataFrame(rows), list(rows), torch.tensor(rows), np.ma.array(rows), loader):
            held = validate_rows(VAETransformer(), same, reset=True)
            assert held.dtype == dtype
            assert np.array_equal(held[:], rows)
    for small in (np.int16, np.float16, bool):
        assert validate_rows(VAETransformer(), X.astype(small), reset=True).dtype == np.float32
    nullable = pd.DataFrame(X).astype("Float32")
    assert validate_rows(VAETransformer(), nullable, reset=True).dtype == np.float32


def test_sparse_rows_stay_sparse_and_what_they_are():
    X = np.random.default_rng(0).integers(0, 3, (50, 3))
    for dtype in (np.uint8, np.float32, np.float64):
        for same in (coo_matrix, csc_array, csr_array):
            held = validate_rows(VAETransformer(), same(X.astype(dtype)), reset=True)
            assert isinstance(held, SparseRows) and held.dtype == dtype
            assert np.array_equal(held[:], X)
    frame = pd.DataFrame.sparse.from_spmatrix(csr_array(X.astype(np.float64)))
    assert np.array_equal(validate_rows(VAETransformer(), frame, reset=True)[:], X)
    assert validate_rows(VAETransformer(), csr_array(X), reset=True).dtype == np.float64


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_of_sparse_rows_that_are_not_finite_are_named_by_their_place(bad):
    X = np.eye(50, 3)
    X[1, 2] = bad
    what = "NaN" if np.isnan(bad) else "infinity"
    with pytest.raises(ValueError, match=f"X contains {what}: .* at row 1, column 2"):
        validate_rows(VAETransformer(), csc_array(X), reset=True)


@pytest.mark.parametrize("form", ["array", "memory map", "iterable"])
def test_masked_rows_are_named(tmp_path, form):
    X = np.ones((50, 3))
    np.save(tmp_path / "X.npy", X)
    array = np.load(tmp_path / "X.npy", mmap_mode="r") if form == "memory map" else X
    masked = np.ma.array(array, mask=np.eye(50, 3))
    with pytest.raises(ValueError, match=r"X has masked values \(3 of 150\)"):
        validate_rows(
            VAETransformer(), Blocks(masked) if form == "iterable" else masked, reset=True
        )


@pytest.mark.parametrize("bad", [-np.inf, np.inf])
def test_memory_maps_are_checked_to_the_last_row(tmp_path, monkeypatch, bad):
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 3 * 7)
    X = np.zeros((50, 3))
    X[-1, -1] = bad
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match="X contains infinity"):
        validate_rows(VAETransformer(), np.load(tmp_path / "X.npy", mmap_mode="r"), reset=True)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i8", "f8"), ("f2", "f4")],
)
def test_answers_are_floats(dtype, expected):
    assert output_dtype(np.empty(1, dtype)) == expected


NUMBERS = np.random.default_rng(0).integers(0, 9, (50, 3)).astype(np.float32)


def sources(folder):
    """The same rows in every form that there is."""
    np.save(folder / "X.npy", NUMBERS)
    mapped = MappedRows(np.load(folder / "X.npy", mmap_mode="r"))
    iterated = IteratedRows(BlockPasses(Blocks(*np.array_split(NUMBERS, 4)), [np.float32]))
    prepared = PreparedRows(ArrayRows(NUMBERS / 2), lambda X: 2 * X)
    others = PreparedRows(mapped, np.array), SparseRows(csr_array(NUMBERS))
    return [ArrayRows(NUMBERS), mapped, iterated, prepared, *others]


@pytest.mark.parametrize("number", range(6))
def test_every_source_gives_the_same_rows_by_one_protocol(tmp_path, number):
    rows = sources(tmp_path)[number]
    places = np.array([1, 4, 5, 30, 49])
    assert isinstance(rows, Rows)
    assert len(rows) == 50 and rows.shape == (50, 3) and rows.dtype == np.float32
    assert isinstance(rows.is_in_memory, bool)
    assert np.array_equal(rows[:], NUMBERS) and np.array_equal(rows[7:9], NUMBERS[7:9])
    assert np.array_equal(rows[places], NUMBERS[places])
    assert np.array_equal(rows[places[:2]], NUMBERS[places[:2]])
    part = rows.part(places)
    assert isinstance(part, Rows) and part.shape == (5, 3)
    assert np.array_equal(part[:], NUMBERS[places])
    assert np.array_equal(part.part(np.array([0, 3]))[:], NUMBERS[[1, 30]])
    assert np.array_equal(rows[:], NUMBERS)
    if isinstance(rows, SequentialRows):
        rows[40:]
        again = rows.anew()
        assert np.array_equal(again[:], NUMBERS) and np.array_equal(rows[45:], NUMBERS[45:])


def test_no_source_is_missing_here(tmp_path):
    package = read_package(Path(skvae.__file__).parent)
    tried = {type(rows).__name__ for rows in sources(tmp_path)}
    others = {"DaskRows"}  # images for an extractor
    assert tried == having(package, {"__len__", "__getitem__", "part"}) - others


def test_only_what_is_read_forward_is_sequential(tmp_path):
    sequential = [isinstance(rows, SequentialRows) for rows in sources(tmp_path)]
    assert sequential == [False, False, True, False, False, False]
