"""Settings of the whole process, changed for a while by any number of threads."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

__all__ = ["Place", "SharedSetting", "at_the_end", "is_forked"]

# How to get and to set what stands at a place.
Place: TypeAlias = tuple[Callable[[], Any], Callable[[Any], object]]

_IMPORTED_BY = os.getpid()


@contextmanager
def at_the_end(call: Callable[[], object]) -> Iterator[None]:
    """Context at the end of which something is called, through any number of Ctrl-C.

    Parameters
    ----------
    call : callable
        Without arguments. Where Ctrl-C interrupts it, it is called again; then the interrupt goes
        on.

    Examples
    --------
    >>> from skvae.compute.process import at_the_end
    >>> with at_the_end(lambda: print("end")):
    ...     print("begin")
    begin
    end
    """
    try:
        yield
    finally:
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                call()
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt


class SharedSetting:
    """A setting of the process that threads change for a while, whichever of them ends last.

    What it was before the first of them came is back after the last has gone, unless someone else
    has changed it meanwhile. The child of a fork has but the thread that forked, and the setting
    that goes with it.

    Parameters
    ----------
    places : callable
        Returns the places where it stands, pairs of functions that get and set it there.

    Examples
    --------
    >>> from skvae.compute.process import SharedSetting
    >>> found = {"n": 2}
    >>> places = [(lambda: found["n"], lambda n: found.update(n=n))]
    >>> setting = SharedSetting(lambda: places)
    >>> with setting.at(1):
    ...     found["n"]
    1
    >>> found["n"]
    2
    """

    def __init__(self, places: Callable[[], Sequence[Place]]) -> None:
        self._places = places
        self._threads: dict[object, int] = {}  # of those inside, by entry
        self._value: Any = None
        self._before: list[tuple[Callable[[], Any], Callable[[Any], object], Any]] = []
        self._lock = threading.RLock()  # the garbage collector may end a context within another
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_others)

    @contextmanager
    def at(self, value: Any) -> Iterator[None]:
        """Context with this value, which all who are inside at a time have to want."""
        entry = object()
        with at_the_end(partial(self._leave, entry)):
            with self._lock:
                if not self._threads:
                    self._value, self._before = value, [(*p, p[0]()) for p in self._places()]
                self._threads[entry] = threading.get_ident()
                for _, set_there, before in self._before:
                    if before != value:
                        set_there(value)
            yield

    def is_already(self, value: Any) -> bool:
        """Whether it is this value outside of all contexts, so that there is nothing to change."""
        with self._lock:
            return not self._threads and all(get() == value for get, _ in self._places())

    def _leave(self, entry: object) -> None:
        with self._lock:
            if self._threads.keys() == {entry}:
                self._restore()
            self._threads.pop(entry, None)

    def _restore(self) -> None:
        for get, set_there, before in self._before:
            if before != self._value and get() == self._value:
                set_there(before)

    def _forget_others(self) -> None:
        self._lock = threading.RLock()
        own = threading.get_ident()
        remaining = {entry: thread for entry, thread in self._threads.items() if thread == own}
        if self._threads and not remaining:
            self._restore()
        self._threads = remaining


def is_forked() -> bool:
    """Whether this process came out of another by a fork, without the threads of that one.

    Examples
    --------
    >>> from skvae.compute.process import is_forked
    >>> is_forked()
    False
    """
    return os.getpid() != _IMPORTED_BY
