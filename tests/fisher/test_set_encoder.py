"""What all encoders of sets do with their parameters."""

import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
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
def test_vectors_are_no_metadata(rng, encoder):
    routing = encoder().get_metadata_routing()
    assert {name: dict(getattr(routing, name).requests) for name in ("fit", "transform")} == {
        "fit": {},
        "transform": {},
    }
    assert not getattr(routing, "inverse_transform", routing.fit).requests


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
