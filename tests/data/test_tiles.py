import numpy as np
import pytest

from skvae.compute.threads import single_threaded
from skvae.data.tiles import map_aligned_sets, map_framed_tiles, map_tiles, padded_tiles


@pytest.mark.parametrize("n", [1, 3, 4, 9])
def test_tiles_cover_every_row_and_have_one_shape(rng, n):
    X = rng.normal(size=(n, 2))
    parts = []
    for rows, tile in padded_tiles(X, 4):
        assert tile.shape == (4, 2)
        assert np.array_equal(
            tile[rows.stop - rows.start :],
            X[-1:].repeat(len(tile), 0)[: 4 - (rows.stop - rows.start)],
        )
        parts.append(tile[: rows.stop - rows.start])
    assert np.array_equal(np.concatenate(parts), X)


def test_map_tiles_is_the_function(rng):
    X = rng.normal(size=(11, 3))
    assert np.array_equal(map_tiles(lambda tile: tile.sum(axis=1), X, 4), X.sum(axis=1))


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
