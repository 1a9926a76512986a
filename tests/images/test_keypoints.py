import copy
import pickle

import joblib
import numpy as np
import pytest
from skimage.feature import ORB, SIFT
from skimage.transform import resize
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skvae import FisherVectorEncoder, ImageKeypoints


class Bright:
    """Finds bright pixels: as many keypoints as there are, with value and place as descriptor."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold

    def detect_and_extract(self, image):
        found = np.argwhere((image if image.ndim == 2 else image.sum(axis=2)) > self.threshold)
        if len(found) == 0:
            raise RuntimeError("nothing bright")
        self.keypoints = found
        self.descriptors = np.column_stack([image[tuple(found.T)], found])


DETECTORS = {
    "sift": SIFT(upsampling=1, c_dog=0.001),
    "orb": ORB(n_keypoints=20, fast_threshold=0.02),
}


@pytest.fixture(scope="module")
def large(digits):
    """Fifteen digits of 64 x 64 pixels, as rows."""
    images = digits[0][:15].reshape(-1, 8, 8)
    rows = np.stack([resize(image, (64, 64)).ravel() for image in images]).astype(np.float32)
    rows.flags.writeable = False
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sets_are_what_the_detector_finds_in_each_image(large, name, dtype):
    X = large.astype(dtype)
    sets, positions = ImageKeypoints(DETECTORS[name]).fit(X).extract(X)
    assert len({len(s) for s in sets}) > 3
    for row, descriptors, where in zip(X, sets, positions, strict=True):
        detector = copy.deepcopy(DETECTORS[name])
        detector.detect_and_extract(row.reshape(64, 64))
        assert descriptors.dtype == dtype
        assert np.array_equal(descriptors, detector.descriptors.astype(dtype))
        assert np.allclose((where[:, ::-1] + 1) / 2 * 63, detector.keypoints, atol=1e-12)


def test_positions_run_from_corner_to_corner():
    X = np.zeros((1, 3, 5))
    X[0, [0, 0, 1, 2], [0, 4, 2, 0]] = 1
    _, positions = ImageKeypoints(Bright()).fit(X).extract(X)
    assert positions[0].tolist() == [[-1, -1], [1, -1], [0, 0], [-1, 1]]


def test_keypoints_beside_the_image_lie_on_its_border():
    class Beside(Bright):
        def detect_and_extract(self, image):
            self.keypoints, self.descriptors = np.array([[-3.0, 9.5]]), np.ones((1, 2))

    _, positions = ImageKeypoints(Beside()).fit(np.ones((1, 81))).extract(np.ones((1, 81)))
    assert positions[0].tolist() == [[1, -1]]


def test_a_single_row_of_pixels_has_positions():
    X = np.ones((1, 1, 3))
    _, positions = ImageKeypoints(Bright()).fit(X).extract(X)
    assert positions[0].tolist() == [[-1, -1], [0, -1], [1, -1]]


def test_rows_and_images_give_the_same_sets(rng):
    images = rng.random((3, 5, 4, 2))
    a = ImageKeypoints(Bright(1)).fit(images).transform(images)
    b = ImageKeypoints(Bright(1), (5, 4, 2)).fit_transform(images.reshape(3, -1))
    assert a[0].shape[1] == 4  # two channels reached the detector
    assert all(np.array_equal(s, t) for s, t in zip(a, b, strict=True))


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_an_image_without_keypoints_is_an_empty_set(rng, blank):
    X = rng.random((3, 16))
    X[blank] = 0
    sets, positions = ImageKeypoints(Bright()).fit(X).extract(X)
    assert sets[blank].shape == (0, 3)
    assert positions[blank].shape == (0, 2)
    encoder = FisherVectorEncoder(
        2, extractor=ImageKeypoints(Bright()), spatial=("xy", 1, 2), random_state=0
    )
    F = encoder.fit_transform(X)
    assert not F[blank].any()
    assert F.any(axis=1).sum() == 2
    assert not encoder.transform(X[[blank]]).any()


def test_the_detector_and_the_images_stay_as_they_were(large):
    detector = SIFT(upsampling=1)
    before = copy.deepcopy(vars(detector))
    ImageKeypoints(detector).fit(large).transform(large)
    assert vars(detector) == before
    X = large.copy()
    ImageKeypoints(detector).fit(X).transform(X)
    assert np.array_equal(X, large)


def test_an_image_has_its_set_in_any_company(large):
    keypoints = ImageKeypoints(DETECTORS["sift"]).fit(large)
    sets, positions = keypoints.extract(large)
    for i in (3, 12):
        alone, where = keypoints.extract(large[[i]])
        assert np.array_equal(alone[0], sets[i])
        assert np.array_equal(where[0], positions[i])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_share_one_extractor(large, backend):
    encoder = FisherVectorEncoder(
        4, extractor=ImageKeypoints(DETECTORS["sift"]), spatial=(1, 2), random_state=0
    ).fit(large)
    X = np.tile(large, (2, 1))
    expected = encoder.transform(X)
    encoder.set_params(n_jobs=2)
    extract = encoder.extractor_.extract
    with joblib.parallel_config(backend):
        assert np.array_equal(encoder.transform(X), expected)
        parts = joblib.Parallel(n_jobs=2)(joblib.delayed(extract)(large) for _ in range(2))
    for sets, _ in parts:
        assert all(np.array_equal(a, b) for a, b in zip(sets, extract(large)[0], strict=True))


@pytest.mark.slow
def test_a_cell_of_a_pyramid_is_the_vector_of_its_keypoints(large):
    encoder = FisherVectorEncoder(
        3, extractor=ImageKeypoints(DETECTORS["sift"]), spatial=(1, 2), norm=None, random_state=0
    ).fit(large)
    sets, positions = encoder.extractor_.extract(large)
    cells = encoder.transform(large).reshape(15, 5, -1)
    for i in range(15):
        right = positions[i][:, 0] >= 0
        below = positions[i][:, 1] >= 0
        top_right = right & ~below
        alone = encoder.encode(sets[i][top_right], positions[i][top_right]).reshape(5, -1)
        assert np.allclose(cells[i, 2], alone[0], atol=1e-6)


@pytest.mark.slow
def test_positions_among_the_dimensions(large):
    keypoints = ImageKeypoints(DETECTORS["sift"])
    encoder = FisherVectorEncoder(
        3, extractor=keypoints, spatial="xy", xy_weight=50, random_state=0
    ).fit(large)
    assert encoder.mixture_.means_.shape == (3, 130)
    sets, positions = keypoints.fit(large).extract(large)
    found = np.concatenate(list(positions))
    total = encoder.mixture_.weights_ @ encoder.mixture_.means_[:, 128:]
    assert np.allclose(total, 50 * found.mean(axis=0), atol=1e-4)
    mirrored = encoder.encode(sets[0], -positions[0])
    assert not np.allclose(encoder.encode(sets[0], positions[0]), mirrored, atol=1e-3)


@pytest.mark.slow
def test_clone_pickle_and_parameters(large):
    keypoints = clone(ImageKeypoints(DETECTORS["orb"], image_shape=(64, 64)))
    assert keypoints.detector is not DETECTORS["orb"]
    assert keypoints.detector.n_keypoints == 20
    assert set(keypoints.get_params()) == {"detector", "image_shape", "scales", "reader"}
    sets = keypoints.set_params(image_shape=None).fit(large).transform(large)
    again = pickle.loads(pickle.dumps(keypoints)).transform(large)
    assert all(np.array_equal(a, b) for a, b in zip(sets, again, strict=True))


@pytest.mark.slow
def test_a_search_over_detectors(digits):
    X, y = digits[0][:200], digits[1][:200]
    encoder = FisherVectorEncoder(
        4, extractor=ImageKeypoints(Bright()), spatial="xy", random_state=0
    )
    steps = [("encode", encoder), ("classify", LogisticRegression(C=10, max_iter=500))]
    grid = {"encode__extractor__detector": [Bright(0.99), Bright(0.3)]}
    search = GridSearchCV(Pipeline(steps), grid, cv=2).fit(X, y)
    assert search.best_params_["encode__extractor__detector"].threshold == 0.3
    assert search.best_score_ > 0.6


@pytest.mark.parametrize(
    ("detector", "params", "X", "message"),
    [
        ("sift", {}, np.ones((1, 16)), "'detector' parameter"),
        (Bright(2), {}, np.ones((3, 4, 4)), r"Bright finds no keypoints in any of 3 images"),
        (Bright(), {}, np.ones((1, 10)), "not square"),
        (Bright(), {"image_shape": (4, 5)}, np.ones((1, 16)), "20 pixels"),
        (Bright(), {"image_shape": (4, 5)}, np.ones((1, 4, 4)), r"image_shape=\(4, 5\)"),
        (Bright(), {}, np.full((1, 16), np.inf), "infinity"),
        (Bright(), {}, np.ones((1, 2, 2, 2, 2)), "Images must be"),
    ],
)
def test_bad_input_is_named(detector, params, X, message):
    keypoints = ImageKeypoints(detector, **params)
    with pytest.raises(ValueError, match=message):
        keypoints.fit(X)


def test_wrong_sizes_after_fit():
    keypoints = ImageKeypoints(Bright()).fit(np.ones((1, 16)))
    with pytest.raises(ValueError, match="16 features"):
        keypoints.transform(np.ones((1, 25)))
    with pytest.raises(ValueError, match=r"images of shape \(8, 2\), but image_shape=\(4, 4, 1\)"):
        keypoints.extract(np.ones((1, 8, 2)))
    with pytest.raises(NotFittedError):
        ImageKeypoints(Bright()).transform(np.ones((1, 16)))


# Images of any size


@pytest.fixture
def photos(rng):
    return [rng.random(shape, np.float32) for shape in [(9, 12), (20, 7), (14, 14)]]


def test_an_image_of_any_size_has_its_own_keypoints_and_frame(photos):
    keypoints = ImageKeypoints(Bright(0.7)).fit(photos)
    assert keypoints.image_shape_ == (None, None, 1)
    sets, positions = keypoints.extract(photos)
    for image, found, where in zip(photos, sets, positions, strict=True):
        alone = ImageKeypoints(Bright(0.7)).fit(image[None]).extract(image[None])
        assert np.array_equal(found, alone[0][0]) and np.array_equal(where, alone[1][0])
        assert np.array_equal(keypoints.transform(image[None])[0], found)


def test_a_file_has_the_keypoints_of_its_array(photos, tmp_path):
    paths = [tmp_path / f"{i}.npy" for i in range(3)]
    for path, image in zip(paths, photos, strict=True):
        np.save(path, image)
    keypoints = ImageKeypoints(Bright(0.7), reader=np.load)
    a = keypoints.fit(photos).transform(photos)
    b = clone(keypoints).fit(paths).transform(paths)
    assert all(np.array_equal(s, t) for s, t in zip(a, b, strict=True))


@pytest.mark.parametrize("size", [(40, 60), (41, 61)])
def test_keypoints_of_a_smaller_image_lie_where_they_lie_in_the_original(size):
    image = np.zeros((1, *size))
    image[0, 18:24, 42:48] = 1
    keypoints = ImageKeypoints(Bright(0.3), scales=(1, 0.5)).fit(image)
    _, (found,) = keypoints.extract(image)
    expected = 2 * np.array([44.5, 20.5]) / (np.array(size)[::-1] - 1) - 1
    assert len(found) > 36 + 8
    np.testing.assert_allclose(found[:36].mean(axis=0), expected, atol=1e-12)
    np.testing.assert_allclose(found[36:].mean(axis=0), expected, atol=0.03)


def test_a_scale_of_one_changes_no_bit(photos):
    X = np.stack([photos[0], photos[0][::-1]])
    plain = ImageKeypoints(Bright(0.7)).fit(X).extract(X)
    scaled = ImageKeypoints(Bright(0.7), scales=(1.0,)).fit(X).extract(X)
    for a, b in zip(plain, scaled, strict=True):
        assert all(np.array_equal(s, t) for s, t in zip(a, b, strict=True))


def test_what_a_detector_refuses_is_named(rng):
    colour = [rng.random((30, 30, 3)), rng.random((40, 30, 3))]
    with pytest.raises(ValueError, match=r"SIFT refuses Image 0 of X, of shape \(30, 30, 3\): "):
        ImageKeypoints(SIFT()).fit(colour)
    with pytest.raises(ValueError, match="scales="):
        ImageKeypoints(Bright(), scales=()).fit(colour)
