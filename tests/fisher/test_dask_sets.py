"""Dask: the same results as in memory, whatever the chunks, the scheduler, or a worker's fate."""

import os
import signal
import tracemalloc

import numpy as np
import pytest
from joblib import parallel_config
from mixtures import assert_same_mixture
from sklearn.decomposition import PCA, IncrementalPCA

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    VLADEncoder,
)
from skvae.fisher.dask_sets import DaskSets
from skvae.mixture import starts

da = pytest.importorskip("dask.array", reason="needs the extra 'dask'")
db = pytest.importorskip("dask.bag", reason="needs the extra 'dask'")
distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
import dask  # noqa: E402

CHUNKS = [((2000,), (4,)), ((700, 0, 1, 1299), (4,)), ((100,) * 20, (1, 3))]


@pytest.fixture
def blobs(rng):
    return rng.normal(size=(2000, 4)) + 3 * rng.integers(0, 3, size=(2000, 1))


@pytest.fixture
def small_starts(monkeypatch):
    """The start is a sample even of small data."""
    monkeypatch.setattr(starts, "_START_ROWS", 300)
    monkeypatch.setattr(starts, "_START_ROWS_PER_COMPONENT", 0)


def mixture(**settings):
    return DiagonalGaussianMixture(5, max_iter=10, tol=0, random_state=0, **settings)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_mixture_of_any_chunks_is_that_in_memory(blobs, small_starts, chunks, scheduler):
    X = da.from_array(blobs, chunks=chunks)
    with dask.config.set(scheduler=scheduler):
        assert_same_mixture(mixture().fit(X), mixture().fit(blobs))
        streamed = mixture().partial_fit(X).partial_fit(X[::2])
        assert streamed.score(X) == pytest.approx(streamed.score(blobs), rel=1e-12)
    assert_same_mixture(streamed, mixture().partial_fit(blobs).partial_fit(blobs[::2]))


def test_mixture_on_a_cluster_is_that_in_memory(cluster, blobs, small_starts):
    X = da.from_array(blobs, chunks=(300, 4))
    assert_same_mixture(mixture().fit(X), mixture().fit(blobs))


def dies_once(block, flag, count):
    """The block, unless this is its fifth reading: then the process that holds it is killed."""
    with open(count, "a", encoding="utf-8") as readings:
        readings.write("x")
    if os.path.getsize(count) >= 5:
        try:
            os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def test_a_killed_worker_changes_nothing(cluster, blobs, small_starts, tmp_path):
    flag, count = tmp_path / "killed", tmp_path / "readings"
    blocks = [dask.delayed(b) for b in np.array_split(blobs, 4)]
    blocks[2] = dask.delayed(dies_once)(blocks[2], str(flag), str(count))
    X = da.concatenate([da.from_delayed(b, (500, 4), float) for b in blocks])
    workers = set(cluster.scheduler_info(n_workers=-1)["workers"])
    fitted = mixture().fit(X)
    assert flag.exists()
    assert count.stat().st_size > 10
    assert set(cluster.scheduler_info(n_workers=-1)["workers"]) != workers
    assert_same_mixture(fitted, mixture().fit(blobs))


def ragged(rng, n=60, d=3, dtype=float):
    return [rng.normal(size=(t, d)).astype(dtype) for t in rng.integers(0, 40, size=n)]


def made_where_read(seed):
    """A partition of four million bytes."""
    return np.random.default_rng(seed).normal(size=(20, 500, 50))


def encoder(kind=FisherVectorEncoder, **settings):
    defaults = {"reducer": PCA(2), "max_descriptors": 500, "random_state": 0}
    return kind(4, **defaults | settings)


def assert_same_encoding(found, expected, X, in_memory):
    """Fitted parts agree, and the lazy vectors of X are those of its equal in memory."""
    for name in ("weights_", "means_", "covariances_"):
        assert np.allclose(
            getattr(found.mixture_, name), getattr(expected.mixture_, name), rtol=1e-10, atol=0
        )
    assert np.allclose(found.mean_scales_, expected.mean_scales_, rtol=1e-10)
    vectors, wanted = found.transform(X), expected.transform(in_memory)
    assert isinstance(vectors, da.Array)
    assert vectors.shape[1] == wanted.shape[1]
    assert np.allclose(vectors.compute(), wanted, rtol=1e-10, atol=1e-12)
    return vectors


FORMS = {
    "3-D": lambda rng: (A := rng.normal(size=(60, 20, 3)), da.from_array(A, chunks=(13, 7, 2))),
    "2-D": lambda rng: (A := rng.normal(size=(900, 3)), da.from_array(A, chunks=(130, 2))),
    "bag": lambda rng: (A := ragged(rng), db.from_sequence(A, npartitions=7)),
}


@pytest.mark.parametrize("form", FORMS)
def test_encoder_of_dask_is_that_in_memory(rng, form):
    in_memory, X = FORMS[form](rng)
    with dask.config.set(scheduler="threads"):
        found = encoder().fit(X)
        vectors = assert_same_encoding(found, encoder().fit(in_memory), X, in_memory)
        assert vectors.dtype == vectors.compute().dtype == np.float64
    known = len(in_memory) if form != "bag" else np.nan
    assert vectors.shape[0] == pytest.approx(known, nan_ok=True)
    assert found.n_features_in_ == 3


@pytest.mark.slow
@pytest.mark.parametrize("form", ["3-D", "2-D", "bag"])
def test_fit_holds_what_it_draws_and_a_partition(form):
    parts = [dask.delayed(made_where_read)(seed) for seed in range(20)]
    if form == "bag":
        X = db.from_delayed([dask.delayed(list)(part) for part in parts])
    else:
        X = da.concatenate([da.from_delayed(part, (20, 500, 50), float) for part in parts])
        X = X.reshape(-1, 50) if form == "2-D" else X
    with dask.config.set(scheduler="synchronous"):
        tracemalloc.start()
        try:
            VLADEncoder(2, max_descriptors=1000, random_state=0).fit(X)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 5 * made_where_read(0).nbytes


def test_norms_are_averaged_over_copies():
    """A view of one set would hold its whole partition."""
    partitions = [dask.delayed(made_where_read)(seed) for seed in range(20)]
    source = DaskSets(partitions, [np.full(20, 500)] * 20, np.dtype(float))
    with dask.config.set(scheduler="synchronous"):
        tracemalloc.start()
        try:
            source.part(np.arange(0, 400, 20))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 20 * 500 * 50 * 8 * 2 + 3 * made_where_read(0).nbytes


def test_partitions_without_descriptors(rng):
    sets = [*ragged(rng, 20), [], [], [], np.empty((0, 0)), *ragged(rng, 12)]
    bag = db.from_sequence(sets, npartitions=9)
    with dask.config.set(scheduler="synchronous"):
        assert_same_encoding(encoder().fit(bag), encoder().fit(sets), bag, sets)


def test_types_of_all_partitions_of_a_bag_count(rng):
    sets = [s.astype("f4") for s in ragged(rng, 20)] + ragged(rng, 20)
    with dask.config.set(scheduler="synchronous"):
        found = VLADEncoder(4, random_state=0).fit(db.from_sequence(sets, npartitions=4))
    centers = VLADEncoder(4, random_state=0).fit(sets).vocabulary_.cluster_centers_
    assert np.allclose(found.vocabulary_.cluster_centers_, centers, rtol=1e-12)
    assert found.vocabulary_.cluster_centers_.dtype == np.float64


@pytest.mark.parametrize("kind", ["array", "bag", "mixture"])
def test_masked_values_in_a_partition_are_named(rng, kind):
    masked = np.ma.masked_greater(rng.normal(size=(40, 10, 3)), 2)
    X = da.from_array(masked, chunks=(10, 10, 3))
    X = {"array": X, "bag": db.from_sequence(list(masked)), "mixture": X.reshape(-1, 3)}[kind]
    model = DiagonalGaussianMixture(2) if kind == "mixture" else encoder()
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match="has masked"):
        model.fit(X)


@pytest.mark.parametrize("chunks", [(100, 64), (17, 30), ((0, 90, 10), 64)])
@pytest.mark.parametrize("spatial", [None, "xy", (1, 2)])
def test_images_in_dask_are_those_in_memory(digits, chunks, spatial):
    in_memory = digits[0][:100].astype(float)
    settings = {"extractor": ImagePatches(patch_size=4), "reducer": PCA(5), "spatial": spatial}
    X = da.from_array(in_memory, chunks=chunks)
    found, expected = encoder(**settings).fit(X), encoder(**settings).fit(in_memory)
    vectors = assert_same_encoding(found, expected, X, in_memory)
    assert vectors.chunks[0] == tuple(n for n in X.chunks[0] if n)
    assert found.n_features_in_ == 64


@pytest.mark.parametrize("kind", [VLADEncoder, BagOfVisualWordsEncoder])
def test_visual_words_of_dask_are_those_in_memory(rng, kind):
    in_memory, X = FORMS["3-D"](rng)
    found, expected = encoder(kind).fit(X), encoder(kind).fit(in_memory)
    wanted = expected.transform(in_memory)
    assert np.allclose(found.transform(X).compute(), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_type_of_lazy_vectors_is_known_before_they_are(rng, dtype):
    A = rng.normal(size=(20, 9, 3)).astype(np.float32)
    X = da.from_array(A, chunks=(6, 9, 3))
    fitted = encoder(dtype=None if dtype == "float32" else dtype).fit(X)
    vectors = fitted.transform(X)
    assert vectors.dtype == vectors.compute().dtype == dtype
    assert np.array_equal(vectors.compute(), fitted.transform(A))


def test_transform_reads_nothing_and_keeps_what_was_fitted(rng):
    A = rng.normal(size=(20, 9, 3))
    reads = []
    X = da.from_array(A, chunks=(5, 9, 3)).map_blocks(
        lambda block: reads.append(len(block)) or block, meta=np.empty((0, 0, 0))
    )
    fitted = encoder(reducer=IncrementalPCA(2)).fit(A)
    expected = fitted.transform(A)
    vectors = fitted.transform(X)
    assert reads == []
    fitted.partial_fit(A[:5])
    assert np.array_equal(vectors.compute(scheduler="synchronous"), expected)
    assert sum(reads) == 20


def test_transform_of_unknown_chunks(rng):
    A = rng.normal(size=(200, 3))
    X = da.from_array(A, chunks=(50, 3))
    fitted = encoder().fit(A)
    vectors = fitted.transform(X[X[:, 0] > 0])
    assert np.array_equal(vectors.compute(), fitted.transform(A[A[:, 0] > 0]))


@pytest.mark.parametrize("form", FORMS)
def test_partial_fit_of_dask_is_that_in_memory(rng, form):
    first, second = FORMS[form](rng), FORMS[form](rng)
    learning = {"reducer": IncrementalPCA(2)}
    in_memory = encoder(**learning).partial_fit(first[0]).partial_fit(second[0])
    found = encoder(**learning).partial_fit(first[1]).partial_fit(second[1])
    assert_same_encoding(found, in_memory, *second[::-1])


def test_encoder_on_a_cluster_is_that_in_memory(cluster, rng):
    in_memory, X = FORMS["bag"](rng)
    assert_same_encoding(encoder().fit(X), encoder().fit(in_memory), X, in_memory)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_backends_of_joblib_give_the_same_bits(cluster, digits, backend):
    X = digits[0][:60]
    fitted = encoder(extractor=ImagePatches(patch_size=4), reducer=PCA(5)).fit(X)
    expected = fitted.transform(X)
    with parallel_config(backend=backend, n_jobs=2):
        assert np.array_equal(fitted.transform(X), expected)


def test_dask_collections_that_cannot_be_read(rng, digits):
    X = da.from_array(rng.normal(size=(60, 20, 3)))
    with pytest.raises(ValueError, match="call X.compute_chunk_sizes"):
        encoder().fit(X[X[:, 0, 0] > 0])
    with pytest.raises(ValueError, match="got a dask array of 4 dimensions"):
        encoder().fit(X[None])
    with pytest.raises(TypeError, match="X is a dask Bag.*without an extractor"):
        encoder(extractor=ImagePatches()).fit(db.from_sequence([digits[0][:2]]))
    with pytest.raises(ValueError, match="every set is empty"):
        encoder().fit(db.from_sequence([np.empty((0, 3))] * 2))
    with pytest.raises(ValueError, match="number of features"):
        encoder().fit(db.from_sequence([np.ones((2, 3)), np.ones((2, 4))], npartitions=2))
    with pytest.raises(ValueError, match="Input X contains infinity"):
        encoder(max_descriptors=10**6).fit(da.where(X > 2, np.inf, X))
    fitted = encoder(reducer=IncrementalPCA(2)).fit(X)
    for method in (fitted.partial_fit, fitted.transform):
        with pytest.raises(ValueError, match="X has 2 features"):
            method(X[:, :, :2])


def beside(weights):
    """Weights of descriptors, (n_sets, n_descriptors), in every form that may stand by an array."""
    return {
        "array": weights,
        "lists": list(weights),
        "dask, chunks of its own": da.from_array(weights, chunks=(3, 5)),
        "one for each set": weights[:, 0],
    }


@pytest.mark.parametrize("form", ["array", "lists", "dask, chunks of its own", "one for each set"])
@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
def test_weights_of_lazy_sets_are_those_of_sets_in_memory(rng, encoder, form):
    X, weights = rng.normal(size=(10, 12, 2)), rng.integers(0, 3, size=(10, 12)).astype(float)
    weights[4] = 0
    fitted = encoder(2, random_state=0).fit(X)
    given = beside(weights)[form]
    expected = fitted.transform(X, sample_weight=beside(weights)[form])
    lazy = fitted.transform(da.from_array(X, chunks=((4, 0, 6), -1, -1)), sample_weight=given)
    assert np.array_equal(lazy.compute(scheduler="threads"), expected)


def test_weights_of_a_bag_lie_in_its_partitions(rng):
    sets = ragged(rng)
    weights = [rng.random(len(s)) for s in sets]
    fitted = FisherVectorEncoder(3, random_state=0).fit(sets)
    bag, of_bag = (db.from_sequence(each, npartitions=4) for each in (sets, weights))
    lazy = fitted.transform(bag, sample_weight=of_bag)
    expected = fitted.transform(sets, sample_weight=weights)
    assert np.array_equal(lazy.compute(scheduler="synchronous"), expected)

    with pytest.raises(ValueError, match="give sample_weight as a dask bag"):
        fitted.transform(bag, sample_weight=weights)
    with pytest.raises(ValueError, match="has 4 partitions, but X has 2"):
        fitted.transform(db.from_sequence(sets, npartitions=2), sample_weight=of_bag)


def test_weights_of_another_number_of_lazy_sets_are_refused(rng):
    X = rng.normal(size=(10, 12, 2))
    fitted = FisherVectorEncoder(2, random_state=0).fit(X)
    lazy = da.from_array(X, chunks=4)
    with pytest.raises(ValueError, match=r"\(10,\), one for every set; got \(9,\)"):
        fitted.transform(lazy, sample_weight=np.ones(9))
    with pytest.raises(ValueError, match="of 9 sets, but there are 10"):
        fitted.transform(lazy, sample_weight=da.ones(9, chunks=3))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(10), "negative weight"),
        ([np.full(12, np.nan)] * 10, "contains NaN"),
        (["a"] * 10, "sample_weight"),
        ([np.ones(11)] * 10, "Set 0 has 12 descriptors, but 11 weights"),
        (np.ones((10, 12, 2)), "sample_weight"),
        (da.ones((10, 11), chunks=5), r"pass \(10,\).*or \(10, 12\)"),
        (da.ones((10, 12, 1), chunks=5), r"pass \(10,\).*or \(10, 12\)"),
        (da.ones(10, chunks=5, dtype="M8[s]"), "weights are numbers"),
    ],
)
def test_weights_of_lazy_sets_are_refused_before_anything_is_computed(rng, weights, message):
    X = rng.normal(size=(10, 12, 2))
    fitted = FisherVectorEncoder(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match=message):
        fitted.transform(da.from_array(X, chunks=4), sample_weight=weights)
