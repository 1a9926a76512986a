import numpy as np
import pytest
import torch
from torch import nn

from skvae.vae.nn.fisher_scores import (
    fisher_information,
    fisher_scores,
    score_factors,
    score_shape,
)
from skvae.vae.nn.model import VAE


def model(likelihood="bernoulli", n_classes=None, sizes=(7, 5), dtype=torch.float64):
    vae = VAE(8, 3, sizes, "tanh", likelihood, n_classes)
    vae.draw_parameters(torch.Generator().manual_seed(0))
    for prior in vae.prior.parameters():
        nn.init.normal_(prior, generator=torch.Generator().manual_seed(1))
    return vae.to(dtype)


def rows(n=6, dtype=torch.float64):
    return torch.rand(n, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(
        dtype
    )


@pytest.mark.parametrize("n_classes", [None, 4])
@pytest.mark.parametrize("sizes", [(7, 5), ()])
@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_scores_are_the_gradients_of_autograd(likelihood, sizes, n_classes):
    vae, x = model(likelihood, n_classes, sizes), rows()
    slope, hidden = score_factors(vae, x)
    last = vae.encoder[-1]
    for i in range(len(x)):
        kl = vae.prior.kl(vae.posterior(x[i : i + 1])).sum()
        by_weight, by_bias = torch.autograd.grad(-kl, (last.weight, last.bias))
        expected = torch.cat([by_weight, by_bias[:, None]], dim=1)
        assert torch.allclose(torch.outer(slope[i], hidden[i]), expected, rtol=1e-9, atol=1e-12)


def test_float32_scores_are_those_of_float64_to_a_millionth():
    exact = score_factors(model(), rows())
    rounded = score_factors(model(dtype=torch.float32), rows(dtype=torch.float32))
    for a, b in zip(exact, rounded, strict=True):
        assert (a - b).abs().max() <= 1e-6 * a.abs().max()


def test_no_gradient_is_left_on_the_weights():
    vae = model()
    score_factors(vae, rows())
    assert all(theta.grad is None for theta in vae.parameters())


def test_information_is_the_mean_square_of_the_scores():
    vae, x = model(dtype=torch.float32), rows(300, torch.float32)
    slope, hidden = score_factors(vae, x)
    scores = torch.einsum("ni,nj->nij", slope, hidden).double()
    information = fisher_information(vae, x.numpy())
    assert information.shape == score_shape(vae) == (6, 6)
    assert np.allclose(information, scores.square().mean(0), rtol=1e-5)


def test_scores_are_whitened_and_of_unit_length():
    vae, x = model(dtype=torch.float32), rows(300, torch.float32)
    slope, hidden = (f.numpy() for f in score_factors(vae, x))
    scores = np.einsum("ni,nj->nij", slope, hidden)
    information = fisher_information(vae, x.numpy())
    whitened = (scores / np.sqrt(information)).reshape(300, -1)
    assert np.allclose((whitened**2).mean(axis=0), 1, rtol=1e-4)
    expected = whitened / np.linalg.norm(whitened, axis=1, keepdims=True)
    assert np.allclose(fisher_scores(vae, x.numpy(), information), expected, atol=1e-5)


def test_a_dead_unit_gives_zeros():
    vae, x = model(dtype=torch.float32), rows(dtype=torch.float32)
    with torch.no_grad():
        vae.encoder[-2] = nn.ReLU()
        vae.encoder[-3].bias[2] = -100
    information = fisher_information(vae, x.numpy())
    scores = fisher_scores(vae, x.numpy(), information).reshape(len(x), 6, 6)
    assert (scores[:, :, 2] == 0).all()
    assert np.isfinite(scores).all()
    assert np.allclose(np.linalg.norm(scores, axis=(1, 2)), 1, atol=1e-6)
