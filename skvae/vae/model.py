"""The composition of encoder, decoder, likelihood and prior, and its form as numpy arrays."""

from functools import partial

import numpy as np
import torch
from torch import nn

from skvae.vae.likelihoods import LIKELIHOODS
from skvae.vae.networks import build_networks, initialize
from skvae.vae.posteriors import DiagonalNormal
from skvae.vae.priors import ClassMeans, Mixture, StandardNormal

__all__ = ["VAE", "load_arrays", "to_arrays"]


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
    likelihood : str
        Key of :data:`skvae.vae.likelihoods.LIKELIHOODS`.
    n_classes : int or None
        Number of class means in the prior; None is the standard normal prior.
    network : {"mlp", "conv"} or pair of callables, default="mlp"
        As in :func:`skvae.vae.networks.build_networks`.
    image_shape : tuple of int or None, default=None
        (height, width, channels), for ``"conv"``.
    n_prior_components : int or None, default=None
        Gaussians of a learned mixture as the prior.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.model import VAE
    >>> model = VAE(8, 2, (5,), "relu", "bernoulli", None)
    >>> model.draw_parameters(torch.Generator().manual_seed(0))
    >>> model.posterior(torch.zeros(3, 8)).mean.shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_features,
        n_components,
        hidden_layer_sizes,
        activation,
        likelihood,
        n_classes,
        network="mlp",
        image_shape=None,
        n_prior_components=None,
    ):
        super().__init__()
        self.n_components = n_components
        self._networks = partial(
            build_networks,
            network,
            n_features,
            n_components,
            hidden_layer_sizes,
            activation,
            image_shape,
        )
        self._own_networks = not isinstance(network, str)
        self._build(0)
        self.likelihood = LIKELIHOODS[likelihood](n_features)
        if n_prior_components is not None:
            self.prior = Mixture(n_prior_components, n_components)
        elif n_classes is not None:
            self.prior = ClassMeans(n_classes, n_components)
        else:
            self.prior = StandardNormal()

    def _build(self, seed):
        if not self._own_networks:
            self.encoder, self.decoder = self._networks()
            return
        # The user's modules draw their first weights from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.encoder, self.decoder = self._networks()

    def draw_parameters(self, generator):
        """Set the initial weights and prior; the user's own networks are made anew."""
        if self._own_networks:
            self._build(generator.initial_seed())
        else:
            initialize(self.encoder, generator)
            initialize(self.decoder, generator)
        self.prior.draw_parameters(generator)

    def posterior(self, x):
        """q(z|x) for rows x of shape (n, n_features)."""
        return DiagonalNormal.from_network(self.encoder(self.encoder_input(x)))

    def encoder_input(self, x):
        """What the encoder sees of rows that the likelihood describes."""
        scaled = getattr(self.likelihood, "encoder_input", None)

        return x if scaled is None else scaled(x)

    def log_likelihood(self, x, z):
        """log p(x|z) in nats, (n,)."""
        return self.likelihood.log_prob(x, self.decoder(z))

    def decode(self, z):
        """E[x|z], (n, n_features)."""
        return self.likelihood.mean(self.decoder(z))


def to_arrays(module):
    """Copy a module's state into numpy arrays, name -> ndarray."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()
    }


def load_arrays(module, arrays):
    """Copy numpy arrays, read-only ones too, into a module; returns it."""
    module.load_state_dict({name: torch.tensor(np.asarray(a)) for name, a in arrays.items()})

    return module
