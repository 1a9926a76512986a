"""Float32 is right wherever float64 is: on data unlike grey patches, against long double."""

import itertools
import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from awkward import KINDS, descriptors
from exact import fisher_vector, log_joints, posteriors
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import by_component
from reiterable import Blocks
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    VLADEncoder,
)
from skvae.fisher.encoding import normalize, signed_power, whiten
from skvae.mixture import expectation, from_parameters, torch_statistics
from skvae.mixture.expectation import log_posteriors
from skvae.mixture.statistics import Mixture, in_double, natural_parameters

problems = given(
    kind=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([2, 5, 9, 32, 128]),
    n_components=st.sampled_from([1, 4, 12]),
)
few = settings(max_examples=25, deadline=None, derandomize=True)


def fitted(X, n_components):
    """Parameters by a few iterations in float64."""
    model = DiagonalGaussianMixture(n_components, max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged, or columns that need scaling
        model.fit(X.reshape(-1, X.shape[-1]).astype(np.float64))
    return Mixture(model.weights_, model.means_, model.covariances_)


def normalized(gradients):
    vectors = signed_power(gradients.reshape(len(gradients), -1).copy(), 0.5)
    return normalize(vectors, "l2", None)[0]


@few
@problems
def test_posteriors_and_log_likelihoods_are_those_of_long_double(kind, seed, d, n_components):
    X = descriptors(kind, seed, (20, 30, d))
    mixture, x = fitted(X, n_components), X[:3].reshape(-1, d)
    exact, gamma = posteriors(x, mixture)
    ((_, log_likelihood, found),) = log_posteriors(x, mixture)
    assert np.abs(found - gamma).max() <= 1e-3
    rounding = 1e-12 * np.abs(exact)  # of float64 itself, for outliers
    assert (np.abs(log_likelihood - exact) <= 1e-5 * d + rounding).all()


def by_numpy(X, offsets, mixture):
    return expectation.set_statistics(X, offsets, mixture)


def by_torch(X, offsets, mixture):
    return torch_statistics.set_statistics(X, offsets, mixture, device=torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("set_statistics", [by_numpy, by_torch])
@few
@problems
def test_vectors_are_those_of_long_double(set_statistics, kind, seed, d, n_components):
    X = descriptors(kind, seed, (20, 30, d))
    mixture = fitted(X, n_components)
    sets = X[:4]
    exact = np.stack([fisher_vector(x, mixture, posteriors(x, mixture)[1]) for x in sets])
    offsets = 30 * np.arange(5)
    totals = np.concatenate([t for _, t in set_statistics(sets.reshape(-1, d), offsets, mixture)])
    found = whiten(totals, np.full(4, 30), mixture, mixture.center(np.float32))
    found = by_component(found, mixture)
    length = np.linalg.norm(exact, axis=(1, 2))
    assert (np.linalg.norm(found - exact, axis=(1, 2)) <= 1e-4 * length).all()
    error = np.linalg.norm(normalized(found) - normalized(exact), axis=1)
    assert error.max() <= 1e-3


@pytest.mark.slow
@settings(few, max_examples=12)
@problems
def test_em_rises_and_takes_the_passes_of_float64(kind, seed, d, n_components):
    X = descriptors(kind, seed, (30, 30, d)).reshape(-1, d)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        single, double = (
            DiagonalGaussianMixture(n_components, random_state=0).fit(X.astype(dtype))
            for dtype in (np.float32, np.float64)
        )
    if not double.n_revived_:
        rounding = 1e-5 * d + 1e-7 * np.abs(double.lower_bound_)
        assert np.diff(single.lower_bounds_).min(initial=0) >= -rounding
        assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=0.01 * d)
    assert single.n_iter_ <= 1.3 * double.n_iter_ + 1


@pytest.mark.slow
@few
@problems
def test_words_are_those_of_long_double(kind, seed, d, n_components):
    X = descriptors(kind, seed, (20, 30, d))
    vlad = VLADEncoder(n_components, power=1, norm=None, random_state=0).fit(X)
    bag = BagOfVisualWordsEncoder(vocabulary=vlad.vocabulary_, power=1, norm=None).fit(X)
    centers = vlad.vocabulary_.cluster_centers_.astype(np.longdouble)
    for x in X[:3]:
        squares = ((x[:, None].astype(np.longdouble) - centers) ** 2).sum(axis=2)
        nearest = np.sort(squares, axis=1)
        if n_components > 1 and (nearest[:, 1] - nearest[:, 0] <= 1e-9 * nearest[:, 1]).any():
            continue  # which of two equally near words is taken is nobody's error
        word = squares.argmin(axis=1)
        exact = np.zeros(centers.shape, np.longdouble)
        np.add.at(exact, word, x - centers[word])
        scale = max(np.linalg.norm(exact.astype(float)), 1e-9)
        found = vlad.set_params(dtype="float64").encode(x).reshape(centers.shape)
        assert np.linalg.norm(found - exact.astype(float)) <= 1e-6 * scale
        assert np.array_equal(bag.encode(x), np.bincount(word, minlength=len(centers)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_component_in_double_changes_no_bit_of_a_set_in_other_company(kind):
    X = descriptors(kind, 0, (40, 7, 9))
    encoder = FisherVectorEncoder(8, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = encoder.fit_transform(X)
    alone = [encoder.transform(x[None])[0] for x in X]
    assert np.array_equal(together, alone)


def test_only_components_that_cancel_are_in_double(rng):
    variances = np.ones((4, 5))
    variances[:2] = 1e-8
    mixture = Mixture(np.full(4, 0.25), rng.normal(size=(4, 5)), variances)
    at_the_first = mixture.means[0].astype(np.float32).astype(np.float64)
    eta = natural_parameters(mixture, at_the_first)
    assert in_double(eta, mixture, np.float32).tolist() == [False, True, False, False]
    assert in_double(eta, mixture, np.float64).all()


@pytest.mark.parametrize("unit", [1e-18, 1e-16, 1e16])
def test_units_that_float32_cannot_square(unit):
    X = descriptors("quantised", 0, (10, 30, 5)) + np.float32(0.01)
    mixture = fitted(X, 4)
    scaled = Mixture(mixture.weights, mixture.means * unit, mixture.covariances * unit**2)
    x = (X[0] * np.float32(unit)).astype(np.float32)
    ((_, log_likelihood, gamma),) = log_posteriors(x, scaled)
    exact, expected = posteriors(x, scaled)
    assert np.abs(gamma - expected).max() <= 1e-3
    assert np.allclose(log_likelihood, exact.astype(np.float64), atol=1e-4)


def test_log_joints_of_the_reference_are_densities(rng):
    mixture = Mixture(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)))
    assert float(log_joints(np.zeros((1, 1)), mixture)[0, 0]) == pytest.approx(-0.9189385332)


@pytest.mark.parametrize("container", ["iterable", "dask"])
def test_bits_are_right_wherever_they_lie(container):
    X = descriptors("bits", 0, (20, 30, 64)).reshape(-1, 64)
    parts = np.array_split(X, 3)
    if container == "iterable":
        data = Blocks(*parts)
    else:
        da = pytest.importorskip("dask.array", reason="needs the extra 'dask'")
        data = da.from_array(X, chunks=(250, 64))
    options = {"n_components": 6, "random_state": 0, "tol": 1e-6}
    found, double = (
        DiagonalGaussianMixture(**options).fit(x) for x in (data, X.astype(np.float64))
    )
    assert found.n_iter_ == double.n_iter_
    assert np.allclose(found.lower_bounds_, double.lower_bounds_, rtol=1e-9)
    assert np.diff(found.lower_bounds_).min() >= -1e-7


@pytest.mark.parametrize("norm", ["l2", "l1", "intra"])
@pytest.mark.parametrize("offset", [0, 1e3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_errors_alone_have_no_direction(rng, dtype, offset, norm):
    X = (rng.normal(size=(1, 12, 3)) + offset).astype(dtype)
    options = {"norm": norm, "random_state": 0}
    for encoder in (
        VLADEncoder(12, **options),  # every row is a word
        VLADEncoder(1, **options),
        FisherVectorEncoder(1, **options),  # the mean gradient over the data of the fit
    ):
        assert not encoder.fit_transform(X).any()
        assert encoder.transform(X + dtype(1)).any()


@pytest.mark.parametrize("units", [1, np.array([1, 1e-6, 1e6, 1e3])])
@pytest.mark.parametrize("n", [300, 30_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_em_has_ended_no_gradient_is_left(rng, dtype, n, units):
    means = 10.0 * np.array([[0] * 4, [1] * 4, [2] * 4])
    X = ((means[rng.integers(3, size=n)] + rng.normal(size=(n, 4))) * units).astype(dtype)
    start = {"means_init": means * units, "precisions_init": np.ones((3, 4)) / units**2}
    mixture = DiagonalGaussianMixture(3, weights_init=np.full(3, 1 / 3), **start).fit(X)
    encoder = FisherVectorEncoder(mixture=mixture).fit(X[None])
    assert not encoder.encode(X).any()
    assert np.linalg.norm(encoder.encode(X[: n // 2])) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n", [400, 40_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_word_of_all_has_no_residual_however_little_they_differ(rng, dtype, n):
    X = (rng.normal(size=(1, n, 3)) * 1e-5 + 3).astype(dtype)
    encoder = VLADEncoder(1, random_state=0).fit(X)
    assert not encoder.transform(X).any()
    assert encoder.transform(X + dtype(1e-4)).any()


def test_a_word_without_residual_is_zero_beside_others(rng):
    X = rng.normal(size=(6, 3)) + 100
    vlad = VLADEncoder(6, norm="intra", random_state=0).fit(X[None])
    moved = X.copy()
    moved[0] += 1e-3
    blocks = vlad.transform(moved[None]).reshape(6, 3)
    assert (blocks.any(axis=1)).sum() == 1
    assert np.linalg.norm(blocks) == pytest.approx(1)


@pytest.mark.parametrize("distance", [1e4, 1e7, 1e10, 1e12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("statistics", [by_numpy, by_torch])
def test_a_component_far_out_takes_no_digits_from_the_others(rng, statistics, dtype, distance):
    means = rng.normal(size=(5, 4))
    means[2] += distance
    mixture = Mixture(np.full(5, 0.2), means, np.full((5, 4), 0.1))
    x = (means[[0, 1, 3, 4] * 10] + 0.3 * rng.normal(size=(40, 4))).astype(dtype)
    exact, gamma = posteriors(x, mixture)
    ((_, log_likelihood, found),) = log_posteriors(x, mixture)
    assert np.allclose(log_likelihood, exact.astype(float), rtol=1e-6)
    assert np.allclose(found, gamma.astype(float), atol=1e-5)

    ((_, totals),) = statistics(x, np.array([0, 40]), mixture)
    vector = whiten(totals.astype(float), np.array([40]), mixture, mixture.centers(dtype))
    vector = by_component(vector, mixture)
    assert np.allclose(vector[0], fisher_vector(x, mixture, gamma), atol=1e-5)


def far_out(rng, distance, d=4):
    """A mixture with a component, and with a pair of them, far out; descriptors of all of them."""
    means = rng.normal(size=(7, d))
    means[2] += distance
    means[4:6] -= 3 * distance
    mixture = Mixture(np.full(7, 1 / 7), means, rng.uniform(0.05, 0.2, (7, d)))
    return mixture, means[np.arange(70) % 7] + 0.3 * rng.normal(size=(70, d))


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("statistics", [by_numpy, by_torch])
def test_gradients_of_components_far_out_are_those_of_long_double(rng, statistics, holes, distance):
    mixture, x = far_out(rng, distance)
    if holes:
        x[::5, 1] = np.nan
    offsets = np.array([0, 1, 3, 40, 70])
    totals = np.concatenate([t for _, t in statistics(x, offsets, mixture)])
    found = whiten(totals, np.diff(offsets), mixture, mixture.centers(float))
    found = by_component(found, mixture)
    for i, (first, last) in enumerate(itertools.pairwise(offsets)):
        own = x[first:last]
        exact = fisher_vector(own, mixture, posteriors(own, mixture)[1])
        assert np.allclose(found[i], exact, atol=1e-6)


@pytest.mark.parametrize("distance", [1e6, 1e9, 1e12])
def test_residuals_of_words_far_out_are_those_of_long_double(rng, distance):
    mixture, x = far_out(rng, distance)
    vocabulary = KMeans(7, init=mixture.means, n_init=1, max_iter=1).fit(mixture.means)
    encoder = VLADEncoder(vocabulary=vocabulary, power=1, norm=None).fit(x[None])
    words = vocabulary.cluster_centers_
    residuals = x[:, None].astype(np.longdouble) - words
    nearest = (residuals**2).sum(axis=2).argmin(axis=1)
    exact = np.stack([residuals[nearest == k, k].sum(axis=0) for k in range(7)])
    assert np.allclose(encoder.encode(x), exact.ravel().astype(float), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_em_finds_the_variances_of_components_far_out(rng, dtype):
    mixture, x = far_out(rng, 1e6)
    x = np.round(16 * x).astype(dtype) / 16  # what float32 holds
    start = {"means_init": mixture.means, "precisions_init": 1 / mixture.covariances}
    model = DiagonalGaussianMixture(7, variance_floor=1e-30, max_iter=2, tol=0, **start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x)
    for k in (2, 4, 5):
        gamma = model.predict_proba(x)[:, k].astype(float)
        spread = gamma @ (x.astype(float) - model.means_[k]) ** 2 / gamma.sum()
        assert np.allclose(model.covariances_[k], spread, rtol=0.3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_rare_components_are_those_of_long_double(rng, dtype):
    means = np.array([[0.0, 0], [0.5, -1], [6, 0], [0, 7], [9, -9]])
    mixture = Mixture(np.full(5, 0.2), means, rng.uniform(1, 1.1, (5, 2)))
    X = rng.uniform(-0.5, 0.5, size=(8, 2)).astype(dtype)
    _, gamma = posteriors(X, mixture)
    assert (gamma.mean(axis=0) < [1, 1, 1e-6, 1e-8, 1e-25]).all()
    exact = fisher_vector(X, mixture, gamma)[:4]
    encoder = FisherVectorEncoder(mixture=from_parameters(*mixture), power=1, norm="intra")
    _, *blocks = np.split(encoder.fit(X[None]).encode(X), [5, 15])
    for found, expected in zip(blocks, (exact[:, 1:3], exact[:, 3:]), strict=True):
        found = found.reshape(5, 2)
        assert not found[4].any()  # so few that nobody knows how many
        unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
        assert np.allclose(found[:4] * 3, unit, atol=1e-3)  # of 9 blocks


REDUCERS = {
    "scaled": StandardScaler(),
    "PCA": PCA(2),
    "whitened": PCA(2, whiten=True),
    "scaled, PCA": make_pipeline(StandardScaler(), PCA(2)),
}


def lengths_of_errors(found, exact):
    return np.linalg.norm(found - exact, axis=1) / np.maximum(np.linalg.norm(exact, axis=1), 1e-30)


@pytest.mark.slow
@pytest.mark.parametrize("reducer", sorted(REDUCERS))
@pytest.mark.parametrize("device", [None, torch.device("cpu")])
@settings(few, max_examples=12)
@problems
def test_reduced_descriptors_are_those_of_float64(reducer, device, kind, seed, d, n_components):
    X = descriptors(kind, seed, (30, 30, d))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = FisherVectorEncoder(n_components, reducer=REDUCERS[reducer], random_state=0)
        encoder.fit(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skvae.fisher.encoder.gpu_or_none", lambda _: device)
        plain = deepcopy(encoder).set_params(power=1, norm=None)
        some = np.linalg.norm(plain.transform(X), axis=1) > 1e-2  # not rounding alone
        for vectors, error in ((plain, 1e-4), (encoder, 1e-3)):
            found, exact = vectors.transform(X), vectors.transform(X.astype(np.float64))
            assert found.dtype == np.float32
            assert lengths_of_errors(found, exact)[some].max(initial=0) <= error


def blank_patches(rng):
    """Rows of 8 x 8 pixels, of which some are blank or constant."""
    X = np.round(np.clip(rng.normal(4, 6, (60, 64)), 0, 16)).astype(np.float32)
    X[:10], X[10:15], X[:, :24] = 0, 7.3, 0
    return X


@pytest.mark.parametrize("xy_weight", [10, 1.0, 0.1])
@pytest.mark.parametrize("patch_size", [2, 3])
def test_positions_beside_blank_patches_are_those_of_float64(rng, xy_weight, patch_size):
    X = blank_patches(rng)
    patches = ImagePatches(patch_size=patch_size)
    encoder = FisherVectorEncoder(
        16, extractor=patches, spatial="xy", xy_weight=xy_weight, random_state=0
    ).fit(X)
    exact = encoder.transform(X.astype(np.float64))
    assert lengths_of_errors(encoder.transform(X), exact).max() <= 1e-3


@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
@pytest.mark.parametrize("reducer", sorted(REDUCERS))
def test_reduced_descriptors_of_any_container_are_those_of_float64(encoder, reducer):
    dask_array = pytest.importorskip("dask.array")
    X = descriptors("offsets", 0, (30, 30, 6))
    fitted = encoder(4, reducer=REDUCERS[reducer], power=1, norm=None, random_state=0).fit(X)
    exact = fitted.transform(X.astype(np.float64))
    lazy = fitted.transform(dask_array.from_array(X, chunks=(7, 30, 6)))
    ones = np.stack([fitted.encode(Blocks(x[:1], x[1:20], x[20:])) for x in X])
    for found in (fitted.transform(X), fitted.transform(list(X)), np.asarray(lazy), ones):
        assert found.dtype == np.float32
        assert lengths_of_errors(found, exact).max() <= 1e-4


@pytest.mark.parametrize("reducer", [None, *sorted(REDUCERS)])
def test_words_learned_in_float64_are_those_of_float32_descriptors(reducer):
    X = descriptors("quantised", 0, (30, 30, 6))
    fitted = VLADEncoder(8, reducer=REDUCERS.get(reducer), random_state=0)
    exact = fitted.fit(X.astype(np.float64)).transform(X.astype(np.float64))
    assert lengths_of_errors(fitted.transform(X), exact).max() <= 1e-3


class Single(FunctionTransformer):
    """Takes float32 alone, as networks do."""

    def transform(self, X):
        return (torch.from_numpy(X) @ torch.ones(X.shape[1], 2)).numpy()


def test_a_reducer_that_takes_float32_alone_is_given_no_other():
    X = descriptors("bits", 0, (10, 30, 6))
    fitted = FisherVectorEncoder(2, reducer=Single(), random_state=0).fit(X)
    assert np.isfinite(fitted.transform(X)).all()


@pytest.mark.parametrize("device", [None, torch.device("cpu")])
@pytest.mark.parametrize("top_k", [None, 1])
@pytest.mark.parametrize("kind", ["bits", "quantised"])
def test_one_component_has_no_gradient_of_its_weight_however_descriptors_weigh(
    rng, monkeypatch, kind, top_k, device
):
    X, others = descriptors(kind, 0, (5, 40, 6)), descriptors(kind, 1, (5, 40, 6))
    weights = rng.uniform(0, 1, (5, 40))
    fitted = FisherVectorEncoder(1, top_k=top_k, norm="intra", random_state=0).fit(X)
    monkeypatch.setattr("skvae.fisher.encoder.gpu_or_none", lambda _: device)
    found = fitted.transform(others, sample_weight=weights)
    exact = fitted.transform(others.astype(np.float64), sample_weight=weights)
    assert not found[:, 0].any()
    assert np.allclose(found, exact, atol=1e-3)
