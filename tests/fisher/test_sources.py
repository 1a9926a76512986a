from types import SimpleNamespace

import numpy as np
import pytest

from skvae import ImagePatches
from skvae.fisher.sources import ExtractedSets, PackedSets, check_positions


@pytest.fixture
def packed(rng):
    sizes = rng.integers(0, 5000, 40)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return PackedSets(rng.normal(size=(offsets[-1], 2)), offsets)


def images(rng, n=50):
    X = rng.normal(size=(n, 36)).astype(np.float32)
    return ExtractedSets(X, ImagePatches(patch_size=3).fit(X))


@pytest.mark.parametrize("max_sets", [1, 7, 1000])
def test_blocks_cover_every_set_once(rng, packed, max_sets):
    for source in (packed, images(rng)):
        blocks = source.blocks(max_sets)
        assert np.concatenate([np.arange(b.start, b.stop) for b in blocks]).tolist() == list(
            range(len(source))
        )
        assert max(b.stop - b.start for b in blocks) <= max_sets


def test_taken_blocks_make_up_the_whole(packed):
    parts = [packed.part(b).pull() for b in packed.blocks(1000)]
    assert np.array_equal(np.concatenate([p.descriptors for p in parts]), packed.descriptors)
    sizes = np.concatenate([np.diff(p.offsets) for p in parts])
    assert np.array_equal(sizes, np.diff(packed.offsets))


def test_all_empty_sets_are_one_block():
    source = PackedSets(np.empty((0, 2)), np.zeros(4, int))
    assert source.blocks(10) == [slice(0, 3)]


def test_sample_of_packed_sets_is_without_replacement(rng, packed):
    sample, positions = packed.sample(500, np.random.RandomState(0))
    assert positions is None
    assert len(np.unique(sample, axis=0)) == 500
    everything, _ = packed.sample(10**9, np.random.RandomState(0))
    assert np.array_equal(everything, packed.descriptors)


def test_sample_of_images_keeps_positions_with_their_patches(rng):
    # The value of every pixel is its position, so that a patch betrays where it was.
    X = np.tile(np.arange(36, dtype=np.float32), (100, 1))
    extractor = ImagePatches(patch_size=1).fit(X)
    sample, positions = ExtractedSets(X, extractor).sample(300, np.random.RandomState(0))
    assert 200 < len(sample) <= 300
    assert np.array_equal(positions, extractor.positions_[sample[:, 0].astype(int)])
    assert len(np.unique(sample)) == 36


def test_sample_takes_all_when_there_is_room(rng):
    source = images(rng)
    sample, _ = source.sample(10**6, np.random.RandomState(0))
    assert len(sample) == 50 * 16


def test_chosen_sets_are_those_sets(packed):
    chosen = packed.part(np.array([3, 7])).pull()
    for i, j in enumerate((3, 7)):
        a, b = chosen.offsets[i : i + 2]
        assert np.array_equal(
            chosen.descriptors[a:b], packed.part(slice(j, j + 1)).pull().descriptors
        )


def test_extractor_whose_positions_do_not_match_is_refused(rng):
    extractor = SimpleNamespace(transform=lambda X: [x[:, None] for x in X], positions_=[[0, 0]])
    with pytest.raises(ValueError, match="positions_ has 1 rows"):
        ExtractedSets(np.ones((2, 36)), extractor).pull()


class Bright:
    """As many descriptors as there are bright pixels."""

    def __init__(self, surplus=0):
        self.surplus = surplus

    def extract(self, X):
        bright = [np.flatnonzero(x > 0) for x in X]
        sets = [x[i][:, None] for x, i in zip(X, bright, strict=True)]
        extra = np.zeros(self.surplus, int)
        where = [np.concatenate([i, extra]) for i in bright]
        return sets, [np.stack([i % 6, i // 6], axis=1) / 2.5 - 1 for i in where]


def test_positions_of_each_set_are_pulled_and_sampled_with_it(rng):
    X = np.where(rng.random((40, 36)) < 0.5, np.arange(36.0), 0)
    source = ExtractedSets(X, Bright())
    descriptors, offsets, positions = source.pull()
    assert len(set(np.diff(offsets))) > 3
    expected = np.stack([descriptors[:, 0] % 6, descriptors[:, 0] // 6], axis=1) / 2.5 - 1
    assert np.array_equal(positions, expected)
    sample, where = source.sample(100, np.random.RandomState(0))
    assert np.array_equal(where[:, 0], (sample[:, 0] % 6) / 2.5 - 1)


def test_ragged_positions_that_do_not_match_are_refused(rng):
    with pytest.raises(ValueError, match=r"36 descriptors for set 0, but 37 positions"):
        ExtractedSets(np.ones((2, 36)), Bright(surplus=1)).pull()


@pytest.mark.parametrize("bad", [np.ones((3, 2)), np.ones((4, 3))])
def test_positions_of_the_wrong_shape_are_named(bad):
    with pytest.raises(ValueError, match=r"positions must have shape \(4, 2\)"):
        check_positions(bad, 4)


def test_positions_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match="Input positions contains NaN"):
        check_positions(np.full((4, 2), np.nan), 4)
