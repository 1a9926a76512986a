import numpy as np
import pytest
import torch

from skvae.mixture import expectation, torch_statistics
from skvae.mixture.assignment import Assignment
from skvae.mixture.statistics import Mixture

K, D = 5, 3
# The code is the same on every device, so that the CPU proves most of it.
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture
def mixture(rng):
    return Mixture(
        rng.dirichlet(np.full(K, 5.0)), 100 + rng.normal(size=(K, D)), rng.uniform(0.2, 2, (K, D))
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_sums_are_those_of_numpy(rng, mixture, monkeypatch, device, dtype, tol):
    monkeypatch.setattr(torch_statistics, "_CHUNK_BYTES", 0)
    X = (100 + rng.normal(size=(2500, D))).astype(dtype)
    center = mixture.center(dtype)
    expected = expectation.accumulate(X.astype(np.float64), mixture, center)
    found = torch_statistics.accumulate(torch.from_numpy(X).to(device), mixture, center)
    assert np.allclose(found.totals, expected.totals, rtol=tol, atol=tol * 2500)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=tol)
    assert found.n_descriptors == 2500
    assert found.totals.dtype == np.float64


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("assignment", [None, Assignment(1), Assignment(2), Assignment(None, 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sets_are_those_of_numpy(rng, mixture, monkeypatch, device, assignment, weighted, dtype):
    monkeypatch.setattr(torch_statistics, "_CHUNK_BYTES", 0)
    sizes = [30, 30, 0, 1, 1, 1, 700, 700, 2500, 7]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    X = (100 + rng.normal(size=(offsets[-1], D))).astype(dtype)
    weights = rng.uniform(size=len(X)) if weighted else None
    args = (offsets, mixture, assignment, weights)
    # float32 may decide otherwise between two components that are nearly equal.
    tol = 1e-9 if dtype is np.float64 else 1e-5 if assignment is None else 2e-3
    by_numpy = expectation.set_statistics(X, *args)
    by_torch = torch_statistics.set_statistics(X, *args, device)
    a, b = (np.concatenate([t for _, t in blocks]) for blocks in (by_numpy, by_torch))
    assert a.dtype == b.dtype == np.float64
    assert np.abs((a - b) / np.maximum(sizes, 1)[:, None, None]).max() < tol


@pytest.mark.parametrize("device", DEVICES)
def test_one_descriptor_keeps_its_product_of_moments(rng, mixture, device):
    X = (100 + rng.normal(size=(40, D))).astype(np.float32)
    blocks = torch_statistics.set_statistics(X, np.arange(41), mixture, device=device)
    totals = np.concatenate([totals for _, totals in blocks])
    s0, s1, s2 = np.split(totals, [1, 1 + D], axis=2)
    assert np.allclose(s0 * s2, s1**2, rtol=1e-12)


def test_settings_of_torch_are_given_back(mixture):
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        torch_statistics.accumulate(torch.zeros(3, D), mixture, np.zeros(D))
        assert torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def test_precision_is_full_until_the_last_of_several_threads_has_ended():
    matmul = torch.backends.cuda.matmul
    matmul.allow_tf32 = True
    contexts = [torch_statistics._full_precision() for _ in range(2)]
    try:
        for context in contexts:
            context.__enter__()
        contexts[0].__exit__(None, None, None)
        within = torch_statistics._full_precision()
        with within:
            pass
        precision = getattr(matmul, torch_statistics._NAME)
        contexts[1].__exit__(None, None, None)
        assert precision == torch_statistics._FULL and matmul.allow_tf32
    finally:
        matmul.allow_tf32 = False
