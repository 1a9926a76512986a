import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from skvae.vae.nn.categorical import Categorical

SIZES = [2, 7, 1, 12, 2]
OUTPUT = 3 * torch.randn(6, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def one_hot(n=6, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.hstack([np.eye(k)[rng.integers(k, size=n)] for k in SIZES]))


def test_each_variable_has_a_softmax_of_its_own():
    ends = np.cumsum(SIZES)[:-1]
    logits = np.split(OUTPUT.numpy(), ends, axis=1)
    expected = np.hstack([log_softmax(part, axis=1) for part in logits])
    likelihood, x = Categorical(SIZES), one_hot()

    np.testing.assert_allclose(likelihood.mean(OUTPUT), np.exp(expected), rtol=1e-12)
    of_features = likelihood.log_prob_per_feature(x, OUTPUT)
    np.testing.assert_allclose(of_features, x.numpy() * expected, rtol=1e-12)
    np.testing.assert_allclose(likelihood.log_prob(x, OUTPUT), of_features.sum(1), rtol=1e-12)


def test_a_category_that_was_never_seen_does_not_count():
    likelihood, x = Categorical(SIZES), one_hot()
    without = x.clone()
    without[:, 2:9] = 0
    own = (x * likelihood.log_probabilities(OUTPUT))[:, 2:9].sum(1)

    torch.testing.assert_close(
        likelihood.log_prob(without, OUTPUT), likelihood.log_prob(x, OUTPUT) - own
    )
    _, gradient = likelihood.log_prob_and_gradient(without, OUTPUT.clone())
    assert not gradient[:, 2:9].any()


def test_the_gradient_is_that_of_autograd():
    likelihood, x = Categorical(SIZES), one_hot()
    x[0, :2] = 0
    output = OUTPUT.clone().requires_grad_()
    value = likelihood.log_prob(x, output).sum()
    (wanted,) = torch.autograd.grad(-value, output)
    found, gradient = likelihood.log_prob_and_gradient(x, OUTPUT.clone())

    torch.testing.assert_close(found, value.detach())
    torch.testing.assert_close(gradient, wanted)


def test_draws_have_one_category_each_by_its_probability():
    likelihood = Categorical(SIZES)
    output = OUTPUT[:1].expand(40_000, -1)
    draws = likelihood.sample(output, torch.Generator().manual_seed(0))

    for part in draws.split(SIZES, dim=1):
        assert bool((part.sum(1) == 1).all()) and set(part.unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(draws.mean(0), likelihood.mean(output)[0], atol=0.01, rtol=0)


def test_logits_of_any_size_have_finite_answers():
    logits = torch.tensor([[1e30, -1e30, 0.0, 1e37, -1e37, 0.0]])
    likelihood = Categorical([2, 4])

    assert likelihood.mean(logits).isfinite().all()
    assert likelihood.log_prob(torch.eye(6)[:1], logits).item() == pytest.approx(0)


def test_logits_move_with_frequencies_as_their_slope_says():
    frequencies = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    step = 1e-6 * torch.tensor([1.0, 1, -2], dtype=torch.float64)
    likelihood = Categorical([3])
    logits = likelihood.output_of_mean(frequencies) + likelihood.slope_at_mean(frequencies) * step
    torch.testing.assert_close(
        likelihood.mean(logits[None])[0] - frequencies, step, rtol=1e-4, atol=0
    )
