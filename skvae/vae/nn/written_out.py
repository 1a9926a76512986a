"""Gradients that parts write out, so that a step of training goes without autograd."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

__all__ = [
    "add_weighted",
    "check_written_out",
    "has_hooks",
    "is_written_out",
    "offers_per_feature",
]

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_post_accumulate_grad_hooks",
)


def has_hooks(module: nn.Module) -> bool:
    """Whether a module, or what it holds, does more than its class says when it is called."""
    parts = [*module.modules(), *module.parameters()]
    hooks = any(getattr(part, name, None) for part in parts for name in _HOOKS)

    return hooks or any("forward" in vars(part) for part in module.modules())


def is_written_out(module: nn.Module, name: str, *functions: str) -> bool:
    """Whether a module has the method ``name``, and for the very functions it is the gradient of.

    A kind of module that overrides one of them, but not the gradient, is left to autograd.
    """
    if getattr(module, name, None) is None:
        return False
    kinds = type(module).__mro__
    first = [
        next((place for place, kind in enumerate(kinds) if wanted in vars(kind)), len(kinds))
        for wanted in (name, *functions)
    ]

    return all(first[0] <= place for place in first[1:])


def offers_per_feature(likelihood: nn.Module) -> bool:
    """Whether a likelihood has ``log_prob_per_feature``, and of this very ``log_prob``."""
    return is_written_out(likelihood, "log_prob_per_feature", "log_prob")


def add_weighted(total: torch.Tensor, term: torch.Tensor, weight: float | torch.Tensor) -> None:
    """Add a weighted term in place; the weight of a step on a GPU stays there, as a tensor."""
    if isinstance(weight, torch.Tensor):
        total.addcmul_(term, weight)
    else:
        total.add_(term, alpha=weight)


def check_written_out(
    name: str,
    loss: Callable[..., torch.Tensor],
    write: Callable[..., tuple[torch.Tensor, list[torch.Tensor]]],
    inputs: list[torch.Tensor],
    module: nn.Module,
) -> None:
    """Raise an error unless a gradient of the user's is that of autograd.

    Parameters
    ----------
    name : str
        Of the method, for the message.
    loss : callable
        ``loss(*inputs)``, of shape ().
    write : callable
        ``write(*inputs)`` gives the loss and its gradients by the inputs, and sets those of the
        module's parameters.
    inputs : list of tensor
        Where to compare.
    module : torch.nn.Module
        Its parameters have no gradients afterwards.

    Raises
    ------
    ValueError
        If a number differs.
    """
    own = [theta for theta in module.parameters() if theta.requires_grad]
    asked = [x.clone().requires_grad_() for x in inputs]
    with torch.enable_grad():
        value = loss(*asked)
        wanted = torch.autograd.grad(value, [*asked, *own], allow_unused=True)
    for theta in own:
        theta.grad = torch.zeros_like(theta)
    with torch.no_grad():
        found_value, gradients = write(*(x.clone() for x in inputs))
    found = [*gradients, *(theta.grad for theta in own if theta.grad is not None)]
    for theta in own:
        theta.grad = None
    pairs = [(found_value, value.detach())]
    pairs += [(a, torch.zeros(()) if b is None else b) for a, b in zip(found, wanted, strict=True)]
    for a, b in pairs:
        if not np.allclose(a, b, rtol=1e-3, atol=1e-3):
            raise ValueError(
                f"{name} does not agree with autograd: it gives {np.ravel(a)[:3]} instead of "
                f"{np.ravel(b)[:3]}."
            )
