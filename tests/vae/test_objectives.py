import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

from skvae.vae.model import VAE, to_arrays
from skvae.vae.objectives import elbo_terms, log_importance_weights, log_mean_exp


def build(likelihood="bernoulli", n_classes=None, n=6):
    generator = torch.Generator().manual_seed(0)
    model = VAE(5, 2, (4,), "tanh", likelihood, n_classes)
    model.draw_parameters(generator)
    model.double()
    if n_classes:
        model.prior.means.data.normal_(generator=generator)
    x = torch.rand(n, 5, dtype=torch.float64, generator=generator)
    noise = torch.randn(n, 2, dtype=torch.float64, generator=generator)
    y = None if n_classes is None else torch.arange(n) % n_classes
    return model, x, noise, y


def numpy_pass(model, x, noise):
    """The model's outputs from its arrays, in numpy alone."""
    a = to_arrays(model)

    def mlp(name, h):
        h = np.tanh(h @ a[f"{name}.0.weight"].T + a[f"{name}.0.bias"])
        return h @ a[f"{name}.2.weight"].T + a[f"{name}.2.bias"]

    mean, raw_scale = np.split(mlp("encoder", x.numpy()), 2, axis=1)
    std = np.log1p(np.exp(raw_scale)) + 1e-6
    z = mean + std * noise.numpy()
    return mean, std, z, mlp("decoder", z)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("n_classes", [None, 3])
def test_elbo_is_the_definition(likelihood, n_classes):
    model, x, noise, y = build(likelihood, n_classes)
    mean, std, _, output = numpy_pass(model, x, noise)
    if likelihood == "bernoulli":
        p = 1 / (1 + np.exp(-output))
        log_p_x = (x.numpy() * np.log(p) + (1 - x.numpy()) * np.log(1 - p)).sum(1)
    else:
        log_p_x = stats.norm.logpdf(x.numpy(), output, model.likelihood.scale.item()).sum(1)
    centre = 0 if y is None else model.prior.means.detach().numpy()[y]
    kl = 0.5 * (std**2 + (mean - centre) ** 2 - 1 - 2 * np.log(std)).sum(1)
    reconstruction, divergence = elbo_terms(model, x, noise, y)

    np.testing.assert_allclose(reconstruction.detach().numpy(), log_p_x, rtol=1e-10)
    np.testing.assert_allclose(divergence.detach().numpy(), kl, rtol=1e-10)


def test_importance_weight_is_the_definition():
    model, x, noise, _ = build()
    mean, std, z, output = numpy_pass(model, x, noise)
    p = 1 / (1 + np.exp(-output))
    expected = (
        stats.bernoulli.logpmf(np.ones_like(p), p) * x.numpy()
        + stats.bernoulli.logpmf(np.zeros_like(p), p) * (1 - x.numpy())
    ).sum(1)
    expected += stats.norm.logpdf(z).sum(1) - stats.norm.logpdf(z, mean, std).sum(1)
    weights = log_importance_weights(model, model.posterior(x), x, noise)

    np.testing.assert_allclose(weights.detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("n_classes", [None, 3])
def test_gradient_reaches_every_parameter_and_is_right(likelihood, n_classes):
    model, x, noise, y = build(likelihood, n_classes)
    if y is not None:
        y[0] = -1

    def loss():
        reconstruction, kl = elbo_terms(model, x, noise, y)
        return (kl - reconstruction).sum()

    loss().backward()
    step = 1e-6
    for name, theta in model.named_parameters():
        place = tuple(np.unravel_index(int(theta.grad.abs().argmax()), theta.shape))
        analytic = theta.grad[place].item()
        assert analytic != 0, name
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                theta[place] += sign * step
                values.append(loss().item())
                theta[place] -= sign * step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(analytic, rel=1e-5), name


def test_log_mean_exp_is_stable_and_right():
    log_weights = torch.tensor([[-1e4, -1e4 + 1], [3.0, 4.0]], dtype=torch.float64)
    expected = logsumexp(log_weights.numpy(), axis=1) - np.log(2)

    np.testing.assert_allclose(log_mean_exp(log_weights).numpy(), expected)
