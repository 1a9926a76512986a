"""Blocks of descriptors on a GPU: they stay there between passes where they fit."""

from collections.abc import Iterator

import numpy as np
import torch

from skvae._typing import FloatArray
from skvae.data.blocks import Blocks, DaskBlocks, SummedBlocks
from skvae.data.weighted_blocks import WeightedDaskBlocks
from skvae.data.weights import WeightedRows, split_weights

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
        Where the descriptors lie; what they yield are arrays, or these with weights.
    device : torch.device
        Where they are worked on.

    Raises
    ------
    ValueError
        For dask arrays, whose blocks are worked on where they are.
    """

    def __init__(self, blocks: Blocks, device: torch.device) -> None:
        if isinstance(blocks, (DaskBlocks, WeightedDaskBlocks)):
            raise ValueError(
                f"device={device.type!r} is for arrays, memory maps and iterables; the blocks of a "
                "dask array are worked on by its workers. Use device=None."
            )
        self.blocks, self.device, self.dtype = blocks, device, blocks.dtype
        self._kept: list[torch.Tensor | WeightedRows] | None = None

    def __iter__(self) -> Iterator[torch.Tensor | WeightedRows]:
        if self._kept:
            yield from self._kept
            return
        room = _room(self.device)
        kept: list[torch.Tensor | WeightedRows] | None = []
        for x in self._pieces():
            room -= split_weights(x)[0].nbytes
            kept = [*kept, x] if kept is not None and room > 0 else None
            yield x
        self._kept = kept

    def _pieces(self) -> Iterator[torch.Tensor | WeightedRows]:
        """Blocks on the device, many in a row as one."""
        blocks: list[tuple[torch.Tensor, ...]] = []
        for block in self.blocks:
            X, weights = split_weights(block)
            arrays = (X,) if weights is None else (X, weights)
            blocks.append(tuple(self._on_device(array) for array in arrays))
            if sum(x.nbytes for x, *_ in blocks) >= _PIECE_BYTES:
                yield _joined(blocks)
                blocks = []
        if blocks:
            yield _joined(blocks)

    def _on_device(self, array: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(self.device)

    def batches(self, size: int, rng: np.random.RandomState) -> Iterator[Blocks]:
        """Random batches, as the blocks give them."""
        for batch in self.blocks.batches(size, rng):
            yield TorchBlocks(batch, self.device)


def _joined(blocks: list[tuple[torch.Tensor, ...]]) -> torch.Tensor | WeightedRows:
    X, *weights = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    return WeightedRows(X, *weights) if weights else X


def _room(device: torch.device) -> float:
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _HOST_BYTES
    return _SHARE * free
