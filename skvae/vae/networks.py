"""Multi-layer perceptrons, initialised as Glorot and Bengio (2010) from a private generator."""

import torch
from torch import nn

__all__ = ["ACTIVATIONS", "initialize", "mlp"]

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def mlp(sizes, activation):
    """Linear layers of the given widths with an activation between each two.

    The weights are left unset: see :func:`initialize`. torch's global generator is not touched.

    Parameters
    ----------
    sizes : sequence of int
        Widths, the input's first and the output's last.
    activation : {"relu", "tanh"}
        Nonlinearity between layers; the output is linear.

    Returns
    -------
    network : torch.nn.Sequential
        Maps (n, sizes[0]) to (n, sizes[-1]).

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.networks import mlp
    >>> mlp([784, 200, 64], "relu")(torch.zeros(5, 784)).shape
    torch.Size([5, 64])
    """
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=torch.float32)]
        layers += [ACTIVATIONS[activation]()]

    return nn.Sequential(*layers[:-1])


@torch.no_grad()
def initialize(network, generator):
    """Draw Xavier-uniform weights and set biases to zero, in place.

    Parameters
    ----------
    network : torch.nn.Module
        Every linear layer inside is set.
    generator : torch.Generator
        The only source of randomness.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
