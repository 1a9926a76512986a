import warnings

import numpy as np
import pytest
from checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skvae import BagOfVisualWordsEncoder, FisherVectorEncoder, ImagePatches, VLADEncoder

ENCODERS = [VLADEncoder, BagOfVisualWordsEncoder]


@pytest.mark.checks
@parametrize_with_checks(
    [
        VLADEncoder(3),
        VLADEncoder(2, norm="intra", power=1.0, vocabulary=MiniBatchKMeans(2)),
        BagOfVisualWordsEncoder(3),
        BagOfVisualWordsEncoder(2, norm="l1", power=1.0, reducer=PCA(1)),
    ],
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.fixture
def sets(rng):
    return [rng.normal(size=(t, 4)) + i % 3 + 50 for i, t in enumerate(rng.integers(5, 90, 30))]


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_column_in_whose_units_alone_words_differ_is_named(sets, kind):
    wide = [s * [1, 1, 1e4, 1] for s in sets]
    with pytest.warns(
        UserWarning, match=r"Column 2 of the descriptors has (9|100).*StandardScaler"
    ):
        kind(3, random_state=0).fit(wide)
    fitted = kind(3, random_state=0).fit(sets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(3, random_state=0).fit(sets)
        kind(3, reducer=StandardScaler(), random_state=0).fit(wide)
        kind(3, random_state=0).fit([s[:, 2:3] for s in wide])
        kind(vocabulary=fitted.vocabulary_).fit(wide)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_vlad_is_the_sum_of_residuals_about_the_nearest_words(sets, dtype):
    sets = [s.astype(dtype) for s in sets]
    vlad = VLADEncoder(6, power=1, norm=None, random_state=0).fit(sets)
    centers = vlad.vocabulary_.cluster_centers_
    for s, found in zip(sets, vlad.transform(sets), strict=True):
        nearest = ((s[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        expected = np.zeros_like(centers)
        np.add.at(expected, nearest, s - centers[nearest])
        assert np.allclose(found, expected.ravel(), atol=1e-9 if dtype is np.float64 else 1e-3)


def test_a_bag_counts_nearest_words(sets):
    bag = BagOfVisualWordsEncoder(6, power=1, norm=None, random_state=0).fit(sets)
    for s, found in zip(sets, bag.transform(sets), strict=True):
        expected = np.bincount(bag.vocabulary_.predict(s), minlength=6)
        assert np.array_equal(found, expected)
    frequencies = bag.set_params(norm="l1").transform(sets)
    assert np.allclose(frequencies.sum(axis=1), 1)


def test_hellinger_is_the_default_of_bags(sets):
    bag = BagOfVisualWordsEncoder(6, random_state=0).fit(sets)
    counts = clone(bag).set_params(power=1, norm=None).fit(sets).transform(sets)
    lengths = counts.sum(axis=1)
    kernel = np.sqrt(counts[:, None] * counts).sum(axis=2) / np.sqrt(lengths[:, None] * lengths)
    F = bag.transform(sets)
    assert np.allclose(F @ F.T, kernel)


def test_vlad_is_the_mean_block_of_a_hard_fisher_vector(sets):
    vlad = VLADEncoder(6, random_state=0).fit(sets)
    mixture = GaussianMixture(6, covariance_type="diag")
    mixture.weights_ = np.full(6, 1 / 6)
    mixture.means_ = vlad.vocabulary_.cluster_centers_
    mixture.covariances_ = np.full(mixture.means_.shape, 0.3)
    fv = FisherVectorEncoder(mixture=mixture, gradients=("means",), top_k=1)
    assert np.allclose(fv.fit(sets).transform(sets), vlad.transform(sets), atol=1e-9)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_fitted_vocabulary_is_used_as_it_is(sets, kind):
    words = KMeans(5, random_state=0).fit(np.concatenate(sets))
    assert kind(vocabulary=words).fit(sets[:2]).vocabulary_ is words
    with pytest.raises(ValueError, match="vocabulary was fitted on 4 features"):
        kind(vocabulary=words).fit([s[:, :3] for s in sets])


@pytest.mark.parametrize("kind", ENCODERS)
def test_too_few_descriptors_and_empty_sets(sets, kind):
    with pytest.raises(ValueError, match="n_components=9 needs at least as many"):
        kind(9).fit([sets[0][:4]])
    with pytest.raises(ValueError, match="n_components=7 needs at least as many"):
        kind(vocabulary=KMeans(7)).fit([sets[0][:4]])
    assert not kind(3, random_state=0).fit(sets).transform([sets[0][:0]]).any()


def test_names(sets):
    assert VLADEncoder(2).fit(sets).get_feature_names_out()[5] == "vlad_k1_d1"
    assert list(BagOfVisualWordsEncoder(2).fit(sets).get_feature_names_out()) == [
        "bag_k0",
        "bag_k1",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "spatial", "least"),
    [(VLADEncoder, ("xy", 1, 2), 0.87), (BagOfVisualWordsEncoder, (1, 2), 0.84)],
)
def test_digits_in_a_grid_search(digits, kind, spatial, least):
    X, y = digits[0][:800], digits[1][:800]
    encoder = kind(
        32,
        extractor=ImagePatches(patch_size=3, padding=1),
        reducer=PCA(6),
        spatial=spatial,
        random_state=0,
    )
    pipeline = Pipeline([("encode", encoder), ("classify", LogisticRegression(C=10, max_iter=500))])
    search = GridSearchCV(pipeline, {"encode__power": [0.5, 1]}, cv=2).fit(X, y)
    assert search.best_score_ > least


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distance", [1e2, 1e4, 1e6, 1e8, 1e11])
@pytest.mark.parametrize("encoder", [VLADEncoder, BagOfVisualWordsEncoder])
def test_a_word_of_outliers_takes_no_digits_of_the_others(rng, encoder, distance, dtype):
    centers = np.concatenate([rng.normal(size=(7, 3)), np.full((1, 3), distance)]).astype(dtype)
    words = KMeans(8, n_init=1).fit(rng.normal(size=(20, 3)).astype(dtype))
    words.cluster_centers_ = centers
    X = [rng.normal(size=(n, 3)).astype(dtype) for n in (50, 30)]
    found = encoder(8, vocabulary=words, norm=None, power=1.0).fit(X).transform(X)
    for s, vector in zip(X, found, strict=True):
        residuals = s[:, None].astype(float) - centers.astype(float)
        nearest = (residuals**2).sum(axis=2).argmin(axis=1)
        expected = np.bincount(nearest, minlength=8).astype(float)
        if encoder is VLADEncoder:
            own = residuals[np.arange(len(s)), nearest]
            expected = np.stack([own[nearest == k].sum(axis=0) for k in range(8)]).ravel()
        assert np.allclose(vector, expected, atol=1e-3 if dtype == np.float32 else 1e-9)
