from types import SimpleNamespace

import numpy as np
import pytest

from skvae import ImagePatches
from skvae.fisher.extracted_sets import ExtractedSets


def test_sample_of_images_keeps_positions_with_their_patches(rng):
    # The value of every pixel is its position, so that a patch betrays where it was.
    X = np.tile(np.arange(36, dtype=np.float32), (100, 1))
    extractor = ImagePatches(patch_size=1).fit(X)
    sample = ExtractedSets(X, extractor).sample(300, np.random.RandomState(0))
    values = sample.descriptors[:, 0].astype(int)
    assert 200 < len(values) <= 300
    assert np.array_equal(sample.positions, extractor.positions_[values])
    assert len(np.unique(values)) == 36


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
    pulled = source.pull()
    descriptors = pulled.descriptors
    assert len(set(np.diff(pulled.offsets))) > 3
    expected = np.stack([descriptors[:, 0] % 6, descriptors[:, 0] // 6], axis=1) / 2.5 - 1
    assert np.array_equal(pulled.positions, expected)
    sample = source.sample(100, np.random.RandomState(0))
    assert np.array_equal(sample.positions[:, 0], (sample.descriptors[:, 0] % 6) / 2.5 - 1)


def test_ragged_positions_that_do_not_match_are_refused(rng):
    with pytest.raises(ValueError, match=r"36 descriptors for set 0, but 37 positions"):
        ExtractedSets(np.ones((2, 36)), Bright(surplus=1)).pull()
