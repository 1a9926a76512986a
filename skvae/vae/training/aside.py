"""Parts of a step of training that are done beside the rest of it.

No bit depends on that: work is cut in the same way where there is nobody to take a part.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Self

import torch

from skvae.compute.parallel import n_threads
from skvae.compute.process import at_the_end
from skvae.compute.torch_runtime import scoped_runtime

__all__ = ["AT_ONCE", "Aside", "StreamAside", "ThreadAside", "second_thread"]

Task = Callable[[], object]

# Steps that are clocked without the second thread, then with it.
_N_CLOCKED = 10

# Steps until they are clocked again: at first, and once the answer has long been the same.
_LEAST_STEPS, _MOST_STEPS = 200, 3200

# Share of the time that steps take with the second thread, at most, where it is kept busy.
_CLEARLY = 0.97


class Aside:
    """What takes tasks; this one does them at once. As a context it surrounds a step."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def now(self) -> Any:
        """What stands for the work so far."""

    def take(self, task: Task, after: Any = None) -> None:
        """Do a task, which depends on no other, after some work and before :meth:`finish` ends.

        Parameters
        ----------
        task : callable
            Without arguments. It writes into tensors that are there.
        after : object, default=None
            What :meth:`now` gave; None stands for all work so far.
        """
        task()

    def finish(self) -> None:
        """Have what comes next wait for all tasks."""


AT_ONCE = Aside()


class StreamAside(Aside):
    """A stream of its own on a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)

    def now(self) -> Any:
        return torch.cuda.current_stream().record_event()

    def take(self, task: Task, after: Any = None) -> None:
        self._stream.wait_event(self.now() if after is None else after)
        with torch.cuda.stream(self._stream):
            task()

    def finish(self) -> None:
        torch.cuda.current_stream().wait_stream(self._stream)


class ThreadAside(Aside):
    """A second thread, for as long as steps are shorter with it than without.

    They are not where others use the same cores, so that a few are clocked in either way now and
    then. What the second thread has not begun when the first one needs it, that one does itself.

    Notes
    -----
    The thread works from :meth:`start` until :meth:`close` is called.
    """

    def __init__(self) -> None:
        self._clock, self._is_on = _Clock(), False
        self._tasks: deque[Task] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()  # for each task, and at the end False
        self._is_at_work = threading.Lock()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._tasks.clear()
        self._calls.put(False)
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self._is_on = self._clock.starts()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:  # who has the tensors next must find them at rest
            with at_the_end(self._leave_off):
                pass
        self._clock.stops()

    def _leave_off(self) -> None:
        self._tasks.clear()
        with self._is_at_work:
            pass

    def take(self, task: Task, after: Any = None) -> None:
        if self._is_on:
            self._tasks.append(task)
            self._calls.put(True)
        else:
            task()

    def finish(self) -> None:
        if not self._is_on:
            return
        while (task := self._newest()) is not None:
            task()
        with self._is_at_work:
            pass
        if self._error is not None:
            raise self._error

    def _newest(self) -> Task | None:
        try:
            return self._tasks.pop()
        except IndexError:
            return None

    def _work(self) -> None:
        with scoped_runtime(1), torch.inference_mode():
            while self._calls.get():
                with self._is_at_work:  # for this task, where finish finds none
                    try:
                        task = self._tasks.popleft()
                    except IndexError:  # the first thread was faster
                        continue
                    try:
                        task()
                    except BaseException as error:  # noqa: BLE001, it is raised by finish
                        self._error = error


class _Clock:
    """Says whether a step shall have the second thread."""

    def __init__(self) -> None:
        self._is_better, self._pause = False, _LEAST_STEPS
        self._until_clocked = _N_CLOCKED  # the first steps make what the others find
        self._seconds: list[float] = []

    def starts(self) -> bool:
        """Whether the step that starts shall."""
        self._start = perf_counter()

        return self._is_better if self._until_clocked else len(self._seconds) >= _N_CLOCKED

    def stops(self) -> None:
        """Be told that the step has ended."""
        if self._until_clocked:
            self._until_clocked -= 1
            return
        self._seconds.append(perf_counter() - self._start)
        if len(self._seconds) == 2 * _N_CLOCKED:
            self._decide()

    def _decide(self) -> None:
        alone, aside = sum(self._seconds[:_N_CLOCKED]), sum(self._seconds[_N_CLOCKED:])
        is_better = aside < _CLEARLY * alone
        is_old = is_better == self._is_better
        self._pause = min(2 * self._pause, _MOST_STEPS) if is_old else _LEAST_STEPS
        self._is_better, self._until_clocked, self._seconds = is_better, self._pause, []


@contextmanager
def second_thread(n_jobs: int | None, device: torch.device) -> Iterator[Aside]:
    """Context with a second thread for the steps of a fit, where it may have one.

    Parameters
    ----------
    n_jobs : int or None
        None leaves the choice; any number is that of torch's own threads.
    device : torch.device
        Where the steps are taken.

    Yields
    ------
    aside : Aside
        At once on a GPU, and where torch has one thread or ``n_jobs=None`` means one: see
        :func:`skvae.compute.parallel.n_threads`.
    """
    may_choose = n_jobs is None and device.type == "cpu"
    if not may_choose or min(torch.get_num_threads(), n_threads(None)) == 1:
        yield AT_ONCE
        return
    aside = ThreadAside()
    with at_the_end(aside.close):
        aside.start()
        yield aside
