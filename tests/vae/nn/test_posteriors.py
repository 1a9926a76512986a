import numpy as np
import torch
from scipy import stats

from skvae.vae.nn.posteriors import DiagonalNormal


def posterior(n=4, d=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(n, d, generator=generator, dtype=torch.float64)
    std = torch.rand(n, d, generator=generator, dtype=torch.float64) + 0.2
    return DiagonalNormal(mean, std)


def test_log_prob_equals_scipy():
    q = posterior()
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = stats.norm.logpdf(z.numpy(), q.mean.numpy(), q.std.numpy()).sum(1)

    np.testing.assert_allclose(q.log_prob(z).numpy(), expected, rtol=1e-12)


def test_sample_has_the_mean_and_std():
    q = posterior(1, 2)
    noise = torch.randn(100_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = q.rsample(noise)

    torch.testing.assert_close(z.mean(0), q.mean[0], atol=0.01, rtol=0)
    torch.testing.assert_close(z.std(0), q.std[0], atol=0.01, rtol=0)


def test_kl_equals_monte_carlo():
    q, prior_mean = posterior(1, 3), torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    noise = torch.randn(200_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = q.rsample(noise)
    log_p = torch.distributions.Normal(prior_mean, 1.0).log_prob(z)
    log_q = torch.distributions.Normal(q.mean, q.std).log_prob(z)

    torch.testing.assert_close(
        q.kl_to_unit_normal(prior_mean)[0], (log_q - log_p).mean(0), atol=0.02, rtol=0
    )


def test_kl_is_zero_only_for_the_prior_itself():
    same = DiagonalNormal(torch.ones(1, 2), torch.ones(1, 2))

    assert (same.kl_to_unit_normal(torch.ones(2)) == 0).all()
    assert (posterior().kl_to_unit_normal(0.0) > 0).all()


def test_network_output_is_mean_then_raw_scale():
    q = DiagonalNormal.from_network(torch.tensor([[1.0, 2.0, 0.0, 3.0]]))

    assert q.mean.tolist() == [[1.0, 2.0]]
    np.testing.assert_allclose(q.std.numpy(), np.log1p(np.exp([[0.0, 3.0]])), rtol=1e-5)
    np.testing.assert_allclose(q.log_var.numpy(), 2 * np.log(q.std.numpy()), rtol=1e-6)


def test_log_var_is_finite_where_softplus_underflows():
    assert DiagonalNormal.from_network(torch.tensor([[0.0, -1e4]])).log_var.isfinite().all()
