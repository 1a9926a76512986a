"""Square patches on a regular grid over an image: cut, put back, and where they lie."""

from dataclasses import dataclass

import numpy as np

from skvae._typing import FloatArray
from skvae.images.scales import in_original

__all__ = ["PatchGrid"]


@dataclass(frozen=True)
class PatchGrid:
    """Patches of images of one size.

    Parameters
    ----------
    size : (int, int)
        Height and width of an image.
    patch_size : int
        Height and width of a patch, in pixels.
    stride : int
        Step between patches, in pixels.
    padding : int
        Zeros put around the image, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.images.patch_grid import PatchGrid
    >>> grid = PatchGrid((4, 6), patch_size=2, stride=2, padding=0)
    >>> grid.numbers, grid.cut(np.zeros((5, 4, 6, 3))).shape
    ((2, 3), (5, 6, 12))
    """

    size: tuple[int, int]
    patch_size: int
    stride: int
    padding: int

    @property
    def numbers(self) -> tuple[int, int]:
        """Numbers of rows and columns of patches; 0 where none fits."""
        room = (side + 2 * self.padding - self.patch_size for side in self.size)
        n_rows, n_columns = (max(0, 1 + int(n) // int(self.stride)) for n in room)
        return n_rows, n_columns

    def __len__(self) -> int:
        return self.numbers[0] * self.numbers[1]

    @property
    def centres(self) -> tuple[FloatArray, FloatArray]:
        """Rows and columns of pixels that patches are centred on."""
        middle = (self.patch_size - 1) / 2 - self.padding
        rows, columns = (middle + self.stride * np.arange(n) for n in self.numbers)
        return rows, columns

    @property
    def positions(self) -> FloatArray:
        """(x, y) of each patch, from -1 (first column, first row) to 1 (last)."""
        rows, columns = (np.linspace(-1, 1, n) if n > 1 else np.zeros(n) for n in self.numbers)
        return _pairs(rows, columns)

    def positions_in(self, original: "PatchGrid") -> FloatArray:
        """(x, y) of each patch of a resized image, among the patches of the original."""
        if self == original:
            return self.positions
        places = []
        for centres, of_original, side, whole in zip(
            self.centres, original.centres, self.size, original.size, strict=True
        ):
            first, last = of_original[[0, -1]] if len(of_original) else (0.0, whole - 1.0)
            pixels = in_original(centres, side, whole)
            span = last - first
            places.append(np.clip(2 * (pixels - first) / span - 1, -1, 1) if span else 0 * pixels)
        return _pairs(*places)

    def cut(self, images: FloatArray) -> FloatArray:
        """Patches of images.

        Parameters
        ----------
        images : ndarray of shape (n, h, w, c)
            Of this size.

        Returns
        -------
        patches : ndarray of shape (n, n_patches, patch_size * patch_size * c)
            A copy, row of patches by row.
        """
        pad = (self.padding, self.padding)
        padded = np.pad(images, [(0, 0), pad, pad, (0, 0)])
        window = (self.patch_size, self.patch_size)
        windows = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(1, 2))
        windows = windows[:, :: self.stride, :: self.stride]  # (n, rows, columns, c, size, size)
        return windows.transpose(0, 1, 2, 4, 5, 3).reshape(len(images), len(self), -1)

    def put_back(self, patches: FloatArray, channels: int) -> FloatArray:
        """Images of patches, overlaps averaged.

        Parameters
        ----------
        patches : ndarray of shape (n, n_patches, patch_size * patch_size * channels)
            As :meth:`cut` returns them.
        channels : int
            Of an image.

        Returns
        -------
        images : ndarray of shape (n, h, w, channels)
            Pixels that no patch covers are 0.
        """
        h, w = self.size
        n_rows, n_columns = self.numbers
        n = len(patches)
        of_grid = patches.reshape(n, n_rows, n_columns, self.patch_size, self.patch_size, channels)
        shape = (n, h + 2 * self.padding, w + 2 * self.padding, channels)
        total, cover = np.zeros(shape, patches.dtype), np.zeros(shape[1:], patches.dtype)
        for i in range(self.patch_size):
            for j in range(self.patch_size):
                rows = slice(i, i + n_rows * self.stride, self.stride)
                columns = slice(j, j + n_columns * self.stride, self.stride)
                total[:, rows, columns] += of_grid[:, :, :, i, j]
                cover[rows, columns] += 1
        total /= np.maximum(cover, 1)
        inside = slice(self.padding, self.padding + h), slice(self.padding, self.padding + w)
        return total[:, inside[0], inside[1]]


def _pairs(rows: FloatArray, columns: FloatArray) -> FloatArray:
    """(x, y) of every place of a grid, row by row."""
    return np.stack([np.tile(columns, len(rows)), np.repeat(rows, len(columns))], axis=1)
