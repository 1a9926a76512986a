import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from pages import resident
from reiterable import Blocks

from skvae import FisherVectorEncoder, ImagePatches, VLADEncoder
from skvae.fisher import sources
from skvae.fisher.sources import (
    ExtractedSets,
    MappedSets,
    PackedSets,
    check_positions,
    set_source,
    validate_images,
)


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


def mapped(X, path):
    np.save(path, X)
    return np.load(path, mmap_mode="r")


MAPPED = {
    "3-D": lambda X, folder: mapped(X, folder / "X.npy"),
    "2-D": lambda X, folder: mapped(X[:, 0], folder / "X.npy"),
    "sets of a file": lambda X, folder: list(mapped(X, folder / "X.npy")),
    "ragged sets of a file": lambda X, folder: np.split(
        mapped(X.reshape(-1, X.shape[2]), folder / "X.npy"), [5, 5, 40, 41, 300]
    ),
    "files and arrays": lambda X, folder: [
        mapped(s, folder / f"{i}.npy") if i % 2 else s for i, s in enumerate(X)
    ],
    "other rows": lambda X, folder: mapped(X, folder / "X.npy")[::2, :, 1:],
}


def in_memory(X):
    return [s.copy() for s in X] if isinstance(X, list) else np.array(X)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8"])
@pytest.mark.parametrize("form", MAPPED)
def test_sets_in_files_are_encoded_as_those_in_memory(rng, tmp_path, form, dtype):
    X = MAPPED[form]((100 * rng.random((60, 20, 4))).astype(dtype), tmp_path)
    source = set_source(VLADEncoder(), X, reset=True)
    assert isinstance(source, MappedSets)
    settings = {"max_descriptors": 50, "random_state": 0, "n_jobs": 2}
    on_disk, there = FisherVectorEncoder(3, **settings), FisherVectorEncoder(3, **settings)
    vectors = on_disk.fit(X).transform(X)

    assert np.array_equal(vectors, there.fit(in_memory(X)).transform(in_memory(X)))
    assert vectors.dtype == source.dtype == (np.float32 if dtype in ("f4", "u1") else np.float64)
    assert np.array_equal(on_disk.mixture_.means_, there.mixture_.means_)
    assert np.array_equal(on_disk.mean_scales_, there.mean_scales_)
    assert on_disk.n_features_in_ == there.n_features_in_


@pytest.mark.parametrize("form", ["one file", "many files"])
def test_little_of_files_is_held(monkeypatch, tmp_path, form):
    """Of thirty million bytes, what is drawn and a few blocks."""
    monkeypatch.setattr(sources, "_BLOCK_DESCRIPTORS", 1000)
    X = np.random.default_rng(0).normal(size=(300, 500, 25))
    if form == "one file":
        X = mapped(X, tmp_path / "X.npy")
    else:
        X = [mapped(part, tmp_path / f"{i}.npy") for i, part in enumerate(X.reshape(30, -1, 25))]
    encoder = VLADEncoder(2, max_descriptors=1000, random_state=0)
    encoder.fit_transform(np.ones((2, 2, 25)))  # what the first call of a process takes
    tracemalloc.start()
    try:
        encoder.fit(X).transform(X)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps")
@pytest.mark.parametrize("form", ["3-D", "sets of a file", "files and arrays"])
def test_pages_of_files_are_given_back(tmp_path, form):
    X = MAPPED[form](np.ones((40, 4000, 25)), tmp_path)
    n_bytes = 40 * 4000 * 25 * 8
    source = set_source(VLADEncoder(), X, reset=True)
    assert resident(tmp_path) < n_bytes / 10
    source.sample(1000, np.random.RandomState(0))
    assert resident(tmp_path) < n_bytes / 10
    for block in source.blocks(5):
        source.part(block).pull()
        assert resident(tmp_path) < n_bytes / 10


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_in_files_are_checked_to_the_last(tmp_path, bad):
    X = np.ones((60, 20, 4))
    X[-1, -1, -1] = bad
    for form in ("3-D", "sets of a file", "files and arrays"):
        on_disk = MAPPED[form](X, tmp_path)
        with pytest.raises(ValueError, match="Input X contains"):
            VLADEncoder(2, max_descriptors=5).fit(on_disk)
        with pytest.raises(ValueError, match="Input X contains"):
            VLADEncoder(1).fit(X[:-1]).transform(on_disk)


ONE_SET = [[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]


@pytest.mark.parametrize(
    "X",
    [
        [],
        (),
        np.empty((0, 4, 2)),
        np.empty(0, object),
        np.empty((0, 2)),
        pd.Series([], dtype=object),
        {}.values(),
        Blocks(),
        torch.empty(0, 4, 2),
    ],
)
def test_no_sets_are_named_as_no_samples(X):
    for call in (VLADEncoder(1).fit, VLADEncoder(1).fit([ONE_SET]).transform):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            call(X)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        validate_images(ImagePatches(), X, reset=True)


@pytest.mark.parametrize("X", [[np.empty((3, 0))], np.empty((2, 3, 0)), np.empty((3, 0))])
def test_sets_without_features_are_named(X):
    for call in (VLADEncoder(1).fit, VLADEncoder(1).fit([ONE_SET]).transform):
        with pytest.raises(ValueError, match=r"0 feature\(s\)"):
            call(X)


@pytest.mark.parametrize("empty", [[], np.empty((0, 0)), np.empty((0, 2)), np.empty(0)])
def test_a_batch_of_empty_sets_has_the_vectors_of_each(empty):
    encoder = VLADEncoder(1).fit([ONE_SET, empty])
    assert np.array_equal(encoder.transform([empty, empty]), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="every set is empty"):
        VLADEncoder(1).fit([empty])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("abc", "X holds text such as abc"),
        (["a.jpg", "b.jpg"], "X holds text such as a.jpg"),
        (3.0, "Expected 2D array, got scalar"),
        ([1.0, 2.0], "Expected 2D array, got 1D"),
        (np.ones((2, 2, 2, 2)), "Found array with dim 4"),
        ([ONE_SET, [[1.0, 2.0, 3.0]]], "set 0 has 2, set 1 has 3"),
        (np.ma.masked_equal([ONE_SET], 5), "X has masked values"),
        ([np.ma.masked_equal(ONE_SET, 5)], "Set 0 of X has masked values"),
        (np.ma.masked_equal(ONE_SET, 5), "X has masked values"),
    ],
)
def test_what_is_no_collection_of_sets_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        set_source(VLADEncoder(), X, reset=True)


def test_a_multiindex_says_which_rows_belong_together():
    levels = pd.MultiIndex.from_product([["a", "b"], range(3)], names=["image", "keypoint"])
    X = pd.DataFrame(2 * ONE_SET, index=levels, columns=["x", "y"])
    with pytest.raises(ValueError, match=r"index, with levels \['image', 'keypoint'\].*groupby"):
        set_source(VLADEncoder(), X, reset=True)
    sets = [rows.to_numpy() for _, rows in X.groupby(level=0)]
    assert len(set_source(VLADEncoder(), sets, reset=True)) == 2
    assert len(set_source(VLADEncoder(), X.reset_index(drop=True), reset=True)) == 6
    with pytest.raises(ValueError, match="columns, with levels"):
        set_source(VLADEncoder(), X.reset_index(drop=True).T.set_axis(levels, axis=1), reset=True)


def test_images_of_any_container_are_one_array():
    images = [np.full((3, 4), i, np.float32) for i in range(3)]
    for X in (
        images,
        dict(enumerate(images)).values(),
        pd.Series(images),
        torch.tensor(np.stack(images)),
    ):
        found = validate_images(ImagePatches(), X, reset=True)
        assert found.dtype == np.float32 and np.array_equal(found, images)


@pytest.mark.parametrize("shapes", [[(3, 4), (4, 3)], [(3, 4, 3), (3, 4)]])
def test_images_of_different_shapes_are_named(shapes):
    X = [np.ones(shape) for shape in shapes]
    with pytest.raises(ValueError, match=r"image 0 has .3, 4.*, image 1 has .*Resize or crop"):
        validate_images(ImagePatches(), X, reset=True)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["a.jpg", "b.jpg"], ValueError, "X holds text such as a.jpg.*read files first"),
        (np.ma.masked_equal(np.ones((2, 3, 4)), 1), ValueError, "X has masked values"),
        ((image for image in np.ones((2, 3, 4))), TypeError, "which can be read once"),
    ],
)
def test_what_is_no_image_is_named(X, error, message):
    with pytest.raises(error, match=message):
        validate_images(ImagePatches(), X, reset=True)
