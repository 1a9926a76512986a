import numpy as np
import pytest
from sklearn.decomposition import PCA, IncrementalPCA

from skvae import DiagonalGaussianMixture
from skvae.fisher.coordinates import Move


def move_of(old, new, n_components=1):
    """A move of descriptors that belong to components in turn."""
    return Move.between(old, new, np.arange(len(old)) % n_components, n_components)


def test_a_linear_change_of_coordinates_is_found(rng):
    old, slope = rng.normal(size=(50, 3)), rng.normal(size=(3, 3))
    move = move_of(old, old @ slope + 5, 4)
    means = rng.normal(size=(4, 3))
    assert np.allclose(move.of_means(means), means @ slope + 5)
    assert np.allclose(move.noise, 0)


def test_coordinates_that_stay_leave_everything_in_place(rng):
    old = rng.normal(size=(50, 3))
    move = move_of(old, old, 4)
    means, variances = rng.normal(size=(4, 3)), rng.random((4, 3))
    assert np.allclose(move.of_means(means), means, rtol=1e-14, atol=1e-14)
    assert np.array_equal(move.of_variances(variances), variances)


def test_turned_and_flipped_axes_are_moved_exactly(rng):
    """A permutation with signs keeps a diagonal mixture diagonal: the same density."""
    X = rng.normal(size=(300, 3)) * [1, 2, 3]
    turned = X[:, [2, 0, 1]] * [-1, 1, -1]
    mixture = DiagonalGaussianMixture(4, random_state=0).fit(X)
    expected = mixture.score_samples(X)
    move = move_of(X, turned, 4)
    mixture.means_ = move.of_means(mixture.means_)
    mixture.covariances_ = move.of_variances(mixture.covariances_)
    assert np.allclose(mixture.score_samples(turned), expected)


def test_what_old_coordinates_do_not_explain_is_variance(rng):
    old = rng.normal(size=(5000, 2))
    new = old * [1, 0] + rng.normal(size=(5000, 2)) * [0.5, 2]
    moved = move_of(old, new).of_variances(np.ones((1, 2)))
    assert np.allclose(moved, [[1.25, 4]], rtol=0.1)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_directions_that_few_descriptors_do_not_show_stay(rng, n):
    old = rng.normal(size=(n, 3))
    move = move_of(old, old + 1, 3)
    assert np.allclose(move.of_means(np.eye(3)), np.eye(3) + 1)


def test_a_coordinate_that_becomes_constant_keeps_a_variance(rng):
    old = rng.normal(size=(50, 2))
    assert move_of(old, old * [1, 0]).of_variances(np.ones((1, 2))).min() > 0


def test_the_moments_of_descriptors_move_with_a_basis_that_learns(rng):
    X = rng.normal(size=(2000, 6)) @ rng.normal(size=(6, 6))
    first, second = PCA(3).fit(X[:100]), IncrementalPCA(3).fit(X)
    old, new = first.transform(X), second.transform(X)
    move = move_of(old, new)
    assert np.allclose(move.of_means(old.mean(axis=0)[None]), new.mean(axis=0))
    covariance = np.cov(old.T, bias=True)
    moved = np.diag(move.slope.T @ covariance @ move.slope) + move.noise[0]
    assert np.allclose(moved, new.var(axis=0))


def test_what_is_left_over_belongs_to_the_component_that_has_it(rng):
    """Blank patches stay one point, whatever the others do beyond the old coordinates."""
    X = np.concatenate([np.zeros((500, 6)), 2 + rng.normal(size=(500, 6))])
    labels = np.arange(1000) // 500
    first, second = PCA(3).fit(X[::30]), PCA(3).fit(X)
    old, new = first.transform(X), second.transform(X)
    move = Move.between(old, new, labels, 3)
    assert np.allclose(move.of_means(old[[0, 500, 0]])[0], new[0])
    variances = move.of_variances(np.full((3, 3), 1e-12))
    assert variances[0].max() < 1e-10 < 1e-3 < variances[1:].max(axis=1).min()
