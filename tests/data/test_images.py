import numpy as np
import pandas as pd
import pytest
import torch
from reiterable import Blocks

from skvae import ImagePatches
from skvae.data.images import shape_of_images, validate_images


@pytest.mark.parametrize(
    ("shape_of_X", "image_shape", "expected"),
    [
        ((2, 784), None, (28, 28, 1)),
        ((2, 12), (3, 4), (3, 4, 1)),
        ((2, 24), [3, 4, 2], (3, 4, 2)),
        ((2, 3, 4), None, (3, 4, 1)),
        ((2, 3, 4), (3, 4), (3, 4, 1)),
        ((2, 3, 4), (3, 4, 1), (3, 4, 1)),
        ((2, 3, 4, 5), None, (3, 4, 5)),
    ],
)
def test_shapes(shape_of_X, image_shape, expected):
    assert shape_of_images(np.empty(shape_of_X), image_shape) == expected


@pytest.mark.parametrize(
    ("shape_of_X", "image_shape", "message"),
    [
        ((2, 10), None, "not square"),
        ((2, 12), (3, 5), "15 pixels"),
        ((2, 3, 4), (4, 3), r"shape \(3, 4\), but image_shape=\(4, 3\)"),
        ((2, 12), (12,), "must be"),
        ((2, 12), (3.0, 4), "must be"),
    ],
)
def test_shapes_that_disagree_are_named(shape_of_X, image_shape, message):
    with pytest.raises(ValueError, match=message):
        shape_of_images(np.empty(shape_of_X), image_shape)


def test_images_of_any_container_are_one_array():
    images = [np.full((3, 4), i, np.float32) for i in range(3)]
    for X in (
        images,
        dict(enumerate(images)).values(),
        pd.Series(images),
        torch.tensor(np.stack(images)),
    ):
        found = validate_images(ImagePatches(), X, reset=True)
        assert found.dtype == np.float32 and np.array_equal(found, images)


@pytest.mark.parametrize("shapes", [[(3, 4), (4, 3)], [(3, 4, 3), (3, 4)]])
def test_images_of_different_shapes_are_named(shapes):
    X = [np.ones(shape) for shape in shapes]
    with pytest.raises(ValueError, match=r"image 0 has .3, 4.*, image 1 has .*Resize or crop"):
        validate_images(ImagePatches(), X, reset=True)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["a.jpg", "b.jpg"], ValueError, "X holds text such as a.jpg.*read files first"),
        (np.ma.masked_equal(np.ones((2, 3, 4)), 1), ValueError, "X has masked values"),
        ((image for image in np.ones((2, 3, 4))), TypeError, "which can be read once"),
    ],
)
def test_what_is_no_image_is_named(X, error, message):
    with pytest.raises(error, match=message):
        validate_images(ImagePatches(), X, reset=True)


NO_IMAGES = [[], np.empty((0, 4, 2)), pd.Series([], dtype=object), {}.values(), Blocks()]


@pytest.mark.parametrize("X", NO_IMAGES)
def test_no_images_are_named_as_no_samples(X):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        validate_images(ImagePatches(), X, reset=True)
