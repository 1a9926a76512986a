import numpy as np
import pytest
import torch
from mixtures import by_component, random_mixture
from skimage.feature import fisher_vector
from sklearn.mixture import GaussianMixture

from skvae.fisher.encoding import cell_statistics, normalize, signed_power, whiten
from skvae.fisher.layout import GRADIENTS, Layout
from skvae.mixture.expectation import set_statistics
from skvae.mixture.statistics import Mixture

K, D = 5, 3


@pytest.fixture
def mixture(rng):
    return random_mixture(rng, K, D)


def gradients_of(sets, mixture):
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    X = np.concatenate(sets)
    blocks = set_statistics(X, offsets, mixture)
    totals, counts = cell_statistics(blocks, offsets, np.ones((1, 1)))
    found = whiten(totals[:, 0], counts[:, 0], mixture, mixture.center(X.dtype))
    return by_component(found, mixture)


def autograd_reference(X, mixture):
    """d mean log p / d (softmax logits, mu, sigma), times Fisher's matrix to the power -1/2."""
    logits = torch.tensor(np.log(mixture.weights), requires_grad=True)
    mu = torch.tensor(mixture.means, requires_grad=True)
    sigma = torch.tensor(np.sqrt(mixture.covariances), requires_grad=True)
    log_joint = torch.log_softmax(logits, 0) + torch.distributions.Normal(mu, sigma).log_prob(
        torch.tensor(X)[:, None]
    ).sum(2)
    torch.logsumexp(log_joint, 1).mean().backward()
    w, s = mixture.weights[:, None], np.sqrt(mixture.covariances)
    return np.concatenate(
        [
            logits.grad.numpy()[:, None] / np.sqrt(w),
            mu.grad.numpy() * s / np.sqrt(w),
            sigma.grad.numpy() * s / np.sqrt(2 * w),
        ],
        axis=1,
    )


@pytest.mark.parametrize("n", [1, 2, 50, 3000])
def test_is_the_whitened_gradient_of_the_log_likelihood(rng, mixture, n):
    X = rng.normal(size=(n, D))
    found = gradients_of([X], mixture)[0]
    assert np.allclose(found, autograd_reference(X, mixture), rtol=1e-9, atol=1e-9)


def test_agrees_with_scikit_image_up_to_the_sign_of_the_last_gradient(rng):
    pool = rng.normal(size=(500, D)) * [1, 2, 3]
    gmm = GaussianMixture(K, covariance_type="diag", random_state=0).fit(pool)
    mixture = Mixture(gmm.weights_, gmm.means_, gmm.covariances_)
    X = rng.normal(size=(40, D))
    ours = Layout(tuple(GRADIENTS), K, D).flatten(gradients_of([X], mixture))[0]
    theirs = fisher_vector(X, gmm)
    theirs[K + K * D :] *= -1
    assert np.allclose(ours, theirs, atol=1e-12)
    theirs = fisher_vector(X, gmm, improved=True)
    theirs[K + K * D :] *= -1
    improved, _ = normalize(signed_power(ours[None], 0.5), "l2", None)
    assert np.allclose(improved[0], theirs, atol=1e-12)


def test_additive_over_sets(rng, mixture):
    A, B = rng.normal(size=(30, D)), rng.normal(size=(70, D))
    a, b, both = gradients_of([A, B, np.concatenate([A, B])], mixture)
    assert np.allclose(100 * both, 30 * a + 70 * b, atol=1e-10)


def test_order_and_repetition_of_descriptors_do_not_matter(rng, mixture):
    X = rng.normal(size=(40, D))
    plain, shuffled, twice = gradients_of([X, rng.permutation(X), np.tile(X, (2, 1))], mixture)
    assert np.allclose(plain, shuffled, atol=1e-12)
    assert np.allclose(plain, twice, atol=1e-12)


def test_affine_invariance_when_the_mixture_moves_along(rng, mixture):
    X, scale, offset = rng.normal(size=(40, D)), np.array([1e-3, 5.0, 200.0]), rng.normal(size=D)
    moved = Mixture(mixture.weights, mixture.means * scale + offset, mixture.covariances * scale**2)
    assert np.allclose(
        gradients_of([X], mixture), gradients_of([X * scale + offset], moved), atol=1e-9
    )


def test_gradient_of_the_weights_is_orthogonal_to_the_root_weights(rng, mixture):
    g = gradients_of([rng.normal(size=(40, D))], mixture)[0, :, 0]
    assert g @ np.sqrt(mixture.weights) == pytest.approx(0, abs=1e-12)


def test_expected_gradient_under_the_mixture_is_zero_and_its_scale_one():
    rng = np.random.default_rng(1)
    # Components far apart: there the diagonal approximation of Fisher's matrix is exact.
    mixture = Mixture(np.array([0.4, 0.6]), np.array([[0.0], [100.0]]), np.array([[1.0], [4.0]]))
    y = rng.choice(2, size=200_000, p=mixture.weights)
    X = mixture.means[y] + np.sqrt(mixture.covariances[y]) * rng.normal(size=(len(y), 1))
    g = gradients_of(list(X[:, None]), mixture)
    assert np.abs(g.mean(axis=0)).max() < 0.02
    assert np.allclose((g[:, :, 1:] ** 2).mean(axis=0), 1, atol=0.03)


def test_empty_set_is_zero(rng, mixture):
    g = gradients_of([rng.normal(size=(4, D)), np.empty((0, D))], mixture)
    assert not g[1].any()
    assert g[0].any()


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_float32_is_accurate_far_from_zero(rng, mixture, scale):
    X = (rng.normal(size=(2000, D)) + 2.0**13).astype(np.float32)
    moved = Mixture(mixture.weights, mixture.means + 2.0**13, mixture.covariances)
    exact = gradients_of([X.astype(np.float64)], moved)
    scaled = Mixture(moved.weights, moved.means * scale, moved.covariances * scale**2)
    found = gradients_of([(X * np.float32(scale)).astype(np.float32)], scaled)
    # Scaling by a power of ten rounds the data themselves, by 2^-24 of 2^13.
    tol = 2e-5 if scale == 1 else 2e-3
    assert np.linalg.norm(found - exact) <= tol * np.linalg.norm(exact)


def test_float32_is_accurate_for_components_a_thousand_times_narrower_than_far(rng):
    # As blank patches of images are: at one point, with almost no variance.
    means = np.concatenate([np.zeros((1, D)), 3 + rng.normal(size=(K - 1, D))])
    deviations = np.concatenate([np.full((1, D), 1e-3), rng.uniform(0.5, 2, (K - 1, D))])
    mixture = Mixture(rng.dirichlet(np.full(K, 5.0)), means, deviations**2)
    y = rng.choice(K, size=3000, p=mixture.weights)
    X = (means[y] + deviations[y] * rng.normal(size=(3000, D))).astype(np.float32)
    sets = np.split(X, 30)
    exact = gradients_of([s.astype(np.float64) for s in sets], mixture)
    error = np.linalg.norm(gradients_of(sets, mixture) - exact, axis=(1, 2))
    assert (error <= 2e-5 * np.linalg.norm(exact, axis=(1, 2))).all()


def test_l2_norm_is_one_and_zero_stays_zero(rng):
    vectors = np.concatenate([rng.normal(size=(3, 8)), np.zeros((1, 8))])
    normalized, scales = normalize(vectors, "l2", None)
    assert np.allclose(np.linalg.norm(normalized, axis=1), [1, 1, 1, 0])
    assert np.allclose(normalized * scales, vectors)


def test_intra_norm_gives_every_group_the_same_length(rng):
    starts = Layout(tuple(GRADIENTS), K, D).group_starts
    normalized, scales = normalize(rng.normal(size=(4, K + 2 * K * D)), "intra", starts)
    lengths = np.sqrt(np.add.reduceat(normalized**2, starts, axis=1))
    assert np.allclose(lengths, 1 / np.sqrt(len(starts)))
    assert np.allclose(np.linalg.norm(normalized, axis=1), 1)
    assert scales.shape == (4, len(starts))


def test_intra_norm_skips_empty_groups():
    vector = np.zeros((1, 6))
    vector[0, :2] = [3, 4]
    normalized, _ = normalize(vector, "intra", np.array([0, 2, 4]))
    assert np.allclose(normalized, [[0.6, 0.8, 0, 0, 0, 0]])


def test_signed_power():
    assert np.allclose(signed_power(np.array([-4.0, 0.0, 9.0]), 0.5), [-2, 0, 3])
