"""Threads of BLAS and OpenMP, limited while we work and given back afterwards."""

from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["single_threaded"]


@cache
def _controller():
    # Looking through the loaded libraries takes milliseconds: once is enough.
    return ThreadpoolController()


def single_threaded():
    """Context in which BLAS and OpenMP use one thread.

    The matrix products of a tile are too small to share, and threads that wait for each other on a
    busy machine can take a hundred times longer than one.

    Examples
    --------
    >>> from skvae._threads import single_threaded
    >>> with single_threaded():
    ...     pass
    """
    return _controller().limit(limits=1)
