import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from checks import parametrize_with_checks
from reiterable import Blocks
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches


@pytest.mark.checks
@parametrize_with_checks(
    [
        FisherVectorEncoder(2),
        FisherVectorEncoder(3, norm="intra", gradients=("means", "stds"), power=0.3),
        FisherVectorEncoder(
            mixture=GaussianMixture(
                2, covariance_type="diag", init_params="random_from_data", reg_covar=1e-3
            ),
            reducer=PCA(1),
            norm=None,
            power=1.0,
        ),
    ],
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def ragged(rng, n=30, d=4, low=5, high=60):
    return [rng.normal(size=(t, d)) + i % 2 for i, t in enumerate(rng.integers(low, high, n))]


def digits_encoder(n_components=16, **params):
    params = {"spatial": "xy", "reducer": PCA(6), "random_state": 0} | params
    return FisherVectorEncoder(
        n_components, extractor=ImagePatches(patch_size=3, padding=1), **params
    )


# Input


def test_every_container_gives_the_same_vectors(rng):
    torch = pytest.importorskip("torch")
    X = rng.normal(size=(10, 12, 4))
    fv = FisherVectorEncoder(4, random_state=0).fit(X)
    expected = fv.transform(X)
    objects = np.empty(10, dtype=object)
    objects[:] = list(X)
    frames = [pd.DataFrame(s) for s in X]
    values = dict(enumerate(X)).values()
    for same in (list(X), tuple(X), objects, pd.Series(list(X)), frames, values, torch.tensor(X)):
        assert np.array_equal(fv.transform(same), expected)
        again = clone(fv).fit(same)
        assert np.array_equal(again.transform(X), expected)
    assert fv.n_features_in_ == 4


def test_rows_of_a_table_are_sets_of_one_descriptor(rng):
    X = rng.normal(size=(50, 4))
    fv = FisherVectorEncoder(4, random_state=0).fit(X)
    assert np.array_equal(fv.transform(X), fv.transform(X[:, None]))


def test_encode_is_the_vector_of_one_set(rng):
    X = ragged(rng)
    fv = FisherVectorEncoder(4, random_state=0).fit(X)
    assert np.array_equal(fv.encode(X[3]), fv.transform(X)[3])
    assert fv.encode(X[3].astype(np.float32)).dtype == np.float32


def test_empty_sets_are_zeros(rng):
    X = ragged(rng)
    fv = FisherVectorEncoder(4, random_state=0).fit([*X, np.empty((0, 4))])
    F = fv.transform([np.empty((0, 4)), X[0]])
    assert not F[0].any()
    assert np.array_equal(F[1], fv.encode(X[0]))
    assert not fv.transform([np.empty((0, 4))]).any()
    assert not fv.encode(np.empty((0, 4))).any()


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_neighbours_change_no_bit(rng, n_jobs):
    X = [x.astype(np.float32) for x in ragged(rng, n=200, high=900)]
    fv = FisherVectorEncoder(8, reducer=PCA(3), n_jobs=n_jobs, random_state=0).fit(X)
    F = fv.transform(X)
    order = rng.permutation(200)
    assert np.array_equal(fv.transform([X[i] for i in order]), F[order])
    for i in range(0, 200, 17):
        assert np.array_equal(fv.transform(X[i : i + 1])[0], F[i])


@pytest.mark.slow
def test_images_change_no_bit_in_other_company(digits):
    X, _ = digits
    fv = digits_encoder().fit(X[:500])
    F = fv.transform(X)
    assert F.dtype == np.float32
    assert np.array_equal(fv.transform(X[1000:1003]), F[1000:1003])
    assert np.array_equal(fv.transform(X.reshape(-1, 8, 8)[:5]), F[:5])
    assert fv.n_features_in_ == 64


# Parts


def test_a_fitted_mixture_is_used_as_it_is(rng):
    X = ragged(rng)
    mixture = DiagonalGaussianMixture(3, random_state=0).fit(np.concatenate(X))
    fv = FisherVectorEncoder(mixture=mixture).fit(X[:5])
    assert fv.mixture_ is mixture


@pytest.mark.parametrize("kind", [DiagonalGaussianMixture, GaussianMixture])
def test_an_unfitted_mixture_is_cloned(rng, kind):
    mixture = kind(3)
    if kind is GaussianMixture:
        mixture.set_params(covariance_type="diag")
    fv = FisherVectorEncoder(mixture=mixture, random_state=0).fit(ragged(rng))
    assert fv.mixture_ is not mixture
    assert not hasattr(mixture, "weights_")
    assert mixture.random_state is None
    assert isinstance(fv.mixture_.random_state, int)
    assert fv._n_features_out == 3 + 2 * 3 * 4


def test_scikit_learns_mixture_gives_the_same_vectors(rng):
    X = ragged(rng)
    theirs = GaussianMixture(3, covariance_type="diag", random_state=0).fit(np.concatenate(X))
    ours = DiagonalGaussianMixture(
        3,
        weights_init=theirs.weights_,
        means_init=theirs.means_,
        precisions_init=theirs.precisions_,
        max_iter=1,
    )
    ours.fit(np.concatenate(X))
    ours.weights_, ours.means_ = theirs.weights_, theirs.means_
    ours.covariances_ = theirs.covariances_
    a, b = (FisherVectorEncoder(mixture=m).fit(X).transform(X) for m in (theirs, ours))
    assert np.array_equal(a, b)


@pytest.mark.slow
def test_frozen_parts_survive_a_grid_search(digits):
    X, y = digits[0][:300], digits[1][:300]
    donor = digits_encoder(8).fit(X)
    fv = FisherVectorEncoder(
        extractor=FrozenEstimator(donor.extractor_),
        reducer=FrozenEstimator(donor.reducer_),
        mixture=FrozenEstimator(donor.mixture_),
        spatial="xy",
    )
    search = GridSearchCV(
        Pipeline([("fv", fv), ("knn", KNeighborsClassifier())]), {"fv__power": [0.5, 1]}, cv=2
    ).fit(X, y)
    found = search.best_estimator_["fv"]
    assert np.array_equal(found.mixture_.means_, donor.mixture_.means_)
    same = donor.set_params(power=search.best_params_["fv__power"])
    assert np.array_equal(found.transform(X), same.transform(X))


def test_nested_seeds_are_derived_and_kept(rng):
    X = ragged(rng)
    settings = {"reducer": PCA(2, svd_solver="randomized"), "random_state": 3}
    a, b = (FisherVectorEncoder(4, **settings).fit(X) for _ in range(2))
    assert np.array_equal(a.transform(X), b.transform(X))
    assert a.reducer_.random_state == b.reducer_.random_state is not None
    settings["reducer"] = PCA(2, random_state=11)
    assert FisherVectorEncoder(4, **settings).fit(X).reducer_.random_state == 11


def test_global_state_is_untouched(rng):
    state = np.random.get_state()[1].copy()
    FisherVectorEncoder(4, random_state=0).fit_transform(ragged(rng))
    assert np.array_equal(np.random.get_state()[1], state)


def test_max_descriptors_bounds_what_is_fitted(rng):
    seen = []

    class Spy(PCA):
        def fit(self, X, y=None):
            seen.append(len(X))
            return super().fit(X)

    FisherVectorEncoder(4, reducer=Spy(2), max_descriptors=100).fit(ragged(rng))
    assert seen == [100]


@pytest.mark.slow
def test_positions_are_appended_in_their_own_units(digits):
    fv = digits_encoder(xy_weight=0.5).fit(digits[0][:400])
    means = fv.mixture_.means_
    assert means.shape[1] == 8
    assert 0.3 < np.abs(means[:, 6:]).max() <= 0.5 + 1e-6


@pytest.mark.slow
def test_encode_uses_positions(digits):
    X = digits[0][:400]
    fv = digits_encoder().fit(X)
    P = fv.extractor_.transform(X[:1])[0]
    assert np.allclose(fv.encode(P), fv.transform(X[:1])[0], atol=1e-6)
    half = fv.encode(P[:30], fv.extractor_.positions_[:30])
    assert not np.allclose(half, fv.encode(P), atol=1e-2)
    with pytest.raises(ValueError, match="positions must have shape"):
        fv.encode(P[:30])


@pytest.mark.slow
@pytest.mark.parametrize("spatial", [None, "xy", ("xy", 2)])
def test_encode_reads_a_set_block_by_block(digits, rng, tmp_path, spatial):
    X = digits[0][:200].astype(np.float64)
    fv = digits_encoder(spatial=spatial, power=1).fit(X)
    P = fv.extractor_.transform(X[:1])[0]
    np.save(tmp_path / "P.npy", P)
    weights = rng.random(len(P))
    for lazy in (Blocks(*np.split(P, [1, 20, 20, 35])), np.load(tmp_path / "P.npy", mmap_mode="r")):
        assert np.allclose(fv.encode(lazy), fv.encode(P), atol=1e-9)
        weighted = fv.encode(lazy, weights=weights)
        assert np.allclose(weighted, fv.encode(P, weights=weights), atol=1e-9)
        with pytest.raises(ValueError, match="weights must have shape"):
            fv.encode(lazy, weights=weights[1:])
    with pytest.raises(ValueError, match="descriptors have 2 features"):
        fv.encode(Blocks(P[:, :2]))


def test_positions_and_a_pyramid_together(digits):
    X = digits[0][:200].astype(np.float64)
    fv = digits_encoder(4, spatial=("xy", 1, 2), power=1).fit(X)
    F = fv.transform(X).reshape(200, 5, -1)
    whole = clone(fv).set_params(
        spatial="xy", mixture=fv.mixture_, reducer=FrozenEstimator(fv.reducer_)
    )
    assert np.allclose(whole.fit(X).transform(X), F[:, 0], atol=1e-10)
    P, where = fv.extractor_.transform(X[:1])[0], fv.extractor_.positions_
    corner = (where < 0).all(axis=1)
    assert np.allclose(whole.encode(P[corner], where[corner]), F[0, 1], atol=1e-10)


class Bright(ImagePatches):
    """The patches around bright pixels only, with their positions."""

    def extract(self, X):
        patches = super().transform(X)
        bright = patches[:, :, patches.shape[2] // 2] > 0.3
        pairs = list(zip(patches, bright, strict=True))
        return [p[b] for p, b in pairs], [self.positions_[b] for _, b in pairs]


@pytest.mark.parametrize("spatial", ["xy", (1, 2), ("xy", 2)])
def test_ragged_positions_go_with_their_descriptors(digits, spatial):
    X = digits[0][:60]
    fv = digits_encoder(4, spatial=spatial)
    fv.set_params(extractor=Bright(patch_size=3, padding=1)).fit(X)
    F = fv.transform(X)
    sets, positions = fv.extractor_.extract(X)
    assert len({len(s) for s in sets}) > 5
    for i in (0, 7, 59):
        assert np.allclose(fv.encode(sets[i], positions[i]), F[i], atol=1e-5)
        assert np.array_equal(fv.transform(X[i : i + 1])[0], F[i])


# Weights, sparse posteriors, size


def test_a_weight_of_two_is_the_descriptor_twice(rng):
    X = ragged(rng)
    fv = FisherVectorEncoder(4, reducer=PCA(3), random_state=0).fit(X)
    weights = rng.integers(0, 4, len(X[0]))
    repeated = np.repeat(X[0], weights, axis=0)
    assert np.allclose(fv.encode(X[0], weights=weights), fv.encode(repeated), atol=1e-12)
    assert np.allclose(fv.encode(X[0], weights=0.01 * weights), fv.encode(repeated), atol=1e-12)


def test_weights_in_a_pyramid(digits):
    X = digits[0][:60]
    fv = digits_encoder(4, spatial=(1, 4)).fit(X)
    P, where = fv.extractor_.transform(X[:1])[0], fv.extractor_.positions_
    weights = (where[:, 0] < 0) * 1.0
    left = fv.encode(P[weights > 0], where[weights > 0])
    assert np.allclose(fv.encode(P, weights=weights), left, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "one for every descriptor"),
        ([1, -1, 1], "a negative weight"),
        ([0, 0, 0], "All weights are zero"),
        ([1, np.nan, 1], "weights contains NaN"),
        (np.ma.masked_equal([1, 2, 3], 2), "weights has masked values"),
    ],
)
def test_bad_weights_are_named(rng, weights, message):
    fv = FisherVectorEncoder(4, random_state=0).fit(ragged(rng))
    with pytest.raises(ValueError, match=message):
        fv.encode(np.ones((3, 4)), weights=weights)


def test_sparse_posteriors(rng):
    X = ragged(rng)
    settings = {"norm": None, "power": 1, "random_state": 0}
    soft = FisherVectorEncoder(5, **settings).fit(X)

    def with_posteriors(keep):
        out = []
        for x in X:
            gamma = keep(soft.mixture_.predict_proba(x))
            gamma /= gamma.sum(axis=1, keepdims=True)
            z = (x[:, None] - soft.mixture_.means_) / np.sqrt(soft.mixture_.covariances_)
            w = soft.mixture_.weights_
            g_w = (gamma - w).mean(axis=0) / np.sqrt(w)
            g_mu = (gamma[:, :, None] * z).mean(axis=0) / np.sqrt(w)[:, None]
            g_sigma = (gamma[:, :, None] * (z**2 - 1)).mean(axis=0) / np.sqrt(2 * w)[:, None]
            out.append(np.concatenate([g_w, g_mu.ravel(), g_sigma.ravel()]))
        return np.array(out)

    def found(**params):
        return soft.set_params(top_k=None, min_posterior=0.0).set_params(**params).transform(X)

    def largest(k):
        return lambda gamma: gamma * (gamma >= np.sort(gamma, axis=1)[:, [-k]])

    assert np.allclose(found(), with_posteriors(lambda gamma: gamma))
    for k in (1, 2, 4):
        assert np.allclose(found(top_k=k), with_posteriors(largest(k)))
    assert np.array_equal(found(top_k=5), found())
    assert np.array_equal(found(top_k=50), found())
    least = with_posteriors(lambda g: g * ((g >= 0.2) | (g == g.max(axis=1, keepdims=True))))
    assert np.allclose(found(min_posterior=0.2), least)
    assert np.allclose(found(min_posterior=0.99), found(top_k=1))


@pytest.mark.slow
def test_large_sets_are_summed_in_pieces(rng):
    X = rng.normal(size=(150_000, 3)).astype(np.float32)
    fv = FisherVectorEncoder(4, reducer=PCA(2), power=1, norm=None, random_state=0).fit(X[:5000])
    exact = fv.encode(X.astype(np.float64))
    assert np.allclose(fv.encode(X), exact, atol=1e-6)
    assert np.array_equal(fv.transform([X[:9], X, X[:70_000]])[1], fv.encode(X))
    weights = rng.uniform(size=len(X))
    kept = fv.encode(X.astype(np.float64), weights=weights)
    assert np.allclose(fv.encode(X, weights=weights), kept, atol=1e-6)


@pytest.mark.parametrize(("dtype", "expected"), [("u1", "f4"), ("?", "f4"), ("i8", "f8")])
def test_integers_are_encoded_as_floats_that_hold_them(rng, dtype, expected):
    torch = pytest.importorskip("torch")
    X = rng.integers(0, 2, (10, 12, 4)).astype(dtype)
    fv = FisherVectorEncoder(2, random_state=0).fit(X)
    for same in (X, list(X), torch.tensor(X)):
        assert fv.transform(same).dtype == fv.encode(same[0]).dtype == expected
    assert np.array_equal(fv.transform(X), clone(fv).fit(X.astype(expected)).transform(X))


def test_a_mask_of_what_is_encoded_or_decoded_is_named(rng):
    fv = FisherVectorEncoder(2, random_state=0).fit(ragged(rng))
    with pytest.raises(ValueError, match="descriptors has masked values"):
        fv.encode(np.ma.masked_equal(np.ones((3, 4)), 1))
    with pytest.raises(ValueError, match="X has masked values"):
        fv.inverse_transform(np.ma.masked_equal(np.ones((3, 18)), 1))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_that_of_the_vectors(rng, dtype):
    X = ragged(rng)
    full = FisherVectorEncoder(4, random_state=0).fit(X)
    F = full.transform(X)
    small = clone(full).set_params(dtype=dtype).fit(X)
    assert small.transform(X).dtype == small.encode(X[0]).dtype == dtype
    assert np.allclose(small.transform(X), F, atol=np.finfo(dtype).eps)
    assert np.isfinite(small.inverse_transform(small.transform(X))).all()


def test_float16_that_overflows_is_an_error(rng):
    X = ragged(rng)
    fv = FisherVectorEncoder(4, norm=None, power=1, dtype="float16", random_state=0).fit(X)
    with pytest.raises(ValueError, match="do not fit into dtype='float16'"):
        fv.transform([1e6 * x for x in X])


@pytest.mark.parametrize("spatial", ["xy", (1, 2)])
def test_a_torch_device_gives_the_same_vectors(digits, monkeypatch, spatial):
    torch = pytest.importorskip("torch")
    X = digits[0][:100]
    fv = digits_encoder(8, spatial=spatial, power=1).fit(X.astype(np.float64))
    F = fv.transform(X)
    # torch on the CPU stands in for the GPU, whose code is the same.
    monkeypatch.setattr("skvae.fisher.encoder.gpu_or_none", lambda device: torch.device("cpu"))
    found = fv.set_params(device="auto").transform(X)
    assert not np.array_equal(found, F)
    assert np.abs(found - F).max() < 1e-5 * np.abs(F).max()


def test_a_gpu_that_is_not_there_is_an_error(rng, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda' but torch finds no CUDA GPU"):
        FisherVectorEncoder(2, device="cuda").fit(ragged(rng))
    fv = FisherVectorEncoder(2, device="auto", random_state=0).fit(ragged(rng))
    with pytest.raises(ValueError, match="device='cuda' but torch finds no CUDA GPU"):
        fv.set_params(device="cuda").transform(ragged(rng))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing", "sequential"])
@pytest.mark.parametrize("verbose", [0, 1])
def test_joblib_backends_are_honoured(rng, backend, verbose):
    X = [x.astype(np.float32) for x in ragged(rng, n=60, high=2000)]
    fv = FisherVectorEncoder(4, reducer=PCA(2), random_state=0).fit(X)
    F = fv.transform(X)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert np.array_equal(fv.set_params(verbose=verbose).transform(X), F)


# Inverse


@pytest.mark.parametrize("power", [1, 0.5])
@pytest.mark.parametrize("norm", [None, "l2"])
@pytest.mark.parametrize("n_components", [1, 8, 64])
def test_rows_come_back(rng, power, norm, n_components):
    X = rng.normal(size=(300, 5)) * [1, 2, 3, 4, 5] + 100
    fv = FisherVectorEncoder(n_components, power=power, norm=norm, random_state=0).fit(X)
    back = fv.inverse_transform(fv.transform(X))
    assert np.allclose(back, X, rtol=0, atol=1e-9)
    X32 = X.astype(np.float32)
    back = fv.inverse_transform(fv.transform(X32))
    assert back.dtype == np.float32
    assert (np.abs(back - X32) / X.std(axis=0)).max() < 1e-5


def test_rows_come_back_through_a_reducer(rng):
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 6)) + 5
    fv = FisherVectorEncoder(4, reducer=PCA(3), random_state=0).fit(X)
    assert np.allclose(fv.inverse_transform(fv.transform(X)), X, atol=1e-9)


def test_sets_give_their_mean(rng):
    X = ragged(rng)
    fv = FisherVectorEncoder(4, norm=None, random_state=0).fit(X)
    means = np.stack([x.mean(axis=0) for x in X])
    assert np.allclose(fv.inverse_transform(fv.transform(X)), means, atol=1e-9)
    fv = FisherVectorEncoder(4, random_state=0).fit(X)
    error = np.abs(fv.inverse_transform(fv.transform(X)) - means).mean()
    assert error < 0.3 * np.abs(means - means.mean(axis=0)).mean()


def test_statistics_are_soft_counts_means_and_squares(rng):
    X = ragged(rng)
    fv = FisherVectorEncoder(4, norm=None, power=0.5, random_state=0).fit(X)
    s0, s1, s2 = fv.decode_statistics(fv.transform(X))
    for i, x in enumerate(X):
        gamma = fv.mixture_.predict_proba(x)
        assert np.allclose(s0[i], gamma.mean(axis=0), atol=1e-10)
        assert np.allclose(s1[i], gamma.T @ x / len(x), atol=1e-10)
        assert np.allclose(s2[i], gamma.T @ x**2 / len(x), atol=1e-10)


def test_statistics_of_a_pyramid_have_an_axis_of_cells(digits):
    X = digits[0][:50]
    fv = digits_encoder(4, spatial=(1, 2), norm=None).fit(X)
    s0, s1, s2 = fv.decode_statistics(fv.transform(X))
    assert s0.shape == (50, 5, 4)
    assert s1.shape == s2.shape == (50, 5, 4, 6)
    # 8 x 8 patch positions: a quarter of them in each cell.
    assert np.allclose(s1[:, 0], s1[:, 1:].mean(axis=1), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("spatial", "n_components"), [("xy", 64), ((1, 4), 16)])
def test_images_come_back_recognisably(digits, spatial, n_components):
    X, y = digits
    fv = digits_encoder(n_components, spatial=spatial, xy_weight=0.7).fit(X[:300])
    some, kinds = X[1200:1400], y[1200:1400]
    back = fv.inverse_transform(fv.transform(some))
    error = ((back - some) ** 2).mean()
    assert error < 0.65 * X.var(axis=0).mean()
    assert KNeighborsClassifier(1).fit(X[:1200], y[:1200]).score(back, kinds) > 0.75


@pytest.mark.parametrize("change", [{"norm": "l1"}, {"power": 1.0}, {"gradients": ("means",)}])
def test_norms_of_the_fit_do_not_stand_in_for_those_of_other_settings(rng, change):
    X = rng.normal(size=(6, 20, 3))
    encoder = FisherVectorEncoder(2, random_state=0).fit(X)
    exact = encoder.set_params(norm=None)
    s0, s1, _ = exact.decode_statistics(exact.transform(X))
    assert np.allclose(s0.sum(axis=1), 1)
    assert np.allclose(s1.sum(axis=1), X.mean(axis=1))
    encoder.set_params(norm="l2").set_params(**change)
    with pytest.raises(ValueError, match=f"{next(iter(change))} changed since the fit"):
        encoder.inverse_transform(encoder.transform(X))
    encoder.fit(X).inverse_transform(encoder.transform(X))


def test_an_extractor_without_inverse_gives_the_mean_descriptor(rng):
    class Halves(ImagePatches):
        inverse_transform = property()

    X = rng.normal(size=(40, 16))
    fv = FisherVectorEncoder(2, extractor=Halves(patch_size=2), norm=None).fit(X)
    expected = fv.extractor_.transform(X).mean(axis=1)
    assert np.allclose(fv.inverse_transform(fv.transform(X)), expected, atol=1e-9)


# In a pipeline


@pytest.mark.slow
def test_pipeline_with_memory_and_grid_search(digits, tmp_path):
    X, y = digits[0][:400], digits[1][:400]
    pipeline = Pipeline(
        [("fv", digits_encoder(8)), ("classify", LogisticRegression(C=10, max_iter=500))],
        memory=str(tmp_path),
    )
    grid = {"fv__reducer__n_components": [2, 6], "fv__extractor__patch_size": [3]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_["fv__reducer__n_components"] == 6
    assert search.best_score_ > 0.85


def test_ragged_sets_in_a_grid_search(rng):
    X = ragged(rng, n=40)
    y = np.arange(40) % 2
    pipeline = make_pipeline(FisherVectorEncoder(4, random_state=0), LogisticRegression())
    grid = {"fishervectorencoder__n_components": [1, 4]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(X, y).best_score_ > 0.9


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(rng, library):
    X = ragged(rng)
    fv = FisherVectorEncoder(2, random_state=0).set_output(transform=library).fit(X)
    frame = fv.transform(X)
    assert list(frame.columns)[:3] == ["fisher_weight_k0", "fisher_weight_k1", "fisher_mean_k0_d0"]
    assert frame.shape == (30, 2 + 2 * 2 * 4)


def test_names_of_a_pyramid(digits):
    fv = digits_encoder(2, spatial=(1, 2)).fit(digits[0][:50])
    names = fv.get_feature_names_out()
    assert names[0] == "fisher_cell0_weight_k0"
    assert names[-1] == "fisher_cell4_std_k1_d5"


def test_saved_and_loaded_gives_the_same_bits(rng, tmp_path):
    X = ragged(rng)
    fv = FisherVectorEncoder(3, reducer=PCA(2), random_state=0).fit(X)
    F = fv.transform(X)
    assert np.array_equal(pickle.loads(pickle.dumps(fv)).transform(X), F)
    joblib.dump(fv, tmp_path / "fv.joblib")
    assert np.array_equal(joblib.load(tmp_path / "fv.joblib").transform(X), F)
    skops = pytest.importorskip("skops.io", reason="needs the extra 'skops'")
    data = skops.dumps(fv)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("skvae.") for name in untrusted)
    assert np.array_equal(skops.loads(data, trusted=untrusted).transform(X), F)


# Bad input


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({}, [], "0 sample"),
        ({}, [np.ones((3, 2)), np.ones((3, 4))], "set 0 has 2, set 1 has 4"),
        ({}, [np.empty((0, 2))], "no descriptors"),
        ({"n_components": 9}, [np.ones((3, 2))], "n_samples=3"),
        ({}, [np.full((9, 2), np.nan)], "Column 0 of X has no value"),
        ({"reducer": PCA(1)}, [[[np.nan, 1], [2, 3]]], r"reducer=PCA\(n_components=1\) does not"),
        ({}, [np.full((9, 2), np.inf)], "infinity"),
        ({"spatial": "xy"}, np.ones((4, 3, 2)), "positions_"),
        ({"spatial": (1, 0)}, np.ones((4, 3, 2)), "positive integers"),
        ({"spatial": "grid"}, np.ones((4, 3, 2)), "spatial"),
        ({"norm": "l3"}, np.ones((4, 3, 2)), "norm"),
        ({"power": 0}, np.ones((4, 3, 2)), "power"),
        ({"gradients": ("mean",)}, np.ones((4, 3, 2)), "gradients"),
        ({"gradients": ()}, np.ones((4, 3, 2)), "gradients"),
        ({"spatial": (1, "x")}, np.ones((4, 3, 2)), "positive integers"),
        ({"top_k": 0}, np.ones((4, 3, 2)), "top_k"),
        ({"min_posterior": 1.0}, np.ones((4, 3, 2)), "min_posterior"),
        ({"dtype": "int8"}, np.ones((4, 3, 2)), "dtype"),
        ({"mixture": GaussianMixture(2)}, np.ones((4, 3, 2)), "'diag'"),
        ({"extractor": ImagePatches()}, np.ones((4, 10)), "not square"),
    ],
)
def test_bad_input_is_named(params, X, message):
    with pytest.raises(ValueError, match=message):
        FisherVectorEncoder(**{"n_components": 2} | params).fit(X)


def test_a_mixture_of_another_dimension_is_refused(rng):
    mixture = DiagonalGaussianMixture(2).fit(rng.normal(size=(20, 3)))
    with pytest.raises(ValueError, match="fitted on 3 features"):
        FisherVectorEncoder(mixture=mixture).fit(ragged(rng))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("weights_", [1.5, -0.5], "weights_ that are positive"),
        ("weights_", [0.0, 0.0], "weights_ that are positive"),
        ("weights_", [0.4, 0.4], "sum to 1"),
        ("covariances_", np.zeros((2, 4)), "positive covariances_"),
    ],
)
def test_a_mixture_that_is_none_is_refused(rng, name, value, message):
    X = ragged(rng)
    mixture = DiagonalGaussianMixture(2).fit(np.concatenate(X))
    setattr(mixture, name, np.asarray(value))
    with pytest.raises(ValueError, match=message):
        FisherVectorEncoder(mixture=mixture).fit(X)


def test_wrong_d_after_fit(rng):
    fv = FisherVectorEncoder(2, random_state=0).fit(ragged(rng))
    with pytest.raises(ValueError, match="expecting 4 features"):
        fv.transform([np.ones((3, 5))])
    with pytest.raises(ValueError, match="fitted on 4"):
        fv.encode(np.ones((3, 5)))
    with pytest.raises(ValueError, match="this encoder gives 18"):
        fv.inverse_transform(np.ones((3, 5)))


def test_a_reducer_without_inverse_is_named(rng):
    class OneWay(PCA):
        inverse_transform = property()

    X = ragged(rng)
    fv = FisherVectorEncoder(2, reducer=OneWay(2), random_state=0).fit(X)
    with pytest.raises(AttributeError, match="OneWay has no inverse_transform"):
        fv.inverse_transform(fv.transform(X))


def test_not_fitted(rng):
    for method in ("transform", "inverse_transform", "encode", "decode_statistics"):
        with pytest.raises(NotFittedError):
            getattr(FisherVectorEncoder(), method)(np.ones((2, 2)))


def test_constant_features_are_no_error(recwarn, rng):
    X = ragged(rng)
    for x in X:
        x[:, 1] = 3.0
    F = FisherVectorEncoder(3, random_state=0).fit_transform(X)
    assert np.isfinite(F).all()
    assert not recwarn.list


def test_the_steps_of_a_fit_are_printed_when_asked(rng, capsys):
    X = ragged(rng)
    encoder = FisherVectorEncoder(2, reducer=PCA(1), random_state=0, verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    n, d = np.concatenate(X).shape
    steps = [
        f"Sampled {n:,} descriptors of {d} features",
        "Reduced them to 1 features",
        "Found a start by kmeans",
        *(f"Iteration {i + 1}: log-likelihood" for i in range(encoder.mixture_.n_iter_)),
        "Fitted the mixture",
    ]
    assert len(lines) == len(steps)
    assert all(line.startswith(step) for line, step in zip(lines, steps, strict=True))

    FisherVectorEncoder(2, reducer=PCA(1), random_state=0).fit(X)
    assert capsys.readouterr().out == ""


def test_progress_is_printed_when_asked(rng, capfd):
    # At verbose=1 joblib 1.4 tells nothing of so short a job.
    FisherVectorEncoder(2, random_state=0, verbose=10).fit_transform(ragged(rng))
    out = "".join(capfd.readouterr())
    assert "Done" in out or "done" in out
