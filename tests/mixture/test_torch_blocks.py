import numpy as np
import pytest
import torch

from skvae import DiagonalGaussianMixture
from skvae.data import blocks as data_blocks
from skvae.data.blocks import ArrayBlocks, Blocks, DaskBlocks
from skvae.mixture import torch_blocks, torch_statistics
from skvae.mixture.torch_blocks import TorchBlocks

CPU = torch.device("cpu")


@pytest.fixture
def on_torch(monkeypatch):
    """torch on the CPU in the place of a GPU, whose code is the same; the sums that it made."""
    made = []

    def accumulate(X, mixture, center):
        made.append(len(X))
        return kept(X, mixture, center)

    kept = torch_statistics.accumulate
    monkeypatch.setattr(torch_statistics, "accumulate", accumulate)
    monkeypatch.setattr("skvae.mixture.density.gpu_or_none", lambda device: device and CPU)
    return made


@pytest.mark.parametrize("room", [0, 10**9])
def test_blocks_are_kept_where_they_fit(rng, monkeypatch, room):
    monkeypatch.setattr(torch_blocks, "_HOST_BYTES", room)
    monkeypatch.setattr(torch_blocks, "_PIECE_BYTES", 1600)
    monkeypatch.setattr(data_blocks, "_BLOCK_BYTES", 800)
    X = rng.normal(size=(250, 2))
    blocks = TorchBlocks(ArrayBlocks(X), CPU)
    assert isinstance(blocks, Blocks)
    first, second = list(blocks), list(blocks)
    assert len(first) == 3
    assert all((a is b) == (room > 0) for a, b in zip(first, second, strict=True))
    assert np.array_equal(np.concatenate([b.numpy() for b in second]), X)
    assert np.allclose(blocks.total(lambda x: x.sum(0)).numpy(), X.sum(axis=0))


@pytest.mark.parametrize("batch_size", [None, 200])
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-9), (np.float32, 1e-4)])
def test_fit_finds_the_same_mixture(rng, on_torch, batch_size, dtype, tol):
    X = (rng.normal(size=(2000, 3)) + rng.choice([-4, 0, 4], size=(2000, 1)) + 100).astype(dtype)
    settings = {"batch_size": batch_size, "max_iter": 10, "random_state": 0}
    here = DiagonalGaussianMixture(3, **settings).fit(X)
    there = DiagonalGaussianMixture(3, device="cuda", **settings).fit(X)
    for name in ("weights_", "means_", "covariances_"):
        assert np.allclose(getattr(here, name), getattr(there, name), rtol=tol)
    assert sum(on_torch) == there.n_iter_ * len(X)
    assert there.score(X) == pytest.approx(here.score(X), rel=tol)
    assert isinstance(there.means_, np.ndarray)


def test_partial_fit_finds_the_same_mixture(rng, on_torch):
    X = rng.normal(size=(600, 2))
    here, there = (DiagonalGaussianMixture(2, device=d, random_state=0) for d in (None, "cuda"))
    for batch in np.split(X, 3):
        here.partial_fit(batch)
        there.partial_fit(batch)
    assert np.allclose(here.means_, there.means_)


@pytest.mark.gpu
def test_a_gpu_finds_the_same_mixture(rng):
    X = (rng.normal(size=(20_000, 8)) + 100).astype(np.float32)
    here, there = (
        DiagonalGaussianMixture(8, device=d, random_state=0, max_iter=20).fit(X)
        for d in (None, "cuda")
    )
    assert np.allclose(here.means_, there.means_, rtol=1e-4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch finds a CUDA GPU")
def test_a_gpu_that_is_not_there_is_an_error(rng):
    mixture = DiagonalGaussianMixture(2, device="cuda")
    for method in (mixture.fit, mixture.partial_fit):
        with pytest.raises(ValueError, match="device='cuda' but torch finds no CUDA GPU"):
            method(rng.normal(size=(10, 2)))


def test_dask_arrays_are_refused():
    array = pytest.importorskip("dask.array")
    with pytest.raises(ValueError, match="dask array are worked on by its workers"):
        TorchBlocks(DaskBlocks(array.ones((4, 2))), CPU)
