"""Dask: the same results as in memory, whatever the chunks, the scheduler, or a worker's fate."""

import os
import signal

import numpy as np
import pytest

from skvae import DiagonalGaussianMixture
from skvae.fisher import em

da = pytest.importorskip("dask.array", reason="needs the extra 'dask'")
distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
import dask  # noqa: E402

CHUNKS = [((2000,), (4,)), ((700, 0, 1, 1299), (4,)), ((100,) * 20, (1, 3))]


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of one thread each."""
    settings = {
        "distributed.scheduler.worker-ttl": None,  # a busy machine may not answer in time
        "distributed.comm.timeouts.connect": "120s",
        "distributed.comm.timeouts.tcp": "120s",
        "distributed.scheduler.allowed-failures": 10,
        "distributed.worker.memory.terminate": False,
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local,
        distributed.Client(local, timeout="120s") as client,
    ):
        yield client


@pytest.fixture
def blobs(rng):
    return rng.normal(size=(2000, 4)) + 3 * rng.integers(0, 3, size=(2000, 1))


@pytest.fixture
def small_starts(monkeypatch):
    """The start is a sample even of small data."""
    monkeypatch.setattr(em, "_START_ROWS", 300)
    monkeypatch.setattr(em, "_START_ROWS_PER_COMPONENT", 0)


def mixture(**settings):
    return DiagonalGaussianMixture(5, max_iter=10, tol=0, random_state=0, **settings)


def assert_same_mixture(a, b):
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        assert np.allclose(getattr(a, name), getattr(b, name), rtol=1e-10, atol=0)


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
    with open(count, "a") as readings:
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
