"""Missing values of descriptors: exact gradients, and no set feels the holes of another."""

import numpy as np
import pytest
import torch
from mixtures import by_component, random_mixture, with_holes
from reiterable import Blocks
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skvae import BagOfVisualWordsEncoder, FisherVectorEncoder, ImagePatches, VLADEncoder
from skvae.fisher.encoding import whiten
from skvae.mixture import from_parameters
from skvae.mixture.expectation import set_statistics
from skvae.mixture.missing import filled

K, D = 4, 3
ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]


@pytest.fixture
def mixture(rng):
    return random_mixture(rng, K, D)


def ragged(rng, dtype=np.float64):
    """Every other set has holes."""
    sets = [rng.normal(size=(n, D)).astype(dtype) for n in (30, 30, 1, 1, 0, 200, 7, 1100, 40, 40)]
    return [with_holes(rng, s) if i % 2 else s for i, s in enumerate(sets)]


def raw(mixture, **params):
    params = {"power": 1, "norm": None} | params
    return FisherVectorEncoder(mixture=from_parameters(*mixture), **params).fit(np.zeros((3, 4, D)))


def autograd_reference(X, mixture):
    """Whitened gradient of the mean log-likelihood of what is observed."""
    logits = torch.tensor(np.log(mixture.weights), requires_grad=True)
    mu = torch.tensor(mixture.means, requires_grad=True)
    sigma = torch.tensor(np.sqrt(mixture.covariances), requires_grad=True)
    log_joints = []
    for x in X:
        seen = torch.tensor(~np.isnan(x))
        normal = torch.distributions.Normal(mu[:, seen], sigma[:, seen])
        log_joints.append(normal.log_prob(torch.tensor(x)[seen]).sum(1))
    log_joint = torch.log_softmax(logits, 0) + torch.stack(log_joints)
    torch.logsumexp(log_joint, 1).mean().backward()
    w, s = mixture.weights[:, None], np.sqrt(mixture.covariances)
    parts = [logits.grad.numpy()[:, None] / np.sqrt(w), mu.grad.numpy() * s / np.sqrt(w)]
    return np.concatenate([*parts, sigma.grad.numpy() * s / np.sqrt(2 * w)], axis=1)


@pytest.mark.parametrize("n", [1, 2, 60])
def test_vectors_are_gradients_of_the_likelihood_of_what_is_observed(rng, mixture, n):
    X = with_holes(rng, rng.normal(size=(n, D)))
    X[0, 1] = np.nan
    ((_, totals),) = set_statistics(X, np.array([0, n]), mixture)
    found = whiten(totals, np.array([n]), mixture, mixture.center(float))
    found = by_component(found, mixture)[0]
    assert np.allclose(found, autograd_reference(X, mixture), rtol=1e-9, atol=1e-9)


def test_vectors_answer_to_a_moved_mean_as_scores_do(rng, mixture):
    X, step = with_holes(rng, rng.normal(size=(40, D))), 1e-5
    w, mu, variance = mixture
    slope = np.empty_like(mu)
    for place in np.ndindex(mu.shape):
        moved = np.zeros_like(mu)
        moved[place] = step
        above, below = (from_parameters(w, m, variance).score(X) for m in (mu + moved, mu - moved))
        slope[place] = (above - below) / (2 * step)
    expected = np.sqrt(variance / w[:, None]) * slope
    assert np.allclose(raw(mixture, gradients=("means",)).encode(X), expected.ravel(), atol=1e-7)


@pytest.mark.parametrize("power", [1, 0.5])
def test_a_dimension_without_a_value_has_no_gradient(rng, mixture, power):
    X = rng.normal(size=(50, D))
    X[:, 1] = np.nan
    fv = raw(mixture, power=power)
    names = fv.get_feature_names_out()
    vector = fv.encode(X)
    empty = [name.endswith("_d1") for name in names]
    assert sum(empty) == 2 * K
    assert np.array_equal(vector == 0, empty)


def test_a_descriptor_without_a_value_says_nothing_but_counts(rng, mixture):
    X = rng.normal(size=(30, D))
    more = np.concatenate([X, np.full((10, D), np.nan)])
    assert np.allclose(raw(mixture).encode(more), 0.75 * raw(mixture).encode(X), atol=1e-12)
    assert np.allclose(
        raw(mixture, norm="l2").encode(more), raw(mixture, norm="l2").encode(X), atol=1e-9
    )


def test_vectors_of_parts_of_a_set_average_to_that_of_the_whole(rng, mixture):
    X, fv = rng.normal(size=(40, D)), raw(mixture)
    X[:10] = with_holes(rng, X[:10])
    for cut in (5, 10, 25):
        parts = (cut * fv.encode(X[:cut]) + (40 - cut) * fv.encode(X[cut:])) / 40
        assert np.allclose(parts, fv.encode(X), atol=1e-12)


def test_weights_repeat_descriptors(rng, mixture):
    X, counts = with_holes(rng, rng.normal(size=(40, D))), rng.integers(0, 3, 40)
    fv = raw(mixture)
    repeated = fv.encode(np.repeat(X, counts, axis=0))
    assert np.allclose(fv.encode(X, weights=counts), repeated, atol=1e-12)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_set_feels_the_holes_of_another(rng, encoder, dtype):
    X = ragged(rng, dtype)
    fitted = encoder(4, random_state=0).fit(X)
    together = fitted.transform(X)
    assert np.isfinite(together).all()
    assert np.array_equal(together, np.concatenate([fitted.transform([x]) for x in X]))
    assert np.array_equal(together, np.stack([fitted.encode(x) for x in X]))
    assert np.array_equal(together, fitted.set_params(n_jobs=2).transform(X))


def test_a_large_set_is_summed_in_pieces_with_and_without_holes(rng, mixture):
    X = rng.normal(size=(150_000, D)).astype(np.float32)
    X[10] = np.nan
    X[70_000, 1] = np.nan
    fv = raw(mixture)
    ends = np.array([0, len(X)])
    ((_, totals),) = set_statistics(X.astype(float), ends, mixture)
    expected = whiten(totals, ends[1:], mixture, mixture.center(float))
    found = fv.transform([X])
    assert np.allclose(found, fv._codec().layout.keep(expected), atol=1e-5)
    assert np.allclose(fv.encode(Blocks(*np.split(X, 3))), found, atol=1e-5)


@pytest.mark.parametrize("params", [{"top_k": 1}, {"top_k": 2}, {"min_posterior": 0.2}])
def test_hard_and_sparse_posteriors_are_those_of_what_is_observed(rng, mixture, params):
    X = with_holes(rng, rng.normal(size=(40, D)))
    gamma = from_parameters(*mixture).predict_proba(X)
    raw(mixture, **params)._codec().assignment.sparsify(gamma.T)
    gamma /= gamma.sum(axis=1, keepdims=True)
    found = raw(mixture, gradients=("weights",), **params).encode(X)
    expected = (gamma.mean(axis=0) - mixture.weights) / np.sqrt(mixture.weights)
    assert np.allclose(found, expected, atol=1e-10)


def test_words_are_nearest_by_what_is_observed_and_their_residuals_are_too(rng):
    X = [with_holes(rng, rng.normal(size=(60, D)) + i % 3) for i in range(20)]
    plain = {"power": 1, "norm": None, "random_state": 0}
    vlad, bag = (e(4, **plain).fit(X) for e in (VLADEncoder, BagOfVisualWordsEncoder))
    centers = vlad.vocabulary_.cluster_centers_
    for x, residuals, counts in zip(X, vlad.transform(X), bag.transform(X), strict=True):
        differences = x[:, None] - centers
        nearest = np.nansum(differences**2, axis=2).argmin(axis=1)
        chosen = np.nan_to_num(differences[np.arange(len(x)), nearest])
        expected = np.zeros_like(centers)
        np.add.at(expected, nearest, chosen)
        assert np.allclose(residuals, expected.ravel(), atol=1e-9)
        assert np.allclose(counts, np.bincount(nearest, minlength=4))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_reducer_may_impute(rng, encoder):
    X = [with_holes(rng, rng.normal(size=(60, D))) for _ in range(12)]
    imputer = SimpleImputer().fit(np.concatenate(X))
    made = [imputer.transform(x) for x in X]
    inside = encoder(3, reducer=make_pipeline(SimpleImputer(), PCA(2)), random_state=0)
    before = encoder(3, reducer=PCA(2), random_state=0)
    assert np.allclose(inside.fit_transform(X), before.fit_transform(made), atol=1e-6)


def test_a_reducer_may_leave_some_values_missing(rng):
    X = ragged(rng)
    some = ColumnTransformer([("imputed", SimpleImputer(), [0, 1]), ("kept", "passthrough", [2])])
    for reducer in (StandardScaler(), some):
        fv = FisherVectorEncoder(4, reducer=reducer, random_state=0).fit(X)
        apart = np.concatenate([fv.transform([x]) for x in X])
        assert np.array_equal(fv.transform(X), apart)


@pytest.mark.parametrize("given_fitted", [False, True])
def test_a_mixture_that_takes_no_missing_values_is_fitted_on_means(rng, given_fitted):
    X = with_holes(rng, rng.normal(size=(10, 30, D)))
    rows = X.reshape(-1, D)
    mixture = GaussianMixture(2, covariance_type="diag", random_state=0)
    by_means = clone(mixture).fit(filled(rows, np.zeros(D)))
    fv = FisherVectorEncoder(mixture=by_means if given_fitted else mixture).fit(X)
    assert np.allclose(fv.mixture_.means_, by_means.means_)
    assert np.isfinite(fv.transform(X)).all()


def test_a_reducer_that_takes_no_missing_values_is_named(rng):
    X = rng.normal(size=(10, 30, D))
    Y = with_holes(rng, X)
    fv = FisherVectorEncoder(2, reducer=IncrementalPCA(2), random_state=0)
    for method in (fv.fit, fv.fit(X).transform, fv.fit(X).partial_fit):
        said = r"reducer=IncrementalPCA.*SimpleImputer\(\), Incr.*leave it out"
        with pytest.raises(ValueError, match=said):
            method(Y)
    with pytest.raises(ValueError, match="n_components=7 must be between"):  # another error stays
        FisherVectorEncoder(2, reducer=PCA(7)).fit(X)


def test_fit_and_partial_fit_learn_from_sets_with_holes(rng):
    X = [with_holes(rng, rng.normal(size=(100, D)) + 4 * (i % 2)) for i in range(40)]
    fitted = FisherVectorEncoder(2, random_state=0).fit(X)
    assert np.allclose(np.sort(fitted.mixture_.means_, axis=0).T, [0, 4], atol=0.2)
    fitted.partial_fit(X)
    assert np.allclose(np.sort(fitted.mixture_.means_, axis=0).T, [0, 4], atol=0.2)


def test_decoded_statistics_have_expectations_in_the_place_of_missing_values(rng, mixture):
    X = with_holes(rng, rng.normal(size=(50, D)))
    fv = raw(mixture)
    s0, s1, s2 = fv.decode_statistics(fv.transform([X]))
    gamma = from_parameters(*mixture).predict_proba(X)
    missing = np.isnan(X)[:, None]
    x = np.where(missing, mixture.means, X[:, None])
    squares = np.where(missing, mixture.means**2 + mixture.covariances, X[:, None] ** 2)
    assert np.allclose(s0[0], gamma.mean(axis=0))
    assert np.allclose(s1[0], (gamma[:, :, None] * x).mean(axis=0))
    assert np.allclose(s2[0], (gamma[:, :, None] * squares).mean(axis=0))


def test_energies_sum_to_the_squared_length(rng, mixture):
    X = with_holes(rng, rng.normal(size=(30, D)))
    shares = raw(mixture).energies(X)
    assert shares.sum() == pytest.approx((raw(mixture).encode(X) ** 2).sum())


def test_tags_say_who_takes_missing_values():
    for encoder in ENCODERS:
        assert get_tags(encoder()).input_tags.allow_nan
        assert get_tags(encoder(reducer=StandardScaler())).input_tags.allow_nan
        assert not get_tags(encoder(reducer=PCA(2))).input_tags.allow_nan
        assert not get_tags(encoder(extractor=ImagePatches())).input_tags.allow_nan
