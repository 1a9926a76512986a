"""How torch computes: threads and denormal numbers, scoped."""

import math
from contextlib import contextmanager
from time import perf_counter

import torch
from joblib import effective_n_jobs

__all__ = ["FasterThreads", "scoped_runtime"]


def _flushes_denormals():
    """Whether this thread rounds subnormal floats to zero; torch cannot be asked."""
    smallest_normal = torch.tensor([2.0**-126], dtype=torch.float32)

    return bool((smallest_normal * 0.5 == 0).item())


@contextmanager
def scoped_runtime(n_jobs=None):
    """Limit torch's threads and flush denormal floats, and restore both afterwards.

    Small networks gain little from threads and lose a hundredfold when cores are busy. Adam's
    moments decay into subnormal floats, which processors handle many times slower.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads, None means 1, -1 all cores.
    """
    n_threads = torch.get_num_threads()
    flushed = _flushes_denormals()
    try:
        torch.set_num_threads(1 if n_jobs is None else effective_n_jobs(n_jobs))
        torch.set_flush_denormal(True)
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_flush_denormal(flushed)


class FasterThreads:
    """All of torch's threads or one, whichever takes steps faster at the time.

    The threads of a small product wait for each other: where another process has one of their
    cores, two are several times slower than one. Ten steps with the other number are a trial, made
    again twice as late each time that it fails, and at once when steps become much slower.

    Parameters
    ----------
    n_threads : int
        At most so many.
    clock : callable, default=time.perf_counter
        Seconds now.

    Examples
    --------
    >>> from skvae.vae.runtime import FasterThreads
    >>> threads = FasterThreads(1)
    >>> with threads.step():
    ...     pass
    """

    _TRIAL = 10  # steps
    _LONGEST_WAIT = 512  # trials' lengths
    _MUCH = 1.5

    def __init__(self, n_threads, clock=perf_counter):
        self._favourite, self._other = n_threads, 1
        self._clock = clock
        self._on_trial = False
        self._wait = self._left = 1
        self._n_steps, self._seconds, self._pace = 0, 0.0, math.inf

    @contextmanager
    def step(self):
        """What is done inside is one step."""
        if self._favourite == self._other:
            yield
            return
        torch.set_num_threads(self._other if self._on_trial else self._favourite)
        start = self._clock()
        yield
        self._seconds += self._clock() - start
        self._n_steps += 1
        if self._n_steps == self._TRIAL:
            self._decide(self._seconds)
            self._n_steps, self._seconds = 0, 0.0

    def _decide(self, seconds):
        if not self._on_trial:
            self._left -= 1
            self._on_trial = self._left == 0 or seconds > self._MUCH * self._pace
            self._pace = seconds
        else:
            self._on_trial = False
            if seconds < self._pace:
                self._favourite, self._other = self._other, self._favourite
                self._wait = 1
            else:
                self._wait = min(2 * self._wait, self._LONGEST_WAIT)
            self._left = self._wait
