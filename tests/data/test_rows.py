import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from reiterable import Blocks
from scipy.sparse import coo_matrix, csc_array, csr_array
from torch.utils.data import DataLoader, TensorDataset

from skvae import VAETransformer
from skvae.data import maps
from skvae.data.iterables import BlockPasses, IteratedRows
from skvae.data.maps import MappedRows
from skvae.data.rows import (
    ArrayRows,
    PreparedRows,
    Rows,
    SequentialRows,
    facts_of,
    output_dtype,
    read_rows,
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


def test_only_what_is_read_forward_is_sequential(tmp_path):
    sequential = [isinstance(rows, SequentialRows) for rows in sources(tmp_path)]
    assert sequential == [False, False, True, False, False, False]


def facts_as_text(facts):
    return repr([(name, np.asarray(value).tolist()) for name, value in vars(facts).items()])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_facts_are_the_same_to_the_last_bit_however_rows_come(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 3 * 7)
    X = (100 * np.random.default_rng(0).random((50, 3))).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    forms = [
        X,
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        Blocks(X),
        Blocks(X[:3], X[3:30], X[30:]),
        csc_array(X),
    ]
    read = [read_rows(VAETransformer(), form, reset=True, unit=5.0, moments=True) for form in forms]
    assert len({facts_as_text(facts) for _, facts in read}) == 1
    assert all(isinstance(rows, Rows) and np.array_equal(rows[:], X) for rows, _ in read)
    assert facts_as_text(facts_of(X, unit=5.0, moments=True)) == facts_as_text(read[0][1])


def test_facts_are_true_of_the_whole(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[:, 1], X[:, 2] = np.arange(50) % 2 * 4.0, 7.0
    whole = facts_of(X, unit=4.0, moments=True)
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 3 * 7)
    facts = facts_of(X, unit=4.0, moments=True)

    assert (facts.low, facts.high) == (X.min(), X.max())
    assert facts.lows.tolist() == X.min(0).tolist() and facts.highs.tolist() == X.max(0).tolist()
    assert facts.wholes.tolist() == [False, True, True] and not facts.whole
    assert facts.binaries.tolist() == [False, True, False] and not facts.binary
    np.testing.assert_allclose(facts.mean, X.mean(0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(facts.scale, [*X[:, :2].std(0), 1.0], rtol=1e-12)
    np.testing.assert_allclose(whole.mean, facts.mean, rtol=1e-12, atol=1e-12)
    assert facts.varies and not facts_of(X[:1].repeat(50, 0)).varies
    assert facts_of(np.concatenate([np.zeros((49, 3)), np.ones((1, 3))])).varies
    assert not facts_of(np.array([[0.0], [-0.0]])).varies
    assert facts_of(X).mean is None


def forms_with_holes(X, folder):
    """The same rows, NaN among them, in every form that may say that a value is missing."""
    np.save(folder / "X.npy", X)
    objects = np.where(np.isnan(X), None, X)
    frame = pd.DataFrame(X, columns=list("abc"))
    return [
        X,
        np.load(folder / "X.npy", mmap_mode="r"),
        Blocks(X[:3], X[3:30], X[30:]),
        frame,
        pd.DataFrame(objects, columns=list("abc"), dtype=object),
        frame.astype("Float64"),
        pl.DataFrame(list(objects), schema=dict.fromkeys("abc", pl.Float64), orient="row"),
    ]


def test_missing_values_are_read_the_same_however_rows_come(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 3 * 7)
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[::2, 0] = X[:20, 1] = X[4] = np.nan
    forms = forms_with_holes(X, tmp_path)
    read = [read_rows(VAETransformer(), form, reset=True, moments=True) for form in forms]
    for rows, facts in read:
        assert np.array_equal(rows[:], X, equal_nan=True)
        assert facts_as_text(facts) == facts_as_text(read[0][1])


def test_facts_are_those_of_what_is_observed(monkeypatch):
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 3 * 7)
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(50, 3)), rng.integers(1, 5, 50).astype(float)
    X[:, 1] = np.arange(50) % 2
    X[::2, 0] = X[:20, 1] = np.nan
    facts = facts_of(X, moments=True, weights=weights)
    observed = ~np.isnan(X)
    assert facts.has_missing and not facts_of(X[20:, 1:]).has_missing
    assert (facts.low, facts.high) == (np.nanmin(X), np.nanmax(X))
    assert facts.wholes.tolist() == facts.binaries.tolist() == [False, True, False]
    np.testing.assert_allclose(facts.missing, np.average(~observed, axis=0, weights=weights))
    means = [np.average(x[o], weights=weights[o]) for x, o in zip(X.T, observed.T, strict=True)]
    np.testing.assert_allclose(facts.mean, means, rtol=1e-12)
    assert np.isfinite(facts.scale).all()
    assert np.isnan(facts_of(np.array([[1.0, np.nan]])).lows).tolist() == [False, True]


def test_binary_values_forgive_rounding_only():
    assert facts_of(np.array([[0.0, 1 - 1e-9], [1.0, -1e-9]])).binary
    assert not facts_of(np.array([[0.0], [0.999]])).binary
    assert facts_of(np.array([[0, 255]], np.uint8), unit=255).binary


def test_moments_are_those_of_rows_repeated_by_their_weights(monkeypatch):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(50, 3)), rng.integers(1, 5, 50)
    repeated = facts_of(np.repeat(X, weights, axis=0), moments=True)
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 3 * 7)
    facts = facts_of(X, moments=True, weights=0.3 * weights)
    np.testing.assert_allclose(facts.mean, repeated.mean, rtol=1e-12)
    np.testing.assert_allclose(facts.scale, repeated.scale, rtol=1e-12)
    assert facts.n_rows == 50
