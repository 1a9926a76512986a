"""Cells in processes of their own, so that peak memory is that of one cell."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from multiprocessing.connection import Connection

from joblib.externals.loky.process_executor import ProcessPoolExecutor

from skvae.comparison.runs import Cell, run_cell

__all__ = ["run_in_processes"]


def run_in_processes(cells: list[Cell], n_jobs: int) -> Iterator[tuple[Cell, BaseException | None]]:
    """Run cells, each in a fresh process, which ends with this one however this one ends.

    Parameters
    ----------
    cells : list of Cell
    n_jobs : int
        Processes at a time.

    Yields
    ------
    cell : Cell
        One that has ended.
    error : Exception or None
        What ended it early.
    """
    waiting = list(cells)
    running: dict[Future[None], tuple[ProcessPoolExecutor, Cell]] = {}
    # Only this process holds the other end: it is closed when this process ends, even by a kill.
    alive, end = multiprocessing.Pipe(duplex=False)
    try:
        while waiting or running:
            while waiting and len(running) < n_jobs:
                executor = ProcessPoolExecutor(max_workers=1, initializer=_begin, initargs=(alive,))
                cell = waiting.pop(0)
                running[executor.submit(run_cell, cell)] = executor, cell
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                executor, cell = running.pop(future)
                executor.shutdown()
                yield cell, future.exception()
    finally:
        for executor, _ in running.values():
            executor.shutdown(kill_workers=True)
        alive.close()
        end.close()


def _begin(alive: Connection) -> None:
    # Ctrl-C reaches the whole process group; the parent alone decides what is kept.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()


def _end_with_parent(alive: Connection) -> None:
    """Wait for the parent to end, then end this process and those that it started."""
    with suppress(OSError):  # on Windows, if the parent ended before this began
        alive.poll(None)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(1)
