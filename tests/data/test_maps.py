import mmap

import numpy as np
import pytest

from skvae.data.maps import MappedRows, give_pages_back, memory_map_of, row_blocks

X = np.arange(600.0).reshape(200, 3)


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def test_views_of_a_map_are_recognised(mapped):
    for view in (mapped, mapped[3:], np.asarray(mapped), mapped.T):
        assert memory_map_of(view) is not None
    assert memory_map_of(X) is None
    assert memory_map_of(np.array(mapped)) is None


def test_rows_are_copies(mapped):
    rows = MappedRows(mapped)
    places = np.random.default_rng(0).permutation(200)

    assert rows.shape == X.shape and len(rows) == 200 and rows.dtype == X.dtype
    assert np.array_equal(rows[10:30], X[10:30])
    assert np.array_equal(rows[places], X[places])
    assert memory_map_of(rows[:5]) is None and rows[:5].flags.writeable


def test_parts_of_parts(mapped):
    part = MappedRows(mapped).part(np.array([5, 3, 8, 1])).part(np.array([2, 0]))

    assert part.shape == (2, 3)
    assert np.array_equal(part[:], X[[8, 5]])
    assert np.array_equal(part[np.array([1])], X[[5]])


def test_blocks_are_the_rows_in_order(mapped, monkeypatch):
    monkeypatch.setattr("skvae.data.maps._BLOCK_BYTES", 8 * 3 * 7)
    for rows in (X, MappedRows(mapped)):
        blocks = list(row_blocks(rows))
        assert {len(block) for block in blocks[:-1]} == {7}
        assert np.array_equal(np.concatenate(blocks), X)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system has no madvise")
def test_changes_of_a_private_map_survive(tmp_path):
    np.save(tmp_path / "X.npy", X)
    private = np.load(tmp_path / "X.npy", mmap_mode="c")
    private[0] = -1
    give_pages_back(private)
    assert (private[0] == -1).all()
