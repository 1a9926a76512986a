import threading

import numpy as np
import pytest

from skvae.compute.threads import single_threaded
from skvae.data.rows import PreparedRows
from skvae.data.tiles import map_aligned_sets, map_framed_tiles, map_parts, padded


@pytest.mark.parametrize("n", [1, 3, 4])
def test_padding_repeats_the_first_and_the_last_row(rng, n):
    X = rng.normal(size=(n, 2))
    tile = padded(X, 4)

    assert tile.shape == (4, 2) and tile.flags.c_contiguous
    assert np.array_equal(tile[:n], X)
    assert np.array_equal(tile[n:], X[-1:].repeat(4 - n, 0))
    assert np.array_equal(padded(X, 6, before=1)[:2], X[[0, 0]])


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("n", [1, 4, 5, 11])
def test_parts_cover_every_row_once_whoever_works_on_them(rng, n, n_jobs):
    X, sizes = rng.normal(size=(n, 3)), []

    def function(rows, part):
        sizes.append(len(part))
        assert np.array_equal(part, X[rows])
        return part.sum(axis=1)

    assert np.array_equal(map_parts(function, X, 2, n_jobs, n_parts=2), X.sum(axis=1))
    assert sum(sizes) == n and max(sizes) <= 2


def test_a_part_has_its_neighbours_where_it_wants_them():
    def ends(rows, part):
        return np.tile(part[[0, -1]], (rows.stop - rows.start, 1))

    seen = map_parts(ends, np.arange(11), 2, frame=3, n_parts=2)

    assert seen[::2].tolist() == [[0, 4], [0, 6], [1, 8], [3, 10], [5, 10], [7, 10]]


def test_rows_are_read_in_order_by_the_thread_of_the_caller_and_prepared_by_others():
    read, prepared = [], []

    class Stream:
        shape = (40, 1)

        def __len__(self):
            return 40

        def __getitem__(self, rows):
            read.append((rows.start, threading.get_ident()))
            return np.arange(40)[rows, None]

    def prepare(X):
        prepared.append(threading.get_ident())
        return X + 1

    rows = PreparedRows(Stream(), prepare)
    out = map_parts(lambda rows, part: part, rows, 2, n_jobs=2)

    assert np.array_equal(out[:, 0], np.arange(1, 41))
    assert read == [(start, threading.get_ident()) for start in range(0, 40, 2)]
    assert threading.get_ident() not in prepared


@pytest.mark.parametrize("n_columns", [3, 20, 128])
def test_sets_do_not_feel_their_neighbours(rng, n_columns):
    sizes = np.array([1, 7, 0, 300, 13, 1, 24, 25])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    X = rng.normal(size=(offsets[-1], 49)).astype(np.float32)
    W = rng.normal(size=(49, n_columns)).astype(np.float32)
    with single_threaded():
        whole = map_aligned_sets(lambda tile: tile @ W, X, offsets, 240)
        assert np.allclose(whole, X @ W, atol=1e-4)
        for a, b in zip(offsets[:-1], offsets[1:], strict=True):
            if b > a:
                own = np.array([0, b - a])
                alone = map_aligned_sets(lambda tile: tile @ W, X[a:b], own, 240)
                assert np.array_equal(alone, whole[a:b])


def test_aligned_sets_see_full_tiles_only(rng):
    shapes = []

    def function(tile):
        shapes.append(tile.shape)
        return tile[:, :1]

    X = rng.normal(size=(61, 2))
    out = map_aligned_sets(function, X, np.array([0, 60, 60, 61]), 48)
    assert np.array_equal(out, X[:, :1])
    assert shapes == [(48, 2)] * 2


@pytest.mark.parametrize("n", [1, 7, 303, 304, 305, 608, 609, 1000])
def test_framed_tiles_give_every_row_once_and_never_from_the_rim(n):
    seen = []

    def function(tile):
        seen.append(tile.shape)
        out = 2.0 * tile
        out[:8], out[-8:] = np.nan, np.nan
        return out

    X = np.arange(3 * n).reshape(n, 3)
    found = map_framed_tiles(function, X)

    assert np.array_equal(found, 2.0 * X)
    assert set(seen) == {(320, 3)}
