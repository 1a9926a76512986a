"""Processes that train one model together: each takes its rows of every batch."""

import math
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from skvae._warnings import unwarned
from skvae.vae.epochs import Epoch, Listener, Progress, Start

__all__ = ["Agreement", "Ranks", "data_parallel", "ranks_in_use", "ranks_of_fit"]

Value = TypeVar("Value")


class Ranks:
    """The processes of a fit: this one alone, or those of a group.

    Every process has to call the same methods in the same order, and waits in them for the others.

    Parameters
    ----------
    rank, size : int
        Number of this process among so many.
    group : ProcessGroup or None, default=None
        Theirs; None where there is but one.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.training.ranks import Ranks
    >>> ranks = Ranks()
    >>> ranks.is_first, ranks.of_first(lambda: 3), ranks.total(torch.ones(2))
    (True, 3, tensor([1., 1.]))
    """

    def __init__(self, rank: int = 0, size: int = 1, group: Any = None):
        self.rank, self.size = rank, size
        self._group, self._process = group, os.getpid()

    @property
    def is_first(self) -> bool:
        """Whether this is the process that tells the user, calls back and writes."""
        return self.rank == 0

    @property
    def is_here(self) -> bool:
        """Whether this is the process of that rank, not a fork of it."""
        return self._process == os.getpid()

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """Replace a tensor by the sum of those of all processes, with the same bits in each."""
        if self._group is not None:
            with _awaited():
                dist.all_reduce(x, group=self._group)

        return x

    def total_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Before a step: the gradient of the whole batch is the sum of those of its parts."""
        for group in optimizer.param_groups:
            for theta in group["params"]:
                self.total(theta.grad)

    def of_first(self, call: Callable[[], Value]) -> Value:
        """What the first process gets from a call, which no other makes; or raise its error."""
        if self._group is None:
            return call()
        outcome: list[Any] = [None, None]  # value, error
        raised: BaseException | None = None
        if self.is_first:
            try:
                outcome[0] = call()
            except BaseException as error:  # noqa: BLE001, the others raise it as well
                raised, outcome[1] = error, _sent(error)
        with _awaited():
            dist.broadcast_object_list(outcome, src=0, group=self._group)
        told: BaseException | None = raised or outcome[1]
        if told is not None:
            raise told
        value: Value = outcome[0]

        return value

    def check_same(self, description: Mapping[str, Any]) -> None:
        """Raise an error in every process unless all describe their fit in the same words."""
        if self._group is None:
            return
        found: list[Any] = [None] * self.size
        with _awaited():
            dist.all_gather_object(found, dict(description), group=self._group)
        names = dict.fromkeys(name for told in found for name in told)
        different = [
            f"{name} is {found[0].get(name)!r} on rank 0 and {told.get(name)!r} on rank {rank}"
            for rank, told in enumerate(found)
            for name in names
            if told.get(name) != found[0].get(name)
        ]
        if different:
            raise ValueError(
                f"The ranks do not fit the same model to the same rows: {'; '.join(different)}. "
                "Give all of them the same data and parameters: each takes its own rows of every "
                "batch."
            )

    def check_shareable(self, least_rows: int, device: torch.device) -> None:
        """Refuse a network that sees rows as one whole, of which this process has a part.

        Refuse a GPU that is another process's as well.
        """
        if self.size == 1:
            return
        n_gpus = torch.cuda.device_count() if device.type == "cuda" else math.inf
        if int(os.environ.get("LOCAL_RANK", 0)) >= n_gpus:
            raise ValueError(
                f"Rank {self.rank} has no GPU of its own: this machine has {n_gpus}. Start as many "
                "processes as there are GPUs (--nproc-per-node), or use device='cpu'."
            )
        if least_rows > 1:
            raise ValueError(
                "A module of network= normalises over a batch, as BatchNorm does, of which each "
                "rank has but its own rows. Fit without data_parallel, or use LayerNorm or "
                "GroupNorm."
            )


def _sent(error: BaseException) -> BaseException:
    """An error as other processes can read it, which not all can be."""
    try:
        copy: BaseException = pickle.loads(pickle.dumps(error))
    except Exception:  # a class may fail in any way
        return RuntimeError(f"Rank 0 has raised {type(error).__name__}: {error}")

    return copy


class Agreement(Listener):
    """Tells the listeners of the first process; what they decide or raise holds for all processes.

    Parameters
    ----------
    ranks : Ranks
        The processes.
    listeners : sequence of Listener
        Told in this order, in the first process alone.
    """

    def __init__(self, ranks: Ranks, listeners: Sequence[Listener]):
        self._ranks = ranks
        self._listeners = listeners if ranks.is_first else ()

    def fit_began(self, start: Start) -> None:
        """Begin where the first process does."""

        def begin() -> None:
            for listener in self._listeners:
                listener.fit_began(start)

        self._ranks.of_first(begin)

    def progressed(self, progress: Progress) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.progressed(progress)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Do what the first process does."""

        def stops() -> bool:
            for listener in self._listeners:
                listener.epoch_ended(epoch)
            return epoch.stop

        epoch.stop = self._ranks.of_first(stops)

    def fit_ended(self) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.fit_ended()


_IN_USE: ContextVar[Ranks] = ContextVar("ranks", default=Ranks())  # noqa: B039, it never changes


def ranks_in_use() -> Ranks:
    """The processes that fits of this thread are divided among: those of :func:`data_parallel`."""
    ranks = _IN_USE.get()

    return ranks if ranks.is_here else Ranks()


@contextmanager
def ranks_of_fit() -> Iterator[Ranks]:
    """Context of a fit in this thread, with the processes that it is divided among.

    Another fit within it, such as that of a callback, is the process's own.
    """
    ranks = ranks_in_use()
    outside = _IN_USE.set(Ranks())
    try:
        yield ranks
    finally:
        _IN_USE.reset(outside)


@contextmanager
def data_parallel(timeout: float = 300.0) -> Iterator[int]:
    """Context in which each fit of a ``VAETransformer`` is one fit of all processes together.

    They are those that ``torchrun`` has started, or whoever else sets its variables, or those of
    the process group of torch that there is already. Each process makes the same calls, with the
    same data, weights among them, and parameters; of every batch it takes its share of the rows,
    and the gradients are added up. So a fit is what it would be in one process, but for the
    rounding of float32, and ``batch_size`` counts the rows of all.

    Rank 0 calls callbacks, warns, reports and writes checkpoints; in the end all have its model. In
    a script that runs by itself, without ``torchrun``, there is one process, and nothing changes.

    Only ``fit`` and ``partial_fit`` in this thread are shared. What runs in other threads or
    processes, as under ``n_jobs`` of a search, each does by itself; so does a callback that fits.

    Parameters
    ----------
    timeout : float, default=300.0
        Seconds that processes wait for each other, for instance for a callback on rank 0.

    Yields
    ------
    rank : int
        0 in the process that is to store the model.

    Raises
    ------
    ValueError
        In ``fit``, in all processes, if they do not fit the same model to the same rows.
    RuntimeError
        In ``fit``, if another process has stopped.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer, data_parallel
    >>> X = load_digits().data / 16
    >>> with data_parallel() as rank:  # torchrun --nproc-per-node 2 script.py
    ...     vae = VAETransformer(8, max_iter=2, random_state=0).fit(X)
    ...     if rank == 0:
    ...         print(vae.n_iter_)
    2
    """
    if not (dist.is_initialized() or {"RANK", "WORLD_SIZE"} <= os.environ.keys()):
        yield 0
        return
    with ExitStack() as stack:
        group = stack.enter_context(_group(timedelta(seconds=timeout)))
        ranks = Ranks(dist.get_rank(group), dist.get_world_size(group), group)
        own_gpu = int(os.environ.get("LOCAL_RANK", torch.cuda.device_count()))
        if own_gpu < torch.cuda.device_count():
            stack.enter_context(torch.cuda.device(own_gpu))
        if not ranks.is_first:
            stack.enter_context(unwarned(Warning))
        stack.callback(_IN_USE.reset, _IN_USE.set(ranks))
        yield ranks.rank


@contextmanager
def _group(timeout: timedelta) -> Iterator[Any]:
    """All processes, as a group that ends with the context, in whatever way."""
    if dist.is_initialized():
        group = dist.new_group(timeout=timeout)
    else:
        with _awaited():
            dist.init_process_group(timeout=timeout)
        group = dist.group.WORLD
    try:
        yield group
    finally:
        dist.destroy_process_group(group)


@contextmanager
def _awaited() -> Iterator[None]:
    """Say what to do where torch says that another process does not answer."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another rank has stopped, or has not answered in time (timeout= of data_parallel). "
            "Start all ranks again: with checkpoint= a fit goes on from the last one written."
        ) from error
