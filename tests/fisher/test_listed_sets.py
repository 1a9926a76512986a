"""Images of any size and files of them, through encoders and what scikit-learn puts around them."""

from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline, make_union

from skvae import (
    BagOfVisualWordsEncoder,
    FisherVectorEncoder,
    ImagePatches,
    VLADEncoder,
    read_image,
)
from skvae.data.image_sequence import ImageSequence
from skvae.fisher.listed_sets import ListedSets

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]


def encoder(cls=FisherVectorEncoder, n_components=3, **options):
    patches = ImagePatches(4, stride=2, scales=(1, 0.7))
    settings = {"extractor": patches, "spatial": ("xy", 1, 2), "random_state": 0}
    return cls(n_components, **settings | options)


@pytest.fixture
def photos():
    """Stripes, upright or level, of different sizes; and which they are."""
    rng = np.random.RandomState(0)
    y = np.arange(24) % 2
    images = []
    for level in y:
        h, w = rng.randint(8, 25, 2)
        stripes = np.tile(np.arange(w) % 3 == 0, (h, 1)) if level else np.arange(h)[:, None] % 3 < 1
        images.append((160 * stripes + 40 * rng.random_sample((h, w))).astype(np.uint8))
    return images, y


@pytest.fixture
def paths(photos, tmp_path):
    names = [tmp_path / f"{i}.png" for i in range(len(photos[0]))]
    for name, image in zip(names, photos[0], strict=True):
        Image.fromarray(image).save(name)
    return names


@pytest.mark.parametrize("cls", ENCODERS)
def test_an_image_has_the_vector_that_it_has_in_an_array(photos, cls):
    images, _ = photos
    fitted = encoder(cls).fit(images)
    vectors = fitted.transform(images)
    assert vectors.dtype == np.float32 and np.any(vectors, axis=1).all()
    for i in (0, 5, 23):
        equal = np.stack([images[i], images[i][::-1]])
        assert np.array_equal(fitted.transform(equal)[0], vectors[i])
        assert np.array_equal(fitted.transform([images[i]])[0], vectors[i])
    assert np.array_equal(fitted.transform(images[::-1])[::-1], vectors)
    assert np.array_equal(encoder(cls).fit_transform(images), vectors)


@pytest.mark.parametrize("cls", ENCODERS)
def test_a_file_has_the_vector_of_its_array(photos, paths, cls):
    images = [read_image(path) for path in paths]
    of_arrays = encoder(cls).fit(images)
    vectors = of_arrays.transform(images)
    of_files = encoder(cls).fit(list(map(str, paths)))
    assert np.array_equal(of_files.transform(paths), vectors)
    assert np.array_equal(of_arrays.transform(paths), vectors)


def test_equal_images_in_a_list_are_an_array(rng):
    X = rng.random((20, 12, 9))
    assert np.array_equal(encoder().fit_transform(list(X)), encoder().fit_transform(X))


def test_images_of_other_sizes_follow_a_fit_on_an_array(photos, rng):
    fitted = encoder().fit(rng.random((5, 12, 12)))
    assert fitted.transform(photos[0]).shape == (24, fitted.transform(photos[0][:1]).shape[1])
    by_rows = encoder().fit(rng.random((5, 144)))
    with pytest.raises(ValueError, match="Image 0 of X has shape .*, but image_shape="):
        by_rows.transform(photos[0])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_read_files_and_give_the_same_bits(photos, paths, backend):
    fitted = encoder().fit(paths)
    expected = fitted.transform(paths)
    fitted.set_params(n_jobs=2)
    with joblib.parallel_config(backend):
        assert np.array_equal(fitted.transform(paths), expected)
        assert np.array_equal(fitted.transform(photos[0]), fitted.transform(photos[0][:]))


@pytest.mark.slow
def test_cross_validation_searches_and_unions(photos, paths):
    images, y = photos
    fast = {"spatial": None, "max_descriptors": 200}
    model = make_pipeline(encoder(**fast), LogisticRegression())
    ragged = np.fromiter(images, object, len(images))
    names = np.array(list(map(str, paths)))
    of_arrays, of_objects, of_names = (
        cross_val_score(model, X, y, cv=2, error_score="raise") for X in (images, ragged, names)
    )
    assert of_arrays.min() > 0.9 and of_names.min() > 0.9
    assert np.array_equal(of_arrays, of_objects)
    grid = {"fishervectorencoder__extractor__scales": [(1,), (1, 0.5)]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(images, y)
    assert search.best_score_ > 0.9
    train, test, y_train, y_test = train_test_split(paths, y, random_state=0)
    union = make_union(encoder(n_components=2, **fast), encoder(VLADEncoder, **fast))
    both = make_pipeline(union, LogisticRegression()).fit(train, y_train)
    assert both.score(test, y_test) > 0.9


@pytest.mark.slow
def test_a_column_of_a_table_names_the_files(paths):
    encoder = partial(FisherVectorEncoder, 2, extractor=ImagePatches(4, stride=2), random_state=0)
    table = pd.DataFrame({"file": list(map(str, paths)), "size": np.arange(24.0)})
    expected = encoder().fit_transform(paths)
    for columns in (["file"], "file"):
        both = make_column_transformer((encoder(), columns), ("passthrough", ["size"]))
        found = both.fit_transform(table)
        assert np.array_equal(found[:, :-1], expected) and found[3, -1] == 3
    assert np.array_equal(encoder().fit_transform(table.file), expected)


def test_an_extractor_of_the_user_gets_images_of_any_size(photos):
    class Columns:
        """Every column of an image is a descriptor of three numbers."""

        def fit(self, X, y=None):
            return self

        def get_params(self, deep=True):
            return {}

        def transform(self, X):
            return [np.quantile(image, [0.25, 0.5, 0.75], axis=0).T for image in X]

    fitted = FisherVectorEncoder(2, extractor=Columns(), random_state=0).fit(photos[0])
    assert fitted.transform(photos[0]).shape == (24, 14)
    with pytest.raises(ValueError, match="X holds text such as a.png"):
        fitted.transform(["a.png"])


def test_a_fit_that_fails_names_the_file_and_leaves_the_fit_before(photos, paths):
    fitted = encoder().fit(paths)
    expected = fitted.transform(paths)
    paths[5].write_bytes(paths[5].read_bytes()[:60])
    for call in (fitted.fit, fitted.transform):
        with pytest.raises(ValueError, match=r"Image \d+ of X \('.*5.png'\) cannot be read"):
            call(paths)
    assert np.array_equal(fitted.transform(paths[:5]), expected[:5])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, r"0 sample\(s\)"),
        ("folder", TypeError, "X is one file name, 'folder'"),
        ((name for name in ["a.png", "b.png"]), TypeError, r"which can be read once.*list\(X\)"),
        ([np.ones((8, 8)), None], ValueError, "Image 1 of X is missing"),
        (["a.png", float("nan")], ValueError, "Image 1 of X is missing"),
        ([np.ones((8, 8)), np.ones((8, 9, 3))], ValueError, "Image 1 of X has 3 channels"),
        ([np.ones((8, 8)), np.ones((3, 9))], ValueError, "fit into Image 1 of X, of 3 x 9"),
        ([np.ones((8, 8)), np.full((7, 7), np.inf)], ValueError, "Image 1 of X contains infinity"),
    ],
)
def test_what_are_no_images_is_named(X, error, message):
    with pytest.raises(error, match=message):
        encoder(n_components=1).fit(X)


def test_inverses_say_that_sizes_differ(photos, rng):
    fitted = FisherVectorEncoder(2, extractor=ImagePatches(3), random_state=0).fit(photos[0])
    with pytest.raises(AttributeError, match="no places in common"):
        fitted.inverse_transform(fitted.transform(photos[0]))
    X = rng.random((5, 9, 9))
    scaled = FisherVectorEncoder(2, extractor=ImagePatches(3, scales=(1, 0.5))).fit(X)
    with pytest.raises(ValueError, match=r"Patches of scales=\(1, 0.5\) cannot be put back"):
        scaled.inverse_transform(scaled.transform(X))
    sets = scaled.extractor_.transform(X)
    assert np.allclose(scaled.encode(sets[0]), scaled.transform(X)[0], atol=1e-6)


# Samples


class Numbers:
    """Descriptors that are the pixels, and reads that are counted."""

    n_read = 0

    def transform(self, X):
        self.n_read += len(X)
        return [image.reshape(-1, 1) for image in X]


def images_of_sizes(*sizes):
    """Images whose pixels are all different."""
    ends = np.cumsum([0, *sizes])
    numbers = np.arange(float(ends[-1]))
    return ImageSequence.of([numbers[a:b][:, None] for a, b in zip(ends, ends[1:], strict=False)])


@pytest.mark.parametrize("n", [111, 200])
def test_all_descriptors_are_sampled_where_they_fit(n):
    source = ListedSets(images_of_sizes(1, 100, 10), Numbers())
    sample = source.sample(n, np.random.RandomState(0))
    assert np.array_equal(np.sort(sample.descriptors[:, 0]), np.arange(111))


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 7, 30])
def test_every_descriptor_is_as_likely_to_be_sampled(n):
    source = ListedSets(images_of_sizes(1, 30, 3, 6), Numbers())
    counts = np.zeros(40)
    for seed in range(400):
        found = source.sample(n, np.random.RandomState(seed)).descriptors[:, 0].astype(int)
        assert len(found) == len(set(found)) == n
        counts[found] += 1
    expected = 400 * n / 40
    assert np.abs(counts - expected).max() < 4.5 * np.sqrt(expected * (1 - n / 40))


def test_a_sample_reads_no_more_than_it_needs():
    source = ListedSets(images_of_sizes(*[50] * 100), Numbers())
    assert len(source.sample(10, np.random.RandomState(0)).descriptors) == 10
    assert source.extractor.n_read < 20


def test_images_are_batched_by_their_pixels_with_one_file_at_most():
    images = ImageSequence.of([np.ones((100, 100)), np.ones((100, 101)), "a", "b", np.ones((2, 3))])
    batches = ListedSets(images, Numbers()).batches(10)
    assert [list(range(5))[b] for b in batches] == [[0, 1, 2], [3], [4]]
    assert ListedSets(ImageSequence.of(["a", "b"]), Numbers()).batches(10) == [
        slice(0, 1),
        slice(1, 2),
    ]
