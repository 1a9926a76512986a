import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.priors import ClassMeans, ClassNormals, Mixture, StandardNormal

MEANS = np.array([[1.0, -1.0], [0.0, 3.0], [-2.0, 0.5]])
SCALES = np.array([[0.5, 2.0], [1.0, 0.7], [0.3, 1.5]])
WEIGHTS = np.array([0.5, 0.2, 0.3])


def class_means(means=MEANS):
    prior = ClassMeans(3, 2).double()
    prior.means.data = torch.from_numpy(means.copy())
    prior.log_frequencies.copy_(torch.from_numpy(np.log(WEIGHTS)))
    return prior


def raw_scales(prior):
    return torch.from_numpy(np.log(np.expm1(SCALES - prior.scale_floor)))


def class_normals(means=MEANS):
    prior = ClassNormals(3, 2).double()
    prior.means.data = torch.from_numpy(means.copy())
    prior.raw_scales.data = raw_scales(prior)
    prior.log_frequencies.copy_(torch.from_numpy(np.log(WEIGHTS)))
    return prior


def mixture(means=MEANS):
    prior = Mixture(3, 2).double()
    prior.means.data = torch.from_numpy(means.copy())
    prior.raw_scales.data = raw_scales(prior)
    prior.logits.data = torch.from_numpy(np.log(WEIGHTS) + 7)
    return prior


# A prior, and the standard deviations of its components.
MIXTURES = [(class_means, np.ones((3, 2))), (class_normals, SCALES), (mixture, SCALES)]


@pytest.fixture
def z():
    return torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def posterior(z):
    return DiagonalNormal(z, 0.2 + z.flip(0).abs())


def component_kl(posterior, scales):
    """KL(q || N(m_k, s_k^2)) for each row, component and dimension, from the definition."""
    mean, std = (t.numpy()[:, None] for t in (posterior.mean, posterior.std))
    return np.log(scales / std) + (std**2 + (mean - MEANS) ** 2) / (2 * scales**2) - 0.5


def test_standard_normal_equals_scipy(z):
    expected = stats.norm.logpdf(z.numpy()).sum(1)

    np.testing.assert_allclose(StandardNormal().log_prob(z).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("make", "scales"), MIXTURES[:2])
def test_classes_equal_scipy(make, scales, z):
    y = np.array([0, 1, 2, 0, 1, 2])
    expected = stats.norm.logpdf(z.numpy(), MEANS[y], scales[y]).sum(1)
    log_prob = make().log_prob(z, torch.from_numpy(y))

    np.testing.assert_allclose(log_prob.detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("make", "scales"), MIXTURES)
def test_without_labels_it_is_the_mixture(make, scales, z):
    by_component = stats.norm.logpdf(z.numpy()[:, None], MEANS, scales).sum(2)
    expected = logsumexp(by_component, axis=1, b=WEIGHTS)
    log_prob = make().log_prob(z)

    np.testing.assert_allclose(log_prob.detach().numpy(), expected, rtol=1e-12)
    torch.testing.assert_close(make().log_prob(z, torch.full((6,), -1)), log_prob)


@pytest.mark.parametrize(("make", "scales"), MIXTURES)
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_kl_without_a_label_bounds_that_to_the_mixture(make, scales, spread):
    """Tightly where the components lie apart."""
    prior = make(MEANS * spread)
    mean, std = MEANS[:1] * spread + [[0.3, -0.7]], np.array([[0.5, 1.2]])
    grid = np.linspace(-6, 6, 301)
    offsets = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    log_q = stats.norm.logpdf(offsets, 0, std).sum(1)
    log_p = prior.log_prob(torch.from_numpy(offsets + mean)).detach().numpy()
    exact = (np.exp(log_q) * (log_q - log_p)).sum() * (grid[1] - grid[0]) ** 2
    bound = prior.kl(DiagonalNormal(torch.from_numpy(mean), torch.from_numpy(std))).item()

    if spread == 1:
        assert exact + 1e-3 < bound < exact + np.log(3)
    else:
        assert bound == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(("make", "scales"), MIXTURES)
def test_responsibilities_are_the_best_of_all_shares(make, scales, posterior):
    """KL(q(z|x) q(k|x) || p(z, k)) is least there, and the bound is its value."""
    kl = component_kl(posterior, scales).sum(2)

    def divergence(shares):
        return (shares * (np.log(shares / WEIGHTS) + kl)).sum(1)

    bound = make().kl(posterior).detach().numpy()
    shares = make().responsibilities(posterior).detach().numpy()
    np.testing.assert_allclose(divergence(shares), bound, rtol=1e-10)
    others = np.random.default_rng(0).dirichlet(np.ones(3), 100)
    assert all((divergence(other) > bound).all() for other in others)


@pytest.mark.parametrize(("make", "scales"), MIXTURES)
def test_kl_per_dimension_weighs_components_by_responsibility(make, scales, posterior):
    prior, kl = make(), component_kl(posterior, scales)
    shares = prior.responsibilities(posterior).detach().numpy()
    found = prior.kl_per_dimension(posterior).detach().numpy()

    np.testing.assert_allclose(found, (shares[:, :, None] * kl).sum(1), rtol=1e-10)


@pytest.mark.parametrize(("make", "scales"), MIXTURES[:2])
def test_kl_per_dimension_of_a_labelled_row_is_that_to_its_class(make, scales, posterior):
    prior, kl = make(), component_kl(posterior, scales)
    found = prior.kl_per_dimension(posterior).detach().numpy()
    y = torch.tensor([0, -1, 2, -1, 1, 0])
    expected = np.where((y < 0)[:, None], found, kl[np.arange(6), y])
    np.testing.assert_allclose(
        prior.kl_per_dimension(posterior, y).detach().numpy(), expected, rtol=1e-10
    )


@pytest.mark.parametrize(("make", "scales"), MIXTURES[:2])
def test_labelled_rows_have_their_own_divergence_beside_unlabelled_ones(make, scales, posterior):
    prior, y = make(), torch.tensor([0, -1, 2, -1, 1, 0])
    kl, known = prior.kl(posterior, y), y >= 0
    own = component_kl(posterior, scales).sum(2)[np.arange(6), y]

    np.testing.assert_allclose(kl[known].detach().numpy(), own[known.numpy()], rtol=1e-10)
    torch.testing.assert_close(kl[~known], prior.kl(posterior)[~known])


def test_labels_tell_a_mixture_without_classes_nothing(posterior, z):
    prior, y = mixture(), torch.tensor([0, -1, 9, -1, 1, 0])  # more classes than components

    for answer in ("kl", "kl_per_dimension", "responsibilities"):
        found, expected = getattr(prior, answer)(posterior, y), getattr(prior, answer)(posterior)
        assert torch.equal(found, expected)
    assert torch.equal(prior.log_prob(z, y), prior.log_prob(z))


@pytest.mark.parametrize("make", [ClassMeans, ClassNormals])
def test_classes_start_as_the_standard_normal(make, z, posterior):
    prior, y = make(4, 2).double(), torch.zeros(6, dtype=torch.int64)

    torch.testing.assert_close(prior.kl(posterior, y).detach(), StandardNormal().kl(posterior))
    torch.testing.assert_close(prior.kl(posterior).detach(), StandardNormal().kl(posterior))
    torch.testing.assert_close(prior.log_prob(z).detach(), StandardNormal().log_prob(z))


def test_a_mixture_starts_spread_with_the_moments_of_the_standard_normal():
    prior = Mixture(4000, 5)
    prior.draw_parameters(torch.Generator().manual_seed(0))
    second = prior.means.var(0) + (prior.scales() ** 2).mean(0)

    torch.testing.assert_close(second.detach(), torch.ones(5), atol=0.05, rtol=0)
    assert torch.equal(prior.log_weights(), torch.full((4000,), -np.log(4000)))


def test_the_unit_of_length_is_that_within_components():
    assert StandardNormal().unit() == 1
    torch.testing.assert_close(class_means().unit().detach(), torch.ones(2).double())
    for prior in (class_normals(), mixture()):
        expected = np.sqrt(WEIGHTS @ SCALES**2)
        np.testing.assert_allclose(prior.unit().detach().numpy(), expected)


def test_scales_cannot_vanish(z):
    prior = mixture()
    prior.raw_scales.data.fill_(-1e4)

    assert prior.scales().min().item() == pytest.approx(Mixture.scale_floor)
    assert prior.log_prob(prior.means.detach()).isfinite().all()


def test_learned_parameters_are_named_after_the_fit():
    arrays = mixture().fitted_attributes()

    np.testing.assert_allclose(arrays["prior_weights_"], WEIGHTS)
    np.testing.assert_allclose(arrays["prior_means_"], MEANS)
    np.testing.assert_allclose(arrays["prior_variances_"], SCALES**2)
    assert class_means().fitted_attributes().keys() == {"class_means_"}
    arrays = class_normals().fitted_attributes()
    np.testing.assert_allclose(arrays["class_means_"], MEANS)
    np.testing.assert_allclose(arrays["class_variances_"], SCALES**2)
    assert StandardNormal().fitted_attributes() == {}
