"""Images of different sizes and in files, as what they are and under the names of errors."""

from pathlib import Path

import numpy as np
import pytest

from skvae.data.image_sequence import ImageSequence, paths_of

ITEMS = [np.zeros((2, 3), np.uint8), Path("b.png"), np.ones((4, 4, 3), bool)]


def test_images_become_floats_when_they_are_asked_for():
    images = ImageSequence.of(ITEMS)
    assert images.dtype == images[0].dtype == images[-1].dtype == np.float32
    assert images.shapes() == [(2, 3), None, (4, 4, 3)]
    assert ImageSequence.of([*ITEMS, np.ones((2, 2))])[0].dtype == np.float64


def test_parts_keep_type_and_names():
    images = ImageSequence.of([*ITEMS, np.ones((2, 2))])
    part = images[np.array([1, 2])][1:]
    assert len(part) == 1 and part.dtype == np.float64
    assert part.name(0) == "Image 2 of X"
    assert images[1:].name(0) == "Image 1 of X ('b.png')"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (None, r"Image 1 of X is missing \(None\)"),
        (float("nan"), r"Image 1 of X is missing \(nan\)"),
        (np.ones((0, 3)), r"Image 1 of X is empty: it has shape \(0, 3\)"),
        (np.array([["a"]]), "Image 1 of X holds text such as a"),
        (np.ma.masked_equal(np.ones((2, 2)), 1), "Image 1 of X has masked values"),
    ],
)
def test_what_is_no_image_is_named(item, message):
    with pytest.raises(ValueError, match=message):
        ImageSequence.of([np.ones((2, 2)), item])


def test_values_are_checked_when_they_are_asked_for():
    images = ImageSequence.of([np.ones((2, 2)), np.full((3, 3), np.nan)])
    assert images[0].shape == (2, 2)
    with pytest.raises(ValueError, match="Image 1 of X contains NaN"):
        images[1]


@pytest.mark.parametrize("X", [np.zeros((2, 3)), np.zeros((2, 1)), [[1.0], [2.0]], np.zeros(3)])
def test_numbers_are_no_names(X):
    assert paths_of(X) is None


@pytest.mark.parametrize("X", ["a.png", Path("a.png")])
def test_a_single_name_is_refused(X):
    with pytest.raises(TypeError, match=r"X is one file name, 'a.png': pass a list"):
        paths_of(X)


def test_whole_numbers_beside_files_are_of_another_unit():
    whole = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="Image 1 of X holds whole numbers, but there are files"):
        ImageSequence.of(["a.png", whole]).check_units()
    for items in ([whole, whole[:1]], ["a.png", whole / 255], ["a.png", whole > 0]):
        ImageSequence.of(items).check_units()
