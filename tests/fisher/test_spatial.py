import numpy as np
import pytest

from skvae.fisher.spatial import (
    cells_of,
    check_spatial,
    levels_of,
    n_cells,
    pyramid,
    sort_by_cell,
)


def test_cells_are_numbered_row_by_row():
    centers = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]])
    assert cells_of(centers, 2).tolist() == [0, 1, 2, 3]
    assert cells_of(centers, 1).tolist() == [0, 0, 0, 0]


def test_borders_belong_to_the_outer_cells():
    assert cells_of(np.array([[-1.0, -1.0], [1.0, 1.0]]), 3).tolist() == [0, 8]


@pytest.mark.parametrize("levels", [(1,), (1, 2), (2, 3), (1, 2, 4), (3, 1)])
def test_every_level_is_a_sum_of_fine_cells(rng, levels):
    fine, membership = pyramid(levels)
    assert membership.shape == (n_cells(levels), fine * fine)
    positions = rng.uniform(-1, 1, (1000, 2))
    counts = np.bincount(cells_of(positions, fine), minlength=fine * fine)
    expected = [np.bincount(cells_of(positions, g), minlength=g * g) for g in levels]
    assert np.array_equal(membership @ counts, np.concatenate(expected))


def test_sorting_keeps_sets_together_and_orders_cells(rng):
    offsets = np.array([0, 4, 4, 10])
    cells = rng.integers(0, 3, 10)
    order, fine_offsets = sort_by_cell(cells, offsets, 3)
    for i in range(3):
        for c in range(3):
            found = order[fine_offsets[3 * i + c] : fine_offsets[3 * i + c + 1]]
            own = np.arange(offsets[i], offsets[i + 1])
            assert found.tolist() == own[cells[own] == c].tolist()


@pytest.mark.parametrize(
    ("spatial", "levels"),
    [(None, (1,)), ("xy", (1,)), ((1, 2), (1, 2)), ([np.int64(3), "xy"], (3,)), (("xy",), (1,))],
)
def test_levels_are_the_numbers_of_the_parameter(spatial, levels):
    check_spatial(spatial)
    assert levels_of(spatial) == levels


@pytest.mark.parametrize("spatial", [(), (0,), (1, -2), (True,), (1.0,), ("x",)])
def test_what_is_no_pyramid_is_refused(spatial):
    with pytest.raises(ValueError, match="must be 'xy', None or a tuple of positive integers"):
        check_spatial(spatial)
