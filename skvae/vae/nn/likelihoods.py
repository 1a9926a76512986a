"""Likelihoods p(x|z): what the decoder's output means.

A likelihood is a module with ``log_prob``, ``mean`` and ``sample``; it owns the parameters that
the decoder does not compute, such as a noise scale. Optional are ``encoder_input``,
``outputs_per_feature``, the number of adjacent outputs of the decoder for each feature, and
``output_of_mean``, where the decoder begins.
"""

import math

import torch
from torch import nn
from torch.nn import functional

__all__ = ["LIKELIHOODS", "Bernoulli", "Gaussian", "Poisson", "build_likelihood"]


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

    def log_prob(self, x, logits):
        """log p(x|z) in nats, (n,), summed over features."""
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="none")

        return -cross_entropy.sum(-1)

    def mean(self, logits):
        """E[x|z], (n, n_features)."""
        return logits.sigmoid()

    def sample(self, logits, generator):
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

    def __init__(self, n_features=1):
        super().__init__()
        raw_scale = math.log(math.expm1(1 - self.scale_floor))
        shape = () if n_features == 1 else (n_features,)
        self.raw_scale = nn.Parameter(torch.full(shape, raw_scale, dtype=torch.float32))

    @property
    def scale(self):
        """Standard deviation of the noise, which starts at 1: a scalar, or one per feature."""
        return self.scale_floor + functional.softplus(self.raw_scale)

    def log_prob(self, x, mean):
        """log p(x|z) in nats, (n,), summed over features."""
        scale = self.scale.expand(x.shape[-1])
        u = (x - mean) / scale

        return -0.5 * u.square().sum(-1) - (scale.log() + 0.5 * math.log(2 * math.pi)).sum()

    def mean(self, mean):
        """E[x|z], (n, n_features)."""
        return mean

    def sample(self, mean, generator):
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

    def output_of_mean(self, mean):
        """Logarithms of the mean counts of the training rows, (n_features,).

        From a rate of 1 the way to the rare words of short texts takes a good part of the fit.
        """
        return mean.clamp(min=self.rarest).log()

    def encoder_input(self, x):
        """Counts on the scale that an encoder sees them on."""
        return torch.log1p(x)

    def log_prob(self, x, log_rate):
        """log p(x|z) in nats, (n,), summed over features."""
        return (x * log_rate - log_rate.exp() - torch.lgamma(x + 1)).sum(-1)

    def mean(self, log_rate):
        """E[x|z], (n, n_features)."""
        return log_rate.exp()

    def sample(self, log_rate, generator):
        """One draw of x given z, (n, n_features)."""
        return torch.poisson(log_rate.exp(), generator=generator)


# By name: what makes one from the number of features.
LIKELIHOODS = {
    "bernoulli": lambda n_features: Bernoulli(),
    "gaussian": lambda n_features: Gaussian(),
    "gaussian_diag": Gaussian,
    "poisson": lambda n_features: Poisson(),
}


def build_likelihood(likelihood, n_features):
    """The module that the ``likelihood`` parameter means.

    Parameters
    ----------
    likelihood : str or callable
        A key of :data:`LIKELIHOODS`, or what makes a module from the number of features.
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
        If one of its methods gives another shape.
    """
    if isinstance(likelihood, str):
        return LIKELIHOODS[likelihood](n_features)
    if isinstance(likelihood, nn.Module):
        raise TypeError(
            "likelihood= takes a callable that makes the module from the number of features, such "
            f"as its class, got the module {likelihood!r}."
        )
    module = likelihood(n_features)
    methods = {"log_prob": "(x, output)", "mean": "(output)", "sample": "(output, generator)"}
    missing = [name for name in methods if not callable(getattr(module, name, None))]
    if not isinstance(module, nn.Module) or missing:
        needed = ", ".join(map("".join, methods.items()))
        raise TypeError(
            f"likelihood= must make a torch.nn.Module with {needed}; got a "
            f"{type(module).__name__} without {' and '.join(missing) or 'nn.Module'}."
        )
    output = torch.zeros(2, n_features * getattr(module, "outputs_per_feature", 1))
    with torch.no_grad():
        x = module.sample(output, torch.Generator().manual_seed(0))
        shapes = {
            "sample": (x.shape, (2, n_features)),
            "mean": (module.mean(output).shape, (2, n_features)),
            "log_prob": (module.log_prob(x, output).shape, (2,)),
        }
    for name, (found, wanted) in shapes.items():
        if tuple(found) != wanted:
            raise ValueError(
                f"{name} of likelihood= gives shape {tuple(found)} for two rows of {n_features} "
                f"features; it must give {wanted}."
            )
    return module
