"""Files that would fill the memory are refused before they are read."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skvae import VAETransformer
from skvae._skops import check_sizes, trusted_types
from skvae.persistence import load_estimator

MB = 2**20


def entries_of(estimator):
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.fixture
def entries():
    """Of a file whose arrays can be replaced; the first of them is ``array``."""
    found = entries_of(PCA(2).fit(np.random.default_rng(0).normal(size=(9, 3))))
    return found, next(name for name in found if name.endswith(".npy"))


def zeros(entries, array):
    return {**entries, array: npy(np.zeros(70 * MB // 8))}


def named_often(entries, array):
    """One array of 10 MB as the content of many nodes."""
    schema = json.loads(entries["schema.json"])
    schema["many"] = [{"file": array}] * 20
    return {**entries, array: npy(np.zeros(10 * MB // 8)), "schema.json": json.dumps(schema)}


def sparse(entries, array):
    """An archive in the archive: scipy's compressed matrix of zeros that are stored."""
    file = io.BytesIO()
    n = 35 * MB // 12
    zero = scipy.sparse.csr_matrix((np.zeros(n), np.zeros(n, np.int32), [0, n]), (1, 1))
    scipy.sparse.save_npz(file, zero)
    return {**entries, "a.npz": file.getvalue(), "b.npz": file.getvalue()}


def long_schema(entries, array):
    return {**entries, "schema.json": json.dumps({"text": "a" * 70 * MB})}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", [zeros, named_often, sparse, long_schema])
def test_a_bomb_is_refused_without_unpacking_it(bomb, entries, tmp_path):
    write(tmp_path / "bomb", bomb(*entries))
    assert (tmp_path / "bomb").stat().st_size < MB / 2
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"bomb holds no estimator .* would unpack to \d+ MB"):
        load_estimator(tmp_path / "bomb")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20 * MB


@pytest.mark.parametrize("shape", [(10**12,), (3, 10**9), (1,)])
def test_a_header_that_does_not_fit_its_bytes_is_refused(shape, entries, tmp_path):
    found, array = entries
    header = io.BytesIO()
    description = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    write(tmp_path / "file", {**found, array: header.getvalue() + bytes(24)})
    with pytest.raises(ValueError, match=f"{array} is an array of .* but has other bytes"):
        check_sizes(tmp_path / "file")


def test_compressed_images_are_no_bomb(tmp_path):
    X = np.zeros((1000, 784))
    X[:, ::7] = np.random.default_rng(0).integers(0, 255, (1000, 112)) / 255
    knn = KNeighborsClassifier(algorithm="brute").fit(X, np.arange(1000) % 3)
    skops.io.dump(knn, tmp_path / "model", compression=zipfile.ZIP_DEFLATED, compresslevel=9)

    assert np.array_equal(load_estimator(tmp_path / "model").predict(X[:9]), knn.predict(X[:9]))


def test_no_function_of_ours_is_trusted_and_no_tree():
    names = trusted_types([VAETransformer])

    assert "skvae.vae.transformer.VAETransformer" in names
    assert not any(name.endswith(("save_explorer", "compare_features")) for name in names)
    assert not any("tree" in name.lower() for name in names)
