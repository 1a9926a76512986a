import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.transform import resize
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.image import extract_patches_2d

from skvae import FisherVectorEncoder, ImagePatches, read_image


@pytest.mark.parametrize("shape", [(6, 6), (5, 7)])
def test_patches_are_those_of_scikit_learn(rng, shape):
    X = rng.normal(size=(3, *shape))
    patches = ImagePatches(image_shape=shape, patch_size=3).fit(X).transform(X)
    for image, found in zip(X, patches, strict=True):
        expected = extract_patches_2d(image, (3, 3))
        assert np.array_equal(found, expected.reshape(len(expected), -1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(3, 1, 0), (4, 2, 1), (2, 2, 0), (6, 1, 3)]
)
def test_inverse_is_exact_on_unmodified_patches(rng, channels, size, stride, padding):
    X = rng.normal(size=(4, 6 * 8 * channels)).astype(np.float32)
    patches = ImagePatches(size, stride=stride, padding=padding, image_shape=(6, 8, channels)).fit(
        X
    )
    P = patches.transform(X)
    assert P.dtype == np.float32
    assert P.shape == (4, len(patches.positions_), size * size * channels)
    assert np.allclose(patches.inverse_transform(P), X, atol=1e-6)


def test_overlaps_are_averaged():
    patches = ImagePatches(image_shape=(1, 3), patch_size=1).fit(np.zeros((1, 3)))
    assert np.array_equal(patches.inverse_transform([[[1.0], [2.0], [3.0]]]), [[1, 2, 3]])
    patches = ImagePatches(image_shape=(2, 3), patch_size=2).fit(np.zeros((1, 6)))
    P = np.stack([np.zeros(4), np.ones(4)])[None]
    assert np.array_equal(patches.inverse_transform(P), [[0, 0.5, 1, 0, 0.5, 1]])


def test_pixels_without_a_patch_are_zero():
    patches = ImagePatches(image_shape=(3, 3), patch_size=2, stride=2).fit(np.ones((1, 9)))
    image = patches.inverse_transform(patches.transform(np.ones((1, 9))))
    assert np.array_equal(image, [[1, 1, 0, 1, 1, 0, 0, 0, 0]])


def test_rows_and_images_give_the_same_patches(rng):
    images = rng.normal(size=(3, 5, 4, 2))
    rows = images.reshape(3, -1)
    a = ImagePatches(patch_size=2).fit_transform(images)
    b = ImagePatches(image_shape=(5, 4, 2), patch_size=2).fit_transform(rows)
    assert np.array_equal(a, b)


def test_square_grey_images_need_no_shape():
    assert ImagePatches().fit(np.zeros((2, 784))).image_shape_ == (28, 28, 1)


def test_positions_run_from_corner_to_corner():
    patches = ImagePatches(image_shape=(4, 6), patch_size=2, stride=2).fit(np.zeros((1, 24)))
    assert patches.positions_.tolist() == [[x, y] for y in (-1, 1) for x in (-1, 0, 1)]
    assert ImagePatches(image_shape=(2, 2), patch_size=2).fit(
        np.zeros((1, 4))
    ).positions_.tolist() == [[0, 0]]


def test_input_is_not_changed_and_output_is_a_copy(rng):
    X = rng.normal(size=(2, 16))
    before = X.copy()
    P = ImagePatches(patch_size=2).fit_transform(X)
    P[:] = 0
    assert np.array_equal(X, before)


@pytest.mark.parametrize(("dtype", "expected"), [("u1", "f4"), ("f2", "f4"), ("i4", "f8")])
def test_patches_of_integers_are_floats_that_hold_them(dtype, expected):
    X = np.arange(32).reshape(2, 16).astype(dtype)
    patches = ImagePatches(patch_size=2).fit(X)
    assert patches.transform(X).dtype == expected
    assert np.array_equal(patches.inverse_transform(patches.transform(X)), X)


def test_clone_and_pickle(rng):
    X = rng.normal(size=(2, 16))
    patches = clone(ImagePatches(patch_size=2)).fit(X)
    assert np.array_equal(pickle.loads(pickle.dumps(patches)).transform(X), patches.transform(X))


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({}, np.zeros((1, 10)), "not square"),
        ({"image_shape": (3, 4)}, np.zeros((1, 10)), "12 pixels"),
        ({"image_shape": (3,)}, np.zeros((1, 3)), "image_shape"),
        ({"image_shape": (4, 4)}, np.zeros((1, 3, 3)), "image_shape"),
        ({"patch_size": 5}, np.zeros((1, 16)), "does not fit"),
        ({"patch_size": 2, "stride": 0}, np.zeros((1, 16)), "stride"),
        ({"patch_size": 2}, np.full((1, 16), np.nan), "NaN"),
        ({}, np.zeros((1, 2, 2, 2, 2)), "Images must be"),
    ],
)
def test_bad_input_is_named(params, X, message):
    with pytest.raises(ValueError, match=message):
        ImagePatches(**params).fit(X)


def test_wrong_sizes_after_fit():
    patches = ImagePatches(patch_size=2).fit(np.zeros((1, 16)))
    with pytest.raises(ValueError, match="16 features"):
        patches.transform(np.zeros((1, 25)))
    with pytest.raises(ValueError, match=r"images of shape \(2, 8\), but image_shape=\(4, 4, 1\)"):
        patches.transform(np.zeros((1, 2, 8)))
    with pytest.raises(ValueError, match="must have shape"):
        patches.inverse_transform(np.zeros((1, 9, 5)))
    with pytest.raises(NotFittedError):
        ImagePatches().transform(np.zeros((1, 16)))


def test_the_size_of_a_patch_comes_first_and_all_else_by_name():
    assert ImagePatches(3).patch_size == 3
    with pytest.raises(TypeError, match="positional"):
        ImagePatches(3, 2)


@pytest.mark.parametrize(
    "absurd", [{"padding": 10**9}, {"padding": 10**18}, {"padding": np.int64(10**7), "stride": 2}]
)
def test_patches_that_fill_the_memory_are_refused_at_once(absurd):
    with pytest.raises(ValueError, match=f"padding={absurd['padding']} .* GB of memory"):
        ImagePatches(2, **absurd).fit(np.zeros((1, 16)))


def test_a_refit_that_fails_leaves_the_fit_before():
    X = np.arange(32.0).reshape(2, 16)
    patches = ImagePatches(3).fit(X)
    expected = patches.transform(X)
    with pytest.raises(ValueError, match="does not fit"):
        patches.fit(np.zeros((1, 4)))
    assert np.array_equal(patches.transform(X), expected)
    assert patches.n_features_in_ == 16


# Images of any size


@pytest.fixture
def photos(rng):
    """Grey images of different sizes, two of them of one."""
    return [rng.random(shape, np.float32) for shape in [(9, 12), (20, 7), (9, 12), (14, 14)]]


@pytest.fixture
def saved(photos, tmp_path):
    """Names of files, and what they hold."""
    paths = [tmp_path / f"{i}.png" for i in range(len(photos))]
    for path, image in zip(paths, photos, strict=True):
        Image.fromarray((image * 255).astype(np.uint8)).save(path)
    return paths, [read_image(path) for path in paths]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_whole_numbers_beside_files_are_of_another_unit(photos, saved):
    paths, read = saved
    whole = np.rint(255 * photos[0]).astype(np.uint8)
    encoder = FisherVectorEncoder(2, extractor=ImagePatches(4), random_state=0)
    with pytest.raises(ValueError, match="Image 1 of X holds whole numbers, but there are files"):
        encoder.fit([paths[0], whole])
    encoder.fit(paths)
    with pytest.raises(ValueError, match="Image 1 of X holds whole numbers, but there are files"):
        encoder.transform([paths[1], whole])
    assert np.array_equal(encoder.transform([paths[1], read[0]]), encoder.transform(paths)[[1, 0]])
    own = encoder.set_params(extractor__reader=lambda path: np.rint(255 * read_image(path)))
    assert own.fit([paths[1], whole]).transform([whole]).any()


def test_images_have_two_or_three_dimensions(photos):
    with pytest.raises(ValueError, match=r"Image 4 of X has shape \(5,\): images are \(h, w\)"):
        ImagePatches(4).fit([*photos, np.ones(5)])


@pytest.mark.parametrize("scales", [(1,), (1, 0.7, 0.5), (2,)])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_an_image_has_the_patches_that_it_has_in_an_array(rng, scales, channels):
    images = [rng.random((*size, *channels)) for size in [(9, 12), (20, 7), (14, 14)]]
    patches = ImagePatches(4, stride=2, padding=1, scales=scales).fit(images)
    assert patches.image_shape_ == (None, None, channels[0] if channels else 1)
    sets, positions = patches.extract(images)
    assert same(sets, patches.transform(images))
    for image, found, where in zip(images, sets, positions, strict=True):
        alone = ImagePatches(4, stride=2, padding=1, scales=scales).fit(image[None])
        assert np.array_equal(alone.transform(image[None])[0], found)
        assert np.array_equal(alone.positions_, where)
        assert same(alone.extract(image[None]), ([found], [where]))
        assert same(patches.transform(image[None]), [found])  # an array of another size


def test_a_scale_of_one_changes_no_bit(rng):
    X = rng.random((3, 10, 11))
    plain, scaled = ImagePatches(4).fit(X), ImagePatches(4, scales=[1.0]).fit(X)
    assert np.array_equal(plain.transform(X), scaled.transform(X))
    assert np.array_equal(plain.positions_, scaled.positions_)
    P = plain.transform(X)
    assert np.array_equal(plain.inverse_transform(P), scaled.inverse_transform(P))


def test_patches_of_all_scales_are_one_set(rng):
    X = rng.random((2, 20, 30, 3))
    patches = ImagePatches(5, stride=2, scales=(1, 0.5)).fit(X)
    found = patches.transform(X)
    whole = ImagePatches(5, stride=2).fit(X)
    n = len(whole.positions_)
    assert np.array_equal(found[:, :n], whole.transform(X))
    half = np.stack([resize(x, (10, 15), order=1, anti_aliasing=True) for x in X])
    expected = ImagePatches(5, stride=2).fit_transform(half)
    np.testing.assert_allclose(found[:, n:], expected, atol=1e-12)
    assert found.shape[1] == len(patches.positions_)


def test_positions_of_scales_are_places_in_the_original():
    # Pixels that say where they are: bilinear interpolation keeps a ramp.
    column, row = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    X = np.stack([column, row], axis=2)[None]
    patches = ImagePatches(1, scales=(1, 0.5, 1.5)).fit(X)
    found, where = patches.transform(X)[0], patches.positions_
    inside = (np.abs(where) < 0.9).all(axis=1)
    assert inside.sum() > 3000
    np.testing.assert_allclose(found[inside], where[inside], atol=0.01)


@pytest.mark.parametrize("as_names", [str, Path])
def test_a_file_has_the_patches_of_its_array(saved, as_names):
    paths, images = saved
    patches = ImagePatches(4, scales=(1, 0.7))
    of_arrays = patches.fit(images).extract(images)
    names = [as_names(path) for path in paths]
    of_files = patches.fit(names).extract(names)
    for a, b in zip(of_arrays, of_files, strict=True):
        assert same(a, b)
    assert patches.transform(names)[0].dtype == np.float32
    assert same(patches.transform([names[0], images[1]]), of_arrays[0][:2])


def test_a_reader_of_the_user_gets_the_names_as_they_are(photos):
    patches = ImagePatches(4, reader=lambda name: photos[int(name)])
    assert same(patches.fit_transform(list("0123")), ImagePatches(4).fit_transform(photos))
    assert clone(patches).reader is patches.reader
    again = pickle.loads(pickle.dumps(ImagePatches(4, reader=np.load).fit(photos)))
    assert again.reader is np.load


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float64])
def test_types_are_those_of_arrays(rng, dtype):
    images = [(rng.random(size) * 2).astype(dtype) for size in [(5, 5), (6, 4)]]
    found = ImagePatches(2).fit_transform(images)
    assert found[0].dtype == ImagePatches(2).fit_transform(images[0][None]).dtype


def test_images_after_images_may_have_any_size_but_not_after_rows(photos):
    patches = ImagePatches(4).fit(np.stack([photos[0], photos[2]]))
    assert patches.image_shape_ == (9, 12, 1) and patches.n_features_in_ == 108
    assert same(patches.transform(photos), ImagePatches(4).fit_transform(photos))
    of_rows = ImagePatches(4, image_shape=(9, 12)).fit(photos[0].reshape(1, -1))
    assert same(of_rows.transform([photos[0], photos[2]]), patches.transform(photos)[[0, 2]])
    with pytest.raises(ValueError, match=r"Image 1 of X has shape \(20, 7, 1\), but image_shape"):
        of_rows.transform(photos)
    with pytest.raises(ValueError, match=r"Image 1 of X has shape \(20, 7, 1\), but image_shape"):
        ImagePatches(4, image_shape=(9, 12)).fit(photos).transform(photos)


def test_a_scale_at_which_no_patch_fits_gives_none(rng):
    small, large = rng.random((5, 6)), rng.random((12, 12))
    sets, positions = ImagePatches(4, scales=(1, 0.5)).fit([large, small]).extract([small, large])
    assert len(sets[0]) == len(positions[0]) == 2 * 3
    assert len(sets[1]) == 81 + 9


@pytest.mark.parametrize(
    ("params", "images", "message"),
    [
        ({}, [(9, 9), (3, 9)], "patch_size=4 does not fit into Image 1 of X, of 3 x 9 pixels"),
        ({"scales": (0.1,)}, [(9, 9), (8, 9)], r"fit into Image 0 of X.*and scales=\(0.1,\)"),
        ({}, [(9, 9), (9, 9, 3)], r"Image 1 of X has 3 channels .*Image 0 of X has 1 channel"),
        ({}, [(9,), (8,)], r"Image 0 of X has shape \(9,\)"),
        ({"scales": (1, -1)}, [(9, 9), (8, 9)], "scales="),
        ({"padding": 10**9}, [(9, 9), (8, 9)], "on Image 0 of X.* GB of memory"),
    ],
)
def test_bad_images_of_different_sizes_are_named(params, images, message):
    with pytest.raises(ValueError, match=message):
        ImagePatches(4, **params).fit_transform([np.ones(shape) for shape in images])


def test_small_files_and_images_after_the_fit_are_named(saved, photos):
    paths, images = saved
    with pytest.raises(ValueError, match=r"Image 1 of X \('.*1.png'\), of 20 x 7 pixels"):
        ImagePatches(8).fit(paths).transform(paths)
    with pytest.raises(ValueError, match=r"into Image 2 of X, of 3 x 3"):
        ImagePatches(4).fit(images).transform([*images[:2], np.ones((3, 3))])


def test_what_needs_one_size_says_so(photos):
    patches = ImagePatches(4).fit(photos)
    for name in ("positions_", "grid_"):
        assert not hasattr(patches, name)
        with pytest.raises(AttributeError, match=r"no places in common: extract\(X\)"):
            getattr(patches, name)
    with pytest.raises(AttributeError, match="no places in common"):
        patches.inverse_transform(np.ones((1, 54, 16)))
    scaled = ImagePatches(2, scales=(1, 0.5)).fit(np.ones((1, 6, 6)))
    with pytest.raises(ValueError, match=r"Patches of scales=\(1, 0.5\) cannot be put back"):
        scaled.inverse_transform(scaled.transform(np.ones((1, 6, 6))))
    with pytest.raises(AttributeError, match="lie on no one grid"):
        scaled.grid_  # noqa: B018


def test_a_subclass_that_changes_patches_changes_them_once(photos):
    class Doubled(ImagePatches):
        def transform(self, X):
            return 2 * super().transform(X)

    plain = ImagePatches(4).fit_transform(photos)
    doubled = Doubled(4).fit(photos)
    assert same(doubled.extract(photos)[0], [2 * p for p in plain])
    assert same(doubled.transform(photos), [2 * p for p in plain])
