import numpy as np
import pytest
import torch
from scipy import stats

from skvae.vae.nn.negative_binomial import NegativeBinomial

OUTPUT = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
COUNTS = torch.tensor([[0.0, 1.0, 7.0, 250.0]], dtype=torch.float64).expand(5, 4)


def with_dispersion(values):
    likelihood = NegativeBinomial(len(values)).double()
    floor = NegativeBinomial.dispersion_floor
    likelihood.raw_dispersion.data = torch.tensor(np.log(np.expm1(np.array(values) - floor)))
    return likelihood


def test_it_equals_scipy():
    dispersion, rate = np.array([0.01, 0.1, 1.0, 5.0]), OUTPUT.exp().numpy()
    likelihood = with_dispersion(dispersion)
    r = 1 / dispersion
    expected = stats.nbinom.logpmf(COUNTS.numpy(), r, r / (r + rate))
    found = likelihood.log_prob_per_feature(COUNTS, OUTPUT).detach()

    np.testing.assert_allclose(found, expected, rtol=1e-9)
    torch.testing.assert_close(likelihood.log_prob(COUNTS, OUTPUT).detach(), found.sum(1))


def test_the_gradient_is_that_of_autograd():
    likelihood = with_dispersion([0.01, 0.1, 1.0, 5.0])
    output = OUTPUT.clone().requires_grad_()
    value = likelihood.log_prob(COUNTS, output).sum()
    wanted = torch.autograd.grad(-value, [output, likelihood.raw_dispersion])
    likelihood.raw_dispersion.grad = torch.zeros_like(likelihood.raw_dispersion)
    with torch.no_grad():
        found, gradient = likelihood.log_prob_and_gradient(COUNTS, OUTPUT.clone())

    torch.testing.assert_close(found, value.detach())
    torch.testing.assert_close([gradient, likelihood.raw_dispersion.grad], list(wanted))


def test_draws_vary_more_than_the_rate():
    likelihood = with_dispersion([0.5])
    draws = likelihood.sample(
        torch.full((200_000, 1), 2.0, dtype=torch.float64).log(), torch.Generator().manual_seed(0)
    )

    assert draws.mean().item() == pytest.approx(2, abs=0.03)
    assert draws.var().item() == pytest.approx(2 + 0.5 * 4, rel=0.03)


def test_the_dispersion_has_a_floor_where_counts_are_those_of_poisson():
    likelihood = NegativeBinomial(1)
    assert likelihood.dispersion.item() == pytest.approx(0.1, rel=1e-5)
    likelihood.raw_dispersion.data.fill_(-1e4)
    assert likelihood.dispersion.item() == pytest.approx(1e-3, rel=1e-5)
    x = torch.tensor([[3.0]])
    expected = stats.poisson.logpmf(3, 2)
    assert likelihood.log_prob(x, torch.tensor([[2.0]]).log()).item() == pytest.approx(
        expected, abs=2e-3
    )


def test_a_fit_begins_at_the_mean_counts_and_the_encoder_sees_logarithms():
    likelihood, mean = NegativeBinomial(3), torch.tensor([0.0, 2.0, 50.0])

    torch.testing.assert_close(
        likelihood.mean(likelihood.output_of_mean(mean)), torch.tensor([1e-4, 2.0, 50.0])
    )
    assert torch.equal(likelihood.encoder_input(mean), torch.log1p(mean))
