import matplotlib.pyplot as plt
import numpy as np
import pytest

from skvae.displays.mosaic import as_images, draw_mosaic, fill_grid, tile_centres


@pytest.mark.parametrize("gap", [None, 0, 3])
def test_tiles_lie_where_they_are_said_to(gap, rng):
    grid = rng.random((2, 3, 8, 6, 1))
    shown = draw_mosaic(plt.figure().add_subplot(), grid, gap=gap).get_array()
    rows, columns = (tile_centres(grid, axis, gap=gap) for axis in (0, 1))
    between = 1 if gap is None else gap

    assert shown.shape == (2 * 8 + between, 3 * 6 + 2 * between)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            top, left = int(row - 3.5), int(column - 2.5)
            tile = shown[top : top + 8, left : left + 6]
            np.testing.assert_array_equal(tile, grid[i, j, :, :, 0])
    assert np.isnan(shown.filled(np.nan)[8 : 8 + between]).all()


def test_a_grid_is_filled_row_by_row():
    grid = fill_grid(np.arange(5.0).reshape(5, 1, 1, 1), 3)[..., 0, 0, 0]

    np.testing.assert_array_equal(grid, [[0, 1, 2], [3, 4, np.nan]])


def test_colours_are_scaled_and_gaps_transparent(rng):
    grid = 255 * rng.random((1, 2, 4, 4, 3))
    shown = draw_mosaic(plt.figure().add_subplot(), grid, vmin=0, vmax=255).get_array()

    np.testing.assert_allclose(shown[:, :4, :3], grid[0, 0] / 255)
    assert (shown[:, :4, 3] == 1).all()
    assert (shown[:, 4, 3] == 0).all()


def test_constant_images_can_be_drawn(tmp_path):
    figure = plt.figure()
    draw_mosaic(figure.add_subplot(), np.ones((1, 1, 2, 2, 3)))
    figure.savefig(tmp_path / "constant.png")


@pytest.mark.parametrize(
    ("X", "image_shape", "message"),
    [
        (np.zeros((2, 12)), None, "not square"),
        (np.zeros((2, 12)), (3, 5), "15 pixels"),
        (np.zeros((2, 12)), (2, 3, 2), "2 channels"),
        (np.zeros(4), None, "one or more rows"),
        (np.zeros((0, 4)), None, "one or more rows"),
        ([np.zeros((3, 4)), np.zeros((4, 4))], None, "of different sizes do not make one picture"),
    ],
)
def test_wrong_shapes_are_errors(X, image_shape, message):
    with pytest.raises(ValueError, match=message):
        as_images(X, image_shape)
