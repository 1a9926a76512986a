import numpy as np
import pandas as pd
import polars as pl
import pytest
from reiterable import Blocks
from scipy.sparse import csc_array

from skvae import VAETransformer
from skvae.data import maps
from skvae.data.row_facts import facts_of
from skvae.data.rows import Rows, read_rows


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


def test_a_variance_too_large_for_a_float_is_no_scale_of_1():
    facts = facts_of(np.array([[1e200, 1.0], [-1e200, 3.0]]), moments=True)

    assert facts.mean.tolist() == [0, 2] and facts.scale.tolist() == [np.inf, 1]
