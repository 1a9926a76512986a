import tracemalloc

import numpy as np
import pandas as pd
import pytest
from reiterable import Blocks

from skvae.data import maps
from skvae.data.iterables import BlockPasses, IteratedRows, Recut, yields_blocks

X = np.arange(600.0).reshape(200, 3)
FLOATS = [np.float64, np.float32, np.uint8]


def rows_of(*blocks):
    return IteratedRows(BlockPasses(Blocks(*blocks), FLOATS))


def test_what_is_an_array_and_what_is_not():
    for array in (X, X.tolist(), (1, 2), pd.DataFrame(X), np.float64(1), None):
        assert not yields_blocks(array, "EM")
    for blocks in (Blocks(X), {0: X}.values()):
        assert yields_blocks(blocks, "EM")
    assert not yields_blocks("a.csv", "EM")
    with pytest.raises(TypeError, match=r"X is a dict.*pass X\.values\(\)"):
        yields_blocks({0: X}, "EM")
    with pytest.raises(TypeError, match=r"X is an iterator \(generator\).* but EM reads"):
        yields_blocks((row for row in X), "EM")


@pytest.mark.parametrize("bounds", [[], [1, 1, 50, 51, 199], range(1, 200)])
def test_rows_are_those_of_the_numbers(bounds):
    rows = rows_of(*np.split(X, bounds))
    rng = np.random.default_rng(0)
    assert rows.shape == X.shape and len(rows) == 200 and rows.dtype == X.dtype
    for _ in range(25):
        first, last = np.sort(rng.integers(0, 200, 2))
        some = np.sort(rng.integers(first, last + 1, 20))
        assert np.array_equal(rows[some], X[some])
        assert np.array_equal(rows[first : last + 1], X[first : last + 1])
    assert np.array_equal(rows[:], X)


def test_reading_on_needs_one_pass_and_going_back_another():
    blocks = Blocks(*np.split(X, 8))
    rows = IteratedRows(BlockPasses(blocks, FLOATS))
    n = blocks.n_passes
    for start in range(0, 200, 40):
        for _ in range(2):
            assert np.array_equal(rows[start : start + 40], X[start : start + 40])
        rows[start + 35 : start + 42]
    assert blocks.n_passes == n + 1
    rows[:1]
    assert blocks.n_passes == n + 2
    rows.anew()[:1]
    assert blocks.n_passes == n + 3


def test_parts_of_parts():
    odd = rows_of(*np.split(X, 8)).part(np.arange(1, 200, 2))
    part = odd.part(np.array([0, 50, 99]))

    assert odd.shape == (100, 3) and part.shape == (3, 3)
    assert np.array_equal(odd[10:90], X[21:180:2])
    assert np.array_equal(part[:], X[[1, 101, 199]])
    assert np.array_equal(part[np.array([1])], X[[101]])


def test_little_is_held():
    """100 blocks of 0.8 MB, of which some rows from all over are wanted."""

    class Made:
        def __iter__(self):
            return (np.full((1000, 100), k, float) for k in range(100))

    tracemalloc.start()
    rows = IteratedRows(BlockPasses(Made(), FLOATS))
    some = rows[np.arange(0, 100_000, 500)]
    windows = [rows[k : k + 2000].mean() for k in range(0, 100_000, 2000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert np.array_equal(some[:, 0], np.repeat(np.arange(100), 2))
    assert np.allclose(windows, np.arange(50) * 2 + 0.5)
    assert peak < 8e6


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [("u1", "u1"), ("f4", "f4"), ("i8", "f8"), (("u1", "f4"), "f4"), (("f4", "f8", "u1"), "f8")],
)
def test_one_type_holds_all_blocks(kinds, expected):
    kinds = [kinds] if isinstance(kinds, str) else kinds
    rows = rows_of(*(np.full((2, 3), 7, kind) for kind in kinds))
    assert rows.dtype == rows[:].dtype == expected
    assert (rows[:] == 7).all()


@pytest.mark.parametrize("n", [100, 199, 201, 300])
def test_passes_that_give_another_number_of_rows(n):
    blocks = Blocks(X)
    rows = IteratedRows(BlockPasses(blocks, FLOATS))
    blocks.blocks = np.split(np.resize(X, (n, 3)), [90, 95])
    with pytest.raises(ValueError, match=f"200 rows on the first pass and {n} on a later one"):
        rows[:]


def test_a_block_may_be_the_only_one_of_a_list():
    """As torch's DataLoader gives the batches of a TensorDataset."""
    assert np.array_equal(rows_of([X[:90]], (X[90:],))[:], X)


def test_numbers_that_a_first_pass_did_not_announce():
    blocks = Blocks(X.astype(np.uint8))
    rows = IteratedRows(BlockPasses(blocks, FLOATS))
    blocks.blocks = (X,)
    with pytest.raises(TypeError, match="Cannot cast"):
        rows[:]


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([X, X[:, :2]], "A block of X has 2 features; the blocks before it have 3"),
        ([X, X[0]], "Expected 2D array"),
        ([X, np.where(X > 500, np.nan, X)], "Input X contains NaN"),
        ([], "X yields no block"),
        ([(X, X[:, 0])], "A block of X is a tuple of 2 arrays.*Labels are passed as y"),
        ([X, np.ma.masked_equal(X, 7)], r"X has masked values \(1 of 600\)"),
        ([np.array([["a"]])], "X holds text"),
    ],
)
def test_blocks_are_checked(blocks, message):
    with pytest.raises(ValueError, match=message):
        rows_of(*blocks)


@pytest.mark.parametrize("sizes", [[50], [7] * 7 + [1], [20, 1, 0, 29], [3, 47]])
def test_blocks_of_any_sizes_are_recut_alike_and_copied(monkeypatch, sizes):
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 2 * 20)
    X, seen = np.arange(100.0).reshape(50, 2), []
    recut, buffer = Recut(lambda block: seen.append(block.copy())), np.empty((50, 2))
    for block in np.split(X, np.cumsum(sizes)[:-1]):
        buffer[: len(block)] = block  # that the next block is written over
        recut.look(buffer[: len(block)])
    recut.end()
    assert [len(block) for block in seen] == [20, 20, 10]
    assert np.array_equal(np.concatenate(seen), X)
