"""Encoders and decoders, initialised as Glorot and Bengio (2010) from a private generator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from skvae.vae.descriptions import network_of
from skvae.vae.numpy_networks import Layer
from skvae.vae.part_types import Network, NetworkSizes

__all__ = [
    "ACTIVATIONS",
    "MODULES",
    "ToRows",
    "build_networks",
    "convolutional",
    "initialize",
    "least_rows",
    "mlp",
]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}

_NAMES = "encoder", "decoder"

# Of the convolutions, each of which halves height and width.
_CHANNELS = 32, 64


def mlp(sizes: Sequence[int], activation: str) -> nn.Sequential:
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
    >>> from skvae.vae.nn.networks import mlp
    >>> mlp([784, 200, 64], "relu")(torch.zeros(5, 784)).shape
    torch.Size([5, 64])
    """
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [_unset(nn.Linear, n_in, n_out), ACTIVATIONS[activation]()]

    return nn.Sequential(*layers[:-1])


def convolutional(
    image_shape: Sequence[int],
    hidden_layer_sizes: Sequence[int],
    n_components: int,
    activation: str,
    n_labels: int = 0,
    outputs_per_feature: int = 1,
) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder of images: two convolutions with stride 2, and linear layers.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width, channels) of the images that rows of pixels stand for; any size.
    hidden_layer_sizes : sequence of int
        Widths between the convolutions and z; the decoder has them reversed.
    n_components : int
        Dimension of z.
    activation : {"relu", "tanh"}
        Nonlinearity between layers.
    n_labels : int, default=0
        Inputs of the decoder behind z.
    outputs_per_feature : int, default=1
        Outputs of the decoder for each feature, next to each other.

    Returns
    -------
    encoder, decoder : torch.nn.Sequential
        Rows (n, h * w * c) to (n, 2 n_components), and (n, n_components + n_labels) to rows.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.networks import convolutional
    >>> encoder, decoder = convolutional((7, 10, 3), (20,), 4, "relu")
    >>> encoder(torch.zeros(2, 210)).shape, decoder(torch.zeros(2, 4)).shape
    (torch.Size([2, 8]), torch.Size([2, 210]))
    """
    height, width, n_channels = image_shape
    channels = [n_channels, *_CHANNELS]
    sizes = [(height, width)]
    encoder: list[nn.Module] = [_ToImage(image_shape)]
    decoder: list[nn.Module] = []
    for n_in, n_out in zip(channels[:-1], channels[1:], strict=True):
        h, w = sizes[-1]
        sizes.append((-(-h // 2), -(-w // 2)))
        encoder += [_unset(nn.Conv2d, n_in, n_out, 3, stride=2, padding=1)]
        encoder += [ACTIVATIONS[activation]()]
        # An even size comes back with one more row or column than twice the half less one.
        padding = (1 - h % 2, 1 - w % 2)
        n_up = n_in if decoder else n_in * outputs_per_feature
        up = _unset(nn.ConvTranspose2d, n_out, n_up, 3, stride=2, padding=1, output_padding=padding)
        decoder = [ACTIVATIONS[activation](), up, *decoder]
    flat = channels[-1] * sizes[-1][0] * sizes[-1][1]
    hidden = list(hidden_layer_sizes)
    encoder += [nn.Flatten(), *mlp([flat, *hidden, 2 * n_components], activation)]
    head = mlp([n_components + n_labels, *hidden[::-1], flat], activation)
    unflatten = nn.Unflatten(1, (channels[-1], *sizes[-1]))

    return nn.Sequential(*encoder), nn.Sequential(*head, unflatten, *decoder, ToRows())


class _ToImage(nn.Module):
    """Rows of pixels, channels last, to (n, c, h, w)."""

    def __init__(self, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, *self.image_shape).permute(0, 3, 1, 2)


class ToRows(nn.Module):
    """(n, c, h, w) to rows of pixels, channels last."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def _unset(layer: type[nn.Module], *args: int, **kwargs: Any) -> Any:
    return nn.utils.skip_init(layer, *args, dtype=torch.float32, **kwargs)


def _mlps(sizes: NetworkSizes) -> list[nn.Module]:
    hidden = list(sizes.hidden_layer_sizes)
    (n_in, n_posterior), (n_latent, n_out) = sizes.of_encoder, sizes.of_decoder

    return [
        mlp([n_in, *hidden, n_posterior], sizes.activation),
        mlp([n_latent, *hidden[::-1], n_out], sizes.activation),
    ]


def _convolutions(sizes: NetworkSizes) -> Sequence[nn.Module]:
    assert sizes.image_shape is not None
    return convolutional(
        sizes.image_shape,
        sizes.hidden_layer_sizes,
        sizes.n_components,
        sizes.activation,
        sizes.n_labels,
        sizes.outputs_per_feature,
    )


# By name: what makes encoder and decoder, their weights unset.
MODULES: dict[str, Callable[[NetworkSizes], Sequence[nn.Module]]] = {
    "mlp": _mlps,
    "conv": _convolutions,
}


def build_networks(
    network: str | Network | Sequence[Callable[[int, int], Any]], sizes: NetworkSizes
) -> list[nn.Module]:
    """Encoder and decoder that the ``network`` parameter means.

    Parameters
    ----------
    network : str, Network or pair of callables
        A key of :data:`MODULES`, a description, or a pair that makes the modules:
        ``encoder(n_features, 2 * n_components)`` and
        ``decoder(n_components + n_labels, n_features * outputs_per_feature)``, each of which maps
        rows to rows.
    sizes : NetworkSizes
        What they have to fit.

    Returns
    -------
    encoder, decoder : torch.nn.Module

    Raises
    ------
    TypeError
        If the user's part does not make modules.
    ValueError
        If a module of the user's takes or gives rows of another width, or other numbers than the
        layers in numpy.
    """
    description = network_of(network)
    if description.modules is None:
        return list(MODULES[description.name](sizes))
    if not isinstance(network, Network):
        _refuse_modules(network, sizes)
    modules, widths = [], (sizes.of_encoder, sizes.of_decoder)
    # One after the other: a pair of callables makes the decoder when the encoder is measured.
    for name, module, (n_in, n_out) in zip(_NAMES, description.modules(sizes), widths, strict=True):
        _measure(name, module, n_in, n_out)
        if description.numpy_layers is not None:
            _check_layers(name, module, n_in, description.numpy_layers, sizes.activation)
        modules.append(module.train())

    return modules


def _refuse_modules(network: Sequence[Any], sizes: NetworkSizes) -> None:
    """Raise an error where a pair holds modules, whose weights would be those of another fit."""
    for name, part, widths in zip(
        _NAMES, network, (sizes.of_encoder, sizes.of_decoder), strict=True
    ):
        if isinstance(part, nn.Module):
            raise _no_module(name, part, *widths)


def _no_module(name: str, found: Any, n_in: int, n_out: int) -> TypeError:
    return TypeError(
        f"The {name} of network= must be a callable that makes a torch.nn.Module of "
        f"({n_in}, {n_out}), such as a class of modules, got {found!r}."
    )


def _measure(name: str, module: Any, n_in: int, n_out: int) -> None:
    """Raise an error unless a module of the user's takes and gives rows of the right width."""
    if not isinstance(module, nn.Module):
        raise _no_module(name, module, n_in, n_out)
    x = torch.zeros(2, n_in, dtype=torch.float32)
    try:
        with torch.no_grad():
            shape = tuple(module.eval()(x).shape)
    except RuntimeError as error:
        raise ValueError(
            f"The {name} of network= must take float32 rows of {n_in} numbers: {error}."
        ) from error
    if shape != (2, n_out):
        raise ValueError(
            f"The {name} of network= maps rows of {n_in} numbers to shape {shape} for two rows; "
            f"it must give (2, {n_out})."
        )


@torch.no_grad()
def _check_layers(
    name: str,
    module: nn.Module,
    n_in: int,
    numpy_layers: Callable[[Mapping[str, np.ndarray], str], list[Layer]],
    activation: str,
) -> None:
    """Raise an error unless layers in numpy give what a module of the user's gives."""
    x = torch.linspace(-1, 1, 2 * n_in, dtype=torch.float32).view(2, n_in)
    right, h = module(x).numpy(), x.numpy().T.copy()
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    for layer in numpy_layers(weights, activation):
        h = layer(h)
    if h.T.shape != right.shape or not np.allclose(h.T, right, rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"numpy_layers of network= do not agree with the {name}: they give "
            f"{h.T.ravel()[:3]} where the module says {right.ravel()[:3]}."
        )


@torch.no_grad()
def least_rows(module: nn.Module, n_in: int) -> int:
    """Rows that a module needs in training at least: 2 where it normalises over a batch, else 1.

    It is tried, with draws from torch's global generator.

    Parameters
    ----------
    module : torch.nn.Module
        Its buffers are left as they are.
    n_in : int
        Width of its input.

    Returns
    -------
    n : int

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.networks import least_rows
    >>> least_rows(torch.nn.BatchNorm1d(3), 3), least_rows(torch.nn.LayerNorm(3), 3)
    (2, 1)
    """
    like = next(module.parameters(), torch.zeros(0, dtype=torch.float32))
    x = torch.randn(32, n_in, dtype=like.dtype, device=like.device)

    return 2 if _works_on(module, x) and not _works_on(module, x[:1]) else 1


def _works_on(module: nn.Module, x: torch.Tensor) -> bool:
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        return bool(functional_call(module.train(), buffers, x).isfinite().all())
    except (RuntimeError, ValueError):
        return False


@torch.no_grad()
def initialize(network: nn.Module, generator: torch.Generator) -> None:
    """Draw Xavier-uniform weights and set biases to zero, in place.

    Parameters
    ----------
    network : torch.nn.Module
        Every linear and convolutional layer inside is set.
    generator : torch.Generator
        The only source of randomness.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            assert layer.bias is not None  # of the library's own networks
            nn.init.zeros_(layer.bias)
