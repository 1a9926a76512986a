"""Data in blocks, for tests."""


class Blocks:
    """Starts anew whenever it is iterated over, and counts how often."""

    def __init__(self, *blocks):
        self.blocks, self.n_passes = blocks, 0

    def __iter__(self):
        self.n_passes += 1
        yield from self.blocks
