import pytest
import torch

from skvae.vae.nn.sample_tiles import SampleTiles


@pytest.mark.parametrize("n_rows", [1, 3, 5, 9, 10])
def test_every_sample_of_every_row_has_a_place_beside_its_row(n_rows):
    tiles = SampleTiles(n_rows, size=10)
    samples = torch.arange(n_rows * 7 * 2).view(n_rows, 7, 2)
    rows = tiles.rows(torch.arange(12))
    found = []
    for tile, m in tiles.of(samples):
        assert tile.shape == (10, 2) and m <= tiles.n_samples
        found.append(tiles.by_row(tile, m))
        assert torch.equal(tiles.by_row(rows, m), torch.arange(n_rows)[:, None].expand(-1, m))

    assert torch.equal(torch.cat(found, 1), samples)


def test_a_tile_holds_as_many_samples_as_fit():
    assert [SampleTiles(n, 256).n_samples for n in (1, 3, 128, 129, 256)] == [256, 85, 2, 1, 1]
