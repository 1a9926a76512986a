"""Where patches lie in an image, and in the original of a resized one."""

import numpy as np
import pytest

from skvae.images.patch_grid import PatchGrid


def test_a_grid_counts_what_it_cuts(rng):
    images = rng.random((2, 9, 7, 3))
    grid = PatchGrid((9, 7), patch_size=4, stride=2, padding=1)
    patches = grid.cut(images)
    assert patches.shape == (2, len(grid), 48) and grid.numbers == (4, 3)
    assert np.array_equal(patches[1, 4].reshape(4, 4, 3), images[1, 1:5, 1:5])


def test_no_patch_fits_into_a_smaller_image():
    assert len(PatchGrid((4, 9), patch_size=5, stride=1, padding=0)) == 0
    assert len(PatchGrid((4, 9), patch_size=5, stride=1, padding=1)) == 2 * 7


def test_positions_in_the_original_itself_are_the_same():
    grid = PatchGrid((9, 14), patch_size=4, stride=3, padding=1)
    assert np.array_equal(grid.positions_in(grid), grid.positions)


@pytest.mark.parametrize("padding", [0, 2])
def test_a_patch_of_a_smaller_image_lies_where_it_lies_in_the_original(padding):
    original = PatchGrid((80, 120), patch_size=5, stride=1, padding=padding)
    half = PatchGrid((40, 60), patch_size=5, stride=1, padding=padding)
    rows, columns = half.centres
    first, last = original.centres[0][[0, -1]]
    expected = np.clip(2 * (2 * rows + 0.5 - first) / (last - first) - 1, -1, 1)
    found = half.positions_in(original).reshape(len(rows), len(columns), 2)
    assert np.allclose(found[:, 0, 1], expected)
    assert np.allclose(found, -found[::-1, ::-1])  # about the middle


def test_a_single_row_of_patches_lies_in_the_middle():
    original = PatchGrid((5, 20), patch_size=5, stride=1, padding=0)
    larger = PatchGrid((10, 40), patch_size=5, stride=1, padding=0)
    assert not original.positions[:, 1].any()
    assert not larger.positions_in(original)[:, 1].any()


def test_patches_of_a_larger_image_need_no_patch_of_the_original():
    original = PatchGrid((3, 3), patch_size=5, stride=1, padding=0)
    larger = PatchGrid((6, 6), patch_size=5, stride=1, padding=0)
    x, y = larger.positions_in(original).T
    assert np.allclose(np.unique(np.abs(x)), 0.25) and np.allclose(np.unique(np.abs(y)), 0.25)
