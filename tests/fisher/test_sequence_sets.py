import tracemalloc
from collections import UserList
from functools import partial

import numpy as np
import pytest
from files_of_sets import Files
from joblib import parallel_config
from pages import resident

from skvae import BagOfVisualWordsEncoder, FisherVectorEncoder, VLADEncoder
from skvae.fisher import sets as sets_
from skvae.fisher.items import items_of
from skvae.fisher.sequence_sets import SequenceSets

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]
SIZES = [5, 0, 40, 3, 20, 1]


class OneFile:
    """Sets that follow each other in one file, which stays open."""

    def __init__(self, sets, folder):
        np.save(folder / "all.npy", np.concatenate(sets))
        self.map = np.load(folder / "all.npy", mmap_mode="r")
        self.cuts = np.cumsum([0, *map(len, sets)])

    def __len__(self):
        return len(self.cuts) - 1

    def __getitem__(self, i):
        return self.map[self.cuts[i] : self.cuts[i + 1]]


def of_npz(sets, folder):
    np.savez(folder / "sets.npz", **{str(i): s for i, s in enumerate(sets)})
    return np.load(folder / "sets.npz").values()


def h5py_group(sets, folder):
    file = pytest.importorskip("h5py").File(folder / "sets.h5", "w")
    for i, s in enumerate(sets):
        file[f"{i:03d}"] = s
    return file.values()


def zarr_arrays(sets, folder):
    group = pytest.importorskip("zarr").open_group(folder / "sets.zarr", mode="w")
    for i, s in enumerate(sets):
        array = group.create_array(str(i), shape=s.shape, dtype=s.dtype)
        array[:] = s
    return [group[str(i)] for i in range(len(sets))]


FORMS = {
    "one file a set": Files,
    "one file": OneFile,
    "another sequence": lambda sets, folder: UserList(sets),
    "npz": of_npz,
    "h5py": h5py_group,
    "h5py, a list": lambda sets, folder: list(h5py_group(sets, folder)),
    "h5py and arrays": lambda sets, folder: [*list(h5py_group(sets, folder))[:3], *sets[3:]],
    "zarr": zarr_arrays,
}


def h5py_array(X, folder):
    return pytest.importorskip("h5py").File(folder / "X.h5", "w").create_dataset("X", data=X)


def zarr_array(X, folder):
    zarr = pytest.importorskip("zarr")
    return zarr.create_array(folder / "X.zarr", data=X, chunks=(3, *X.shape[1:]))


@pytest.fixture
def ragged(rng):
    return [rng.normal(size=(n, 4)).astype(np.float32) for n in SIZES]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("form", FORMS)
def test_sets_of_a_sequence_are_encoded_as_those_in_memory(ragged, tmp_path, form, encoder):
    X = FORMS[form](ragged, tmp_path)
    for n in (30, 1000):
        there = encoder(3, max_descriptors=n, random_state=0).fit(ragged)
        for n_jobs in (1, 2):
            read = encoder(3, max_descriptors=n, random_state=0, n_jobs=n_jobs)
            vectors = read.fit_transform(X)
            assert vectors.dtype == np.float32
            assert np.array_equal(vectors, there.transform(ragged))
            assert read.n_features_in_ == 4
            assert np.array_equal(there.transform(X), vectors)


@pytest.mark.parametrize("array", [h5py_array, zarr_array])
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8"])
def test_an_array_in_a_file_is_encoded_as_one_in_memory(rng, tmp_path, array, dtype):
    X = (100 * rng.random((10, 20, 4))).astype(dtype)
    for i, sets in enumerate((X, X[:, 0])):
        folder = tmp_path / str(i)
        folder.mkdir()
        read, there = (VLADEncoder(3, max_descriptors=8, random_state=0) for _ in range(2))
        vectors = read.fit_transform(array(sets, folder))
        assert vectors.dtype == (np.float32 if dtype in ("f4", "u1") else np.float64)
        assert np.array_equal(vectors, there.fit_transform(sets))


@pytest.mark.parametrize("form", ["one file a set", "one file", "npz"])
def test_partial_fit_learns_from_sequences_as_from_memory(ragged, tmp_path, form):
    read, there = (FisherVectorEncoder(2, max_descriptors=30, random_state=0) for _ in range(2))
    X = FORMS[form](ragged, tmp_path)
    read.partial_fit(X).partial_fit(X)
    there.partial_fit(ragged).partial_fit(ragged)
    assert np.array_equal(read.mixture_.means_, there.mixture_.means_)
    assert np.array_equal(read.mean_scales_, there.mean_scales_)


def test_transform_reads_every_set_once(ragged):
    class Counted(UserList):
        n_read = 0

        def __getitem__(self, i):
            self.n_read += 1
            return super().__getitem__(i)

    X = Counted(ragged)
    encoder = VLADEncoder(2, random_state=0).fit(ragged)
    encoder.transform(X)
    assert X.n_read == len(X) + 1  # the first says what sets are


class Made:
    """Twenty million bytes that are nowhere; how many of them are held."""

    def __len__(self):
        return 200

    def __getitem__(self, i):
        return np.random.default_rng(i).normal(size=(500, 25))


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_little_of_a_sequence_is_held(monkeypatch, n_jobs):
    monkeypatch.setattr(sets_, "BATCH_DESCRIPTORS", 1000)
    encoder = FisherVectorEncoder(2, max_descriptors=1000, random_state=0, n_jobs=n_jobs)
    encoder.fit_transform(np.random.default_rng(0).normal(size=(2, 20, 25)))  # what is kept
    tracemalloc.start()
    try:
        encoder.fit(Made()).transform(Made())
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_pages_of_a_mapped_file_are_given_back(tmp_path):
    X = OneFile(list(np.ones((40, 4000, 25))), tmp_path)
    n_bytes = 40 * 4000 * 25 * 8
    source = SequenceSets.of(items_of(X)).measured()
    assert resident(tmp_path) < n_bytes / 10
    source.sample(1000, np.random.RandomState(0))
    assert resident(tmp_path) < n_bytes / 10


def test_threads_read_one_after_the_other(ragged):
    class OneReader(UserList):
        reading = False

        def __getitem__(self, i):
            assert not self.reading
            self.reading = True
            found = np.copy(self.data[i]) @ np.eye(4, dtype=np.float32)
            self.reading = False
            return found

    X = OneReader([s for _ in range(50) for s in ragged])
    encoder = VLADEncoder(2, random_state=0, n_jobs=2).fit(ragged)
    assert len(encoder.transform(X)) == 300


def test_processes_read_for_themselves(ragged, tmp_path):
    X = Files(ragged, tmp_path)
    encoder = VLADEncoder(2, random_state=0).fit(ragged)
    with parallel_config(backend="loky", n_jobs=2):
        assert np.array_equal(encoder.transform(X), encoder.transform(ragged))


def test_an_open_file_cannot_be_sent_to_processes(ragged, tmp_path):
    X = Files(ragged, tmp_path)
    X.file = (i for i in [])  # like an open file, for no process but this
    encoder = VLADEncoder(2, random_state=0, n_jobs=2).fit(ragged)
    assert np.array_equal(encoder.transform(X), encoder.transform(ragged))
    message = r"cannot be sent.*threads encode.*opens the file"
    with parallel_config(backend="loky"), pytest.raises(TypeError, match=message):
        encoder.transform(X)


# What is wrong with sets is known when they are read, and named by their number.


def fitted():
    return VLADEncoder(2, random_state=0).fit(np.random.default_rng(0).random((4, 5, 4)))


def both(X):
    """A fit, and a transform, which leave what is fitted as it is."""
    encoder = fitted()
    before = dict(vars(encoder))
    yield partial(encoder.fit, X)
    yield partial(encoder.transform, X)
    assert vars(encoder) == before


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones((3, 5), np.float32), "set 0 has 4, set 2 has 5"),
        (np.ones(3, np.float32), r"Set 2 of X has shape \(3,\)"),
        (np.ones((3, 4)), "Set 2 of X holds float64, but set 0 .* float32"),
        (np.full((3, 4), np.inf, np.float32), "Input X contains infinity"),
        (np.array([["a"] * 4]), "Set 2 of X holds text"),
        ((np.ones((3, 4)), 1), "elements of Set 2 of X"),
        ({"x": 1}, "Set 2 of X is of type dict"),
        (None, "Set 2 of X is of type NoneType"),
    ],
)
def test_a_set_that_is_none_is_named(ragged, bad, message):
    for call in both(UserList([*ragged[:2], bad])):
        with pytest.raises(ValueError if "type" not in message else TypeError, match=message):
            call()


def test_a_file_that_cannot_be_read_is_named(ragged, tmp_path):
    X = Files(ragged, tmp_path)
    X.paths[3].write_bytes(b"no numbers")
    for call in both(X):
        with pytest.raises(ValueError, match="Set 3 of X cannot be read: .*pickled"):
            call()
    X.paths[3].unlink()
    for call in both(X):
        with pytest.raises(ValueError, match=r"Set 3 of X cannot be read: .*No such file.*3\.npy"):
            call()


def test_a_set_that_changes_between_passes_is_named(ragged):
    class Growing(UserList):
        n_read = 0

        def __getitem__(self, i):
            self.n_read += 1
            return np.ones((3 + self.n_read // 7, 4))

    with pytest.raises(ValueError, match="Set 0 of X had 3 descriptors, and has 4"):
        VLADEncoder(2).fit(Growing(ragged))


def test_a_sequence_of_nothing_is_named():
    for X, message in ((UserList(), r"0 sample\(s\)"), (UserList([[], []]), "every set is empty")):
        with pytest.raises(ValueError, match=message):
            VLADEncoder(2).fit(X)
    assert np.array_equal(fitted().transform(UserList([[], np.empty((0, 4))])), np.zeros((2, 8)))


def test_sets_of_another_width_than_those_of_the_fit_are_named(ragged):
    with pytest.raises(ValueError, match="X has 3 features, but VLADEncoder is expecting 4"):
        fitted().transform(UserList([s[:, :3] for s in ragged]))
