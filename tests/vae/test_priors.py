import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

from skvae.vae.posteriors import DiagonalNormal
from skvae.vae.priors import ClassMeans, StandardNormal

MEANS = np.array([[1.0, -1.0], [0.0, 3.0], [-2.0, 0.5]])
FREQUENCIES = np.array([0.5, 0.2, 0.3])


@pytest.fixture
def prior():
    prior = ClassMeans(3, 2).double()
    prior.means.data = torch.from_numpy(MEANS.copy())
    prior.log_frequencies.copy_(torch.from_numpy(np.log(FREQUENCIES)))
    return prior


@pytest.fixture
def z():
    return torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_standard_normal_equals_scipy(z):
    expected = stats.norm.logpdf(z.numpy()).sum(1)

    np.testing.assert_allclose(StandardNormal().log_prob(z).numpy(), expected, rtol=1e-12)


def test_class_means_equal_scipy(prior, z):
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    expected = stats.norm.logpdf(z.numpy(), MEANS[y.numpy()]).sum(1)

    np.testing.assert_allclose(prior.log_prob(z, y).detach().numpy(), expected, rtol=1e-12)


def test_without_labels_it_is_the_mixture(prior, z):
    by_class = stats.norm.logpdf(z.numpy()[:, None], MEANS).sum(2)
    expected = logsumexp(by_class, axis=1, b=FREQUENCIES)

    np.testing.assert_allclose(prior.log_prob(z).detach().numpy(), expected, rtol=1e-12)
    torch.testing.assert_close(prior.log_prob(z, torch.full((6,), -1)), prior.log_prob(z))


def test_kl_without_a_label_is_that_to_the_mixture(prior):
    n = 200_000
    q = DiagonalNormal(
        torch.tensor([[0.3, 0.7]], dtype=torch.float64).expand(n, 2),
        torch.tensor([[0.5, 1.5]], dtype=torch.float64).expand(n, 2),
    )
    noise = torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z = q.rsample(noise)
    estimate = prior.kl(q, z, torch.full((n,), -1)).mean().item()
    grid = np.linspace(-9, 10, 1500)
    points = torch.from_numpy(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
    log_q = stats.norm.logpdf(points.numpy(), [0.3, 0.7], [0.5, 1.5]).sum(1)
    integrand = np.exp(log_q) * (log_q - prior.log_prob(points).detach().numpy())

    assert estimate == pytest.approx(integrand.sum() * (grid[1] - grid[0]) ** 2, abs=0.02)


def test_labelled_rows_have_closed_form_beside_unlabelled_ones(prior, z):
    q = DiagonalNormal(z, torch.full_like(z, 0.5))
    y = torch.tensor([0, -1, 2, -1, 1, 0])
    kl, all_labelled = prior.kl(q, z + 0.1, y), prior.kl(q, z + 9.0, y.clamp(min=0))

    torch.testing.assert_close(kl[y >= 0], all_labelled[y >= 0])
    torch.testing.assert_close(kl[y < 0], prior.kl(q, z + 0.1)[y < 0])


def test_equal_means_are_the_standard_normal_again(z):
    q = DiagonalNormal(z, torch.full_like(z, 0.5))
    prior, y = ClassMeans(4, 2).double(), torch.zeros(6, dtype=torch.int64)

    torch.testing.assert_close(prior.kl(q, z, y).detach(), StandardNormal().kl(q, z))
    torch.testing.assert_close(prior.log_prob(z).detach(), StandardNormal().log_prob(z))
