import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.nn.model import VAE, to_arrays
from skvae.vae.nn.objectives import Objective, elbo_terms, log_importance_weights, log_mean_exp


def build(likelihood="bernoulli", n_classes=None, n=6, **options):
    generator = torch.Generator().manual_seed(0)
    prior = "normal" if options.get("n_prior_components") is None else "mixture"
    model = VAE(5, 2, (4,), "tanh", likelihood, n_classes, prior=prior, **options)
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


@pytest.mark.parametrize("n_classes", [None, 3])
def test_free_bits_floor_the_mean_divergence_of_each_dimension(n_classes):
    model, x, noise, y = build(n_classes=n_classes)
    by_dimension = model.prior.kl_per_dimension(model.posterior(x), y).mean(0)
    floor = by_dimension.mean().item()
    loss, reconstruction, kl = Objective(free_bits=floor)(model, x, noise, y, 0.7)
    expected = 0.7 * len(x) * by_dimension.clamp(min=floor).sum() - reconstruction

    torch.testing.assert_close(loss, expected)
    terms = [term.sum() for term in elbo_terms(model, x, noise, y)]
    torch.testing.assert_close([reconstruction, kl], terms)


def test_free_bits_of_parts_of_a_batch_add_up_to_those_of_the_batch():
    model, x, noise, _ = build()
    by_dimension = model.prior.kl_per_dimension(model.posterior(x)).detach()
    floor = by_dimension.mean().item()
    unused = (floor - by_dimension).sum(0)
    parts = Objective(free_bits=floor, total=lambda own: unused)
    losses = [
        parts(model, x[rows], noise[rows], None, 0.7)[0] for rows in (slice(0, 1), slice(1, 6))
    ]

    torch.testing.assert_close(
        sum(losses), Objective(free_bits=floor)(model, x, noise, None, 0.7)[0]
    )


def test_label_weight_adds_the_cross_entropy_of_labelled_rows():
    model, x, noise, y = build(n_classes=3)
    y[:2] = -1
    plain, *_ = Objective()(model, x, noise, y, 0.7)
    loss, *_ = Objective(label_weight=5.0)(model, x, noise, y, 0.7)
    shares = model.prior.responsibilities(model.posterior(x))

    torch.testing.assert_close(loss, plain - 5 * shares[range(2, 6), y[2:]].log().sum())


@pytest.mark.parametrize("n_classes", [None, 3])
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_importance_weighted_loss_is_the_definition(n_classes, beta):
    model, x, _, y = build(n_classes=n_classes)
    if y is not None:
        y[0] = -1
    noise = torch.randn(
        4 * len(x), 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    posterior = model.posterior(x)
    log_weights, reconstructions = [], []
    for sample in noise.split(len(x)):
        reconstruction = model.log_likelihood(x, posterior.rsample(sample), y)
        weight = log_importance_weights(model, posterior, x, sample, y)
        log_weights.append(reconstruction + beta * (weight - reconstruction))
        reconstructions.append(reconstruction)
    bound = log_mean_exp(torch.stack(log_weights, dim=1)).sum()
    loss, reconstruction, _ = Objective(n_importance=4)(model, x, noise, y, beta)

    torch.testing.assert_close(loss, -bound)
    torch.testing.assert_close(reconstruction, torch.stack(reconstructions).mean(0).sum())
    # Networks behind z have the plain gradient of the bound for these very samples.
    (-bound).backward()
    plain = {name: theta.grad.clone() for name, theta in model.named_parameters()}
    model.zero_grad()
    loss.backward()
    for name, theta in model.named_parameters():
        if not name.startswith("encoder"):
            torch.testing.assert_close(theta.grad, plain[name])


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.4, 1.0])
def test_the_encoders_gradient_is_unbiased_and_has_less_variance(beta):
    """Its mean is that of the plain gradient of the same bound."""
    model, x, _, _ = build(n=1)
    n, k = 2000, 3
    x = x.expand(n, -1)
    bias = model.encoder[2].bias
    generator, draws = torch.Generator().manual_seed(1), {"plain": [], "double": []}
    for _ in range(40):
        noise = torch.randn(k * n, 2, dtype=torch.float64, generator=generator)
        posterior, samples = model.posterior(x), noise.split(n)
        reconstructions = [model.log_likelihood(x, posterior.rsample(s)) for s in samples]
        weights = [log_importance_weights(model, posterior, x, s) for s in samples]
        tempered = [r + beta * (w - r) for r, w in zip(reconstructions, weights, strict=True)]
        losses = {
            "plain": -log_mean_exp(torch.stack(tempered, dim=1)).sum(),
            "double": Objective(n_importance=k)(model, x, noise, None, beta)[0],
        }
        for name, loss in losses.items():
            draws[name].append(torch.autograd.grad(loss, bias)[0] / n)
    plain, double = (torch.stack(draws[name]) for name in ("plain", "double"))
    error = (plain.var(0) / 40 + double.var(0) / 40).sqrt()

    assert ((plain.mean(0) - double.mean(0)).abs() < 4 * error).all()
    if beta == 1:
        assert double.var(0).sum() < plain.var(0).sum()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("n_classes", "n_prior_components"), [(None, None), (3, None), (None, 4)])
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_the_gradient_at_a_chosen_sample_is_that_at_all_on_average(
    likelihood, n_classes, n_prior_components, beta
):
    """Over the choices, by their probabilities."""
    model, x, _, y = build(likelihood, n_classes, n=1, n_prior_components=n_prior_components)
    objective, parameters = Objective(n_importance=4), list(model.parameters())
    noise = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = objective(model, x, noise, y, beta)
    gradients = torch.autograd.grad(expected[0], parameters, allow_unused=True)

    with torch.no_grad():
        rows, labels = x.expand(4, -1), None if y is None else y.expand(4)
        posterior = model.posterior(rows)
        reconstruction = model.log_likelihood(rows, posterior.rsample(noise), labels)
        log_weights = log_importance_weights(model, posterior, rows, noise, labels)
        shares = (reconstruction + beta * (log_weights - reconstruction)).softmax(0)
    means = [torch.zeros_like(theta) for theta in parameters]
    for share, u in zip(shares, shares.cumsum(0) - shares / 2, strict=True):
        found = objective(model, x, noise, y, beta, u[None])
        torch.testing.assert_close(found, expected)
        at_one = torch.autograd.grad(found[0], parameters, allow_unused=True)
        for mean, gradient in zip(means, at_one, strict=True):
            if gradient is not None:
                mean.add_(gradient, alpha=share)
    for mean, gradient in zip(means, gradients, strict=True):
        torch.testing.assert_close(mean, torch.zeros_like(mean) if gradient is None else gradient)


def test_rows_choose_their_samples_apart():
    """Each row of a batch has the loss and the gradient that it has alone."""
    model, x, _, _ = build()
    objective, parameters = Objective(n_importance=3), list(model.parameters())
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(3, len(x), 2, dtype=torch.float64, generator=generator)
    u = torch.rand(len(x), dtype=torch.float64, generator=generator)
    together, *_ = objective(model, x, noise.flatten(0, 1), None, 0.7, u)
    alone = [
        objective(model, x[i : i + 1], noise[:, i], None, 0.7, u[i : i + 1])[0]
        for i in range(len(x))
    ]

    torch.testing.assert_close(together, torch.stack(alone).sum())
    torch.testing.assert_close(
        torch.autograd.grad(together, parameters),
        torch.autograd.grad(torch.stack(alone).sum(), parameters),
    )
