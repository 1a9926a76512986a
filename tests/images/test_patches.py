import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.image import extract_patches_2d

from skvae import ImagePatches


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


@pytest.mark.parametrize("absurd", [{"padding": 10**9}, {"padding": np.int64(10**7), "stride": 2}])
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
