import numpy as np
import pandas as pd
import pytest
import torch
from reiterable import Blocks
from torch.utils.data import DataLoader, TensorDataset

from skvae import VAETransformer
from skvae.data.maps import MappedRows
from skvae.vae.inputs import (
    check_support,
    check_unit_interval,
    in_unit_interval,
    network_input,
    output_dtype,
    standardisation,
    validate_rows,
    value_range,
    varies,
)


def test_unit_interval_forgives_rounding_only():
    assert in_unit_interval(np.array([[0.0, 1 + 2e-16]]))
    assert not in_unit_interval(np.array([[0.0, 1.001]]))
    assert not in_unit_interval(np.array([[-0.001, 1.0]]))


def test_the_error_says_how_to_scale():
    with pytest.raises(ValueError, match=r"binarize needs.*255.*X / 255.*MinMaxScaler"):
        check_unit_interval(np.array([[0.0, 255.0]]), "binarize")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_rows_have_unit_variance_far_from_zero(dtype):
    X = (np.random.default_rng(0).normal(size=(200, 3)) + 1e4).astype(dtype)
    X[:, 2] = 7.0
    mean, scale = standardisation(X)
    x = network_input(X, mean, scale, 1, threshold=False)

    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, :2].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x[:, :2].std(0), 1, rtol=1e-5)
    assert scale[2] == 1 and not x[:, 2].any()


def test_threshold_is_strict():
    x = network_input(np.array([[0.4, 0.5, 0.6]]), None, None, 1, threshold=True)

    assert x.tolist() == [[0, 0, 1]]


def test_pixels_of_8_bits_become_what_division_makes_them():
    X = np.arange(256, dtype=np.uint8).reshape(4, 64)

    assert np.array_equal(network_input(X, None, None, 255, False), (X / 255).astype(np.float32))
    assert np.array_equal(network_input(X, None, None, 255, True), (X / 255 > 0.5))
    assert network_input(X, None, None, 255, True).dtype == np.float32


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


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_memory_maps_are_checked_to_the_last_row(tmp_path, monkeypatch, bad):
    monkeypatch.setattr("skvae.data.maps._BLOCK_BYTES", 8 * 3 * 7)
    X = np.zeros((50, 3))
    X[-1, -1] = bad
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match="VAETransformer.*|X contains (NaN|infinity)"):
        validate_rows(VAETransformer(), np.load(tmp_path / "X.npy", mmap_mode="r"), reset=True)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i8", "f8"), ("f2", "f4")],
)
def test_answers_are_floats(dtype, expected):
    assert output_dtype(np.empty(1, dtype)) == expected


def test_what_is_seen_of_blocks_is_true_of_the_whole(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    whole = standardisation(X)
    monkeypatch.setattr("skvae.data.maps._BLOCK_BYTES", 8 * 3 * 7)

    assert value_range(X) == (X.min(), X.max())
    assert varies(X) and not varies(X[:1].repeat(50, 0))
    assert varies(np.concatenate([np.zeros((49, 3)), np.ones((1, 3))]))
    np.testing.assert_allclose(standardisation(X), whole, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="between -.* and 3"):
        check_support(np.concatenate([np.arange(60.0).reshape(20, 3) * 0 + 3, X]), "poisson")
