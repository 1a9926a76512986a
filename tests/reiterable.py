"""Data in blocks, for tests."""

import numpy as np


class Blocks:
    """Starts anew whenever it is iterated over, and counts how often."""

    def __init__(self, *blocks):
        self.blocks, self.n_passes = blocks, 0

    def __iter__(self):
        self.n_passes += 1
        yield from self.blocks


class Refilled(Blocks):
    """Blocks that are all written into the same memory, one over the other."""

    def __iter__(self):
        memory = np.empty((max(map(len, self.blocks)), *self.blocks[0].shape[1:]))
        for block in super().__iter__():
            memory[: len(block)] = block
            yield memory[: len(block)]
