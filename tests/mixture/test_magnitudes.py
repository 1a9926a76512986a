"""Never NaN or infinity out of finite input: the right number, or an error that names the value."""

import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    VLADEncoder,
)
from skvae.mixture.magnitudes import all_finite, are_finite, cast, squarable, too_large

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]


@pytest.fixture(autouse=True)
def warnings_of_numpy_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture
def X(rng):
    return rng.normal(size=(500, 4)).astype(np.float32)


def with_value(X, value, column=2):
    X = X.astype(np.result_type(X, np.float32 if abs(value) < 3.4e38 else np.float64))
    X[7, column] = value
    return X


def assert_finite(estimator):
    for name, value in vars(estimator).items():
        if name.endswith("_") and isinstance(value, (np.ndarray, float)) and name != "positions_":
            assert np.isfinite(value).all(), name


@pytest.mark.parametrize("largest", [1e16, -1e20, 3e38])
def test_float32_descriptors_of_any_size_get_the_numbers_of_float64(X, largest):
    settings = {"means_init": X[:3], "precisions_init": np.ones((3, 4)), "max_iter": 5, "tol": 0}
    settings["weights_init"] = np.full(3, 1 / 3)
    huge = with_value(X, largest)
    single, double = (
        DiagonalGaussianMixture(3, batch_size=1000, **settings).fit(huge.astype(dtype))
        for dtype in (np.float32, np.float64)
    )
    deviations = np.sqrt(double.covariances_)
    assert np.allclose(single.weights_, double.weights_, rtol=1e-4)
    assert np.abs((single.means_ - double.means_) / deviations).max() < 1e-4
    assert np.allclose(single.covariances_, double.covariances_, rtol=1e-3)
    assert single.score(huge) == pytest.approx(double.score(huge.astype(float)), rel=1e-4)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("largest", [1e20, 3e38, 1e60, 1e140])
def test_one_huge_value_leaves_a_mixture_finite(X, method, largest):
    huge = with_value(X, largest)
    mixture = DiagonalGaussianMixture(3, batch_size=1000, random_state=0).fit(X)
    getattr(mixture, method)(huge)
    assert_finite(mixture)
    assert np.isfinite(mixture.score(huge))
    assert np.isfinite(mixture.score_samples(huge.astype(float))).all()
    assert np.isfinite(mixture.partial_fit(X).score(X))
    assert_finite(mixture)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score", "predict_proba", "predict"])
def test_a_value_whose_square_is_infinite_is_named(X, method):
    mixture = DiagonalGaussianMixture(3, batch_size=1000, random_state=0).fit(X)
    before = mixture.means_
    with pytest.raises(ValueError, match="Column 2 of X holds 1e\\+200, and float64"):
        getattr(mixture, method)(with_value(X, -1e200))
    assert mixture.means_ is before


def test_posteriors_of_far_descriptors_are_those_of_float64(X):
    mixture = DiagonalGaussianMixture(3, batch_size=1000, random_state=0).fit(X)
    far = with_value(X, 1e30)
    gamma, expected = mixture.predict_proba(far), mixture.predict_proba(far.astype(float))
    assert gamma.dtype == np.float32
    assert np.allclose(gamma[7], expected[7])
    near = np.arange(len(X)) != 7
    assert np.array_equal(gamma[near], mixture.predict_proba(X)[near])
    assert mixture.predict(far)[7] == expected[7].argmax()


def test_a_log_likelihood_that_float32_cannot_hold_is_no_infinity(X):
    mixture = DiagonalGaussianMixture(3, batch_size=1000, random_state=0).fit(X)
    far = with_value(X, 1e25)
    found = mixture.score_samples(far)
    assert found[7] < -1e49
    assert np.allclose(found, mixture.score_samples(far.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e15])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_units_of_any_size_change_no_posterior_in_float32(X, scale, method):
    settings = {"batch_size": 1000, "random_state": 0, "max_iter": 3, "tol": 0}
    plain, scaled = (
        getattr(DiagonalGaussianMixture(3, **settings), method)(x)
        for x in (X.astype(float), X * np.float32(scale))
    )
    gamma = scaled.predict_proba(X * np.float32(scale))
    assert np.allclose(gamma, plain.predict_proba(X.astype(float)), atol=1e-3)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("reducer", [None, PCA(2)])
@pytest.mark.parametrize("norm", ["l2", "intra", None])
@pytest.mark.parametrize("value", [1e20, 3e38])
def test_vectors_of_far_descriptors_are_those_of_float64(X, encoder, reducer, norm, value):
    fitted = encoder(3, reducer=reducer, norm=norm, random_state=0).fit(X.reshape(10, 50, 4))
    far = with_value(X, value).reshape(10, 50, 4)
    expected = fitted.transform(far.astype(float))
    if np.abs(expected).max() > np.finfo(np.float32).max:
        with pytest.raises(ValueError, match="do not fit into dtype='float32'"):
            fitted.transform(far)
        return
    vectors = fitted.transform(far)
    assert np.isfinite(vectors).all()
    assert np.allclose(vectors[0], expected[0], rtol=1e-5, atol=1e-6)
    assert np.array_equal(vectors[1:], fitted.transform(X.reshape(10, 50, 4))[1:])
    assert np.allclose(fitted.encode(far[0]), vectors[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_descriptors_whose_squares_are_infinite_are_named(X, encoder):
    fitted = encoder(3, random_state=0).fit(X)
    far = with_value(X, 1e200)[None]
    for call in (fitted.transform, fitted.fit, lambda sets: fitted.encode(sets[0])):
        with pytest.raises(ValueError, match="Column 2 of X holds 1e\\+200"):
            call(far)
    assert np.isfinite(fitted.transform(X)).all()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("reducer", [None, PCA(3, svd_solver="full")])
def test_encoders_fit_descriptors_in_units_of_any_size(X, encoder, scale, reducer):
    sets = (X * np.float32(scale)).reshape(25, 20, 4)
    vectors = encoder(3, reducer=reducer, random_state=0).fit(sets).transform(sets)
    plain = encoder(3, reducer=reducer, random_state=0).fit(X.astype(float).reshape(25, 20, 4))
    expected = plain.transform(X.astype(float).reshape(25, 20, 4))
    assert np.allclose(np.abs(vectors), np.abs(expected), atol=2e-2)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-140, 1e148])
@pytest.mark.filterwarnings("ignore:No feature of X varies", "ignore:Number of distinct clusters")
def test_encoders_of_float64_descriptors_in_units_of_any_size_are_finite(X, encoder, scale):
    sets = (X.astype(float) * scale).reshape(25, 20, 4)
    assert np.isfinite(encoder(3, random_state=0).fit_transform(sets)).all()


def test_a_huge_batch_leaves_an_encoder_finite(X):
    encoder = FisherVectorEncoder(3, random_state=0).partial_fit(X[None])
    encoder.partial_fit(with_value(X, 1e20)[None])
    assert_finite(encoder.mixture_)
    assert np.isfinite(encoder.mean_scales_).all()
    assert np.isfinite(encoder.transform(X[None])).all()


@pytest.mark.parametrize("method", ["inverse_transform", "decode_statistics"])
def test_vectors_that_cannot_be_decoded_are_named(X, method):
    fitted = FisherVectorEncoder(3, random_state=0).fit(X)
    vectors = np.full((1, 27), 0.1)
    vectors[0, 5] = 1e200
    with pytest.raises(ValueError, match="Column 5 of X holds 1e\\+200"):
        getattr(fitted, method)(vectors)


def test_float32_becomes_float64_only_where_its_squares_leave_its_range():
    for value, dtype in ((1.0, np.float32), (0.0, np.float32), (1e20, float), (1e-20, float)):
        assert squarable(np.full((2, 2), value, np.float32)).dtype == dtype
    X = np.ones((2, 2))
    assert squarable(X) is X


def test_the_column_that_is_largest_in_its_own_units_is_named():
    error = too_large([np.array([[1e3, -5.0]]), np.empty((0, 2))], np.array([1e3, 1.0]))
    assert "Column 1 of X holds 5," in str(error)


def test_values_that_a_type_cannot_hold_are_told():
    assert cast(np.array([1.5]), np.float16)[0] == 1.5
    with pytest.raises(ValueError, match="up to 1e\\+05 do not fit into dtype='float16' .65,504"):
        cast(np.array([1e5]), np.float16)


@pytest.mark.parametrize("norm", ["l1", "l2", "intra", None])
@pytest.mark.parametrize("value", [1.0, np.inf, np.nan])
def test_all_are_finite_where_each_is(norm, value):
    vectors, scales = np.ones((2, 1, 3)), np.ones((2, 1, 1))
    (scales if norm in ("l1", "l2") else vectors)[1, 0, 0] = value
    assert all_finite(vectors, scales, norm) == are_finite(vectors, scales, norm).all()
