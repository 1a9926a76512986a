import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from skvae.mixture.statistics import Mixture
from skvae.vae.latent import LatentPrior, fitted_prior

WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[0.0, 1.0], [2.0, -1.0], [-3.0, 0.5]])
VARIANCES = np.array([[1.0, 0.25], [0.5, 2.0], [1.5, 1.0]])
PRIOR = LatentPrior(Mixture(WEIGHTS, MEANS, VARIANCES))


def test_draws_have_the_moments_of_the_mixture():
    Z = PRIOR.draw(100_000, None, np.random.default_rng(0))
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z.mean(0), WEIGHTS @ MEANS, atol=0.03)
    np.testing.assert_allclose((Z**2).mean(0), WEIGHTS @ (MEANS**2 + VARIANCES), rtol=0.03)


def test_draws_of_a_component_have_its_moments():
    Z = PRIOR.draw(100_000, np.full(100_000, 1), np.random.default_rng(0))
    np.testing.assert_allclose(Z.mean(0), MEANS[1], atol=0.02)
    np.testing.assert_allclose(Z.var(0), VARIANCES[1], rtol=0.02)


def test_log_joints_are_expected_log_densities_up_to_a_constant_of_the_row():
    rng = np.random.default_rng(1)
    mean, variance = rng.normal(size=(1, 2)), rng.uniform(0.1, 2, (1, 2))
    z = mean + np.sqrt(variance) * rng.normal(size=(200_000, 2))
    expected = [
        stats.norm.logpdf(z, m, np.sqrt(s)).sum(1).mean()
        for m, s in zip(MEANS, VARIANCES, strict=True)
    ]
    found = PRIOR.log_joint(mean, variance)[0]
    np.testing.assert_allclose(found - logsumexp(found), expected - logsumexp(expected), atol=0.05)


def test_components_of_unit_variance_need_no_variances_of_rows():
    prior = LatentPrior(Mixture(WEIGHTS, MEANS, np.ones_like(MEANS)))
    assert PRIOR.needs_variances()
    assert not prior.needs_variances()
    mean, variance = np.random.default_rng(2).random((2, 4, 2))
    a, b = prior.log_joint(mean), prior.log_joint(mean, variance)
    np.testing.assert_allclose(a - a[:, :1], b - b[:, :1], atol=1e-12)


def test_points_keep_their_place_within_a_component():
    Z, start, end = np.random.default_rng(3).normal(size=(4, 2)), np.arange(4) % 3, np.full(4, 2)
    moved = PRIOR.move(Z, start, end)
    np.testing.assert_allclose(
        (moved - MEANS[end]) / VARIANCES[end] ** 0.5,
        (Z - MEANS[start]) / VARIANCES[start] ** 0.5,
        rtol=1e-6,
    )
    np.testing.assert_allclose(PRIOR.move(moved, end, start), Z, rtol=1e-6)


def own_prior(model):
    """One of the user's, of which nothing is known."""


@pytest.mark.parametrize(
    ("prior", "attributes", "shape"),
    [
        ("normal", {}, (1, 2)),
        ("normal", {"class_means_": MEANS}, (3, 2)),
        ("mixture", {"class_means_": MEANS, "class_variances_": VARIANCES}, (3, 2)),
        (
            own_prior,
            {"prior_weights_": WEIGHTS, "prior_means_": MEANS, "prior_variances_": VARIANCES},
            (3, 2),
        ),
    ],
)
def test_what_a_fit_tells_of_its_prior_is_a_mixture(prior, attributes, shape):
    architecture = {"prior": prior, "n_components": 2}
    found = fitted_prior(architecture, attributes, WEIGHTS)
    assert found is not None
    assert found.mixture.means.shape == found.mixture.covariances.shape == shape
    assert found.mixture.weights.sum() == pytest.approx(1)
    assert found.of_classes == ("class_means_" in attributes)


def test_a_prior_of_the_user_that_tells_nothing_is_not_taken_for_a_normal():
    assert fitted_prior({"prior": own_prior, "n_components": 2}, {}, None) is None
