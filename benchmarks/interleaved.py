"""Times that can be compared on a machine with other work: contenders take turns."""

import time

import numpy as np

FLOOR_TILE = 2048  # descriptors; tiles of 512 to 8192 take the same time


def clock(function, timer=time.process_time):
    """Seconds of one call: of the processor, since other work on the machine does not count."""
    start = timer()
    function()
    return timer() - start


def take_turns(contenders, repeats):
    """Seconds of each contender in each round, by name, after a round that does not count.

    Each is a function that returns its seconds.
    """
    rounds = [{name: run() for name, run in contenders.items()} for _ in range(repeats + 1)]
    return {name: np.array([r[name] for r in rounds[1:]]) for name in contenders}


def times_as_long(seconds, name, than):
    """Median over rounds of the ratio of two contenders that took turns."""
    return np.median(seconds[name] / seconds[than])


def floor(n, d, k, set_size=None):
    """The least work of any encoder or EM step: two products and n * k exponentials, float32.

    The products are of phi(x) = [1, x, x^2] with the mixture's natural parameters, and of the
    posteriors with phi(x), one for each set. A function that returns seconds.
    """
    rng = np.random.default_rng(0)
    size = set_size or FLOOR_TILE
    tile = max(1, FLOOR_TILE // size) * size
    phi = rng.normal(size=(n, 1 + 2 * d)).astype(np.float32)
    eta = 0.05 * rng.normal(size=(1 + 2 * d, k)).astype(np.float32)
    joint = np.empty((tile, k), np.float32)

    def work():
        for first in range(0, n, tile):
            rows = phi[first : first + tile]
            out = joint[: len(rows)]
            np.matmul(rows, eta, out=out)
            np.exp(out, out=out)
            one = size if len(rows) % size == 0 else len(rows)
            np.matmul(out.reshape(-1, one, k).transpose(0, 2, 1), rows.reshape(-1, one, 1 + 2 * d))

    return lambda: clock(work)
