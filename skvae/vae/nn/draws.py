"""What the user's modules draw from torch's global generators, made a matter of a seed."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch

from skvae.compute.process import SharedSetting, at_the_end

__all__ = ["ModuleDraws", "fixed_draws", "float32_by_default"]

_DEFAULT_TYPE = SharedSetting(lambda: [(torch.get_default_dtype, torch.set_default_dtype)])

# Of whoever has a stream of their own in the global generators.
_LOCK = threading.RLock()

if hasattr(os, "register_at_fork"):
    # A child gets the generators as everyone else knows them.
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )


class ModuleDraws:
    """A stream of random numbers for modules that know no generator but torch's global ones.

    Dropout is such a module. While one runs, the global generators go on with the stream, for one
    thread at a time; before and after they are as if nothing had been drawn.

    Parameters
    ----------
    device : torch.device
        Where the modules are.
    seed : int
        Of the stream.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.draws import ModuleDraws
    >>> draws = ModuleDraws(torch.device("cpu"), seed=0)
    >>> before = torch.get_rng_state()
    >>> with draws():
    ...     x = torch.rand(2)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """

    def __init__(self, device: torch.device, seed: int):
        self._generators = [torch.default_generator]
        if device.type == "cuda":
            torch.cuda.init()
            number = torch.cuda.current_device() if device.index is None else device.index
            self._generators.append(torch.cuda.default_generators[number])
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin another stream."""
        self._states = self._start = [
            torch.Generator(generator.device).manual_seed(seed).get_state()
            for generator in self._generators
        ]

    @property
    def untouched(self) -> bool:
        """Whether nothing of the stream has been drawn."""
        return all(map(torch.equal, self._states, self._start))

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Context in which the global generators give the numbers that come next."""
        with _LOCK, at_the_end(partial(_set_states, self._generators, self._states_now())):
            _set_states(self._generators, self._states)
            yield
            self._states = self._states_now()

    def _states_now(self) -> list[torch.Tensor]:
        return [generator.get_state() for generator in self._generators]


def float32_by_default() -> AbstractContextManager[None]:
    """Context in which modules of the user's are made, whose weights then are float32."""
    return _DEFAULT_TYPE.at(torch.float32)


def _set_states(generators: list[torch.Generator], states: list[torch.Tensor]) -> None:
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)


def fixed_draws(model: Any, seed: int) -> AbstractContextManager[None]:
    """Context in which modules of the user's that always draw, draw the numbers of a seed.

    Parameters
    ----------
    model : VAE
        In use, not in training.
    seed : int
        Any.
    """
    if not model.draws_in_use():
        return nullcontext()

    return ModuleDraws(next(model.parameters()).device, seed)()
