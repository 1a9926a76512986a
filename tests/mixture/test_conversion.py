import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skvae import DiagonalGaussianMixture, FisherVectorEncoder
from skvae.mixture.conversion import from_parameters, from_sklearn, to_sklearn

K, D = 4, 3


@pytest.fixture
def X(rng):
    return rng.normal(size=(300, D)) + 4 * rng.integers(0, 2, (300, 1))


def fitted(kind, X):
    return GaussianMixture(K, covariance_type=kind, random_state=0).fit(X)


def assert_same_density(a, b, X):
    assert np.allclose(a.score_samples(X), b.score_samples(X), rtol=1e-10, atol=1e-10)
    assert np.allclose(a.predict_proba(X), b.predict_proba(X), rtol=0, atol=1e-10)
    assert np.array_equal(a.predict(X), b.predict(X))


# From scikit-learn


@pytest.mark.parametrize("kind", ["diag", "spherical"])
def test_from_scikit_learn_is_the_same_density(X, kind):
    gm = fitted(kind, X)
    assert_same_density(from_sklearn(gm), gm, X)


def test_from_scikit_learn_keeps_what_both_know(X):
    gm = GaussianMixture(K, covariance_type="diag", tol=1e-2, max_iter=7, random_state=3)
    gm.fit(pd.DataFrame(X, columns=["a", "b", "c"]))
    mixture = from_sklearn(gm)
    assert (mixture.tol, mixture.max_iter, mixture.random_state) == (1e-2, 7, 3)
    assert (mixture.n_iter_, mixture.converged_) == (gm.n_iter_, gm.converged_)
    assert mixture.lower_bound_ == gm.lower_bound_
    assert list(mixture.feature_names_in_) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_correlated_covariances_are_refused(X, kind):
    with pytest.raises(ValueError, match=rf"covariance_type='{kind}'.*diagonal.*PCA\(whiten=True"):
        from_sklearn(fitted(kind, X))


def test_an_unfitted_one_is_refused():
    with pytest.raises(NotFittedError):
        from_sklearn(GaussianMixture(K, covariance_type="diag"))
    with pytest.raises(NotFittedError):
        to_sklearn(DiagonalGaussianMixture(K))


# To scikit-learn


@pytest.fixture
def mixture(X):
    return DiagonalGaussianMixture(K, random_state=0, tol=1e-4).fit(X)


def test_to_scikit_learn_is_the_same_density(X, mixture):
    assert_same_density(to_sklearn(mixture), mixture, X)


def test_to_scikit_learn_sets_what_its_own_fit_sets(X, mixture):
    gm = to_sklearn(mixture)
    # scikit-learn keeps lower_bounds_ from its version 1.7.
    assert vars(gm).keys() == vars(fitted("diag", X)).keys() | {"lower_bounds_"}
    assert gm.tol == 1e-4
    assert (gm.n_iter_, gm.converged_) == (mixture.n_iter_, mixture.converged_)
    assert gm.lower_bound_ == mixture.lower_bound_
    assert np.allclose(gm.precisions_cholesky_**2 * mixture.covariances_, 1)
    gm.means_[:] = 0
    assert mixture.means_.any()


def test_there_and_back(mixture):
    back = from_sklearn(to_sklearn(mixture))
    for name in ("weights_", "means_", "covariances_"):
        assert np.allclose(getattr(back, name), getattr(mixture, name), rtol=1e-15)


# Afterwards


@pytest.mark.parametrize("convert", [from_sklearn, lambda gm: to_sklearn(from_sklearn(gm))])
def test_pickles_and_the_clone_starts_from_the_parameters(X, convert):
    gm = fitted("diag", X)
    converted = convert(gm)
    assert_same_density(pickle.loads(pickle.dumps(converted)), gm, X)
    again = clone(converted).set_params(max_iter=1, tol=0.0)
    with pytest.raises(NotFittedError):
        again.predict(X)
    if isinstance(again, DiagonalGaussianMixture):
        again.fit(X)
        assert np.isclose(again.lower_bounds_[0], gm.score(X))


def test_partial_fit_goes_on(rng):
    """Data that the mixture itself generates move it less and less."""
    mixture = from_parameters([0.4, 0.6], [[-3.0, 1000.0], [3.0, 1000.0]], np.ones((2, 2)))
    batch, _ = mixture.set_params(random_state=0).sample(20_000)
    mixture.partial_fit(batch)
    assert np.allclose(mixture.weights_, [0.4, 0.6], atol=0.02)
    assert np.allclose(mixture.means_, [[-3, 1000], [3, 1000]], atol=0.05)
    assert np.allclose(mixture.covariances_, 1, atol=0.05)
    mixture.partial_fit(batch[:1])
    assert np.allclose(mixture.means_[1], [3, 1000], atol=0.2)


# Parameters


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.6]}, "sum to 1; the least is 0.5, the sum 1.1"),
        ({"weights": [0.0, 1.0]}, "must be positive.*Leave components without weight out"),
        ({"weights": [-0.5, 1.5]}, "must be positive"),
        ({"weights": [1.0]}, r"need weights of shape \(2,\).*got \(1,\)"),
        ({"covariances": [[1.0, 1.0]]}, r"covariances of shape \(2, 2\)"),
        (
            {"covariances": [[1.0, 0.0], [1.0, 1.0]]},
            "variances and must be positive; the least is 0",
        ),
        ({"means": [[0.0, np.nan], [1.0, 1.0]]}, "means contains NaN"),
    ],
)
def test_says_which_parameter_is_wrong(change, message):
    good = {"weights": [0.5, 0.5], "means": np.zeros((2, 2)), "covariances": np.ones((2, 2))}
    with pytest.raises(ValueError, match=message):
        from_parameters(**good | change)


def test_weights_of_float32_are_made_to_sum_to_one(rng):
    weights = rng.dirichlet(np.ones(500)).astype(np.float32)
    mixture = from_parameters(weights, np.zeros((500, 1)), np.ones((500, 1)))
    assert abs(mixture.weights_.sum() - 1) < 1e-15


# In the encoder


def sets(rng, n=30):
    X = rng.normal(size=(n, 25, D))
    y = np.arange(n) % 2
    return X + y[:, None, None], y


def test_every_form_gives_the_same_vectors(rng, X):
    gm = fitted("diag", X)
    S, _ = sets(rng)
    forms = [gm, FrozenEstimator(gm), from_sklearn(gm), FrozenEstimator(from_sklearn(gm))]
    expected, *others = [FisherVectorEncoder(mixture=m).fit(S).transform(S) for m in forms]
    for found in others:
        assert np.allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("convert", [lambda gm: gm, from_sklearn])
def test_a_frozen_mixture_survives_grid_search(rng, X, convert):
    S, y = sets(rng)
    frozen = convert(fitted("diag", X))
    encoder = FisherVectorEncoder(mixture=FrozenEstimator(frozen))
    search = GridSearchCV(
        make_pipeline(encoder, LogisticRegression()), {"fishervectorencoder__power": [0.5, 1.0]}
    ).fit(S, y)
    assert search.best_score_ > 0.9
    used = search.best_estimator_[0].mixture_
    assert np.array_equal(used.means_, frozen.means_)


@pytest.mark.parametrize("kind", ["full", "tied", "spherical"])
def test_the_encoder_refuses_other_covariances(rng, X, kind):
    with pytest.raises(ValueError, match=f"covariance_type='{kind}'.*'diag'"):
        FisherVectorEncoder(mixture=fitted(kind, X)).fit(sets(rng)[0])


def test_the_encoder_refuses_a_mixture_of_another_dimension(rng, X):
    with pytest.raises(ValueError, match="fitted on 3 features, but the local descriptors have 2"):
        FisherVectorEncoder(mixture=fitted("diag", X)).fit(rng.normal(size=(5, 20, 2)))
