"""Threads of BLAS and OpenMP, limited while we work and given back afterwards."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

from skvae.compute.process import Place, SharedSetting, at_the_end

__all__ = ["blas_threads", "limit_new_thread", "single_threaded"]


@cache
def _libraries() -> list[Any]:
    # Looking through the loaded libraries takes milliseconds: once is enough.
    return list(ThreadpoolController().lib_controllers)


@cache
def _own() -> list[Place]:
    """Get and set the numbers of threads that each thread has for itself."""
    return [_places(library) for library in _libraries() if not _is_shared(library)]


@cache
def _of_the_process() -> list[Place]:
    """Get and set the numbers of threads that the process has."""
    return [_places(library) for library in _libraries() if _is_shared(library)]


def _is_shared(library: Any) -> bool:
    on_openmp = getattr(library, "threading_layer", None) == "openmp"

    return library.user_api == "blas" and library.internal_api != "mkl" and not on_openmp


def _places(library: Any) -> Place:
    # threadpoolctl 3.8 lets one thread alone set OpenBLAS until that one gives it up.
    give_up = getattr(library, "clear_controlling_thread", None)

    def set_threads(n: int) -> None:
        library.set_num_threads(n)
        if give_up is not None:
            give_up()

    return library.get_num_threads, set_threads


_SHARED = SharedSetting(_of_the_process)


class _ThisThread(threading.local):
    outside: int | None = None  # threads of BLAS before the outermost of our limits


_THIS_THREAD = _ThisThread()


def blas_threads() -> int:
    """Threads that a product of numpy would use, were it not for :func:`single_threaded`.

    That is all cores, or what the user allows: by ``OMP_NUM_THREADS`` and its like, or by
    ``threadpoolctl.threadpool_limits``. What several libraries allow is the least of them.

    Examples
    --------
    >>> from skvae.compute.threads import blas_threads, single_threaded
    >>> n = blas_threads()
    >>> with single_threaded():
    ...     blas_threads() == n
    True
    """
    if _THIS_THREAD.outside is not None:
        return _THIS_THREAD.outside
    allowed = [library.get_num_threads() for library in _libraries() if library.user_api == "blas"]
    return int(min(allowed) if allowed else cpu_count())


def limit_new_thread() -> None:
    """Let a thread that has just begun, and will end with its work, use one thread for itself."""
    for _, set_threads in _own():
        set_threads(1)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Context in which BLAS and OpenMP use one thread; any number of threads may be in it at once.

    The matrix products of a tile are too small to share, and threads that wait for each other on a
    busy machine can take a hundred times longer than one.

    Examples
    --------
    >>> from skvae.compute.threads import single_threaded
    >>> with single_threaded():
    ...     pass
    """
    if all(get() == 1 for get, _ in _own()) and _SHARED.is_already(1):
        yield  # which takes as long as a small product, and the rest four times as long
        return
    outside, allowed = _THIS_THREAD.outside, blas_threads()
    own = [(set_threads, n) for get, set_threads in _own() if (n := get()) != 1]
    with _SHARED.at(1), at_the_end(partial(_give_back, own, outside)):
        _THIS_THREAD.outside = allowed
        for set_threads, _ in own:
            set_threads(1)
        yield


def _give_back(own: Iterable[tuple[Callable[[int], object], int]], outside: int | None) -> None:
    for set_threads, n in own:
        set_threads(n)
    _THIS_THREAD.outside = outside
