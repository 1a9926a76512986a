from itertools import cycle

import pytest
import torch
from torch import nn

from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import Objective
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.optimizers import OPTIMIZERS


def make(
    likelihood="bernoulli", activation="relu", n_classes=None, hidden=(7, 6), dtype=None, **options
):
    prior = "normal" if options.get("n_prior_components") is None else "mixture"
    model = VAE(9, 3, hidden, activation, likelihood, n_classes, prior=prior, **options)
    model.draw_parameters(torch.Generator().manual_seed(0))
    if n_classes is not None and not model.labels_in_decoder:
        model.prior.means.data.normal_(generator=torch.Generator().manual_seed(1))
    return model.to(dtype)


def batch(n=20, dtype=torch.float64, seed=2):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 9, generator=generator, dtype=dtype)
    noise = torch.randn(n, 3, generator=generator, dtype=dtype)
    return x, noise, torch.randint(0, 4, (n,), generator=generator)


def several_draws(k, n=20, dtype=torch.float64, seed=3):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(k * n, 3, generator=generator, dtype=dtype)
    return noise, torch.rand(n, generator=generator, dtype=dtype)


def by_autograd(model, optimizer, x, noise, y, beta, objective=Objective(), u=None):  # noqa: B008
    sums = objective(model, x, noise, y, beta, u)
    optimizer.zero_grad()
    sums[0].backward()
    optimizer.step()
    return torch.stack(sums).detach()


def take_gradients(model):
    """Gradients of all parameters, which from now on have none: a step writes into those there."""
    gradients = [theta.grad for theta in model.parameters()]
    model.zero_grad()
    return gradients


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("n_classes", [None, 4])
@pytest.mark.parametrize("hidden", [(), (7,), (7, 6, 5)])
def test_gradients_are_those_of_autograd(likelihood, activation, n_classes, hidden):
    model = make(likelihood, activation, n_classes, hidden, torch.float64)
    x, noise, y = batch()
    y = None if n_classes is None else y
    for beta in (0.0, 1.0, 2.5):
        check_gradients(model, x, noise, y, beta)
    check_gradients(model, x, torch.zeros_like(noise), y, None)


def check_gradients(model, x, noise, y, beta):
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, y, beta)
    gradients = take_gradients(model)
    found = FusedStep(model, still)(x, noise, y, beta)
    assert torch.allclose(found, expected, rtol=1e-12)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        gradient = torch.zeros_like(theta) if gradient is None else gradient
        assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("hidden", [(), (7, 6)])
def test_gradients_are_those_of_autograd_with_labels_in_the_decoder(hidden):
    model = make(n_classes=4, hidden=hidden, dtype=torch.float64, labels_in_decoder=True)
    x, noise, y = batch()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, y, 0.7)
    gradients = take_gradients(model)
    assert torch.allclose(FusedStep(model, still)(x, noise, y, 0.7), expected, rtol=1e-12)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("k", [1, 4])
def test_gradients_are_those_of_autograd_with_conditions_in_the_decoder(k):
    model = make(dtype=torch.float64, n_conditions=2)
    x, noise, _ = batch()
    c = torch.randn(20, 2, generator=torch.Generator().manual_seed(5))
    u, objective = None, Objective(n_importance=k)
    if k > 1:
        noise, u = several_draws(k)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, c, 0.7, objective, u)
    gradients = take_gradients(model)
    assert FusedStep.supports(model, objective, c)
    assert torch.allclose(FusedStep(model, still, objective)(x, noise, c, 0.7, u), expected)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("n_classes", "n_prior_components", "objective"),
    [
        (4, None, Objective()),
        (4, None, Objective(free_bits=0.3)),
        (4, None, Objective(label_weight=3.0)),
        (4, 4, Objective()),
        (4, 4, Objective(label_weight=3.0)),
        (None, 5, Objective()),
        (None, 5, Objective(free_bits=0.3)),
        (None, None, Objective(free_bits=0.3)),
    ],
)
@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_unlabelled_rows_mixtures_and_objectives(n_classes, n_prior_components, objective, beta):
    model = make(n_classes=n_classes, n_prior_components=n_prior_components, dtype=torch.float64)
    x, noise, y = batch()
    y = None if n_classes is None else torch.where(torch.arange(20) < 12, -1, y)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, y, beta, objective)
    gradients = take_gradients(model)
    assert FusedStep.supports(model, objective, y)
    found = FusedStep(model, still, objective, y)(x, noise, y, beta)
    assert torch.allclose(found, expected, rtol=1e-12)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("n_classes", "n_prior_components"), [(None, None), (4, None), (None, 5)])
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_gradients_at_a_chosen_sample(likelihood, n_classes, n_prior_components, beta):
    objective = Objective(n_importance=4)
    model = make(
        likelihood, "tanh", n_classes, dtype=torch.float64, n_prior_components=n_prior_components
    )
    x, _, y = batch()
    y = None if n_classes is None else torch.where(torch.arange(20) < 12, -1, y)
    noise, u = several_draws(4)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, y, beta, objective, u)
    gradients = take_gradients(model)
    found = FusedStep(model, still, objective, y)(x, noise, y, beta, u)
    assert torch.allclose(found, expected, rtol=1e-12)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n_importance", [1, 3])
@pytest.mark.parametrize("sees_mask", [False, True])
def test_gradients_with_missing_values_are_those_of_autograd(likelihood, n_importance, sees_mask):
    model = make(likelihood, "tanh", dtype=torch.float64, sees_mask=sees_mask)
    model.marginalises = True
    x, noise, _ = batch()
    x[torch.rand(x.shape, generator=torch.Generator().manual_seed(4)) < 0.4] = torch.nan
    x[0], x[1] = torch.nan, 1.0
    before, objective, u = x.clone(), Objective(n_importance=n_importance), None
    if n_importance > 1:
        noise, u = several_draws(n_importance)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, None, 0.7, objective, u)
    gradients = take_gradients(model)
    found = FusedStep(model, still, objective)(x, noise, None, 0.7, u)
    assert found.isfinite().all() and torch.allclose(found, expected, rtol=1e-12)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-9, atol=1e-12)
    assert torch.equal(x.nan_to_num(9.0), before.nan_to_num(9.0))


@pytest.mark.parametrize(
    ("likelihood", "optimizer"), zip(LIKELIHOODS, cycle(["adam", "rmsprop"]), strict=False)
)
def test_many_steps_stay_together(likelihood, optimizer):
    models = [make(likelihood, n_classes=4, hidden=(20, 20)) for _ in range(2)]
    a, b = (OPTIMIZERS[optimizer](m.parameters(), 1e-3) for m in models)
    fused = FusedStep(models[1], b)
    for seed in range(40):
        x, noise, y = batch(dtype=torch.float32, seed=seed)
        expected, found = by_autograd(models[0], a, x, noise, y, 0.5), fused(x, noise, y, 0.5)
        assert torch.allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("likelihood", "optimizer"), zip(LIKELIHOODS, cycle(["rmsprop", "adam"]), strict=False)
)
def test_many_steps_with_importance_samples_stay_together(likelihood, optimizer):
    models = [make(likelihood, n_classes=4, hidden=(20, 20)) for _ in range(2)]
    a, b = (OPTIMIZERS[optimizer](m.parameters(), 1e-3) for m in models)
    objective = Objective(n_importance=3)
    fused = FusedStep(models[1], b, objective)
    for seed in range(40):
        x, _, y = batch(dtype=torch.float32, seed=seed)
        noise, u = several_draws(3, dtype=torch.float32, seed=seed)
        expected = by_autograd(models[0], a, x, noise, y, 0.5, objective, u)
        assert torch.allclose(fused(x, noise, y, 0.5, u), expected, rtol=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n_classes", [None, 4])
@pytest.mark.parametrize("n_importance", [1, 3])
def test_steps_are_the_same_where_sums_are_not_wanted(likelihood, n_classes, n_importance):
    results = []
    for wanted in (True, False):
        model = make(likelihood, n_classes=n_classes)
        objective = Objective(n_importance=n_importance)
        descent = OPTIMIZERS["adam"](model.parameters(), 1e-2)
        step = FusedStep(model, descent, objective)
        for seed in range(3):
            x, noise, y = batch(dtype=torch.float32, seed=seed)
            u, y = None, None if n_classes is None else y
            if n_importance > 1:
                noise, u = several_draws(n_importance, dtype=torch.float32, seed=seed)
            sums = step(x, noise, y, 0.5, u, wanted)
            assert (sums is not None) is wanted
        results.append(torch.cat([theta.flatten() for theta in model.parameters()]))
    assert torch.equal(*results)


def test_batches_of_several_sizes_take_turns():
    model = make(dtype=torch.float64)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    step = FusedStep(model, still)
    for n in (20, 7, 20, 1):
        x, noise, _ = batch(n, seed=n)
        expected = by_autograd(model, still, x, noise, None, 0.5)
        gradients = [theta.grad.clone() for theta in model.parameters()]
        assert torch.allclose(step(x, noise, None, 0.5), expected, rtol=1e-12)
        for theta, gradient in zip(model.parameters(), gradients, strict=True):
            assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


def test_a_gradient_alone_that_is_of_other_sums_is_not_taken():
    """A kind of likelihood that overrides the sum and its gradient, but inherits the latter."""
    model = make(dtype=torch.float64)

    class Twice(type(model.likelihood)):
        def log_prob(self, x, logits):
            return 2 * super().log_prob(x, logits)

        def log_prob_and_gradient(self, x, logits):
            log_p, gradient = super().log_prob_and_gradient(x, logits)
            return 2 * log_p, 2 * gradient

    model.likelihood = Twice()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    x, noise, _ = batch()
    by_autograd(model, still, x, noise, None, 0.5)
    gradients = [theta.grad.clone() for theta in model.parameters()]
    assert FusedStep(model, still)(x, noise, None, 0.5, wanted=False) is None
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


class ByAutograd(nn.Module):
    """Laplace noise of a user's, who has torch find the gradient."""

    def __init__(self, n_features):
        super().__init__()

    def log_prob(self, x, output):
        return -(x - output).abs().sum(-1)

    def log_prob_and_gradient(self, x, output):
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            log_p = self.log_prob(x, output).sum()
            (gradient,) = torch.autograd.grad(-log_p, output)
        return log_p.detach(), gradient

    def mean(self, output):
        return output

    def sample(self, output, generator):
        return output + torch.empty_like(output).exponential_(generator=generator)


def test_parts_of_the_users_may_find_their_gradients_by_autograd():
    model = make(ByAutograd, dtype=torch.float64)
    x, noise, _ = batch()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = by_autograd(model, still, x, noise, None, 0.5)
    gradients = [theta.grad.clone() for theta in model.parameters()]
    assert FusedStep.supports(model)
    assert torch.allclose(FusedStep(model, still)(x, noise, None, 0.5), expected, rtol=1e-12)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-10, atol=1e-12)


def test_rows_are_not_changed():
    model = make(hidden=())
    x, noise, _ = batch(dtype=torch.float32)
    before = x.clone(), noise.clone()
    FusedStep(model, torch.optim.SGD(model.parameters(), lr=0.1))(x, noise, None, 1.0)
    assert torch.equal(x, before[0])
    assert torch.equal(noise, before[1])


@pytest.mark.parametrize("place", [0, 5])
def test_activations_at_an_end_of_a_network_are_left_to_autograd(place):
    """They work in place, so that rows or outputs that others still need would change."""
    model = make(hidden=(7, 6))
    model.decoder.insert(place, nn.Tanh())
    assert not FusedStep.supports(model)


def test_other_parts_are_left_to_autograd():
    assert FusedStep.supports(make())
    assert FusedStep.supports(make("gaussian", "tanh", 4))
    assert FusedStep.supports(make(), Objective(n_importance=2))
    y, labels_in_decoder = torch.tensor([0, -1]), make(n_classes=4, labels_in_decoder=True)
    assert FusedStep.supports(labels_in_decoder, y=y.clamp(min=0))
    assert not FusedStep.supports(labels_in_decoder, y=y)

    model = make()
    model.encoder.insert(1, nn.LayerNorm(7))
    assert not FusedStep.supports(model)

    class Clipped(type(model.likelihood)):
        def log_prob(self, x, logits):
            return super().log_prob(x, logits.clamp(-5, 5))

    model = make()
    model.likelihood = Clipped()
    assert not FusedStep.supports(model)


def test_a_frozen_parameter_is_left_to_autograd():
    model = make()
    model.encoder[0].bias.requires_grad_(False)

    assert not FusedStep.supports(model)


@pytest.mark.parametrize(
    "share",
    [
        lambda model: model.encoder.insert(3, model.encoder[2]),
        lambda model: setattr(model.decoder[2], "weight", model.encoder[2].weight),
        lambda model: setattr(model.prior, "model", model),
    ],
    ids=["in a network", "between networks", "with the prior"],
)
def test_a_parameter_in_two_places_is_left_to_autograd(share):
    model = make(hidden=(7, 7))
    share(model)

    assert not FusedStep.supports(model)
