"""Where torch computes."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from skvae._optional import require
from skvae._typing import Device

if TYPE_CHECKING:
    import torch

__all__ = ["gpu_or_none", "require_torch", "resolve_device"]


def require_torch(purpose: str) -> None:
    """Say what to install where torch is missing.

    Parameters
    ----------
    purpose : str
        What needs it.

    Raises
    ------
    ImportError
        If it cannot be imported.
    """
    require("torch", purpose, "torch")


def resolve_device(device: Device) -> "torch.device":
    """Turn the ``device`` parameter of an estimator into a torch device.

    Parameters
    ----------
    device : {None, "cpu", "auto", "cuda"}
        None is the CPU, "auto" a GPU where there is one.

    Returns
    -------
    device : torch.device

    Raises
    ------
    ValueError
        If a GPU is asked for that is not there.
    ImportError
        If torch is not installed.
    """
    require_torch(f"device={device!r}")
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ValueError(
            "device='cuda' but torch finds no CUDA GPU. Use device='auto' to take a GPU only "
            "where there is one, or device=None for the CPU."
        )

    return torch.device("cuda" if has_cuda and device in ("cuda", "auto") else "cpu")


def gpu_or_none(device: Device) -> "torch.device | None":
    """The GPU that the ``device`` parameter means, or None.

    torch is not imported for the CPU, and where it is missing "auto" is the CPU.
    """
    if device in (None, "cpu") or (device == "auto" and find_spec("torch") is None):
        return None
    resolved = resolve_device(device)
    return None if resolved.type == "cpu" else resolved
