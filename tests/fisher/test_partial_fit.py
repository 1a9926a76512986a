import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    VAETransformer,
    VLADEncoder,
)
from skvae.fisher.words import learn

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]
WORDS = [VLADEncoder, BagOfVisualWordsEncoder]


def small_vae():
    return VAETransformer(2, hidden_layer_sizes=(8,), likelihood="gaussian", max_iter=2)


REDUCERS = {"none": lambda: None, "IncrementalPCA": lambda: IncrementalPCA(2), "VAE": small_vae}


def encoder(kind, **settings):
    return kind(3, **{"random_state": 0, "max_descriptors": 300} | settings)


@pytest.fixture
def batches(rng):
    """Five batches of sets of four clusters."""
    centers = 4 * rng.normal(size=(4, 5))
    labels = rng.integers(0, 4, size=(5, 12, 20))
    return list(centers[labels] + rng.normal(size=(5, 12, 20, 5)))


def model_of(encoder):
    return getattr(encoder, "mixture_", None) or encoder.vocabulary_


def centers_of(encoder):
    model = model_of(encoder)
    return model.means_ if hasattr(model, "means_") else model.cluster_centers_


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("kind", ENCODERS)
def test_a_first_batch_is_fitted_as_by_fit_to_the_last_bit(batches, kind, reducer):
    template = encoder(kind, reducer=REDUCERS[reducer]())
    first, fitted = clone(template).partial_fit(batches[0]), clone(template).fit(batches[0])
    assert np.array_equal(first.transform(batches[1]), fitted.transform(batches[1]))
    again = fitted.partial_fit(batches[1])
    assert np.array_equal(
        first.partial_fit(batches[1]).transform(batches[2]), again.transform(batches[2])
    )


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("kind", ENCODERS)
def test_every_batch_is_learned_from(batches, kind, reducer):
    fitted = encoder(kind, reducer=REDUCERS[reducer]()).partial_fit(batches[0])
    for batch in batches[1:]:
        reducer_, centers = fitted.reducer_, centers_of(fitted)
        fitted.partial_fit(batch)
        assert fitted.reducer_ is not reducer_ or reducer_ is None
        assert not np.allclose(centers_of(fitted), centers)
    if hasattr(fitted.reducer_, "n_samples_seen_"):
        assert fitted.reducer_.n_samples_seen_ == 5 * 12 * 20


def test_a_mixture_goes_along_with_a_basis_that_turns(rng):
    """Axes of one variance, of which every batch finds others."""
    centers = np.array([[6, 0, 0, 0], [-3, 5.2, 0, 0], [-3, -5.2, 0, 0]])
    X = centers[rng.integers(0, 3, size=(200, 20))] + rng.normal(size=(200, 20, 4))
    whole = encoder(FisherVectorEncoder, reducer=PCA(2), max_descriptors=4000).fit(X)
    stream = encoder(FisherVectorEncoder, reducer=IncrementalPCA(2)).partial_fit(X[:2])
    first = stream.reducer_.components_
    for batch in np.array_split(X[2:], 20):
        stream.partial_fit(batch)
    turned = np.abs(np.diag(stream.reducer_.components_ @ first.T))
    assert turned.min() < 0.999

    def score(fitted):
        return fitted.mixture_.score(fitted.reducer_.transform(X.reshape(-1, 4)))

    assert score(stream) > score(whole) - 0.05


@pytest.mark.parametrize("kind", WORDS)
def test_words_learn_as_means_of_all_they_have_been_nearest_to(batches, kind):
    fitted = encoder(kind).partial_fit(batches[0])
    counts = np.bincount(fitted.vocabulary_.labels_, minlength=3)
    assert np.array_equal(fitted.word_counts_, counts)
    expected = learn(fitted.vocabulary_.cluster_centers_, counts, batches[1].reshape(-1, 5))
    fitted.partial_fit(batches[1])
    assert np.allclose(fitted.vocabulary_.cluster_centers_, expected.centers)
    assert np.array_equal(fitted.word_counts_, expected.counts)
    assert fitted.fit(batches[1]).word_counts_.sum() == 240


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_clusterer_that_can_learns_by_itself(batches, kind, dtype):
    moved = encoder(kind, vocabulary=MiniBatchKMeans(4, n_init=1), reducer=IncrementalPCA(2))
    moved.partial_fit(batches[0].astype(dtype)).partial_fit(batches[1]).transform(batches[2])

    own = MiniBatchKMeans(4, random_state=0, n_init=1)
    fitted = encoder(kind, vocabulary=own).partial_fit(batches[0].astype(dtype))
    fitted.partial_fit(batches[1])
    alone = clone(own).fit(batches[0].reshape(-1, 5).astype(dtype))
    alone.partial_fit(batches[1].reshape(-1, 5).astype(dtype))
    assert np.allclose(fitted.vocabulary_.cluster_centers_, alone.cluster_centers_)
    assert fitted.word_counts_ is None


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("kind", ENCODERS)
def test_a_batch_that_fails_changes_nothing(batches, kind, reducer, monkeypatch):
    fitted = encoder(kind, reducer=REDUCERS[reducer]()).partial_fit(batches[0])
    before, vectors = dict(vars(fitted)), fitted.transform(batches[1])

    def fail(*_):
        raise MemoryError

    for bad, error in ((batches[1][..., :4], "4 features"), (batches[1] * np.nan, "NaN")):
        with pytest.raises(ValueError, match=error):
            fitted.partial_fit(bad)
    monkeypatch.setattr(kind, "_learn_model", fail)
    with pytest.raises(MemoryError):
        fitted.partial_fit(batches[1])
    assert vars(fitted) == before
    assert np.array_equal(fitted.transform(batches[1]), vectors)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_reducer_that_cannot_learn_is_named_before_the_first_batch(batches, kind):
    message = r"(?s)reducer=.*PCA.* no partial_fit.*IncrementalPCA.*FrozenEstimator"
    for reducer in (PCA(2), make_pipeline(StandardScaler(), PCA(2))):
        for unable in (
            encoder(kind, reducer=reducer),
            encoder(kind, reducer=reducer).fit(batches[0]),
        ):
            with pytest.raises(AttributeError) as caught:
                unable.partial_fit(batches[1])
            assert re.match(message, str(caught.value.__cause__))
            assert not hasattr(unable, "partial_fit")


@pytest.mark.parametrize("reducer", [PCA(2), IncrementalPCA(2)])
@pytest.mark.parametrize("kind", ENCODERS)
def test_a_frozen_reducer_stays_while_the_model_learns(batches, kind, reducer):
    frozen = FrozenEstimator(reducer.fit(batches[0].reshape(-1, 5)))
    fitted = encoder(kind, reducer=frozen).partial_fit(batches[0])
    before, reduced = model_of(fitted), frozen.transform(batches[1][0])
    fitted.partial_fit(batches[1])
    assert np.array_equal(fitted.reducer_.transform(batches[1][0]), reduced)
    assert model_of(fitted) is not before


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_model_that_was_given_fitted_stays_and_so_does_the_reducer(batches, kind):
    if kind is FisherVectorEncoder:
        name, given = "mixture", DiagonalGaussianMixture(4, random_state=0)
    else:
        name, given = "vocabulary", MiniBatchKMeans(4, random_state=0)
    given.fit(PCA(2).fit_transform(batches[0][0]))
    fitted = encoder(kind, reducer=PCA(2), **{name: given}).partial_fit(batches[0])
    vectors, reducer = fitted.transform(batches[1]), fitted.reducer_
    fitted.partial_fit(batches[1])
    assert model_of(fitted) is given and fitted.reducer_ is reducer
    assert np.array_equal(fitted.transform(batches[1]), vectors)


def test_partial_fit_is_there_if_the_model_can():
    assert hasattr(FisherVectorEncoder(mixture=DiagonalGaussianMixture(4)), "partial_fit")
    assert not hasattr(FisherVectorEncoder(mixture=GaussianMixture(4)), "partial_fit")
    for kind in WORDS:
        assert hasattr(kind(), "partial_fit")
        assert hasattr(kind(vocabulary=MiniBatchKMeans()), "partial_fit")
        assert not hasattr(kind(vocabulary=KMeans()), "partial_fit")


@pytest.mark.parametrize("kind", ENCODERS)
def test_another_number_of_components_does_not_continue(batches, kind):
    fitted = encoder(kind).partial_fit(batches[0]).set_params(n_components=4)
    with pytest.raises(ValueError, match="n_components=4, but partial_fit continues a .* of 3"):
        fitted.partial_fit(batches[1])
    assert len(clone(fitted).partial_fit(batches[1]).transform(batches[1])) == 12


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_batch_without_descriptors_is_none(batches, kind):
    fitted = encoder(kind, reducer=IncrementalPCA(2)).partial_fit(batches[0])
    before = dict(vars(fitted))
    fitted.partial_fit([np.empty((0, 5)), []])
    assert vars(fitted) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("kind", ENCODERS)
def test_positions_images_and_names_come_along(rng, kind, n_jobs):
    images = rng.random((3, 20, 64))
    settings = {"extractor": ImagePatches(4, stride=2), "reducer": IncrementalPCA(3)}
    fitted = encoder(kind, spatial=("xy", 1, 2), n_jobs=n_jobs, **settings)
    for batch in images:
        fitted.partial_fit(batch)
    frame = fitted.set_output(transform="pandas").transform(images[0])
    assert frame.shape == (20, len(fitted.get_feature_names_out()))
    other = clone(fitted).set_params(n_jobs=3 - n_jobs)
    for batch in images:
        other.partial_fit(batch)
    assert np.array_equal(other.transform(images[0]), frame.to_numpy())


def test_a_mixture_of_another_library_moves_along(batches):
    class Foreign(GaussianMixture):
        def partial_fit(self, X, y=None):
            self.last_ = self.means_, self.covariances_, X
            return self

    foreign = Foreign(3, covariance_type="diag", random_state=0)
    settings = {"reducer": IncrementalPCA(2)}
    fitted = encoder(FisherVectorEncoder, mixture=foreign, **settings).partial_fit(batches[0])
    old = fitted.reducer_.transform(batches[1].reshape(-1, 5))
    fitted.partial_fit(batches[1])
    new = fitted.reducer_.transform(batches[1].reshape(-1, 5))
    assert np.allclose(fitted.mixture_.last_[2], new) and not np.allclose(old, new)
    assert isinstance(fitted.mixture_, Foreign)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_batch_too_large_to_square_is_an_error_and_changes_nothing(kind, rng):
    X = [rng.normal(size=(20, 2)) for _ in range(4)]
    fitted = encoder(kind).partial_fit(X)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match=r"holds .*e\+200, and float64 cannot hold the squares"):
        fitted.partial_fit([1e200 * s for s in X])
    assert np.array_equal(fitted.transform(X), before)


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("vocabulary", [None, MiniBatchKMeans(3, n_init=1)])
def test_a_word_that_takes_the_digits_of_the_others_is_an_error(kind, vocabulary, rng):
    X = [rng.normal(size=(20, 2)) for _ in range(4)]
    fitted = encoder(kind, vocabulary=vocabulary).partial_fit(X)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match=r"A word would lie at .*e\+\d\d in column \d, so"):
        fitted.partial_fit([1e20 * s for s in X])
    assert np.array_equal(fitted.transform(X), before)
    assert np.isfinite(fitted.partial_fit([1e4 * s for s in X]).transform(X)).all()
