"""Data sets: files are read as they were written, damage is named, the way out is said."""

import gzip
import hashlib
import math
import os
import struct
import tracemalloc
from dataclasses import replace
from urllib.error import URLError

import numpy as np
import pytest

from skvae import datasets
from skvae.datasets import loaders, read_idx
from skvae.datasets.idx import digest_of


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty data home; OpenML and Debian's folder are out of reach."""

    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(loaders, "fetch_openml", unreachable)
    for name in ("MNIST", "FASHION_MNIST"):
        source = replace(getattr(loaders, name), elsewhere=())
        monkeypatch.setattr(loaders, name, source)

    return tmp_path


@pytest.fixture
def small_mnist(home, monkeypatch, rng):
    """Three training and two test images under MNIST's file names, with their digests."""
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.array([5, 0, 4], np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (2, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": np.array([7, 2], np.uint8),
    }
    digests = {name: hashlib.sha256(idx_bytes(a)).hexdigest() for name, a in arrays.items()}
    monkeypatch.setattr(loaders, "MNIST", replace(loaders.MNIST, digests=digests))

    return arrays


def write(folder, arrays, compress):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        content = idx_bytes(array)
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("shape", [(7,), (4, 3, 2)])
def test_read_idx_returns_what_was_written(tmp_path, rng, shape, suffix):
    array = rng.integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / f"data{suffix}"
    path.write_bytes((gzip.compress if suffix else bytes)(idx_bytes(array)))

    np.testing.assert_array_equal(read_idx(path), array)


def test_read_idx_knows_wide_types(tmp_path):
    array = np.array([[1.5, -2.0]])
    content = struct.pack(">HBBII", 0, 14, 2, 1, 2) + array.astype(">f8").tobytes()
    (tmp_path / "wide").write_bytes(content)
    read = read_idx(tmp_path / "wide")

    np.testing.assert_array_equal(read, array)
    assert read.dtype.isnative


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "truncated"),
        (lambda content: content + b"x", "too long"),
        (lambda content: content[:6], "truncated"),
        (lambda content: b"PK" + content[2:], "not an IDX file"),
        (lambda content: b"", "not an IDX file"),
        (lambda content: b"\0\0\x08\x28" + 160 * b"\0", "no array has the shape"),
        (lambda content: b"\0\0\x08\x03" + 8 * b"\xff" + 4 * b"\0", "no array has the shape"),
    ],
)
def test_damaged_idx_is_named(tmp_path, damage, message):
    path = tmp_path / "labels"
    path.write_bytes(damage(idx_bytes(np.arange(9, dtype=np.uint8))))

    with pytest.raises(ValueError, match=f"labels.*{message}"):
        read_idx(path)


@pytest.mark.parametrize(
    ("shape", "n_bytes"),
    [
        ((9,), 2**25),  # a bomb
        ((9,), 10),
        ((2**32 - 1, 2**32 - 1), 9),  # more than any memory
        ((2**20, 2**12), 9),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_no_more_is_read_than_the_header_declares_and_the_file_has(
    tmp_path, shape, n_bytes, suffix
):
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    path = tmp_path / f"labels{suffix}"
    with (gzip.open if suffix else open)(path, "wb") as file:
        file.write(header)
        for _ in range(0, n_bytes, 2**22):
            file.write(bytes(min(n_bytes, 2**22)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"labels.*{math.prod(shape):,} for shape"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_values_are_held_once(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(idx_bytes(np.zeros(2**23, np.uint8)))
    tracemalloc.start()
    try:
        assert read_idx(path, sha256=digest_of(path)).flags.writeable
        assert tracemalloc.get_traced_memory()[1] < 1.5 * 2**23
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("damage", [lambda c: c[:-12], lambda c: b"??" + c[2:]])
def test_damaged_gzip_is_named(tmp_path, damage):
    path = tmp_path / "labels.gz"
    path.write_bytes(damage(gzip.compress(idx_bytes(np.arange(9, dtype=np.uint8)))))

    with pytest.raises(ValueError, match=r"labels\.gz is truncated or damaged"):
        read_idx(path)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("folder", ["mnist", ""])
def test_files_are_found_and_training_images_come_first(home, small_mnist, folder, compress):
    write(home / folder, small_mnist, compress)
    mnist = datasets.load_mnist(home)
    images = np.concatenate([v for k, v in small_mnist.items() if "images" in k])

    np.testing.assert_array_equal(mnist.data, images.reshape(5, 784))
    np.testing.assert_array_equal(mnist.target, [5, 0, 4, 7, 2])
    assert mnist.data.dtype == np.uint8
    assert mnist.target.dtype == np.int64
    assert len(mnist.feature_names) == 784


def test_subsets_make_up_the_whole(home, small_mnist):
    write(home / "mnist", small_mnist, compress=True)
    X, y = datasets.load_mnist(home, return_X_y=True)
    parts = [datasets.load_mnist(home, subset=s, return_X_y=True) for s in ("train", "test")]

    np.testing.assert_array_equal(X, np.concatenate([part[0] for part in parts]))
    np.testing.assert_array_equal(y, np.concatenate([part[1] for part in parts]))


def test_home_comes_from_the_environment(home, small_mnist, monkeypatch):
    write(home / "mnist", small_mnist, compress=False)
    monkeypatch.setenv("SKVAE_DATA_HOME", str(home))

    assert len(datasets.load_mnist().data) == 5


def test_wrong_hash_is_named(home, small_mnist):
    small_mnist["t10k-labels-idx1-ubyte"] = np.array([7, 3], np.uint8)
    write(home / "mnist", small_mnist, compress=True)

    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz.*SHA-256"):
        datasets.load_mnist(home)


def test_missing_part_is_named(home, small_mnist):
    del small_mnist["train-labels-idx1-ubyte"]
    write(home / "mnist", small_mnist, compress=False)

    with pytest.raises(FileNotFoundError, match="train-labels-idx1-ubyte"):
        datasets.load_mnist(home)


@pytest.mark.parametrize("load", [datasets.load_mnist, datasets.load_fashion_mnist])
def test_without_files_and_network_the_error_names_both_ways(home, load):
    with pytest.raises(FileNotFoundError, match=r"(?s)train-images-idx3-ubyte.*OpenML.*no network"):
        load(home)


def test_the_other_data_set_in_home_is_not_taken_for_damage(home, small_mnist):
    write(home, small_mnist, compress=True)

    with pytest.raises(FileNotFoundError, match="Fashion-MNIST was not found"):
        datasets.load_fashion_mnist(home)


@pytest.mark.slow
def test_openml_is_asked_once(home, monkeypatch):
    asked = []

    def fetch(name, **kwargs):
        asked.append((name, kwargs["version"], kwargs["parser"], kwargs["as_frame"]))
        X = np.zeros((70_000, 784), np.uint8)
        X[-1] = 9
        return X, np.full(70_000, "3")

    monkeypatch.setattr(loaders, "fetch_openml", fetch)
    for _ in range(2):
        X, y = datasets.load_mnist(home, subset="test", return_X_y=True)

    assert asked == [("mnist_784", 1, "liac-arff", False)]
    assert X.shape == (10_000, 784)
    assert X.dtype == np.uint8
    assert y.dtype == np.int64
    assert (X[-1] == 9).all()
    assert (y == 3).all()


def test_damaged_cache_is_named(home):
    (home / "mnist").mkdir()
    (home / "mnist" / "openml.npz").write_bytes(b"PK\3\4 cut off")

    with pytest.raises(ValueError, match=r"openml\.npz"):
        datasets.load_mnist(home)


def test_unknown_subset_lists_the_choices(home):
    with pytest.raises(ValueError, match="all, train, test"):
        datasets.load_mnist(home, subset="validation")


def test_digits_are_scikit_learns():
    ours, theirs = datasets.load_digits(), datasets.loaders.sklearn_datasets.load_digits()

    np.testing.assert_array_equal(np.sort(ours.data, axis=0), np.sort(theirs.data, axis=0))
    assert ours.max_value == ours.data.max() == 16
    assert ours.image_shape == (8, 8)
    test = ours.target[ours.n_train :]
    assert np.bincount(test).min() >= 48


@pytest.mark.mnist
@pytest.mark.skipif("SKVAE_DATA_HOME" not in os.environ, reason="SKVAE_DATA_HOME is not set")
def test_full_mnist():
    mnist = datasets.load_mnist()

    assert mnist.data.shape == (70_000, 784)
    assert mnist.n_train == 60_000
    np.testing.assert_array_equal(mnist.target[:5], [5, 0, 4, 1, 9])
    np.testing.assert_array_equal(mnist.target[60_000:60_005], [7, 2, 1, 0, 4])
    assert mnist.data[:60_000].mean() == pytest.approx(33.318, abs=1e-3)
