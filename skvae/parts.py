"""What a likelihood, a network or a prior of your own is made of.

The descriptions need no torch, which the bases of modules import when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skvae.vae.numpy_networks import Linear, mlp_layers
from skvae.vae.part_types import Likelihood, Network, NetworkSizes

if TYPE_CHECKING:
    from skvae.vae.nn.prior_bases import GaussianMixturePrior, Prior

_TORCH = {
    "GaussianMixturePrior": "skvae.vae.nn.prior_bases",
    "Prior": "skvae.vae.nn.prior_bases",
}

__all__ = [
    "GaussianMixturePrior",
    "Likelihood",
    "Linear",
    "Network",
    "NetworkSizes",
    "Prior",
    "mlp_layers",
]


def __getattr__(name: str) -> Any:
    if name in _TORCH:
        return getattr(import_module(_TORCH[name]), name)
    raise AttributeError(f"module 'skvae.parts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
