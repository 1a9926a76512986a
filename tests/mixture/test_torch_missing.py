import numpy as np
import pytest
import torch
from mixtures import random_mixture

from skvae.mixture import expectation, torch_missing, torch_statistics
from skvae.mixture.assignment import Assignment

K, D = 5, 3
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture
def mixture(rng):
    return random_mixture(rng, K, D)


def with_holes(rng, n, dtype):
    return np.where(rng.random((n, D)) < 0.3, np.nan, rng.normal(size=(n, D))).astype(dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sums_are_those_of_numpy(rng, mixture, monkeypatch, device, dtype):
    monkeypatch.setattr(torch_missing, "_CHUNK_BYTES", 0)
    X, center = with_holes(rng, 2500, dtype), mixture.center(dtype)
    expected = expectation.accumulate(X, mixture, center)
    found = torch_statistics.accumulate(torch.from_numpy(X).to(device), mixture, center)
    assert np.allclose(found.totals, expected.totals, rtol=1e-10, atol=1e-9)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("assignment", [None, Assignment(1), Assignment(2), Assignment(None, 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sets_are_those_of_numpy(rng, mixture, monkeypatch, device, assignment, weighted):
    monkeypatch.setattr(torch_missing, "_CHUNK_BYTES", 0)
    offsets = np.concatenate([[0], np.cumsum([30, 30, 0, 1, 1, 1, 700, 700, 2500, 7])])
    X = with_holes(rng, offsets[-1], np.float64)
    weights = rng.uniform(size=len(X)) if weighted else None
    args = (offsets, mixture, assignment, weights)
    ((_, a),) = expectation.set_statistics(X, *args)
    ((_, b),) = torch_statistics.set_statistics(X, *args, device)
    assert np.allclose(a, b, rtol=1e-9, atol=1e-9)


def test_missing_values_are_found_in_any_row(monkeypatch):
    monkeypatch.setattr(torch_missing, "_ROWS", 10)
    X = torch.zeros(35, 2)
    assert not torch_missing.has_missing(X)
    X[34, 1] = torch.nan
    assert torch_missing.has_missing(X)
