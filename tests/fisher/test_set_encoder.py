"""What all encoders of sets do with their parameters."""

import pickle
import warnings
from copy import deepcopy
from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from files_of_sets import Files
from reiterable import Blocks
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skvae import (
    BagOfVisualWordsEncoder,
    DescriptorSets,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    TableSets,
    VLADEncoder,
)

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]
each_encoder = pytest.mark.parametrize("encoder", ENCODERS)


@each_encoder
@pytest.mark.parametrize("n_jobs", [0, 10_000])
def test_impossible_numbers_of_workers_are_refused(rng, encoder, n_jobs):
    X = rng.normal(size=(6, 20, 3))
    with pytest.raises(ValueError, match="'n_jobs' parameter of .* must be"):
        encoder(2, n_jobs=n_jobs).fit(X)
    fitted = encoder(2, random_state=0).fit(X).set_params(n_jobs=n_jobs)
    with pytest.raises(ValueError, match=f"n_jobs={n_jobs} must be None"):
        fitted.transform(X)


@each_encoder
@pytest.mark.parametrize(
    ("absurd", "message"),
    [
        ({"n_components": 10**9}, "n_components=1000000000 needs at least as many descriptors"),
        ({"spatial": (10**5,)}, r"spatial=\(100000,\) needs .* GB of memory"),
        ({"spatial": (np.int64(999), np.int64(1000))}, "GB of memory"),
        ({"n_components": True}, "n_components"),
        ({"spatial": (True, 2)}, "spatial"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_computed(encoder, absurd, message):
    def untouched(X):
        raise AssertionError("descriptors were extracted")

    settings = {"extractor": FunctionTransformer(untouched)} | absurd
    with pytest.raises(ValueError, match=message):
        encoder(**settings).fit(np.zeros((3, 16)))


@each_encoder
def test_parameters_from_an_array_are_those_of_python(rng, encoder):
    X = rng.random((8, 36))
    parts = {"extractor": ImagePatches(3), "random_state": np.int64(0)}
    given = {
        "n_components": np.int64(3),
        "power": np.float32(0.5),
        "norm": np.str_("l2"),
        "spatial": (np.str_("xy"), np.int8(1), np.int64(2)),
        "xy_weight": np.float16(2),
        "max_descriptors": np.int32(100),
        "dtype": np.str_("float32"),
        "n_jobs": np.int64(1),
        "verbose": np.bool_(False),
    }
    plain = {name: value.item() for name, value in given.items() if name != "spatial"}
    expected = encoder(**parts, **plain, spatial=("xy", 1, 2)).fit_transform(X)
    assert np.array_equal(encoder(**parts, **given).fit_transform(X), expected)


def test_a_grid_of_numpy_arrays_is_searched(rng):
    X, y = rng.random((20, 36)), np.arange(20) % 2
    extractor = ImagePatches()
    pipeline = make_pipeline(FisherVectorEncoder(extractor=extractor, random_state=0), LinearSVC())
    grid = {
        "fishervectorencoder__n_components": np.array([2, 3]),
        "fishervectorencoder__norm": np.array(["intra"]),
        "fishervectorencoder__power": np.linspace(0.5, 1, 1),
        "fishervectorencoder__extractor__patch_size": np.arange(2, 4),
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("encoder", "model", "message"),
    [
        (FisherVectorEncoder, {"mixture": PCA(2)}, r"mixture=PCA\(.*has no means_"),
        (FisherVectorEncoder, {"mixture": DBSCAN()}, "has no means_ once it is fitted"),
        (VLADEncoder, {"vocabulary": PCA(2)}, r"vocabulary=PCA\(.*has no cluster_centers_"),
        (VLADEncoder, {"vocabulary": GaussianMixture(2)}, "has no cluster_centers_"),
    ],
)
def test_a_model_of_the_wrong_kind_is_named(rng, encoder, model, message):
    with pytest.raises(ValueError, match=message):
        encoder(2, **model).fit(rng.normal(size=(6, 20, 3)))


def test_a_mixture_without_finite_parameters_is_refused(rng):
    X = rng.normal(size=(6, 20, 3))
    mixture = DiagonalGaussianMixture(2, random_state=0).fit(X[0])
    mixture.weights_ = np.array([np.nan, 1.0])
    with pytest.raises(ValueError, match="not finite"):
        FisherVectorEncoder(mixture=mixture).fit(X)


def test_another_number_of_components_does_not_continue(rng):
    X = rng.normal(size=(6, 20, 3))
    encoder = FisherVectorEncoder(2, random_state=0).partial_fit(X)
    before = encoder.transform(X)
    encoder.set_params(n_components=4)
    with pytest.raises(ValueError, match="n_components=4, but partial_fit continues .* of 2"):
        encoder.partial_fit(X)
    assert np.array_equal(encoder.transform(X), before)
    assert clone(encoder).partial_fit(X).transform(X).shape == (6, 4 * 7)


def test_an_encoder_s_own_mixture_need_not_converge(rng, monkeypatch):
    X = rng.random((40, 50, 6))
    short = partial(DiagonalGaussianMixture, max_iter=2)
    monkeypatch.setattr("skvae.fisher.encoder.DiagonalGaussianMixture", short)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = FisherVectorEncoder(32, random_state=0).fit(X)
    assert not encoder.mixture_.converged_
    given = FisherVectorEncoder(mixture=DiagonalGaussianMixture(32, max_iter=5))
    with pytest.warns(ConvergenceWarning, match="max_iter=5") as seen:
        make_pipeline(given, PCA(2)).fit(X)
    assert seen[0].filename == __file__


@each_encoder
def test_vectors_are_no_metadata_and_weights_are(encoder):
    routing = encoder().get_metadata_routing()
    asked = {name: dict(getattr(routing, name).requests) for name in ("fit", "transform")}
    assert asked == {"fit": {"sample_weight": None}, "transform": {"sample_weight": None}}
    assert not routing.inverse_transform.requests


def test_vectors_to_decode_are_called_X(rng):
    X = rng.normal(size=(30, 3))
    encoder = FisherVectorEncoder(2, random_state=0).fit(X)
    vectors = encoder.transform(X)
    assert np.allclose(encoder.inverse_transform(X=vectors), X, atol=1e-6)
    assert encoder.decode_statistics(X=vectors)[0].shape == (30, 2)


@each_encoder
@pytest.mark.parametrize("spatial", [None, "xy"])
def test_components_are_descriptors_as_the_extractor_gives_them(digits, encoder, spatial):
    X = digits[0][:40] / 16
    settings = {"extractor": ImagePatches(patch_size=3), "spatial": spatial, "xy_weight": 0.5}
    fitted = encoder(4, reducer=PCA(5), random_state=0, **settings).fit(X)
    weights, descriptors, positions = fitted.component_descriptors()
    assert weights.shape == (4,) and weights.sum() == pytest.approx(1)
    assert descriptors.shape == (4, 9)
    patches = fitted.extractor_.transform(X).reshape(-1, 9)
    if encoder is not FisherVectorEncoder:
        assert np.all(weights == 0.25)
    elif spatial is None:
        assert np.allclose(weights @ descriptors, patches.mean(axis=0), atol=0.02)
    assert (positions is None) == (spatial is None)
    if spatial:
        assert positions.shape == (4, 2) and np.abs(positions).max() <= 1


@pytest.mark.parametrize("spatial", [None, "xy", ("xy", 1, 2)])
def test_energies_of_a_set_sum_to_its_squared_length(rng, digits, spatial):
    X = digits[0][:40] / 16
    settings = {"extractor": ImagePatches(patch_size=3), "reducer": PCA(4), "power": 1}
    encoder = FisherVectorEncoder(3, norm=None, spatial=spatial, random_state=0, **settings).fit(X)
    patches = encoder.extractor_.transform(X[:1])[0]
    shares = encoder.energies(patches)
    assert shares.shape == (3, 3, len(patches))
    whole = encoder.encode(patches)[
        : encoder.transform(X[:1]).shape[1] // (5 if spatial == ("xy", 1, 2) else 1)
    ]
    assert shares.sum() == pytest.approx((whole**2).sum())
    with pytest.raises(ValueError, match="descriptors have 2 features"):
        encoder.energies(np.ones((4, 2)))


@each_encoder
def test_features_are_named_by_each_encoder_itself(rng, encoder):
    fitted = encoder(2, random_state=0).fit(rng.normal(size=(6, 20, 3)))
    first = fitted.get_feature_names_out()[0]
    assert first.partition("_")[0] in encoder.get_feature_names_out.__doc__


# Weights


def fitted_arrays(encoder):
    model = getattr(encoder, "mixture_", None) or encoder.vocabulary_
    return [getattr(model, a) for a in ("means_", "cluster_centers_") if hasattr(model, a)]


def assert_same_encoders(a, b, X):
    for found, expected in zip(fitted_arrays(a), fitted_arrays(b), strict=True):
        assert np.allclose(found, expected, rtol=1e-8)
    assert np.allclose(a.transform(X), b.transform(X), rtol=1e-6, atol=1e-8)
    if hasattr(a, "mean_scales_"):
        assert np.allclose(a.mean_scales_, b.mean_scales_)


@each_encoder
@pytest.mark.parametrize("reducer", [None, PCA(2), make_pipeline(StandardScaler(), PCA(2))])
@pytest.mark.parametrize("max_descriptors", [300, 200_000])
def test_a_set_of_weight_two_is_there_twice(rng, encoder, reducer, max_descriptors):
    X = [rng.normal(size=(n, 3)) for n in rng.integers(0, 40, 20)]
    weights = np.array([1, 1, 0, 1, 2, 1, 1, 3, 1, 1] * 2)
    repeated = [X[i] for i in np.repeat(np.arange(20), weights)]
    settings = {"reducer": reducer, "max_descriptors": max_descriptors, "random_state": 0}
    a = encoder(4, **settings).fit(X, sample_weight=weights)
    b = encoder(4, **settings).fit(repeated)
    assert_same_encoders(a, b, X)


@each_encoder
def test_a_descriptor_of_weight_two_is_there_twice(rng, encoder):
    X = [rng.normal(size=(n, 3)) for n in rng.integers(0, 40, 20)]
    weights = [rng.integers(0, 3, len(s)) for s in X]
    repeated = [s.repeat(w, axis=0) for s, w in zip(X, weights, strict=True)]
    extreme = [np.where(w[:, None] > 0, s, 1e308) for s, w in zip(X, weights, strict=True)]
    a = encoder(4, random_state=0).fit(extreme, sample_weight=weights)
    b = encoder(4, random_state=0).fit(repeated)
    assert_same_encoders(a, b, repeated)
    found = a.transform(extreme, sample_weight=weights)
    assert np.allclose(found, b.transform(repeated), rtol=1e-6, atol=1e-8)


@each_encoder
def test_weights_that_are_not_whole_weigh(rng, encoder):
    X = np.concatenate([rng.normal(size=(40, 20, 2)), rng.normal(size=(40, 20, 2)) + 50])
    weights = np.repeat([1e-6, 1.5], 40)
    fitted = encoder(1, reducer=PCA(2), random_state=0).fit(X, sample_weight=weights)
    ((center,),) = fitted_arrays(fitted)
    mean = fitted.reducer_.inverse_transform(center[None])
    assert np.allclose(mean, 50, atol=0.5)


@each_encoder
def test_vectors_depend_on_ratios_of_weights_alone(rng, encoder):
    X = rng.normal(size=(6, 30, 3)).astype(np.float32)
    weights = rng.random((6, 30))
    fitted = encoder(3, random_state=0).fit(X)
    expected = fitted.transform(X, sample_weight=weights)
    for unit in (2.0**300, 2.0**-300):
        assert np.array_equal(fitted.transform(X, sample_weight=weights * unit), expected)
    for one, w, vector in zip(X, weights, expected, strict=True):
        assert np.allclose(fitted.encode(one, weights=w), vector, atol=1e-6)
    alone = fitted.transform(X[3:4], sample_weight=weights[3:4])
    many = np.concatenate([weights[:3] * 1e9, weights[3:]])
    assert np.array_equal(fitted.transform(X, sample_weight=many)[3:4], alone)


@each_encoder
@pytest.mark.parametrize("of_sets", [True, False])
def test_weighted_fits_of_sets_in_files_are_those_of_sets_in_memory(
    rng, tmp_path, encoder, of_sets
):
    X = [rng.normal(size=(n, 3)) for n in rng.integers(5, 20, 12)]
    weights = rng.integers(0, 4, 12) if of_sets else [rng.random(len(s)) for s in X]
    files = Files(X, tmp_path)
    expected = encoder(4, random_state=0).fit(X, sample_weight=weights).transform(X)
    for given in (files, [np.load(path, mmap_mode="r") for path in files.paths]):
        fitted = encoder(4, random_state=0).fit(given, sample_weight=weights)
        assert np.array_equal(fitted.transform(X), expected)


@each_encoder
@pytest.mark.parametrize("levels", [(1, 2), (2, 3), (1, 2, 4)])
def test_weights_in_cells_do_not_depend_on_other_sets(rng, encoder, levels):
    X = [rng.normal(size=(n, 2)) for n in rng.integers(5, 20, 24)]
    weights = [rng.random(len(s)) for s in X]
    sets = DescriptorSets(X, positions=[rng.uniform(-1, 1, s.shape) for s in X], weights=weights)
    fitted = encoder(2, spatial=levels, power=1, norm=None, random_state=0).fit(sets)
    together = fitted.transform(sets)
    for i in range(24):
        assert np.array_equal(fitted.transform(sets[i])[0], together[i])


@each_encoder
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [5e-324, 1e-300, 1e300, 1.7e308])
def test_weights_may_be_as_large_or_small_as_floats_are(rng, encoder, dtype, weight):
    X = [rng.normal(size=(n, 3)).astype(dtype) for n in (9, 20, 12, 16)]
    expected = encoder(2, random_state=0).fit(X, sample_weight=np.full(4, 0.75))
    of_descriptors = [np.full(len(s), weight) for s in X]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for given in (np.full(4, weight), of_descriptors):
            fitted = encoder(2, random_state=0).fit(X, sample_weight=given)
            assert np.allclose(fitted.transform(X), expected.transform(X), atol=1e-4)
        vectors = fitted.transform(X, sample_weight=of_descriptors)
        learned = fitted.partial_fit(X, sample_weight=of_descriptors).transform(X)
    assert np.allclose(vectors, expected.transform(X), atol=1e-4)
    assert np.isfinite(learned).all()


@each_encoder
def test_shares_of_far_weights_sum_to_the_decision(rng, encoder):
    X = [rng.normal(size=(n, 3)) for n in (9, 20)]
    fitted = encoder(2, random_state=0).fit(X)
    coef = rng.normal(size=fitted.transform(X).shape[1])
    for weight in (1e-300, 1e300):
        weights = [weight * rng.random(len(s)) for s in X]
        parts = fitted.contributions(X, coef, sample_weight=weights)
        vectors = fitted.transform(X, sample_weight=weights)
        assert np.allclose([part.sum() for part in parts], vectors @ coef, atol=1e-10)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_sums_without_a_norm_keep_the_unit_of_weights(rng, power):
    X = [rng.normal(size=(n, 3)) for n in (9, 20)]
    fitted = VLADEncoder(2, power=power, norm=None, random_state=0).fit(X)
    expected = fitted.transform(X)
    for unit in (1e-100, 1e100):
        weights = [np.full(len(s), unit) for s in X]
        assert np.allclose(fitted.transform(X, sample_weight=weights) / unit**power, expected)
        assert np.allclose(
            fitted.encode(Blocks(X[0][:4], X[0][4:]), weights=weights[0]) / unit**power, expected[0]
        )
    squares = fitted.set_params(power=2.0)
    with pytest.raises(ValueError, match="infinite vectors without a norm"):
        squares.transform(X, sample_weight=[np.full(len(s), 1e300) for s in X])


def test_a_bag_counts_weights():
    X = [np.array([[0.0], [0.0], [1.0]]), np.array([[1.0]])]
    bag = BagOfVisualWordsEncoder(2, power=1, norm=None, random_state=0).fit(X)
    counts = bag.transform(X, sample_weight=[[1, 2, 4], [8]])
    assert sorted(counts[0]) == [3, 4] and sorted(counts[1]) == [0, 8]


@each_encoder
def test_a_set_of_zeros_is_an_empty_one_and_weights_of_sets_change_no_vector(rng, encoder):
    X = rng.normal(size=(3, 10, 2))
    fitted = encoder(2, random_state=0).fit(X)
    weights = np.ones((3, 10))
    weights[1] = 0
    vectors = fitted.transform(X, sample_weight=weights)
    assert not vectors[1].any() and vectors[[0, 2]].any(axis=1).all()
    assert not fitted.transform(X, sample_weight=0 * weights).any()
    assert np.array_equal(fitted.transform(X, sample_weight=[3, 0, 0.1]), fitted.transform(X))


@each_encoder
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1, 2], r"sample_weight must have shape \(3,\), one for every set"),
        ([1, -2, 1], r"sample_weight\[1\] is -2, a negative weight"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
        ([0, 0, 0], "All weights are zero"),
        ([[1] * 10, [1] * 9, [1] * 10], "Set 1 has 10 descriptors, but 9 weights"),
        (
            [[1] * 10, [1] * 10, [-1] * 10],
            r"weight of set 2\[\d\] is -\d, a negative",
        ),
    ],
)
def test_bad_weights_leave_the_fit_before(rng, encoder, bad, message):
    X = rng.normal(size=(3, 10, 2))
    fitted = encoder(2, random_state=0).fit(X)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match=message):
        fitted.fit(X + 5, sample_weight=bad)
    assert np.array_equal(fitted.transform(X), before)


@each_encoder
def test_sets_of_weight_zero_reach_no_extractor(rng, encoder):
    images = rng.random((20, 8, 8))
    weights = np.arange(20) % 2
    settings = {"extractor": ImagePatches(3), "spatial": (1, 2), "random_state": 0}
    a = encoder(3, **settings).fit(images, sample_weight=weights)
    b = encoder(3, **settings).fit(images[weights > 0], sample_weight=weights[weights > 0] * 1.0)
    assert np.array_equal(a.transform(images), b.transform(images))
    fractions = encoder(3, **settings).fit(images, sample_weight=weights + 0.5)
    assert np.isfinite(fractions.transform(images)).all()


def test_weights_of_a_batch_reach_the_mixture(rng):
    X = rng.normal(size=(12, 20, 2))
    weights = rng.integers(0, 3, 12)
    a, b = FisherVectorEncoder(2, random_state=0), FisherVectorEncoder(2, random_state=0)
    for batch in (slice(0, 6), slice(6, 12)):
        a.partial_fit(X[batch], sample_weight=weights[batch])
        b.partial_fit(X[batch].repeat(weights[batch], axis=0))
    assert_same_encoders(a, b, X)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="older scikit-learn takes no request of a pipeline's transformers in a search",
)
@each_encoder
def test_weights_are_routed_through_a_search(rng, encoder):
    X = [rng.normal(size=(15, 2)) + i % 2 for i in range(24)]
    y = np.arange(24) % 2
    weights = [rng.random(15) for _ in X]
    with config_context(enable_metadata_routing=True):
        weighted = encoder(random_state=0).set_fit_request(sample_weight=True)
        weighted.set_transform_request(sample_weight=True)
        pipeline = Pipeline([("encoder", weighted), ("svm", LinearSVC())])
        pipeline["svm"].set_fit_request(sample_weight=False)
        pipeline["svm"].set_score_request(sample_weight=False)
        search = GridSearchCV(pipeline, {"encoder__n_components": [2]}, cv=2)
        search.fit(X, y, sample_weight=weights)
    found = search.best_estimator_["encoder"]
    assert 0 <= search.best_score_ <= 1
    alone = encoder(2, random_state=0).fit(X, sample_weight=weights)
    assert np.array_equal(found.transform(X), alone.transform(X))


def test_weights_stand_beside_dask_sets(rng):
    da = pytest.importorskip("dask.array")
    X = rng.normal(size=(10, 12, 2))
    weights = rng.random(10)
    lazy = da.from_array(X, chunks=(4, -1, -1))
    encoder = FisherVectorEncoder(2, random_state=0).fit(lazy, sample_weight=weights)
    expected = FisherVectorEncoder(2, random_state=0).fit(X, sample_weight=weights)
    means = [m.weights_ @ m.means_ for m in (encoder.mixture_, expected.mixture_)]
    assert np.allclose(*means)


@each_encoder
def test_a_page_shows_extractor_reducer_and_model_in_this_order(digits, encoder):
    model = {FisherVectorEncoder: "DiagonalGaussianMixture"}.get(encoder, "KMeans")
    unfitted = encoder(2, extractor=ImagePatches(4), reducer=PCA(2), random_state=0)
    fitted = clone(unfitted).fit(digits[0][:20])
    for shown in (unfitted, fitted, make_union(unfitted, StandardScaler())):
        page = shown._repr_html_()
        boxes = page[page.index("</style>") :]
        places = [boxes.index(f"{name}</div>") for name in ("ImagePatches", "PCA", model)]
        assert places == sorted(places)
        assert "sk-serial" in boxes[: places[0]]
    assert f"{model}</div>" in encoder(2)._repr_html_()


def placed_sets(rng):
    X = [rng.normal(size=(n, 3)) for n in rng.integers(5, 20, 12)]
    return DescriptorSets(X, positions=[rng.uniform(-1, 1, (len(s), 2)) for s in X])


@each_encoder
@pytest.mark.parametrize(
    "bad", [{"norm": "l3"}, {"power": -1}, {"dtype": "int8"}, {"device": "gpu"}, {"spatial": (0,)}]
)
def test_settings_of_vectors_that_are_none_are_refused_after_the_fit_too(rng, encoder, bad):
    X = placed_sets(rng)
    fitted = encoder(2, random_state=0).fit(X)
    coef = np.ones(fitted.transform(X).shape[1])
    fitted.set_params(**bad)
    for call in (
        lambda: fitted.transform(X),
        lambda: fitted.encode(X.descriptors[0], X.positions[0]),
        lambda: fitted.contributions(X, coef),
    ):
        with pytest.raises(ValueError, match=next(iter(bad))):
            call()


@pytest.mark.parametrize("bad", [{"gradients": ("median",)}, {"top_k": 0}, {"min_posterior": 1}])
def test_gradients_and_posteriors_that_are_none_are_refused_after_the_fit_too(rng, bad):
    X = rng.normal(size=(4, 9, 2))
    fitted = FisherVectorEncoder(2, random_state=0).fit(X).set_params(**bad)
    with pytest.raises(ValueError, match=next(iter(bad))):
        fitted.transform(X)


@each_encoder
@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit", "transform"])
def test_weights_that_can_be_read_once_are_refused_and_the_fit_stays(rng, encoder, method):
    X = [rng.normal(size=(n, 2)) for n in (5, 8)]
    fitted = encoder(2, random_state=0).fit(X)
    before = fitted.transform(X)
    with pytest.raises(TypeError, match=r"sample_weight is an iterator .*list\(sample_weight\)"):
        getattr(fitted, method)(X, sample_weight=(np.full(len(s), 2.0) for s in X))
    np.testing.assert_array_equal(fitted.transform(X), before)


@each_encoder
def test_positions_stay_appended_as_in_the_fit(rng, encoder):
    X = placed_sets(rng)
    fitted = encoder(2, spatial="xy", xy_weight=2.0, power=1, random_state=0).fit(X)
    vectors = fitted.transform(X)
    fitted.set_params(xy_weight=5.0, spatial=None)
    assert np.array_equal(fitted.transform(X), vectors)
    assert np.array_equal(fitted.encode(X.descriptors[0], X.positions[0]), vectors[0])
    with pytest.raises(ValueError, match="positions"):
        fitted.transform(X.descriptors)
    pyramid = fitted.set_params(spatial=(1, 2)).transform(X)
    assert np.allclose(pyramid[:, : vectors.shape[1]], vectors)

    without = encoder(2, random_state=0).fit(X)
    vectors = without.transform(X)
    assert np.array_equal(without.set_params(spatial="xy").transform(X), vectors)


@each_encoder
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_parts_give_each_other_arrays_whatever_outputs_the_user_wants(rng, encoder, library):
    pytest.importorskip(library)
    table = pd.DataFrame({"key": rng.integers(0, 6, 90), "miles": rng.normal(size=90)})
    table.loc[::7, "miles"] = np.nan
    reducer = make_pipeline(StandardScaler(), PCA(2))
    cases = [
        ({"reducer": reducer}, rng.normal(size=(5, 12, 3))),
        ({"extractor": ImagePatches(3), "reducer": reducer}, rng.random((5, 64))),
        ({"extractor": TableSets(table, key="key")}, list(range(6))),
    ]
    for parts, X in cases:
        fitted = encoder(2, random_state=0, **parts).fit(X)
        expected = fitted.transform(X)
        with config_context(transform_output=library), warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.array_equal(fitted.transform(X).to_numpy(), expected)
            again = clone(fitted).fit(X)
        assert np.array_equal(again.transform(X), expected)


def changed_in_place(encoder):
    model = getattr(encoder, f"{encoder._model}_")
    centers = getattr(model, encoder._centers)
    centers += 0.5
    return encoder


@pytest.mark.parametrize(
    "change",
    [
        lambda encoder: encoder.set_params(power=1),
        lambda encoder: encoder.set_params(norm=None),
        lambda encoder: encoder.set_params(norm="l1"),
        changed_in_place,
    ],
)
@each_encoder
def test_what_is_remembered_of_a_fit_is_never_stale(rng, encoder, change):
    X = rng.normal(size=(6, 20, 3))
    fitted = encoder(4, random_state=0).fit(X)
    before = fitted.encode(X[0])
    other = change(deepcopy(fitted))
    after = other.encode(X[0])
    assert not np.array_equal(before, after)
    assert np.array_equal(fitted.encode(X[0]), before)
    # As it is where nothing can be remembered: in a copy, among others that were in use since.
    others = [encoder(k, random_state=0).fit(X) for k in (2, 3, 5)]
    for one in others:
        one.encode(X[0])
    assert np.array_equal(pickle.loads(pickle.dumps(other)).encode(X[0]), after)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).encode(X[0]), before)
