import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skvae import VAETransformer
from skvae.vae.nn.fisher_scores import (
    fisher_information,
    fisher_vectors,
    score_factors,
    score_shape,
)
from skvae.vae.nn.model import VAE

X, Y = load_digits(return_X_y=True)
X /= 16


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


def test_vectors_are_whitened_powered_and_of_unit_length():
    vae, x = model(dtype=torch.float32), rows(300, torch.float32)
    slope, hidden = (f.numpy() for f in score_factors(vae, x))
    scores = np.einsum("ni,nj->nij", slope, hidden)
    information = fisher_information(vae, x.numpy())
    whitened = (scores / np.sqrt(information)).reshape(300, -1)
    assert np.allclose((whitened**2).mean(axis=0), 1, rtol=1e-4)
    expected = np.sign(whitened) * np.abs(whitened) ** 0.5
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(fisher_vectors(vae, x.numpy(), information, 0.5), expected, atol=1e-5)


def test_a_dead_unit_gives_zeros():
    vae, x = model(dtype=torch.float32), rows(dtype=torch.float32)
    with torch.no_grad():
        vae.encoder[-2] = nn.ReLU()
        vae.encoder[-3].bias[2] = -100
    information = fisher_information(vae, x.numpy())
    vectors = fisher_vectors(vae, x.numpy(), information, 1.0).reshape(len(x), 6, 6)
    assert (vectors[:, :, 2] == 0).all()
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=(1, 2)), 1, atol=1e-6)


def fisher(**options):
    settings = {"n_components": 8, "hidden_layer_sizes": (40,), "max_iter": 5, "random_state": 0}
    return VAETransformer(**settings | {"output": "fisher"} | options)


@pytest.mark.parametrize(
    "options",
    [{}, {"network": "conv", "learning_rate_init": 3e-3}, {"prior": "mixture"}],
    ids=["mlp", "conv", "mixture prior"],
)
def test_every_model_has_them(options):
    vae = fisher(max_iter=1, **options).fit(X[:200])
    vectors = vae.transform(X[:20])
    assert vectors.shape == (20, 16 * 41)
    assert len(vae.get_feature_names_out()) == 16 * 41
    assert np.array_equal(vae.transform(X[7:8]), vectors[7:8])
    assert np.array_equal(pickle.loads(pickle.dumps(vae)).transform(X[:20]), vectors)


def test_labels_of_the_fit_are_not_needed():
    assert fisher(max_iter=1, conditional="prior").fit(X[:200], Y[:200]).transform(X).shape[1] == (
        16 * 41
    )


@pytest.mark.slow
def test_they_tell_more_to_a_linear_classifier_than_posterior_means():
    vae = fisher(max_iter=30).fit(X)
    scores = {}
    for output in ("mean", "fisher"):
        Z = vae.set_params(output=output).transform(X)
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        scores[output] = cross_val_score(classifier, Z, Y).mean()
    assert scores["fisher"] > scores["mean"] + 0.01


def test_information_must_have_been_measured():
    vae = fisher(output="mean", max_iter=1).fit(X[:100])
    with pytest.raises(NotFittedError, match="fit with output='fisher'"):
        vae.set_params(output="fisher").transform(X)


def test_they_cannot_be_decoded():
    vae = fisher(max_iter=1).fit(X[:100])
    with pytest.raises(AttributeError) as error:
        vae.inverse_transform(vae.transform(X[:5]))
    assert "cannot be decoded" in str(error.value.__cause__)


def activated(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def test_the_last_layer_of_a_users_encoder_must_be_linear():
    with pytest.raises(ValueError, match="ends in nn.Linear"):
        fisher(network=(activated, nn.Linear)).fit(X[:100])
