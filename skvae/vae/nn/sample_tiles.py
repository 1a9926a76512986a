"""Samples of few rows side by side in a tile, so that few rows use large products as well."""

from collections.abc import Iterator

import torch

__all__ = ["SampleTiles"]


class SampleTiles:
    """Where the samples of some rows lie in tiles of one fixed size.

    A tile has as many samples of all rows as fit, sample after sample; where that is one, it is the
    tile of the rows. The rest of the room has rows from the first one on, which are valid input.

    Parameters
    ----------
    n_rows : int
        From 1 to ``size``.
    size : int
        Places of a tile.

    Attributes
    ----------
    n_rows, n_samples : int
        Rows, and samples of each of them in a tile.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.sample_tiles import SampleTiles
    >>> tiles = SampleTiles(n_rows=2, size=5)
    >>> tiles.rows(torch.tensor([10, 20]))
    tensor([10, 20, 10, 20, 10])
    >>> [(tile.tolist(), n) for tile, n in tiles.of(torch.tensor([[1, 2, 3], [4, 5, 6]]))]
    [([1, 4, 2, 5, 0], 2), ([3, 6, 0, 0, 0], 1)]
    >>> tiles.by_row(torch.tensor([3, 6, 0, 0, 0]), 1)
    tensor([[3],
            [6]])
    """

    def __init__(self, n_rows: int, size: int) -> None:
        self.n_rows, self._size = n_rows, size
        self.n_samples = size // n_rows

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """Values of rows, (at least n_rows, ...), at every place of a tile, (size, ...)."""
        return values[torch.arange(self._size, device=values.device) % self.n_rows]

    def of(self, values: torch.Tensor) -> Iterator[tuple[torch.Tensor, int]]:
        """Tiles, (size, ...), of values of samples, (n_rows, k, ...), and how many each has.

        Where a tile has no sample it is zero.
        """
        for part in values.split(self.n_samples, dim=1):
            tile = values.new_zeros(self._size, *values.shape[2:])
            tile[: self.n_rows * part.shape[1]] = part.transpose(0, 1).flatten(0, 1)
            yield tile, part.shape[1]

    def by_row(self, tile: torch.Tensor, n: int) -> torch.Tensor:
        """The values of a tile with n samples, (size, ...), as those of rows, (n_rows, n, ...)."""
        by_sample = tile[: self.n_rows * n].view(n, self.n_rows, *tile.shape[1:])

        return by_sample.transpose(0, 1)
