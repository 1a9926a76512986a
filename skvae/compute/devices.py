"""Where torch computes."""

from typing import TYPE_CHECKING

from skvae._typing import Device

if TYPE_CHECKING:
    import torch

__all__ = ["gpu_or_none", "resolve_device"]


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
    """
    import torch

    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ValueError(
            "device='cuda' but torch finds no CUDA GPU. Use device='auto' to take a GPU only "
            "where there is one, or device=None for the CPU."
        )

    return torch.device("cuda" if has_cuda and device in ("cuda", "auto") else "cpu")


def gpu_or_none(device: Device) -> "torch.device | None":
    """The GPU that the ``device`` parameter means, or None; torch is not imported for the CPU."""
    if device in (None, "cpu"):
        return None
    resolved = resolve_device(device)
    return None if resolved.type == "cpu" else resolved
