import copy
import threading

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from skvae.compute.torch_runtime import scoped_runtime
from skvae.vae.nn import inference
from skvae.vae.nn.inference import (
    TILE,
    decode,
    draw_posterior,
    encode,
    map_rows,
    posterior_summary,
    row_scores,
)
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import elbo_terms, log_importance_weights
from skvae.vae.seeds import row_generators

X = np.random.default_rng(0).random((TILE + 30, 9), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    model = VAE(9, 3, (200, 200), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    return model


def identity(X):
    return X.astype(np.float32, copy=False)


def functions(model):
    return {
        "encode": lambda X: encode(model, X),
        "decode": lambda X: decode(model, X[:, :3], identity),
        "elbo": lambda X: row_scores(model, X, identity, None, 7, dynamic=False),
        "drawn": lambda X: row_scores(model, X, identity, None, 7, dynamic=True),
        "bound": lambda X: row_scores(model, X, identity, None, 7, dynamic=False, n_importance=5),
        "sample": lambda X: draw_posterior(model, X, identity, 7),
        "refined": lambda X: draw_posterior(model, X, identity, 7, n_importance=5),
    }


@pytest.mark.parametrize(
    "name", ["encode", "decode", "elbo", "drawn", "bound", "sample", "refined"]
)
def test_each_row_is_on_its_own_bitwise(model, name):
    function = functions(model)[name]
    whole = function(X)
    order = np.random.default_rng(1).permutation(len(X))

    assert np.array_equal(whole[order], function(X[order]))
    for rows in ([0], [TILE - 1, TILE], list(range(7, 40))):
        assert np.array_equal(whole[rows], function(X[rows]))


@pytest.mark.parametrize("n_importance", [None, 5])
def test_random_features_are_a_rows_own_bitwise_whatever_the_widths(n_importance):
    """Float32 kernels round a row by its place where widths are no multiples of a vector's."""
    model = VAE(9, 3, (30, 13), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    order = np.random.default_rng(1).permutation(len(X))
    whole = draw_posterior(model, X, identity, 7, n_importance=n_importance)

    assert np.array_equal(
        whole[order], draw_posterior(model, X[order], identity, 7, n_importance=n_importance)
    )
    assert next(model.parameters()).dtype == torch.float32


@pytest.mark.parametrize("name", ["encode", "elbo", "refined"])
def test_the_layout_of_the_rows_decides_nothing(name):
    model = VAE(9, 3, (30,), "relu", "gaussian", None, network="conv", image_shape=(3, 3, 1))
    model.draw_parameters(torch.Generator().manual_seed(0))
    function = functions(model)[name]
    rows = np.concatenate([X, X])
    expected = function(rows)

    assert np.array_equal(function(np.asfortranarray(rows)), expected)
    assert np.array_equal(function(np.repeat(rows, 2, axis=1)[:, ::2]), expected)


def test_encode_is_mean_then_log_var(model):
    posterior = model.posterior(torch.from_numpy(X))
    expected = torch.cat([posterior.mean, posterior.log_var], dim=1).detach().numpy()

    np.testing.assert_allclose(encode(model, X), expected, atol=1e-5)


def test_scores_are_the_objectives_at_the_rows_noise(model):
    x = torch.from_numpy(X[:4])
    generators = row_generators(X[:4], 7)
    noise = torch.from_numpy(np.stack([g.standard_normal((5, 3), np.float32) for g in generators]))
    reconstruction, kl = elbo_terms(model, x, noise[:, 0])
    weights = torch.stack(
        [log_importance_weights(model, model.posterior(x), x, noise[:, k]) for k in range(5)], 1
    )
    bound = logsumexp(weights.detach().numpy(), axis=1) - np.log(5)

    np.testing.assert_allclose(
        functions(model)["elbo"](X[:4]), (reconstruction - kl).detach().numpy(), rtol=1e-5
    )
    np.testing.assert_allclose(functions(model)["bound"](X[:4]), bound, rtol=1e-5)


def test_samples_of_few_rows_share_products_of_one_shape():
    model = VAE(9, 3, (30, 13), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    shapes = []
    model.decoder.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
    row_scores(model, X[:3], identity, None, 7, dynamic=False, n_importance=2000)

    assert shapes == [(TILE, 3)] * -(-2000 // (TILE // 3))


@pytest.mark.parametrize("n", [1, 3, 40, 128, 129])
def test_the_bound_of_few_rows_has_the_bits_that_it_has_among_many(model, n):
    options = {"dynamic": False, "n_importance": 300}
    whole = row_scores(model, X[:TILE], identity, None, 7, **options)

    assert np.array_equal(row_scores(model, X[:n], identity, None, 7, **options), whole[:n])


def test_samples_are_a_prefix_across_chunks(model):
    """So the bound with k samples is a function of the first k log weights alone."""

    def bound(k):
        return row_scores(model, X[:3], identity, None, 7, dynamic=False, n_importance=k)

    sums = np.exp([bound(k) + np.log(k) for k in (15, 16, 17, 40)])

    assert (np.diff(sums, axis=0) > 0).all()


def test_plain_autoencoder_scores_the_reconstruction(model):
    x = torch.from_numpy(X[:5])
    expected = model.log_likelihood(x, model.posterior(x).mean).detach().numpy()
    scores = row_scores(model, X[:5], identity, None, 7, dynamic=False, variational=False)

    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_summary_is_the_mean_kl_and_the_variance_of_means(model):
    kl, variance = posterior_summary(model, X)
    mean, log_var = np.split(encode(model, X).astype(np.float64), 2, axis=1)
    expected = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var)

    np.testing.assert_allclose(kl, expected.mean(0), rtol=1e-4)
    np.testing.assert_allclose(variance, mean.var(0), rtol=1e-6)


def test_a_weighted_summary_is_that_of_rows_repeated(model, monkeypatch):
    monkeypatch.setattr(inference, "TILE", 7)
    weights = np.arange(len(X)) % 4
    counted = weights > 0
    repeated = posterior_summary(model, np.repeat(X, weights, axis=0))
    weighted = posterior_summary(model, X[counted], None, 0.3 * weights[counted])
    for found, expected in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_variances_are_in_units_of_a_learned_prior():
    model = VAE(9, 3, (4,), "relu", "bernoulli", None, n_prior_components=2, prior="mixture")
    model.draw_parameters(torch.Generator().manual_seed(0))
    model.prior.raw_scales.data.normal_(generator=torch.Generator().manual_seed(1))
    unit = (model.prior.scales() ** 2).mean(0).sqrt().detach().numpy()

    expected = (encode(model, X, log_var=False) / unit).astype(np.float64).var(0)
    np.testing.assert_allclose(posterior_summary(model, X)[1], expected, rtol=1e-5)


def test_summary_weighs_components_where_the_label_is_unknown(monkeypatch):
    monkeypatch.setattr(inference, "TILE", 7)
    model = VAE(9, 3, (4,), "relu", "bernoulli", 2)
    model.draw_parameters(torch.Generator().manual_seed(0))
    model.prior.means.data.normal_(generator=torch.Generator().manual_seed(1))
    y = np.where(np.arange(len(X)) % 3 == 0, -1, 1)
    posterior = model.posterior(torch.from_numpy(X))
    expected = model.prior.kl_per_dimension(posterior, torch.from_numpy(y)).mean(0)

    np.testing.assert_allclose(
        posterior_summary(model, X, y)[0], expected.detach().numpy(), rtol=1e-5
    )


def test_sample_is_drawn_from_the_posterior(model):
    mean, log_var = np.split(encode(model, X), 2, axis=1)
    draws = np.stack([draw_posterior(model, X, identity, seed) for seed in range(20)])
    u = (draws - mean) / np.exp(0.5 * log_var)

    assert abs(u.mean()) < 0.03
    assert u.std() == pytest.approx(1, abs=0.02)


def test_refined_is_the_mean_of_the_true_posterior():
    model = VAE(9, 1, (8,), "tanh", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    model.decoder[-1].weight.data *= 4
    x = (X[:20] > 0.5).astype(np.float32)
    grid = torch.linspace(-6, 6, 2001)[:, None]
    with torch.no_grad():
        log_joint = torch.stack(
            [
                model.log_likelihood(row.expand(2001, 9), grid) + model.prior.log_prob(grid)
                for row in torch.from_numpy(x)
            ]
        )
    exact = (log_joint.double().softmax(1) @ grid.double()).numpy()
    amortised = np.abs(encode(model, x)[:, :1] - exact).mean()
    refined = np.abs(draw_posterior(model, x, identity, 0, n_importance=3000) - exact).mean()

    assert amortised > 0.2
    assert refined < 0.05


@pytest.mark.parametrize("own_parts", [False, True])
def test_threads_share_modules_of_ours_and_have_one_thread_of_torch_each(model, own_parts):
    model = copy.deepcopy(model)
    model.has_user_modules = own_parts
    threads = set()

    def function(rows, part):
        threads.add(threading.get_ident())
        flushed = bool(torch.tensor(2.0**-126) * 0.5 == 0)
        state = [torch.get_num_threads(), flushed, torch.is_grad_enabled()]
        return np.tile(state, (len(part), 1))

    with scoped_runtime(1):
        found = map_rows(model, function, np.tile(X, (9, 1)), 3)

    assert (found == [1, 1, 0]).all()
    assert (threads == {threading.get_ident()}) == own_parts
