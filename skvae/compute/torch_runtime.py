"""How torch computes: threads, denormal numbers and modes, scoped."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial

import torch
from threadpoolctl import ThreadpoolController

from skvae.compute.process import Place, at_the_end, is_forked
from skvae.compute.sizes import n_workers

__all__ = ["kept_runtime", "scoped_runtime"]


def _flushes_denormals() -> bool:
    """Whether this thread rounds subnormal floats to zero; torch cannot be asked."""
    smallest_normal = torch.tensor([2.0**-126], dtype=torch.float32, device="cpu")

    return bool((smallest_normal * 0.5 == 0).item())


class _TorchThreads:
    """Torch's number of threads: each thread's own, but new ones start with what was set last.

    So a thread that comes to torch while others have limited themselves would keep their limit.
    """

    def __init__(self) -> None:
        self._forget()
        self._known = threading.local()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.RLock()
        self._limits: dict[object, int] = {}
        self._before = 1

    @contextmanager
    def at(self, n: int) -> Iterator[None]:
        """Context in which this thread has ``n``."""
        entry = object()
        with self._lock:
            own = self._own()
        with at_the_end(partial(self._leave, entry, own)):
            with self._lock:
                self._limits[entry] = n
                torch.set_num_threads(n)
            yield

    def _own(self) -> int:
        own = torch.get_num_threads()
        if not self._limits:
            self._before = own
        elif not hasattr(self._known, "torch") and own in (1, *self._limits.values()):
            own = self._before
        self._known.torch = True

        return own

    def _leave(self, entry: object, own: int) -> None:
        with self._lock:
            torch.set_num_threads(own)
            self._limits.pop(entry, None)


_THREADS = _TorchThreads()

# omp_pause_hard of OpenMP 5.
_PAUSE_HARD = 2


@cache
def _enders_of_teams() -> list[Callable[[int], object]]:
    """Functions that end the threads that this one has for parallel work; it gets new ones."""
    libraries = ThreadpoolController().select(user_api="openmp").lib_controllers
    # In LLVM's library the threads are those of all.
    found = (library.dynlib for library in libraries if library.prefix == "libgomp")

    return [d.omp_pause_resource_all for d in found if hasattr(d, "omp_pause_resource_all")]


def _restore_denormals(flushed: bool, n_threads: int) -> None:
    torch.set_flush_denormal(flushed)
    if n_threads > 1 and not flushed:  # threads made meanwhile would go on flushing
        for end in _enders_of_teams():
            end(_PAUSE_HARD)


@contextmanager
def _usual_modes() -> Iterator[None]:
    """Context without what the caller's thread may have told torch to do with all it computes."""
    with ExitStack() as usual:  # nothing is entered where nothing is unusual, which is faster
        if torch.is_inference_mode_enabled():
            usual.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            usual.enter_context(torch.enable_grad())
        for kind in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            usual.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            usual.enter_context(torch.device("cpu"))
        yield


def _determinism() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


_PLACES: list[Place] = [
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, torch.set_default_device),
    (torch.get_num_threads, torch.set_num_threads),
    (_flushes_denormals, torch.set_flush_denormal),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (_determinism, lambda modes: torch.use_deterministic_algorithms(modes[0], warn_only=modes[1])),
    *(
        (partial(torch.is_autocast_enabled, kind), partial(torch.set_autocast_enabled, kind))
        for kind in ("cpu", "cuda")
    ),
]


@contextmanager
def kept_runtime() -> Iterator[None]:
    """Context after which torch computes as before, whatever somebody's code has set in it.

    Examples
    --------
    >>> import torch
    >>> from skvae.compute.torch_runtime import kept_runtime
    >>> with kept_runtime():
    ...     _ = torch.set_grad_enabled(False)
    >>> torch.is_grad_enabled()
    True
    """
    before = [get() for get, _ in _PLACES]
    try:
        yield
    finally:
        for (get, set_there), value in zip(_PLACES, before, strict=True):
            if get() != value:
                set_there(value)


@contextmanager
def scoped_runtime(n_jobs: int | None = None) -> Iterator[None]:
    """Limit torch's threads, flush denormal floats, and restore both afterwards.

    Autograd, precision and devices are torch's usual ones meanwhile, whatever contexts the caller
    is in: ``no_grad``, ``inference_mode``, ``autocast`` or another default device.

    Small networks gain little from threads and lose a hundredfold when cores are busy. Adam's
    moments decay into subnormal floats, which processors handle many times slower.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads, None means 1, -1 all cores. A forked process has 1: it would wait for the
        threads of OpenMP, which stayed behind.
    """
    n = 1 if n_jobs is None or is_forked() else n_workers(n_jobs)
    restore = partial(_restore_denormals, _flushes_denormals(), n)
    with at_the_end(restore), _THREADS.at(n), _usual_modes():
        torch.set_flush_denormal(True)
        yield
