from functools import cache

import numpy as np
import pytest
from mixtures import by_component
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches
from skvae.fisher.encoding import cell_statistics, whiten
from skvae.fisher.inversion import (
    lost_scale,
    mixture_regression,
    shift,
    unwhiten,
)
from skvae.mixture.expectation import accumulate, set_statistics
from skvae.mixture.statistics import Mixture


@pytest.fixture
def mixture(rng):
    return Mixture(np.array([0.2, 0.5, 0.3]), rng.normal(size=(3, 4)), rng.uniform(0.5, 2, (3, 4)))


def test_unwhiten_undoes_whiten(rng, mixture):
    center = rng.normal(size=4)
    X = rng.normal(size=(50, 4))
    totals = accumulate(X, mixture, center).totals
    gradients = whiten(totals[None], np.array([50]), mixture, center)
    back = np.concatenate(unwhiten(by_component(gradients, mixture), mixture, center), axis=2)
    assert np.allclose(back[0], totals / 50, atol=1e-13)


def test_shift_moves_the_origin_of_statistics(rng, mixture):
    X, center = rng.normal(size=(50, 4)), rng.normal(size=4)
    here = np.split(accumulate(X, mixture, center).totals[None], [1, 5], axis=2)
    there = np.concatenate(shift(*here, center), axis=2)[0]
    assert np.allclose(there, accumulate(X, mixture, np.zeros(4)).totals, atol=1e-11)


def gradients_of(X, offsets, mixture):
    blocks = set_statistics(X, offsets, mixture)
    totals, counts = cell_statistics(blocks, offsets, np.ones((1, 1)))
    found = whiten(totals[:, 0], counts[:, 0], mixture, mixture.center(X.dtype))
    return by_component(found, mixture)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 70.0])
@pytest.mark.parametrize("spread", [0.3, 1.0, 5.0])
def test_one_descriptor_fixes_the_lost_scale(rng, mixture, factor, spread):
    X = spread * rng.normal(size=(200, 4))
    gradients = gradients_of(X, np.arange(201), mixture)
    c = lost_scale(gradients / factor, mixture.weights, 1.0)
    assert np.allclose(c, factor, rtol=1e-12)


def test_one_gaussian_in_one_dimension_fixes_the_scale_too(rng):
    one = Mixture(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)))
    gradients = gradients_of(rng.normal(size=(50, 1)), np.arange(51), one)
    assert np.allclose(lost_scale(gradients / 3, one.weights, 1.0), 3)


def test_a_descriptor_on_a_mean_fixes_the_scale(mixture):
    gradients = gradients_of(mixture.means, np.arange(4), mixture)
    assert np.allclose(lost_scale(gradients / 3, mixture.weights, 1.0), 3)


def test_several_descriptors_of_one_gaussian_get_the_mean_scale(rng):
    """One component agrees with itself whatever the set; its dimensions do not."""
    one = Mixture(np.ones(1), np.zeros((1, 3)), np.ones((1, 3)))
    gradients = gradients_of(rng.normal(size=(50, 3)) + 1, np.array([0, 50]), one)
    assert np.allclose(lost_scale(gradients, one.weights, 0.3), 0.3)


def test_several_descriptors_get_the_mean_scale(rng, mixture):
    gradients = gradients_of(rng.normal(size=(2000, 4)), np.arange(0, 2001, 100), mixture)
    assert np.allclose(lost_scale(gradients, mixture.weights, 0.3), 0.3)


def test_the_scale_of_a_set_never_passes_the_bound_of_its_empty_components(rng):
    far = Mixture(np.full(3, 1 / 3), np.array([[0.0], [50.0], [100.0]]), np.ones((3, 1)))
    # Nothing near the third component: its gradient tells the scale exactly.
    X = np.concatenate([rng.normal(size=(20, 1)), 50 + rng.normal(size=(20, 1))])
    gradients = gradients_of(X, np.array([0, 40]), far)
    assert lost_scale(gradients / 5, far.weights, 1e9) == pytest.approx(5)
    assert lost_scale(gradients / 5, far.weights, 2.0) == 2


def test_repeated_descriptors_pass_for_one(rng, mixture):
    X = np.repeat(rng.normal(size=(1, 4)), 5, axis=0)
    gradients = gradients_of(X, np.array([0, 5]), mixture)
    assert np.allclose(lost_scale(gradients / 2, mixture.weights, 1.0), 2)


def test_regression_recovers_a_value_that_depends_on_position(rng):
    # One component per corner of the square, each with its own descriptor.
    corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], float)
    values = np.array([[0.0], [1.0], [2.0], [3.0]])
    mixture = Mixture(
        np.full(4, 0.25), np.concatenate([values, corners], axis=1), np.full((4, 3), 0.01)
    )
    center = mixture.center(np.float64)
    s0 = np.full((1, 1, 4, 1), 0.25)
    m = mixture.means - center
    statistics = (s0, s0 * m, s0 * (m**2 + 0.01))
    found = mixture_regression(statistics, mixture, center, corners)
    assert np.allclose(found[0], values, atol=1e-6)
    between = mixture_regression(statistics, mixture, center, np.array([[0.0, -1.0]]))
    assert between[0, 0, 0] == pytest.approx(0.5)


def test_regression_without_positions_is_the_mean_of_the_set(rng, mixture):
    X = rng.normal(size=(3000, 4))
    center = mixture.center(np.float64)
    s = np.split(accumulate(X, mixture, center).totals / 3000, [1, 5], axis=1)
    found = mixture_regression([a[None, None] for a in s], mixture, center, np.empty((1, 0)))
    assert np.allclose(found[0, 0], X.mean(axis=0), atol=2e-3)


# Images


@pytest.fixture(scope="module")
def inverted(digits):
    """Images 1200 to 1300 from their vectors, for an encoder of so many components and cells."""
    X = digits[0].astype(float)

    @cache
    def invert(n_components, spatial):
        encoder = FisherVectorEncoder(
            mixture=DiagonalGaussianMixture(n_components, max_iter=10),
            extractor=ImagePatches(patch_size=3, padding=1),
            reducer=PCA(6),
            spatial=spatial,
            xy_weight=0.7,
            max_descriptors=5000,
            random_state=0,
        ).fit(X[:300])
        return encoder.inverse_transform(encoder.transform(X[1200:1300]))

    return invert


@pytest.mark.slow
@pytest.mark.parametrize("spatial", ["xy", ("xy", 1, 2)])
def test_more_components_bring_images_closer(digits, inverted, spatial):
    X = digits[0][1200:1300]
    errors = [((inverted(K, spatial) - X) ** 2).mean() for K in (4, 16, 64)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("spatials", [("xy", ("xy", 1, 2)), ((1,), (1, 2), (1, 4))])
def test_finer_pyramids_bring_images_closer(digits, inverted, spatials):
    X = digits[0][1200:1300]
    errors = [((inverted(16, spatial) - X) ** 2).mean() for spatial in spatials]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.slow
def test_positions_beside_a_pyramid_bring_images_back_recognisably(digits, inverted):
    X, y = digits
    knn = KNeighborsClassifier(1).fit(X[:1200], y[:1200])
    assert knn.score(inverted(64, ("xy", 1, 2)), y[1200:1300]) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("spatial", [(2,), (1, 2), ("xy", 2)])
@pytest.mark.parametrize("norm", [None, "l2"])
def test_cells_of_a_single_patch_bring_images_back_whole(digits, spatial, norm):
    X = digits[0][:300].astype(float)
    encoder = FisherVectorEncoder(
        8,
        extractor=ImagePatches(patch_size=4, stride=4),
        spatial=spatial,
        norm=norm,
        random_state=0,
    ).fit(X)
    assert np.abs(encoder.inverse_transform(encoder.transform(X)) - X).mean() < 2e-3
