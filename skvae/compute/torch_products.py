"""Products of the matrices of a layer, by the library that is fastest at small ones."""

import platform
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["linear", "output", "product"]

_CPUINFO = Path("/proc/cpuinfo")  # of Linux


def linear(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``h @ weight.T + bias``, as :func:`torch.nn.functional.linear`, without autograd.

    Parameters
    ----------
    h : tensor of shape (n, n_in)
        Rows.
    weight : tensor of shape (n_out, n_in)
        Of the layer.
    bias : tensor of shape (n_out,)
        Of the layer.

    Returns
    -------
    out : tensor of shape (n, n_out)

    Examples
    --------
    >>> import torch
    >>> from skvae.compute.torch_products import linear
    >>> linear(torch.ones(1, 3), torch.ones(2, 3), torch.tensor([0.0, 1.0]))
    tensor([[3., 4.]])
    """
    if _is_for_one_dnn(h):
        out: Tensor = _ONE_DNN(h, weight, bias, "none", [], "")
        return out

    return functional.linear(h, weight, bias)


def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """``a @ b``, as :func:`torch.mm`, without autograd.

    Parameters
    ----------
    a : tensor of shape (n, m)
        May be a transposed view.
    b : tensor of shape (m, k)
        May be a transposed view.
    out : tensor of shape (n, k) or None
        Where to write; None makes a new one.

    Returns
    -------
    out : tensor of shape (n, k)

    Examples
    --------
    >>> import torch
    >>> from skvae.compute.torch_products import product
    >>> product(torch.ones(1, 3), torch.ones(3, 2))
    tensor([[3., 3.]])
    """
    if not _is_for_one_dnn(a):
        return torch.mm(a, b, out=out)
    found: Tensor = _ONE_DNN(a, b.T, None, "none", [], "")

    return found if out is None else out.copy_(found)


def output(network: nn.Sequential, h: Tensor) -> Tensor:
    """``network(h)``; where no gradient is wanted, linear layers by :func:`linear`.

    Parameters
    ----------
    network : torch.nn.Sequential
        Of layers without hooks.
    h : tensor of shape (n, n_in)
        Rows.

    Returns
    -------
    out : tensor of shape (n, n_out)

    Examples
    --------
    >>> import torch
    >>> from skvae.compute.torch_products import output
    >>> with torch.no_grad():
    ...     output(torch.nn.Sequential(torch.nn.ReLU()), torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """
    if torch.is_grad_enabled():
        out: Tensor = network(h)
        return out
    for layer in network:
        h = linear(h, layer.weight, layer.bias) if type(layer) is nn.Linear else layer(h)

    return h


def _is_for_one_dnn(h: Tensor) -> bool:
    return _ONE_DNN is not None and h.dtype == torch.float32 and h.device.type == "cpu"


def _has_amd_processor() -> bool:
    try:
        description = _CPUINFO.read_text()
    except OSError:
        description = platform.processor()

    return "AuthenticAMD" in description


# Torch multiplies with MKL. On processors of AMD oneDNN, which torch has for its compiler, takes
# six tenths of the time, on Intel's one and a half times as long. It is not public: without it
# steps are slower there, not broken.
_ONE_DNN: Any = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if torch.backends.mkldnn.is_available() and _has_amd_processor()
    else None
)
