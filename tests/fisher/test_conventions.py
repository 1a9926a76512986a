from pathlib import Path

import numpy as np
import pytest
from skimage.feature import fisher_vector
from sklearn.mixture import GaussianMixture

from skvae import FisherVectorEncoder
from skvae.fisher.conventions import LAYOUTS, convert_layout
from skvae.fisher.encoding import whiten
from skvae.fisher.layout import Layout
from skvae.mixture.conversion import from_parameters
from skvae.mixture.statistics import Mixture, hard_statistics

GOLDEN = np.load(Path(__file__).parent / "golden" / "vlfeat.npz")
K, D = 4, 3


def golden(case):
    prefix = f"{case}/"
    found = {key.removeprefix(prefix): GOLDEN[key] for key in GOLDEN if key.startswith(prefix)}
    return found, from_parameters(found["weights"], found["means"], found["covariances"])


def our_vectors(X, mixture, **params):
    fv = FisherVectorEncoder(mixture=mixture, **params).fit(np.zeros((50, X.shape[1])))
    return fv.encode(X)[None]


@pytest.fixture
def vectors(rng):
    return rng.normal(size=(6, K * (1 + 2 * D)))


# Other libraries


@pytest.mark.parametrize("case", ["double", "single", "one"])
def test_is_what_vlfeat_makes(case):
    found, mixture = golden(case)
    vectors = our_vectors(found["X"], mixture, power=1, norm=None)
    converted = convert_layout(vectors, len(found["means"]), target="vlfeat", norm=None)
    assert converted.dtype == found["plain"].dtype
    assert np.abs(converted[0] - found["plain"]).max() < 1e-5 * np.abs(found["plain"]).max()


@pytest.mark.parametrize("case", ["double", "single", "one"])
def test_normalised_vectors_are_what_vlfeat_normalises(case):
    found, mixture = golden(case)
    converted = convert_layout(our_vectors(found["X"], mixture), len(found["means"]))
    assert np.allclose(converted[0], found["improved"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", ["double", "single", "one", "rare"])
def test_hard_assignment_is_vlfeats_fast_one(case):
    found, fitted = golden(case)
    X, mixture = found["X"], Mixture(fitted.weights_, fitted.means_, fitted.covariances_)
    center = mixture.center(X.dtype)
    statistics = hard_statistics(X, fitted.predict(X), len(mixture.weights), center)
    gradients = whiten(statistics.totals[None], np.array([len(X)]), mixture, center)
    vector = Layout(("means", "stds"), *mixture.means.shape).keep(gradients)[0]
    assert np.allclose(vector, found["hard"], rtol=0, atol=1e-5)


def test_vlfeat_leaves_components_of_no_weight_out():
    found, mixture = golden("rare")
    vector = our_vectors(found["X"], mixture, power=1, norm=None)
    converted = convert_layout(vector, K, norm=None)[0].reshape(2, K, D)
    theirs = found["plain"].reshape(2, K, D)
    assert np.allclose(converted[:, 1:], theirs[:, 1:], rtol=0, atol=1e-5)
    assert not theirs[:, 0].any()
    assert converted[:, 0].all()


@pytest.mark.parametrize("power", [None, 0.5, 0.3])
def test_is_what_scikit_image_makes(rng, power):
    X = rng.normal(size=(80, D))
    gm = GaussianMixture(K, covariance_type="diag", random_state=0).fit(rng.normal(size=(300, D)))
    ours = our_vectors(X, gm, power=power or 1, norm="l2" if power else None)
    theirs = fisher_vector(X, gm, **({"improved": True, "alpha": power} if power else {}))
    assert np.allclose(convert_layout(ours, K, target="scikit-image")[0], theirs, atol=1e-10)
    assert np.allclose(
        ours[0], convert_layout(theirs[None], K, source="scikit-image", target="skvae")
    )


# Laws


@pytest.mark.parametrize("other", ["skvae", "scikit-image"])
def test_there_and_back(vectors, other):
    there = convert_layout(vectors, K, target=other)
    assert np.array_equal(convert_layout(there, K, source=other, target="skvae"), vectors)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_to_itself_changes_nothing(vectors, layout):
    F = vectors[:, K:] if layout == "vlfeat" else vectors
    same = convert_layout(F, K, source=layout, target=layout)
    assert np.array_equal(same, F)
    assert not np.shares_memory(same, vectors)


def test_scikit_image_to_vlfeat_is_the_way_through_ours(vectors):
    through = convert_layout(convert_layout(vectors, K, source="scikit-image", target="skvae"), K)
    assert np.array_equal(convert_layout(vectors, K, source="scikit-image"), through)


@pytest.mark.parametrize("norm", ["l2", "l1", "intra", None])
def test_without_weights_it_is_what_the_encoder_makes_without_them(rng, norm):
    X = rng.normal(size=(8, 20, D))
    encoder = FisherVectorEncoder(K, norm=norm, random_state=0).fit(X)
    F = encoder.transform(X)
    bare = encoder.set_params(gradients=("means", "stds")).transform(X)
    assert np.allclose(convert_layout(F, K, norm=norm), bare, rtol=1e-12, atol=1e-15)


def test_zeros_stay_zero():
    assert not convert_layout(np.zeros((2, K * (1 + 2 * D))), K).any()


def test_keeps_the_dtype_and_the_input(vectors):
    F = vectors.astype(np.float32)
    kept = F.copy()
    assert convert_layout(F, K, target="scikit-image").dtype == np.float32
    assert np.array_equal(F, kept)


# Errors


@pytest.mark.parametrize("target", ["skvae", "scikit-image"])
def test_weights_cannot_be_made_up(vectors, target):
    with pytest.raises(ValueError, match="has no gradients of weights.*'vlfeat' instead"):
        convert_layout(vectors[:, K:], K, source="vlfeat", target=target)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "yael"}, "source='yael' must be one of"),
        ({"target": "yael"}, "target='yael' must be one of"),
        ({"norm": "max"}, "norm='max' must be"),
        ({"n_components": 5}, r"vectors have 28 features; layout 'skvae' with n_components=5"),
        ({"n_components": 28}, "vectors have 28 features"),
        ({"source": "vlfeat", "n_components": 3}, "layout 'vlfeat'"),
    ],
)
def test_says_what_is_wrong(vectors, options, message):
    with pytest.raises(ValueError, match=message):
        convert_layout(vectors, **{"n_components": K} | options)
