"""The priors p(z) that the library brings, with and without labels."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from skvae.vae.descriptions import prior_of
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.prior_bases import (
    GaussianMixturePrior,
    Labels,
    Prior,
    Weight,
    to_array,
    writes_kl_gradient,
)
from skvae.vae.nn.written_out import add_weighted, check_written_out

__all__ = ["MODULES", "ClassMeans", "ClassNormals", "Mixture", "StandardNormal", "build_prior"]


class StandardNormal(Prior):
    """The prior N(0, I), which knows no labels.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import StandardNormal
    >>> StandardNormal().log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    def kl_per_dimension(self, posterior: DiagonalNormal, y: Labels = None) -> torch.Tensor:
        """KL(q || p) in nats for each row and dimension, (n, d), in closed form."""
        return posterior.kl_to_unit_normal(0.0)

    def add_kl_gradient(
        self,
        mean: torch.Tensor,
        std: torch.Tensor,
        y: Labels,
        beta: Weight,
        d_mean: torch.Tensor,
        d_std: torch.Tensor,
    ) -> torch.Tensor:
        """KL(q || p), summed over rows, whose gradients are added."""
        self.add_gradient_alone(mean, std, y, beta, d_mean, d_std)

        return _unit_kl(mean, std)

    def add_gradient_alone(
        self,
        mean: torch.Tensor,
        std: torch.Tensor,
        y: Labels,
        beta: Weight,
        d_mean: torch.Tensor,
        d_std: torch.Tensor,
    ) -> None:
        """Add the gradients of KL(q || p)."""
        if beta is not None:
            _add_unit_kl_gradient(mean, std, beta, d_mean, d_std)

    def log_prob(self, z: torch.Tensor, y: Labels = None) -> torch.Tensor:
        """log p(z) in nats, (n,)."""
        return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)


class _LearnedScales(GaussianMixturePrior):
    """A mixture that learns its standard deviations, above a floor."""

    scale_floor = 1e-2

    def _start_scales(self, shape: tuple[int, int], scale: float) -> None:
        raw_scale = math.log(math.expm1(scale - self.scale_floor))
        self.raw_scales = nn.Parameter(torch.full(shape, raw_scale, dtype=torch.float32))

    def scales(self) -> torch.Tensor:
        """Standard deviations, (K, d)."""
        return self.scale_floor + functional.softplus(self.raw_scales)


class ClassMeans(GaussianMixturePrior):
    """The prior N(mu_y, I) with one learned mean for each class.

    Without a label it is the mixture sum_y p(y) N(mu_y, I), p(y) the class frequencies. Only the
    prior sees the labels, so the encoder works without them.

    Parameters
    ----------
    n_classes, n_components : int
        Number of means and their dimension. They start at zero.

    References
    ----------
    J. Su, "Variational autoencoders, part 2", kexue.fm/archives/5253, 2018.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import ClassMeans
    >>> prior = ClassMeans(n_classes=10, n_components=2)
    >>> prior.log_prob(torch.zeros(1, 2), torch.tensor([3])).detach()
    tensor([-1.8379])
    """

    # The means travel several units, weights a fraction of one, and a step is about the rate.
    lr_ratio = 10.0
    gradient_needs_labels = True
    log_frequencies: torch.Tensor

    def __init__(self, n_classes: int, n_components: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.zeros(n_classes, n_components, dtype=torch.float32))
        uniform = torch.full((n_classes,), -math.log(n_classes), dtype=torch.float32)
        self.register_buffer("log_frequencies", uniform)

    def fitted_attributes(self) -> dict[str, np.ndarray]:
        """``class_means_``."""
        return {"class_means_": to_array(self.means)}

    def add_kl_gradient(
        self,
        mean: torch.Tensor,
        std: torch.Tensor,
        y: Labels,
        beta: Weight,
        d_mean: torch.Tensor,
        d_std: torch.Tensor,
    ) -> torch.Tensor:
        """KL(q || p(z|y)), summed over rows; its gradients are added, that of the means is set."""
        u = mean - self.means[y]
        if beta is not None:
            _add_unit_kl_gradient(u, std, beta, d_mean, d_std)
            self.means.grad.zero_().index_add_(0, y, u * -beta)

        return _unit_kl(u, std)

    def known_components(self, y: Labels) -> Labels:
        """A class is a component."""
        return y

    def log_weights(self) -> torch.Tensor:
        """log p(y), (K,)."""
        return self.log_frequencies

    def scales(self) -> torch.Tensor:
        """Ones, (K, d)."""
        return torch.ones_like(self.means)


class ClassNormals(_LearnedScales, ClassMeans):
    """The prior N(mu_y, diag s_y^2) with a learned mean and learned variances for each class.

    As :class:`ClassMeans`, with which it starts.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import ClassNormals
    >>> prior = ClassNormals(n_classes=10, n_components=2)
    >>> prior.log_prob(torch.zeros(1, 2), torch.tensor([3])).detach()
    tensor([-1.8379])
    """

    lr_ratio = 3.0
    add_kl_gradient: Any = None  # that of variances is left to autograd

    def __init__(self, n_classes: int, n_components: int) -> None:
        super().__init__(n_classes, n_components)
        self._start_scales((n_classes, n_components), 1.0)

    def fitted_attributes(self) -> dict[str, np.ndarray]:
        """``class_means_`` and ``class_variances_``."""
        variances = to_array(self.scales() ** 2)

        return super().fitted_attributes() | {"class_variances_": variances}


class Mixture(_LearnedScales):
    """A Gaussian mixture with diagonal covariances, all of it learned with the networks.

    Its components are no classes, so that labels tell it nothing.

    Parameters
    ----------
    n_prior_components, n_components : int
        Number of Gaussians and their dimension.

    Notes
    -----
    :meth:`draw_parameters` spreads the means so that the mixture has about the moments of N(0, I)
    and its components hardly overlap in more than a few dimensions; the warm-up then gives the
    posteriors time to spread over them. Scales have a floor, below which a component could shrink
    onto a point.

    References
    ----------
    Z. Jiang et al., "Variational deep embedding: an unsupervised and generative approach to
    clustering", IJCAI 2017.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import Mixture
    >>> prior = Mixture(n_prior_components=5, n_components=2)
    >>> prior.draw_parameters(torch.Generator().manual_seed(0))
    >>> prior.log_prob(torch.zeros(3, 2)).shape
    torch.Size([3])
    """

    # Steps as long as those of class means let one component win all rows while these are alike.
    lr_ratio = 1.0

    def __init__(self, n_prior_components: int, n_components: int) -> None:
        super().__init__()
        shape = n_prior_components, n_components
        self.logits = nn.Parameter(torch.zeros(n_prior_components, dtype=torch.float32))
        self.means = nn.Parameter(torch.zeros(shape, dtype=torch.float32))
        self._start_scales(shape, math.sqrt(0.5))

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw the means from N(0, I / 2), half of the variance; the scales have the other half."""
        nn.init.normal_(self.means, std=math.sqrt(0.5), generator=generator)

    def log_weights(self) -> torch.Tensor:
        """log w_k, (K,)."""
        return self.logits.log_softmax(0)


def _normal(model: Any) -> Prior:
    return ClassMeans(model.n_classes, model.n_components) if _by_class(model) else StandardNormal()


def _mixture(model: Any) -> Prior:
    if _by_class(model):
        return ClassNormals(model.n_classes, model.n_components)

    return Mixture(model.n_prior_components, model.n_components)


def _by_class(model: Any) -> bool:
    return model.n_classes is not None and not model.labels_in_decoder


# By name: what makes one for a model.
MODULES: dict[str, Callable[[Any], Prior]] = {"normal": _normal, "mixture": _mixture}


def build_prior(prior: str | Callable[[Any], Any], model: Any) -> Prior:
    """The module that the ``prior`` parameter means.

    Parameters
    ----------
    prior : str or callable
        A key of :data:`MODULES`, or what makes a :class:`Prior` for a model.
    model : VAE
        With encoder, decoder and likelihood. A prior may keep its method ``posterior``, which
        encodes rows, and its numbers such as ``n_features`` and ``n_components``.

    Returns
    -------
    module : Prior

    Raises
    ------
    TypeError
        If what the user's callable makes is no prior.
    ValueError
        If one of its methods gives another shape.
    """
    description = prior_of(prior)
    if description.module is None:
        return MODULES[description.name](model)
    module = description.module(model)
    if not isinstance(module, Prior):
        raise TypeError(
            "prior= must be a callable that makes a skvae.parts.Prior for a model, such as its "
            f"class; got a {type(module).__name__}."
        )
    _measure(module, model.n_components)

    return module


def _measure(prior: Prior, n_components: int) -> None:
    """Raise an error unless answers of the user's prior have the right shapes and agree."""
    z = torch.linspace(-1, 1, 2 * n_components, dtype=torch.float32).view(2, n_components)
    posterior = DiagonalNormal(z, 1.5 + z)
    with torch.no_grad():
        for name, answer, wanted in (
            ("kl", prior.kl(posterior), z.shape[:1]),
            ("kl_per_dimension", prior.kl_per_dimension(posterior), z.shape),
            ("log_prob", prior.log_prob(z), z.shape[:1]),
        ):
            if answer.shape != wanted:
                raise ValueError(
                    f"{name} of prior= gives shape {tuple(answer.shape)} for two rows; it must "
                    f"give {tuple(wanted)}."
                )
    if writes_kl_gradient(prior, None):
        check_written_out(
            "add_kl_gradient of prior=",
            lambda mean, std: prior.kl(DiagonalNormal(mean, std)).sum(),
            lambda mean, std: _kl_and_gradients(prior, mean, std),
            [posterior.mean, posterior.std],
            prior,
        )


def _kl_and_gradients(
    prior: Any, mean: torch.Tensor, std: torch.Tensor
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    gradients = [torch.zeros_like(mean), torch.zeros_like(std)]

    return prior.add_kl_gradient(mean, std, None, 1.0, *gradients), gradients


def _add_unit_kl_gradient(
    u: torch.Tensor,
    std: torch.Tensor,
    beta: float | torch.Tensor,
    d_mean: torch.Tensor,
    d_std: torch.Tensor,
) -> None:
    """Add the gradients of KL(N(u, diag std^2) || N(0, I))."""
    add_weighted(d_mean, u, beta)
    add_weighted(d_std, std - std.reciprocal(), beta)


def _unit_kl(u: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """KL(N(u, diag std^2) || N(0, I)), summed over rows."""
    squares = std.square().addcmul_(u, u)

    return 0.5 * (squares.sum() - u.numel()) - std.log().sum()
