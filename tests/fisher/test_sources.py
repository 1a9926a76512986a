import numpy as np
import pytest

from skvae import ImagePatches
from skvae.fisher.sources import ExtractedSets, PackedSets


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
    parts = [packed.take(b) for b in packed.blocks(1000)]
    assert np.array_equal(np.concatenate([d for d, _ in parts]), packed.descriptors)
    sizes = np.concatenate([np.diff(o) for _, o in parts])
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


def test_extractor_whose_positions_do_not_match_is_refused(rng):
    source = images(rng)
    source.positions = source.positions[:-1]
    with pytest.raises(ValueError, match="positions_ has 15 rows"):
        source.take(slice(0, 2))
