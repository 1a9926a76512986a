"""Independent pieces of work on several threads of this process, their results in order.

numpy and torch compute without Python's lock, so threads share arrays and need no copies. Pieces
are cut by the data, never by the number of threads, and results come in the order of the pieces:
whatever is made of them has the same bits for any number of threads.

``n_jobs`` means what it means in scikit-learn, but for None: as scikit-learn's linear algebra does,
computations then take the cores that are there, or as many of them as the user lets BLAS have
(``OMP_NUM_THREADS``, ``threadpoolctl.threadpool_limits``). Where others share out the cores, in
workers of joblib, in other threads than the main one and in forked processes, one thread works.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from joblib import cpu_count
from joblib.parallel import get_active_backend
from sklearn import get_config, set_config

from skvae.compute.process import at_the_end, is_forked
from skvae.compute.sizes import n_workers
from skvae.compute.threads import blas_threads, limit_new_thread

__all__ = ["map_ordered", "n_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")

# Pieces for each thread that are begun before the oldest result is taken.
_AHEAD = 2


class _ThisThread(threading.local):
    is_ours = False


_THIS_THREAD = _ThisThread()


def n_threads(n_jobs: int | None) -> int:
    """Number of threads that a parameter ``n_jobs`` asks for, here and now.

    Parameters
    ----------
    n_jobs : int or None
        None is what ``joblib.parallel_config`` says, else the cores that BLAS may use; -1 is all
        cores, -2 all but one.

    Returns
    -------
    int
        1 in a worker of joblib or of :func:`map_ordered` and in a forked process; None is 1 in
        every thread but the main one, too.

    Raises
    ------
    ValueError
        As of ``skvae.compute.sizes.n_workers``.

    Examples
    --------
    >>> from skvae.compute.parallel import n_threads
    >>> n_threads(2)
    2
    """
    n = n_workers(n_jobs)
    backend, configured = get_active_backend()
    if _THIS_THREAD.is_ours or backend.nesting_level or is_forked():
        return 1
    if n_jobs is not None:
        return n
    if configured is not None:
        return int(min(n, cpu_count()))
    if threading.current_thread() is not threading.main_thread():
        return 1
    return int(min(blas_threads(), cpu_count()))


def map_ordered(
    function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int | None
) -> Iterator[Result]:
    """Results of a function of each item, in their order, computed on several threads.

    Parameters
    ----------
    function : callable
        Safe to be called in several threads at a time, of which each has the numpy error state and
        scikit-learn configuration of the caller. It should keep a core busy for a millisecond or
        more, and BLAS should be limited to one thread by the caller.
    items : iterable
        Read in the thread of the caller, no further ahead than a few items for each thread.
    n_jobs : int or None
        As of :func:`n_threads`. A single item, and all items where that is 1, are worked on in the
        thread of the caller.

    Yields
    ------
    result
        The first exception among them, or Ctrl-C, ends the work: what has not begun is left out,
        and no thread works on when it is raised.

    Examples
    --------
    >>> from skvae.compute.parallel import map_ordered
    >>> list(map_ordered(abs, [-3, -2, -1], n_jobs=2))
    [3, 2, 1]
    """
    items = iter(items)
    first = list(islice(items, 2))
    items = chain(first, items)
    n = n_threads(n_jobs) if len(first) > 1 else 1
    if n == 1:
        yield from map(function, items)
        return
    begun: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(n, initializer=partial(_begin_thread, get_config()))

    def oldest() -> Result:
        result = begun[0].result()
        begun.popleft()
        return result

    with at_the_end(partial(_end, executor, begun)):
        for item in items:
            begun.append(executor.submit(copy_context().run, function, item))
            if len(begun) > _AHEAD * n:
                yield oldest()
        while begun:
            yield oldest()


def _end(executor: ThreadPoolExecutor, begun: Iterable[Future[Any]]) -> None:
    """Leave out what has not begun, and wait for the rest."""
    executor.shutdown(wait=False, cancel_futures=True)
    # Python takes a thread whose join was interrupted for one that has ended.
    wait([future for future in begun if not future.cancelled()])
    executor.shutdown()


def _begin_thread(config: dict[str, Any]) -> None:
    _THIS_THREAD.is_ours = True
    set_config(**config)
    limit_new_thread()
