"""Laws of networks that begin at principal components."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skvae.vae.nn import principal_start
from skvae.vae.nn.networks import initialize, mlp
from skvae.vae.nn.principal_start import NOISE, carries, principal_maps, start_as


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5)) + 2


@pytest.mark.parametrize("hidden", [[], [7], [9, 6, 8]])
def test_a_perceptron_begins_as_the_affine_map_it_is_told(hidden):
    rng = np.random.default_rng(1)
    network = mlp([6, *hidden, 5], "relu")
    initialize(network, torch.Generator().manual_seed(0))
    inner, b = rng.standard_normal((3, 4)), rng.standard_normal(3)
    outer, c = rng.standard_normal((5, 3)), rng.standard_normal(5)
    start_as(network, inner, b, outer, c)
    x = rng.standard_normal((8, 6))
    expected = (x[:, :4] @ inner.T + b) @ outer.T + c
    found = network(torch.from_numpy(x.astype(np.float32))).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_perceptron_carries_numbers_in_two_rectified_units_each():
    assert carries(mlp([6, 8, 8, 2], "relu"), 4)
    assert carries(mlp([6, 2], "relu"), 4)
    assert not carries(mlp([6, 8, 7, 2], "relu"), 4)
    assert not carries(mlp([6, 8, 2], "tanh"), 4)
    assert not carries(torch.nn.Conv2d(1, 1, 3), 1)


def test_latent_points_are_scaled_principal_components(rows):
    maps = principal_maps(rows, 3)
    z = (rows - maps.mean) @ maps.to_latent.T
    scores = PCA(3).fit_transform(rows)
    np.testing.assert_allclose(np.abs(np.corrcoef(z.T, scores.T)[:3, 3:]), np.eye(3), atol=1e-7)


def test_posteriors_are_those_of_the_linear_gaussian_model(rows):
    maps = principal_maps(rows, 3)
    w = maps.from_latent
    precision = np.eye(3) + w.T @ w / NOISE**2
    np.testing.assert_allclose(np.linalg.solve(precision, w.T) / NOISE**2, maps.to_latent)
    np.testing.assert_allclose(np.linalg.inv(precision), np.diag(maps.std**2), atol=1e-12)


def test_a_weight_is_a_number_of_rows(rows):
    weights = np.arange(60) % 3 + 1
    weighted, repeated = principal_maps(rows, 2, weights), np.repeat(rows, weights, axis=0)
    for found, expected in zip(weighted, principal_maps(repeated, 2), strict=True):
        np.testing.assert_allclose(found, expected)


def test_rounding_does_not_tell_which_way_an_axis_points():
    known = (np.random.default_rng(0).random(200) < 0.3).astype(float)
    x = np.column_stack([known, 1 - known])
    for error in (1e-12, -1e-12):
        off = principal_maps(x * [1 + error, 1], 1)
        np.testing.assert_allclose(off.to_latent, principal_maps(x, 1).to_latent, atol=1e-9)
        assert off.to_latent[0, 0] > 0


@pytest.mark.parametrize("n", [1, 2])
def test_components_beyond_the_rank_say_nothing(rows, n):
    maps = principal_maps(rows[:n], 7)
    assert not maps.to_latent[n - 1 :].any()
    assert not maps.from_latent[:, n - 1 :].any()
    assert (maps.std[n - 1 :] == 1).all()
    assert (maps.std > 0).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_many_columns_have_the_components_of_few(rows, monkeypatch, weighted):
    weights = np.arange(1.0, 61) if weighted else None
    expected = principal_maps(rows, 4, weights)
    monkeypatch.setattr(principal_start, "_MOST_EXACT", 4)
    for found, exact in zip(principal_maps(rows, 4, weights), expected, strict=True):
        np.testing.assert_allclose(found, exact, atol=1e-9)
    few = principal_maps(rows[:2], 4)
    assert few.to_latent[0].any() and not few.to_latent[1:].any()


def test_components_of_equal_variances_are_found():
    names = np.eye(100)
    names[:, 29] = names[:, 29:].sum(axis=1)  # the rarer ones share a column
    x = np.c_[np.random.default_rng(0).standard_normal(100), names[:, :30]]
    variances = np.linalg.eigvalsh(np.cov(x.T, ddof=0))[::-1]
    for n in (1, 6, 15, 30):
        maps = principal_maps(x, n)
        lengths = np.square(maps.from_latent).sum(axis=0)
        expected = variances[:n] - np.minimum(NOISE**2, 0.8 * variances[:n])
        np.testing.assert_allclose(lengths, expected, atol=1e-9)
        axes = maps.from_latent / np.sqrt(lengths)
        np.testing.assert_allclose(axes.T @ axes, np.eye(n), atol=1e-6)
