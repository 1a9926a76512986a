import numpy as np
import pytest
from mixtures import blobs
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture

from skvae import DiagonalGaussianMixture


def test_equals_scikit_learn_at_the_same_parameters(rng):
    X = blobs(rng) * [1, 10, 0.1, 1]
    ours = DiagonalGaussianMixture(5, random_state=0).fit(X)
    theirs = GaussianMixture(5, covariance_type="diag")
    theirs.weights_, theirs.means_, theirs.covariances_ = (
        ours.weights_,
        ours.means_,
        ours.covariances_,
    )
    theirs.precisions_cholesky_ = 1 / np.sqrt(ours.covariances_)
    assert np.allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-9)
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    assert np.array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X) == pytest.approx(theirs.score(X))
    assert ours.bic(X) == pytest.approx(theirs.bic(X))
    assert ours.aic(X) == pytest.approx(theirs.aic(X))


def test_sample_has_the_moments_of_the_mixture(rng):
    fitted = DiagonalGaussianMixture(3, random_state=0).fit(blobs(rng))
    X, y = fitted.sample(200_000)
    assert np.allclose(np.bincount(y) / len(y), fitted.weights_, atol=0.01)
    assert np.allclose(X.mean(axis=0), fitted.weights_ @ fitted.means_, atol=0.03)
    for k in range(3):
        assert np.allclose(X[y == k].var(axis=0), fitted.covariances_[k], rtol=0.05)


def test_float32_proba_stays_float32(rng):
    X = blobs(rng).astype(np.float32)
    gamma = DiagonalGaussianMixture(3, random_state=0).fit(X).predict_proba(X)
    assert gamma.dtype == np.float32
    assert np.allclose(gamma.sum(axis=1), 1, atol=1e-6)


def test_sample_needs_a_number(rng):
    fitted = DiagonalGaussianMixture(2, random_state=0).fit(blobs(rng))
    with pytest.raises(ValueError, match="n_samples=0"):
        fitted.sample(0)


def test_not_fitted(rng):
    with pytest.raises(NotFittedError):
        DiagonalGaussianMixture().predict(blobs(rng))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_descriptor_without_any_value_says_nothing(rng, dtype):
    fitted = DiagonalGaussianMixture(7, random_state=0).fit(blobs(rng))
    nothing = np.full((2, fitted.n_features_in_), np.nan, dtype)
    assert (fitted.score_samples(nothing) == 0).all()
    assert np.allclose(fitted.predict_proba(nothing), fitted.weights_)
