"""Likelihoods p(x|z): what the decoder's output means.

A likelihood is a module with ``log_prob``, ``mean`` and ``sample``; it owns the parameters that
the decoder does not compute, such as a noise scale. Optional are ``encoder_input``,
``outputs_per_feature``, the number of adjacent outputs of the decoder for each feature,
``output_of_mean``, where the decoder begins, ``log_prob_per_feature(x, output)``, (n, n_features),
whose sum over features is ``log_prob`` and over some of them that of rows with missing values, and
``log_prob_and_gradient(x, output)``, by which a step of training goes without autograd: the sum of
``log_prob`` over rows, and what ``backward`` of its negative, the loss, would give ``output``. The
gradients of its own parameters are written into their ``.grad``. It may overwrite ``output``.
``gradient_alone(x, output)`` does so without the sum, in most steps of a large epoch.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from skvae.vae.descriptions import Blocks, is_categorical, likelihood_of
from skvae.vae.nn.block_likelihood import BlockLikelihood
from skvae.vae.nn.categorical import Categorical
from skvae.vae.nn.negative_binomial import NegativeBinomial
from skvae.vae.nn.written_out import check_written_out, is_written_out, offers_per_feature
from skvae.vae.part_types import Likelihood

__all__ = [
    "MODULES",
    "Bernoulli",
    "Gaussian",
    "Poisson",
    "build_likelihood",
    "writes_gradient",
]


class Bernoulli(nn.Module):
    """Independent binary features; the decoder gives their logits.

    On grey levels in [0, 1] ``log_prob`` is the cross-entropy, which is not normalised over x.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.likelihoods import Bernoulli
    >>> Bernoulli().log_prob(torch.ones(1, 2), torch.zeros(1, 2))
    tensor([-1.3863])
    """

    def log_prob(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), summed over features."""
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="none")

        return -cross_entropy.sum(-1)

    def log_prob_per_feature(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """log p(x_j|z) in nats, (n, n_features)."""
        return -functional.binary_cross_entropy_with_logits(logits, x, reduction="none")

    def log_prob_and_gradient(
        self, x: torch.Tensor, logits: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of log p(x|z), (), and the gradient of the loss by the logits, (n, n_features)."""
        log_p = torch.dot(x.reshape(-1), logits.reshape(-1)) - functional.softplus(logits).sum()

        return log_p, self.gradient_alone(x, logits)

    def gradient_alone(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Gradient of the loss by the logits, (n, n_features)."""
        return logits.sigmoid_().sub_(x)

    def mean(self, logits: torch.Tensor) -> torch.Tensor:
        """E[x|z], (n, n_features)."""
        return logits.sigmoid()

    def sample(self, logits: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One draw of x given z, (n, n_features)."""
        return torch.bernoulli(logits.sigmoid(), generator=generator)


class Gaussian(nn.Module):
    """Features with normal noise of a learned scale; the decoder gives their means.

    Parameters
    ----------
    n_features : int
        Scales to learn; 1 is one for all features.

    Notes
    -----
    Features are expected in standardised units. The scale has a floor, since the density of data
    that the decoder reproduces exactly would grow without bound.

    References
    ----------
    O. Rybkin, K. Daniilidis and S. Levine, "Simple and effective VAE training with calibrated
    decoders", ICML 2021, section 3.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.likelihoods import Gaussian
    >>> Gaussian().log_prob(torch.zeros(1, 2), torch.zeros(1, 2)).detach()
    tensor([-1.8379])
    """

    scale_floor = 1e-3

    def __init__(self, n_features: int = 1) -> None:
        super().__init__()
        raw_scale = math.log(math.expm1(1 - self.scale_floor))
        shape: tuple[int, ...] = () if n_features == 1 else (n_features,)
        self.raw_scale = nn.Parameter(torch.full(shape, raw_scale, dtype=torch.float32))

    @property
    def scale(self) -> torch.Tensor:
        """Standard deviation of the noise, which starts at 1: a scalar, or one per feature."""
        return self.scale_floor + functional.softplus(self.raw_scale)

    def slope_at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """How fast the output moves with E[x|z], (n_features,)."""
        return torch.ones_like(mean)

    @torch.no_grad()
    def begin_with_noise(self, scale: float) -> None:
        """Set all standard deviations."""
        raw_scale: Any = self.raw_scale
        raw_scale.fill_(math.log(math.expm1(scale - self.scale_floor)))

    def log_prob(self, x: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), summed over features."""
        scale = self.scale.expand(x.shape[-1])
        u = (x - mean) / scale

        return -0.5 * u.square().sum(-1) - (scale.log() + 0.5 * math.log(2 * math.pi)).sum()

    def log_prob_per_feature(self, x: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """log p(x_j|z) in nats, (n, n_features)."""
        u = (x - mean) / self.scale

        return -0.5 * u.square() - (self.scale.log() + 0.5 * math.log(2 * math.pi))

    def log_prob_and_gradient(
        self, x: torch.Tensor, mean: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of log p(x|z), (), and the gradient of the loss by the means, (n, n_features)."""
        scale = self.scale
        u = mean.sub_(x).div_(scale)
        squares = u.square().sum(0)
        log_scale = scale.log().expand(x.shape[1])
        log_p = -0.5 * squares.sum() - len(x) * (log_scale + 0.5 * math.log(2 * math.pi)).sum()
        d_scale = (len(x) - squares) / scale
        d_scale = d_scale if scale.ndim else d_scale.sum()
        raw_scale: Any = self.raw_scale
        raw_scale.grad.copy_(d_scale * raw_scale.sigmoid())

        return log_p, u.div_(scale)

    def mean(self, mean: torch.Tensor) -> torch.Tensor:
        """E[x|z], (n, n_features)."""
        return mean

    def sample(self, mean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One draw of x given z, (n, n_features)."""
        noise = torch.empty_like(mean).normal_(generator=generator)

        return mean + self.scale * noise


class Poisson(nn.Module):
    """Independent counts; the decoder gives the logarithms of their rates.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.likelihoods import Poisson
    >>> Poisson().log_prob(torch.zeros(1, 2), torch.zeros(1, 2))
    tensor([-2.])
    """

    rarest = 1e-4  # the least rate to begin with, of what the training rows never show

    def output_of_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """Logarithms of the mean counts of the training rows, (n_features,).

        From a rate of 1 the way to the rare words of short texts takes a good part of the fit.
        """
        return mean.clamp(min=self.rarest).log()

    def encoder_input(self, x: torch.Tensor) -> torch.Tensor:
        """Counts on the scale that an encoder sees them on."""
        return torch.log1p(x)

    def log_prob(self, x: torch.Tensor, log_rate: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), summed over features."""
        return self.log_prob_per_feature(x, log_rate).sum(-1)

    def log_prob_per_feature(self, x: torch.Tensor, log_rate: torch.Tensor) -> torch.Tensor:
        """log p(x_j|z) in nats, (n, n_features)."""
        return x * log_rate - log_rate.exp() - torch.lgamma(x + 1)

    def log_prob_and_gradient(
        self, x: torch.Tensor, log_rate: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of log p(x|z), (), and the gradient of the loss by log rates, (n, n_features)."""
        rate = log_rate.exp()
        log_factorials = torch.lgamma(x + 1)
        log_p = torch.dot(x.reshape(-1), log_rate.reshape(-1)) - rate.sum() - log_factorials.sum()

        return log_p, rate.sub_(x)

    def gradient_alone(self, x: torch.Tensor, log_rate: torch.Tensor) -> torch.Tensor:
        """Gradient of the loss by log rates, (n, n_features)."""
        return log_rate.exp_().sub_(x)

    def mean(self, log_rate: torch.Tensor) -> torch.Tensor:
        """E[x|z], (n, n_features)."""
        return log_rate.exp()

    def sample(self, log_rate: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One draw of x given z, (n, n_features)."""
        return torch.poisson(log_rate.exp(), generator=generator)


# By name: what makes one from the number of features.
MODULES: dict[str, Callable[[int], nn.Module]] = {
    "bernoulli": lambda n_features: Bernoulli(),
    "gaussian": lambda n_features: Gaussian(),
    "gaussian_diag": Gaussian,
    "poisson": lambda n_features: Poisson(),
    "negative_binomial": NegativeBinomial,
    "categorical": lambda n_features: Categorical([n_features]),
}


def build_likelihood(
    likelihood: str | Likelihood | Callable[[int], Any] | Blocks, n_features: int
) -> Any:
    """The module that the ``likelihood`` parameter means.

    Parameters
    ----------
    likelihood : str, Likelihood, callable or tuple
        A key of :data:`MODULES`, a description, what makes a module from the number of features, or
        blocks of columns, as :func:`skvae.vae.descriptions.likelihood_of` describes them.
    n_features : int
        Dimension of x.

    Returns
    -------
    module : torch.nn.Module
        Maps x, (n, n_features), and the decoder's output, (n, n_features * outputs_per_feature).

    Raises
    ------
    TypeError
        If a likelihood of the user's does not make a module, or that lacks a method.
    ValueError
        If one of its methods gives another shape, or other numbers than its description or its own
        ``log_prob``.
    """
    if isinstance(likelihood, nn.Module):
        raise TypeError(
            "likelihood= takes a callable that makes the module from the number of features, such "
            f"as its class, got the module {likelihood!r}."
        )
    if isinstance(likelihood, tuple):
        widths = [sum(sizes) for _, sizes in likelihood]
        return BlockLikelihood([_build_block(*block) for block in likelihood], widths)
    description = likelihood_of(likelihood)
    if description.module is None:
        return MODULES[description.name](n_features)
    module = description.module(n_features)
    methods = {"log_prob": "(x, output)", "mean": "(output)", "sample": "(output, generator)"}
    missing = [name for name in methods if not callable(getattr(module, name, None))]
    if not isinstance(module, nn.Module) or missing:
        needed = ", ".join(map("".join, methods.items()))
        raise TypeError(
            f"likelihood= must make a torch.nn.Module with {needed}; got a "
            f"{type(module).__name__} without {' and '.join(missing) or 'nn.Module'}."
        )
    _measure(module, description, n_features)

    return module


def _build_block(likelihood: Any, sizes: tuple[int, ...]) -> Any:
    """The module of a block of columns."""
    if is_categorical(likelihood):
        return Categorical(sizes)
    module = build_likelihood(likelihood, len(sizes))
    if getattr(module, "outputs_per_feature", 1) != 1:
        raise ValueError(
            f"likelihood={likelihood!r} wants {module.outputs_per_feature} outputs of the decoder "
            "for each feature; in a block of columns it can have one."
        )
    return module


def writes_gradient(likelihood: nn.Module) -> bool:
    """Whether a likelihood has ``log_prob_and_gradient``, and of this very ``log_prob``."""
    return is_written_out(likelihood, "log_prob_and_gradient", "log_prob")


def _measure(module: Any, description: Likelihood, n_features: int) -> None:
    """Raise an error unless methods of the user's have the right shapes and agree."""
    n_outputs = n_features * getattr(module, "outputs_per_feature", 1)
    output = torch.zeros(2, n_outputs, dtype=torch.float32)
    with torch.no_grad():
        x = module.sample(output, torch.Generator().manual_seed(0))
        mean = module.mean(output)
        shapes = {
            "sample": (x.shape, (2, n_features)),
            "mean": (mean.shape, (2, n_features)),
            "log_prob": (module.log_prob(x, output).shape, (2,)),
        }
        if offers_per_feature(module):
            found = module.log_prob_per_feature(x, output).shape
            shapes["log_prob_per_feature"] = found, (2, n_features)
    for name, (found, wanted) in shapes.items():
        if tuple(found) != wanted:
            raise ValueError(
                f"{name} of likelihood= gives shape {tuple(found)} for two rows of {n_features} "
                f"features; it must give {wanted}."
            )
    output = torch.linspace(-1, 1, output.numel(), dtype=torch.float32).view_as(output)
    encoder_input = getattr(module, "encoder_input", lambda x: x)
    for name, function, given, right in (
        ("to_encoder", description.to_encoder, x, encoder_input),
        ("to_mean", description.to_mean, output, module.mean),
    ):
        if function is not None:
            with torch.no_grad():
                _check_equal(f"{name} of likelihood=", function(given.numpy()), right(given))
    if offers_per_feature(module):
        with torch.no_grad():
            found, right = module.log_prob_per_feature(x, output).sum(1), module.log_prob(x, output)
            _check_equal("log_prob_per_feature of likelihood=", found.numpy(), right)
    if writes_gradient(module):
        check_written_out(
            "log_prob_and_gradient of likelihood=",
            lambda output: -module.log_prob(x, output).sum(),
            lambda output: _loss_and_gradient(module, x, output),
            [output],
            module,
        )


def _loss_and_gradient(
    module: Any, x: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    log_p, d_output = module.log_prob_and_gradient(x, output)

    return -log_p, [d_output]


def _check_equal(name: str, found: np.ndarray, right: torch.Tensor) -> None:
    if not np.allclose(found, right, rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"{name} does not agree with the module: it gives {np.ravel(found)[:3]} where torch "
            f"says {np.ravel(right)[:3]}."
        )
