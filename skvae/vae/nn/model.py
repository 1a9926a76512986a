"""The composition of encoder, decoder, likelihood and prior, and its form as numpy arrays."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from skvae.vae.descriptions import is_own_likelihood, network_of, prior_of
from skvae.vae.nn.block_likelihood import BlockLikelihood
from skvae.vae.nn.draws import ModuleDraws, float32_by_default
from skvae.vae.nn.likelihoods import build_likelihood
from skvae.vae.nn.missing import encoder_view, log_prob_of_observed
from skvae.vae.nn.networks import build_networks, initialize, least_rows
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.principal_start import NOISE, carries, principal_maps, start_as
from skvae.vae.nn.prior_bases import log_marginal
from skvae.vae.nn.priors import build_prior
from skvae.vae.part_types import Likelihood, Network, NetworkSizes

__all__ = ["VAE", "load_arrays", "to_arrays"]

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class VAE(nn.Module):
    """A variational autoencoder, its parameters unset until drawn or loaded.

    Parameters
    ----------
    n_features, n_components : int
        Dimensions of x and z.
    hidden_layer_sizes : sequence of int
        Widths of the encoder's hidden layers; the decoder has them reversed.
    activation : {"relu", "tanh"}
        Nonlinearity of the hidden layers.
    likelihood : str, Likelihood or callable
        As in :func:`skvae.vae.nn.likelihoods.build_likelihood`.
    n_classes : int or None
        Number of classes; None is a model without labels.
    network : str, Network or pair of callables, default="mlp"
        As in :func:`skvae.vae.nn.networks.build_networks`.
    image_shape : tuple of int or None, default=None
        (height, width, channels), for ``"conv"``.
    n_prior_components : int or None, default=None
        Gaussians of ``prior="mixture"``.
    labels_in_decoder : bool, default=False
        Whether the decoder sees [z | indicator of the class]; else the prior knows the classes.
    prior : str or callable, default="normal"
        As in :func:`skvae.vae.nn.priors.build_prior`.
    sees_mask : bool, default=False
        Whether the encoder sees [x | which of it is observed].
    n_conditions : int, default=0
        Width of conditions c, which stand in the place of class numbers where there are some: the
        decoder sees [z | c].

    Attributes
    ----------
    marginalises : bool
        Whether NaN in rows is a missing value, which the likelihood leaves out and the encoder sees
        as 0. Otherwise rows have none.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.model import VAE
    >>> model = VAE(8, 2, (5,), "relu", "bernoulli", None)
    >>> model.draw_parameters(torch.Generator().manual_seed(0))
    >>> model.posterior(torch.zeros(3, 8)).mean.shape
    torch.Size([3, 2])
    """

    encoder: Any
    decoder: Any
    likelihood: Any
    prior: Any
    log_frequencies: torch.Tensor

    def __init__(
        self,
        n_features: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        likelihood: str | Likelihood | Callable[[int], Any],
        n_classes: int | None,
        network: str | Network | Sequence[Callable[[int, int], Any]] = "mlp",
        image_shape: Sequence[int] | None = None,
        n_prior_components: int | None = None,
        labels_in_decoder: bool = False,
        prior: str | Callable[[Any], Any] = "normal",
        sees_mask: bool = False,
        n_conditions: int = 0,
    ) -> None:
        super().__init__()
        self.n_conditions = n_conditions
        self.sees_mask, self.marginalises = sees_mask, False
        self.n_features = n_features
        self.n_components = n_components
        self.n_classes = n_classes
        self.n_prior_components = n_prior_components
        self.labels_in_decoder = labels_in_decoder
        self._sizes = partial(
            NetworkSizes,
            n_features,
            n_components,
            hidden_layer_sizes,
            activation,
            image_shape,
            self._n_labels(),
            sees_mask=sees_mask,
        )
        self._parts = likelihood, network, prior
        self._own_networks = network_of(network).modules is not None
        self._own_likelihood = is_own_likelihood(likelihood)
        own_prior = prior_of(prior).module is not None
        self.has_user_modules = self._own_networks or self._own_likelihood or own_prior
        self._build(0)
        if labels_in_decoder:
            assert n_classes is not None
            uniform = torch.full((n_classes,), -math.log(n_classes), dtype=torch.float32)
            self.register_buffer("log_frequencies", uniform)

    def _build(self, seed: int) -> None:
        # The user's modules draw their first weights from torch's global generator.
        draws = ModuleDraws(torch.device("cpu"), seed)() if self.has_user_modules else nullcontext()
        likelihood, network, prior = self._parts
        with draws, float32_by_default():
            self.likelihood = build_likelihood(likelihood, self.n_features)
            n_outputs = getattr(self.likelihood, "outputs_per_feature", 1)
            sizes = self._sizes(outputs_per_feature=n_outputs)
            self.encoder, self.decoder = build_networks(network, sizes)
            self.prior = build_prior(prior, self)

    def _n_labels(self) -> int:
        return (self.n_classes or 0) if self.labels_in_decoder else self.n_conditions

    def _encoder_width(self) -> int:
        return self.n_features * (2 if self.sees_mask else 1)

    def _decoder_width(self) -> int:
        return self.n_components + self._n_labels()

    def least_rows(self) -> int:
        """Rows that a step of training needs: 2 where the user's modules normalise over a batch."""
        if not self._own_networks:
            return 1
        with ModuleDraws(next(self.parameters()).device, 0)():
            return max(
                least_rows(self.encoder, self._encoder_width()),
                least_rows(self.decoder, self._decoder_width()),
            )

    @torch.no_grad()
    def draws_in_use(self) -> bool:
        """Whether the user's modules draw random numbers of their own when they are not trained."""
        if not self.has_user_modules:
            return False
        parts = (self.encoder, self.decoder, self.likelihood, self.prior)
        modules = (type(module).__module__ for part in parts for module in part.modules())
        if all(name.startswith(("torch.nn.", "skvae.")) for name in modules):
            return False  # none of those does
        self.eval()
        like = next(self.parameters())
        draws = ModuleDraws(like.device, 0)
        with draws():
            output = self.decoder(like.new_zeros(2, self._decoder_width()))
            if self._own_networks:
                self.encoder(like.new_zeros(2, self._encoder_width()))
            if self._own_likelihood:
                x = self.likelihood.sample(output, torch.Generator(like.device).manual_seed(0))
                self.likelihood.log_prob(x, output)

        return not draws.untouched

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Set the initial weights and prior; the user's own modules are made anew."""
        if self.has_user_modules:
            self._build(generator.initial_seed())
        if not self._own_networks:
            initialize(self.encoder, generator)
            initialize(self.decoder, generator)
        self.prior.draw_parameters(generator)

    @property
    def begins_at_mean(self) -> bool:
        """Whether the likelihood says where to begin, and one bias per feature can."""
        linear = not self._own_networks and isinstance(self.decoder[-1], nn.Linear)

        return linear and hasattr(self.likelihood, "output_of_mean")

    def start_at(self, mean: torch.Tensor) -> None:
        """Let the decoder begin at the mean of the rows, (n_features,)."""
        self.decoder[-1].bias.data.copy_(self.likelihood.output_of_mean(mean))

    @property
    def begins_at_components(self) -> bool:
        """Whether the networks can begin at principal components: those of blocks of columns."""
        if self._own_networks or not isinstance(self.likelihood, BlockLikelihood):
            return False

        return all(carries(part, self.n_components) for part in (self.encoder, self.decoder))

    @torch.no_grad()
    def start_at_components(self, x: torch.Tensor, weights: np.ndarray | None) -> None:
        """Let the networks begin at the principal components of rows, (n, n_features).

        Columns whose output does not say how it follows their mean have no part in them.
        """
        mean, k = x.nanmean(0).nan_to_num(), self.n_components
        slope = self.likelihood.slope_at_mean(mean)
        told = torch.where(x.isnan(), mean, x) * (slope > 0)
        maps = principal_maps(told.numpy(), k, weights)
        raw_std = np.log(np.expm1(maps.std))  # softplus gives the std
        start_as(
            self.encoder,
            maps.to_latent,
            -maps.to_latent @ maps.mean,
            np.eye(2 * k, k),
            np.concatenate([np.zeros(k), raw_std]),
        )
        to_output = slope.numpy()[:, None] * maps.from_latent
        start_as(
            self.decoder, np.eye(k), np.zeros(k), to_output, self.decoder[-1].bias.numpy().copy()
        )
        self.likelihood.begin_with_noise(NOISE)

    def reading(self, x: np.ndarray) -> "VAE":
        """This model, as it reads such rows: one that marginalises where a value is missing."""
        if self.marginalises or not np.isnan(x).any():
            return self
        model = copy.copy(self)  # of the same modules
        model.marginalises = True

        return model

    def posterior(self, x: torch.Tensor) -> DiagonalNormal:
        """q(z|x) for rows x of shape (n, n_features)."""
        return DiagonalNormal.from_network(self.encoder(self.encoder_input(x)))

    def encoder_input(self, x: torch.Tensor) -> torch.Tensor:
        """What the encoder sees of rows that the likelihood describes."""
        scaled = getattr(self.likelihood, "encoder_input", None)
        if self.marginalises or self.sees_mask:
            return encoder_view(x, scaled or (lambda x: x), self.sees_mask)

        return x if scaled is None else scaled(x)

    def set_class_frequencies(self, frequencies: np.ndarray) -> None:
        """Set p(y) from an array of shape (n_classes,)."""
        owner = self if self.labels_in_decoder else self.prior
        smallest = np.finfo(np.float32).tiny
        owner.log_frequencies.copy_(torch.from_numpy(np.log(np.maximum(frequencies, smallest))))

    def decoder_input(self, z: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """What the decoder sees of z, (n, d), and of known classes (n,) or conditions (n, m), y."""
        if self.n_conditions:
            assert y is not None
            return torch.cat([z, y.to(z.dtype)], dim=1)
        if not self.labels_in_decoder:
            return z
        assert y is not None and self.n_classes is not None
        return torch.cat([z, functional.one_hot(y, self.n_classes).to(z.dtype)], dim=1)

    def log_likelihood(
        self, x: torch.Tensor, z: torch.Tensor, y: torch.Tensor | None = None
    ) -> torch.Tensor:
        """log p(x|z, y) in nats, (n,); log sum_y p(y) p(x|z, y) where the decoder lacks y."""
        if not self.labels_in_decoder or (y is not None and bool((y >= 0).all())):
            return self.log_prob(x, self.decoder(self.decoder_input(z, y)))
        classes = torch.arange(self._n_labels(), device=z.device)[:, None].expand(-1, len(z))
        by_class = torch.stack([self.log_likelihood(x, z, k) for k in classes], dim=1)

        return log_marginal(by_class, self.log_frequencies, y)

    def log_prob(self, x: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), from the decoder's output."""
        if self.marginalises:
            return log_prob_of_observed(self.likelihood, x, output)
        log_prob: torch.Tensor = self.likelihood.log_prob(x, output)

        return log_prob

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """E[x] for rows of what the decoder sees, (n, n_features)."""
        mean: torch.Tensor = self.likelihood.mean(self.decoder(z))
        return mean


def to_arrays(module: nn.Module) -> dict[str, np.ndarray]:
    """Copy a module's state into numpy arrays, name -> ndarray."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()
    }


def load_arrays(module: AnyModule, arrays: Mapping[str, np.ndarray]) -> AnyModule:
    """Copy numpy arrays, read-only ones too, into a module; returns it."""
    module.load_state_dict({name: torch.tensor(np.asarray(a)) for name, a in arrays.items()})

    return module
