"""Products of the matrices of a layer, by the library that is fastest at small ones."""

import os
from collections.abc import Callable, Iterable
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["TORCH", "Library", "choose_library", "libraries", "library_of"]

_VARIABLE = "SKVAE_PRODUCTS"

# Turns of the libraries, of which the shortest count.
_N_TURNS = 5

# Another library than torch's own has to take less than this share of its time: near one the
# choice, on which the last bits of a fit depend, would be left to chance.
_CLEARLY = 0.85

# Rows of the products that are measured, at most.
_MOST_ROWS = 256


class Library(NamedTuple):
    """A library that multiplies float32 matrices on the processor, without autograd."""

    name: str

    linear: Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
    """``h @ matrix + bias`` of rows (n, n_in), a matrix (n_in, n_out) and a bias (n_out,)."""

    product: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    """``a @ b``."""

    writes: bool
    """Whether results go straight into the last tensor, if there is one; else they are copied."""


def _torch_linear(h: Tensor, matrix: Tensor, bias: Tensor, out: Tensor | None) -> Tensor:
    return torch.addmm(bias, h, matrix, out=out)


def _torch_product(a: Tensor, b: Tensor, out: Tensor | None) -> Tensor:
    return torch.mm(a, b, out=out)


TORCH = Library("torch", _torch_linear, _torch_product, writes=True)
"""What torch itself takes, MKL as a rule: of any dtype, on any device."""


@cache
def libraries() -> dict[str, Library]:
    """The libraries that are there, by name, :data:`TORCH` first.

    oneDNN comes with torch, which has it for its compiler. The function that reaches it is not a
    public one: where it is missing, so is the library.
    """
    found = {TORCH.name: TORCH}
    pointwise: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if pointwise is not None and torch.backends.mkldnn.is_available():

        def linear(h: Tensor, matrix: Tensor, bias: Tensor, out: Tensor | None) -> Tensor:
            new: Tensor = pointwise(h, matrix.t(), bias, "none", [], "")
            return new if out is None else out.copy_(new)

        def product(a: Tensor, b: Tensor, out: Tensor | None) -> Tensor:
            new: Tensor = pointwise(a, b.t(), None, "none", [], "")
            return new if out is None else out.copy_(new)

        found["onednn"] = Library("onednn", linear, product, writes=False)

    return found


def library_of(name: str) -> Library:
    """The library of a name.

    Parameters
    ----------
    name : {"torch", "onednn"}

    Returns
    -------
    library : Library

    Raises
    ------
    ValueError
        If this torch has no such library.

    Examples
    --------
    >>> import torch
    >>> from skvae.compute.torch_products import library_of
    >>> library_of("torch").product(torch.ones(1, 3), torch.ones(3, 2), None)
    tensor([[3., 3.]])
    """
    known = libraries()
    if name not in known:
        raise ValueError(
            f"{name!r} is no library for products here, only {' and '.join(map(repr, known))}: "
            f"set {_VARIABLE} to one of these, or take a torch that has it."
        )

    return known[name]


def choose_library(
    layers: Iterable[tuple[int, int]], n_rows: int, recorded: str | None = None
) -> Library:
    """The library for the products of a training step.

    It is the one that the environment variable ``SKVAE_PRODUCTS`` names, or that the training began
    with, or that is fastest, as is measured once in a process.

    Parameters
    ----------
    layers : iterable of pair of int
        Widths (n_in, n_out) of linear layers.
    n_rows : int
        Of a batch.
    recorded : str or None, default=None
        Name of the library that the training began with.

    Returns
    -------
    library : Library
        Torch's own unless another one is clearly faster.

    Raises
    ------
    ValueError
        If the one that is named is not there.

    Examples
    --------
    >>> from skvae.compute.torch_products import choose_library
    >>> choose_library([(784, 200)], n_rows=64, recorded="torch").name
    'torch'
    """
    named = os.environ.get(_VARIABLE) or recorded
    if named:
        return library_of(named)
    n_rows = min(n_rows, _MOST_ROWS)

    return _measured(frozenset(layers), n_rows, torch.get_num_threads())


@cache
def _measured(layers: frozenset[tuple[int, int]], n_rows: int, n_threads: int) -> Library:
    known = list(libraries().values())
    if len(known) == 1 or not layers:
        return TORCH
    with torch.no_grad():
        times = [_times(known, n_rows, *widths) for widths in layers]
    seconds = [sum(of_library) for of_library in zip(*times, strict=True)]
    best = min(range(len(known)), key=seconds.__getitem__)

    return known[best] if seconds[best] < _CLEARLY * seconds[0] else TORCH


def _times(known: list[Library], n_rows: int, n_in: int, n_out: int) -> list[float]:
    """Seconds of each library for the three products of a layer, the least of some turns."""
    shapes = (n_rows, n_in), (n_rows, n_out), (n_out, n_in), (n_out,)
    h, d_out, weight, bias = (torch.ones(shape, dtype=torch.float32) for shape in shapes)
    d_weight = torch.empty_like(weight)

    def seconds(library: Library) -> float:
        start = perf_counter()
        library.linear(h, weight.t(), bias, None)
        library.product(d_out.t(), h, d_weight)
        library.product(d_out, weight, None)
        return perf_counter() - start

    turns = [[seconds(library) for library in known] for _ in range(_N_TURNS)]

    return [min(times) for times in zip(*turns, strict=True)]
