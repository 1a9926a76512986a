import sys
import tracemalloc

import numpy as np
import pytest
from pages import resident

from skvae import FisherVectorEncoder, VLADEncoder
from skvae.data.sequences import sequence_of
from skvae.fisher import sets
from skvae.fisher.mapped_sets import MappedSets
from skvae.fisher.sources import read_sets


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
    source, _ = read_sets(sequence_of(X, "VLADEncoder"), "VLADEncoder")
    assert isinstance(source, MappedSets)
    settings = {"max_descriptors": 50, "random_state": 0, "n_jobs": 2}
    on_disk, there = FisherVectorEncoder(3, **settings), FisherVectorEncoder(3, **settings)
    vectors = on_disk.fit(X).transform(X)

    assert np.array_equal(vectors, there.fit(in_memory(X)).transform(in_memory(X)))
    assert vectors.dtype == source.dtype == (np.float32 if dtype in ("f4", "u1") else np.float64)
    assert np.array_equal(on_disk.mixture_.means_, there.mixture_.means_)
    assert np.array_equal(on_disk.mean_scales_, there.mean_scales_)
    assert on_disk.n_features_in_ == there.n_features_in_


@pytest.mark.slow
@pytest.mark.parametrize("form", ["one file", "many files"])
def test_little_of_files_is_held(monkeypatch, tmp_path, form):
    """Of thirty million bytes, what is drawn and a few batches of each thread."""
    monkeypatch.setattr(sets, "BATCH_DESCRIPTORS", 1000)
    X = np.random.default_rng(0).normal(size=(300, 500, 25))
    if form == "one file":
        X = mapped(X, tmp_path / "X.npy")
    else:
        X = [mapped(part, tmp_path / f"{i}.npy") for i, part in enumerate(X.reshape(30, -1, 25))]
    encoder = VLADEncoder(2, max_descriptors=1000, n_jobs=1, random_state=0)
    encoder.fit_transform(np.ones((2, 2, 25)))  # what the first call of a process takes
    tracemalloc.start()
    try:
        encoder.fit(X).transform(X)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps")
@pytest.mark.parametrize("form", ["3-D", "sets of a file", "files and arrays"])
def test_pages_of_files_are_given_back(tmp_path, form):
    X = MAPPED[form](np.ones((40, 4000, 25)), tmp_path)
    n_bytes = 40 * 4000 * 25 * 8
    source, _ = read_sets(sequence_of(X, "VLADEncoder"), "VLADEncoder")
    assert resident(tmp_path) < n_bytes / 10
    source.sample(1000, np.random.RandomState(0))
    assert resident(tmp_path) < n_bytes / 10
    for batch in source.batches(5):
        source.part(batch).pull()
        assert resident(tmp_path) < n_bytes / 10


def test_values_in_files_are_checked_to_the_last(tmp_path):
    X = np.ones((60, 20, 4))
    X[-1, -1, -1] = np.inf
    for form in ("3-D", "sets of a file", "files and arrays"):
        on_disk = MAPPED[form](X, tmp_path)
        with pytest.raises(ValueError, match="Input X contains infinity"):
            VLADEncoder(2, max_descriptors=5).fit(on_disk)
        with pytest.raises(ValueError, match="Input X contains infinity"):
            VLADEncoder(1).fit(X[:-1]).transform(on_disk)


def test_missing_values_in_files_are_those_of_memory(rng, tmp_path):
    X = rng.normal(size=(20, 30, 4))
    X[rng.random(X.shape) < 0.2] = np.nan
    in_memory = VLADEncoder(2, random_state=0).fit(X)
    for form in ("3-D", "sets of a file", "files and arrays"):
        on_disk = MAPPED[form](X, tmp_path)
        fitted = VLADEncoder(2, random_state=0).fit(on_disk)
        assert np.array_equal(fitted.transform(on_disk), in_memory.transform(X))
