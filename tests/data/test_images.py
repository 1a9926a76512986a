from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from reiterable import Blocks

from skvae import ImagePatches
from skvae.data.image_sequence import ImageSequence
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


RAGGED = [np.zeros((3, 4), np.uint8), np.ones((4, 3), np.float32), np.ones((4, 4), bool)]
IN_CELLS = pd.DataFrame({"image": RAGGED})


@pytest.mark.parametrize(
    "X",
    [
        RAGGED,
        tuple(RAGGED),
        [image.tolist() for image in RAGGED],
        np.array([*RAGGED, None], object)[:3],
        dict(enumerate(RAGGED)).values(),
        Blocks(*RAGGED),
        IN_CELLS.image,
        IN_CELLS,
        [torch.tensor(image) for image in RAGGED],
    ],
    ids=lambda X: type(X).__name__,
)
def test_images_of_different_shapes_are_a_sequence(X):
    estimator = ImagePatches().fit(np.ones((2, 64)))
    found = validate_images(estimator, X, reset=True)
    assert isinstance(found, ImageSequence) and not hasattr(estimator, "n_features_in_")
    assert all(np.array_equal(a, b) for a, b in zip(found, RAGGED, strict=True))


def test_colour_images_in_the_cells_of_a_table():
    X = pd.DataFrame({"image": [np.zeros((3, 4, 3)), np.ones((4, 3, 3))]})
    assert len(validate_images(ImagePatches(), X, reset=True)) == 2


NAMES = ["a.png", "b.png"]


@pytest.mark.parametrize(
    "X",
    [
        NAMES,
        [Path("a.png"), Path("b.png")],
        ["a.png", Path("b.png")],
        np.array(NAMES),
        np.array(NAMES)[:, None],
        np.array(NAMES, object),
        pd.Series(NAMES, index=[7, 3]),
        pd.DataFrame({"file": NAMES}),
        pl.Series(NAMES),
        pl.DataFrame({"file": NAMES}),
        pa.table({"file": NAMES}),
        dict(enumerate(NAMES)).values(),
    ],
    ids=lambda X: type(X).__name__,
)
def test_names_of_files_are_taken_where_they_can_be_read(X):
    found = validate_images(ImagePatches(), X, reset=True, files=True)
    assert list(map(str, found)) == NAMES and found.dtype == np.float32


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
