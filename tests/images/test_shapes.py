"""Which images are taken is settled by those of the fit."""

import numpy as np
import pytest
from PIL import Image

from skvae.data.image_sequence import ImageSequence
from skvae.images.shapes import ImageShapes, images_of

GREY, COLOUR = np.ones((4, 5)), np.ones((6, 3, 3))


def sequence(*items):
    return ImageSequence.of(items)


def shapes_of(images, image_shape=None, reader=None):
    shapes = ImageShapes.of(images, image_shape, reader)
    return shapes.shape, shapes.any_size


@pytest.mark.parametrize(
    ("images", "image_shape", "expected"),
    [
        (np.ones((2, 16)), None, ((4, 4, 1), False)),
        (np.ones((2, 3, 4)), None, ((3, 4, 1), True)),
        (np.ones((2, 3, 4)), (3, 4), ((3, 4, 1), False)),
        (np.ones((2, 3, 4, 3)), None, ((3, 4, 3), True)),
        (sequence(GREY, np.ones((2, 2, 1))), None, ((None, None, 1), True)),
        (sequence("a.npy", COLOUR), None, ((None, None, 3), True)),
        (sequence("a.npy"), (4, 5), ((4, 5, 1), False)),
    ],
)
def test_shapes_of_a_fit(images, image_shape, expected):
    assert shapes_of(images, image_shape) == expected


def test_of_files_alone_the_first_is_read():
    read = []
    shapes = shapes_of(sequence("a", "b"), reader=lambda path: read.append(path) or COLOUR)
    assert shapes == ((None, None, 3), True) and read == ["a"]


def test_grey_and_colour_are_named():
    with pytest.raises(
        ValueError,
        match=r"Image 2 of X has 3 channels \(colour\), but Image 0 of X has 1 channel \(grey\)",
    ):
        ImageShapes.of(sequence(GREY, GREY, COLOUR), None, None)
    shapes = ImageShapes.of(sequence(GREY, "b"), None, None)
    found = shapes.checked(sequence(GREY, "b"), lambda path: COLOUR)
    assert next(found)[0] == "Image 0 of X"
    with pytest.raises(ValueError, match=r"Image 1 of X \('b'\) has 3 .* those of the fit have 1"):
        next(found)
    with pytest.raises(ValueError, match='reader=functools.partial.*mode="RGB"'):
        shapes.of_array(COLOUR[None])


def test_arrays_of_other_sizes_are_taken_where_images_were_fitted():
    shapes = ImageShapes((4, 5, 1), any_size=True)
    assert shapes.of_array(np.ones((2, 3, 3))).shape == (2, 3, 3, 1)
    assert shapes.of_array(np.ones((2, 20))).shape == (2, 4, 5, 1)
    fixed = ImageShapes((4, 5, 1), any_size=False)
    with pytest.raises(ValueError, match=r"images of shape \(3, 3\), but image_shape=\(4, 5, 1\)"):
        fixed.of_array(np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match=r"Image 1 of X has shape \(6, 5, 1\), but image_shape"):
        list(fixed.checked(sequence(GREY, np.ones((6, 5))), None))


def test_rows_need_a_shape():
    with pytest.raises(ValueError, match="rows of 20 pixels, but of images of different sizes"):
        ImageShapes((None, None, 1), any_size=True).of_array(np.ones((2, 20)))


def test_a_file_is_read_when_its_turn_comes():
    read = []
    images = images_of(sequence("a", "b"), lambda path: read.append(path) or GREY)
    assert read == []
    name, image = next(images)
    assert read == ["a"] and name == "Image 0 of X ('a')"
    assert image.shape == (4, 5, 1) and image.dtype == np.float32


def truncated(path):
    Image.fromarray((np.random.default_rng(0).random((64, 64)) * 255).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("missing.png", lambda path: None, "FileNotFoundError"),
        ("text.png", lambda path: path.write_text("no image"), "UnidentifiedImageError"),
        ("short.png", truncated, "OSError.*truncated"),
        ("folder", lambda path: path.mkdir(), "IsADirectoryError"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, make, message):
    make(tmp_path / name)
    with pytest.raises(ValueError, match=rf"Image 0 of X \('.*{name}'\) cannot be read: {message}"):
        list(images_of(sequence(tmp_path / name), None))


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        (np.ones(3), ValueError, r"Image 0 of X \('a'\) has shape \(3,\): images are"),
        (np.full((2, 2), np.nan), ValueError, r"Image 0 of X \('a'\) contains NaN"),
        (None, TypeError, r"Image 0 of X \('a'\) is of type NoneType"),
    ],
)
def test_what_a_reader_gives_is_checked(found, error, message):
    with pytest.raises(error, match=message):
        list(images_of(sequence("a"), lambda path: found))
