"""Blocks of descriptors on a GPU: they stay there between passes where they fit."""

from functools import reduce
from operator import add

import numpy as np
import torch

from skvae.mixture.blocks import is_dask

__all__ = ["TorchBlocks"]

# Share of the free memory of a GPU that descriptors may fill; posteriors need the rest.
_SHARE = 0.5
_HOST_BYTES = 2**30


class TorchBlocks:
    """Blocks as torch tensors on a device.

    Parameters
    ----------
    blocks : ArrayBlocks or IteratedBlocks
        Where the descriptors lie.
    device : torch.device
        Where they are worked on.

    Raises
    ------
    ValueError
        For dask arrays, whose blocks are worked on where they are.
    """

    def __init__(self, blocks, device):
        if is_dask(blocks.X):
            raise ValueError(
                f"device={device.type!r} is for arrays, memory maps and iterables; the blocks of a "
                "dask array are worked on by its workers. Use device=None."
            )
        self.blocks, self.device, self.dtype = blocks, device, blocks.dtype
        self._kept = None

    def __iter__(self):
        if self._kept:
            yield from self._kept
            return
        room, kept = _room(self.device), []
        for block in self.blocks:
            x = torch.from_numpy(np.require(block, requirements=["C", "W"])).to(self.device)
            room -= x.nbytes
            kept = [*kept, x] if kept is not None and room > 0 else None
            yield x
        self._kept = kept

    def total(self, function):
        """Sum of ``function(block)`` over the blocks."""
        return reduce(add, map(function, self))

    def batches(self, size, rng):
        """Random batches, as the blocks give them."""
        for batch in self.blocks.batches(size, rng):
            yield TorchBlocks(batch, self.device)


def _room(device):
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _HOST_BYTES
    return _SHARE * free
