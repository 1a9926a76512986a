"""Random numbers that belong to a row's content, or to a numbered stream, never to a place."""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike

__all__ = [
    "EPOCH",
    "FEATURES",
    "IMPUTE",
    "INIT",
    "MODULES",
    "MODULES_IN_USE",
    "ORDER",
    "SAMPLE",
    "VISITS",
    "row_generators",
    "stream_seed",
]

# Streams of an estimator's seed.
INIT, EPOCH, SAMPLE, FEATURES, ORDER, MODULES, MODULES_IN_USE, VISITS, IMPUTE = range(9)


def stream_seed(seed: int, *stream: int) -> int:
    """Derive an independent 63-bit seed for a numbered stream.

    Parameters
    ----------
    seed : int
        The estimator's seed.
    *stream : int
        What the numbers are for, for example ``EPOCH, 3``.

    Returns
    -------
    seed : int

    Examples
    --------
    >>> from skvae.vae.seeds import EPOCH, stream_seed
    >>> stream_seed(0, EPOCH, 3) == stream_seed(0, EPOCH, 3) != stream_seed(0, EPOCH, 4)
    True
    """
    return int(np.random.SeedSequence((seed, *stream)).generate_state(1, np.uint64)[0] >> 1)


def row_generators(X: np.ndarray, seed: int) -> list[np.random.Generator]:
    """One generator for each row, keyed by the row's values and the seed.

    Equal rows share their numbers, wherever they stand and in whatever float type they come; NaN is
    a value here.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Rows.
    seed : int
        Non-negative, below 2**64.

    Returns
    -------
    generators : list of numpy.random.Generator, of length n

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.seeds import row_generators
    >>> a, b = row_generators(np.array([[1.0, 2.0], [1.0, 2.0]]), seed=0)
    >>> a.standard_normal() == b.standard_normal()
    True
    """
    secret = int(seed).to_bytes(8, "little")
    rows = np.ascontiguousarray(X, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
    rows[np.isnan(rows)] = np.nan  # which has many bit patterns
    digests = (blake2b(row.tobytes(), key=secret, digest_size=16).digest() for row in rows)
    keys = np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)

    return [_generator(key) for key in keys]


class _Key(ISeedSequence):
    """A key of Philox, given as a seed: with ``key=`` numpy asks the system for a seed besides."""

    def __init__(self, words: np.ndarray) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> np.ndarray:
        """The two words of the key, all that Philox asks for."""
        return self._words


def _generator(key: np.ndarray) -> np.random.Generator:
    seed: Any = _Key(key)  # numpy's annotations leave out seeds of one's own

    return np.random.Generator(np.random.Philox(seed))
