"""Blocks of descriptors on a GPU: they stay there between passes where they fit."""

from collections.abc import Iterator

import numpy as np
import torch

from skvae.data.blocks import Blocks, DaskBlocks, SummedBlocks

__all__ = ["TorchBlocks"]

# Share of the free memory of a GPU that descriptors may fill; posteriors need the rest.
_SHARE = 0.5
# Bytes of descriptors that are worked on together: a GPU waits for main memory after each piece.
_PIECE_BYTES = 2**29
_HOST_BYTES = 2**30


class TorchBlocks(SummedBlocks):
    """Blocks as torch tensors on a device.

    Parameters
    ----------
    blocks : Blocks
        Where the descriptors lie; what they yield are arrays.
    device : torch.device
        Where they are worked on.

    Raises
    ------
    ValueError
        For dask arrays, whose blocks are worked on where they are.
    """

    def __init__(self, blocks: Blocks, device: torch.device) -> None:
        if isinstance(blocks, DaskBlocks):
            raise ValueError(
                f"device={device.type!r} is for arrays, memory maps and iterables; the blocks of a "
                "dask array are worked on by its workers. Use device=None."
            )
        self.blocks, self.device, self.dtype = blocks, device, blocks.dtype
        self._kept: list[torch.Tensor] | None = None

    def __iter__(self) -> Iterator[torch.Tensor]:
        if self._kept:
            yield from self._kept
            return
        room = _room(self.device)
        kept: list[torch.Tensor] | None = []
        for x in self._pieces():
            room -= x.nbytes
            kept = [*kept, x] if kept is not None and room > 0 else None
            yield x
        self._kept = kept

    def _pieces(self) -> Iterator[torch.Tensor]:
        """Blocks on the device, many in a row as one."""
        blocks: list[torch.Tensor] = []
        for block in self.blocks:
            x = torch.from_numpy(np.require(block, requirements=["C", "W"])).to(self.device)
            blocks.append(x)
            if sum(x.nbytes for x in blocks) >= _PIECE_BYTES:
                yield torch.cat(blocks)
                blocks = []
        if blocks:
            yield torch.cat(blocks)

    def batches(self, size: int, rng: np.random.RandomState) -> Iterator[Blocks]:
        """Random batches, as the blocks give them."""
        for batch in self.blocks.batches(size, rng):
            yield TorchBlocks(batch, self.device)


def _room(device: torch.device) -> float:
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _HOST_BYTES
    return _SHARE * free
