"""Missing values, NaN, in torch: the likelihood of what is observed, and what an encoder sees."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from skvae.vae.nn.written_out import offers_per_feature

__all__ = [
    "check_marginalises",
    "encoder_view",
    "log_prob_of_observed",
    "log_prob_of_observed_and_gradient",
]


def check_marginalises(likelihood: nn.Module) -> None:
    """Raise an error unless a likelihood has ``log_prob_per_feature``, and of this ``log_prob``."""
    if not offers_per_feature(likelihood):
        raise ValueError(
            f"X has missing values (NaN), and likelihood {type(likelihood).__name__} has no way "
            "to leave them out: give it a method log_prob_per_feature(x, output) of shape "
            "(n, n_features), whose sum over features is log_prob, or impute X first."
        )


def log_prob_of_observed(
    likelihood: nn.Module, x: torch.Tensor, output: torch.Tensor
) -> torch.Tensor:
    """log p(x|z) of what is observed of each row, in nats.

    A row without missing values has the bits of ``log_prob``, whatever its neighbours lack.

    Parameters
    ----------
    likelihood : torch.nn.Module
        With ``log_prob_per_feature``.
    x : tensor of shape (n, n_features)
        NaN where missing.
    output : tensor of shape (n, n_features * outputs_per_feature)
        Of the decoder.

    Returns
    -------
    log_prob : tensor of shape (n,)
    """
    observed, x, of_observed = _of_observed(likelihood, x, output)
    module: Any = likelihood

    return torch.where(observed.all(-1), module.log_prob(x, output), of_observed)


def _of_observed(
    likelihood: nn.Module, x: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What is observed, x with something in the place of the rest, and log p of the observed."""
    check_marginalises(likelihood)
    module: Any = likelihood
    observed = ~x.isnan()
    # It counts for nothing, but has to have a gradient.
    x = torch.where(observed, x, module.mean(output).detach())
    by_feature = module.log_prob_per_feature(x, output)

    return observed, x, torch.where(observed, by_feature, 0).sum(-1)


def log_prob_of_observed_and_gradient(
    likelihood: nn.Module, x: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What ``log_prob_and_gradient`` of a likelihood is where values are missing.

    Parameters
    ----------
    likelihood : torch.nn.Module
        With ``log_prob_per_feature``; the ``.grad`` of its parameters is set.
    x : tensor of shape (n, n_features)
        NaN where missing.
    output : tensor of shape (n, n_features * outputs_per_feature)
        Of the decoder.

    Returns
    -------
    log_prob : tensor of shape ()
        Sum over rows.
    d_output : tensor of the shape of ``output``
        Gradient of its negative.
    """
    own = list(likelihood.parameters())
    with torch.enable_grad():
        output = output.detach().requires_grad_()
        log_prob = _of_observed(likelihood, x, output)[2].sum()
        d_output, *gradients = torch.autograd.grad(-log_prob, [output, *own])
    for theta, gradient in zip(own, gradients, strict=True):
        assert theta.grad is not None  # made before the first step
        theta.grad.copy_(gradient)

    return log_prob.detach(), d_output


def encoder_view(
    x: torch.Tensor, to_encoder: Callable[[torch.Tensor], torch.Tensor], sees_mask: bool
) -> torch.Tensor:
    """What an encoder sees of rows: zeros where values are missing, and which are not.

    Parameters
    ----------
    x : tensor of shape (n, n_features)
        NaN where missing.
    to_encoder : callable
        What the likelihood shows of rows without missing values.
    sees_mask : bool
        Whether what is observed, 1 or 0, follows the values.

    Returns
    -------
    view : tensor of shape (n, n_features) or (n, 2 * n_features)
    """
    observed = ~x.isnan()
    view = torch.where(observed, to_encoder(torch.where(observed, x, 0)), 0)

    return torch.cat([view, observed.to(x.dtype)], dim=1) if sees_mask else view
