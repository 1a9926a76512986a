"""A decoder as plain numbers, for a page that computes it."""

import base64
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from skvae.compute.torch_runtime import scoped_runtime
from skvae.vae.descriptions import Blocks, is_categorical, likelihood_of
from skvae.vae.fitted import FittedVAE
from skvae.vae.nn.model import VAE, load_arrays
from skvae.vae.nn.networks import ToRows
from skvae.vae.nn.written_out import has_hooks

__all__ = ["encode_floats", "export_decoder"]

Shape = tuple[int, ...]
Layers = list[dict[str, Any]]


def export_decoder(fitted: FittedVAE) -> dict[str, Any]:
    """Layers, likelihood and units of a decoder, as values that JSON can hold.

    Parameters
    ----------
    fitted : FittedVAE
        ``fitted_`` of an estimator.

    Returns
    -------
    decoder : dict
        ``layers``, a list of dicts, of which the first sees z and what the decoder is told beside
        it; ``means``, the expressions behind them, of blocks of features, and ``widths``, how many
        each is for; ``offset`` and ``scale`` of each feature, which give the units of X. Weights
        are float32 in base64.

    Raises
    ------
    ValueError
        If the network holds a layer that the page cannot compute, or the likelihood has no mean
        that it can.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import VAETransformer
    >>> from skvae.explorer.decoders import export_decoder
    >>> X = np.random.default_rng(0).random((20, 6))
    >>> vae = VAETransformer(2, hidden_layer_sizes=(5,), likelihood="bernoulli", max_iter=1).fit(X)
    >>> decoder = export_decoder(vae.fitted_)
    >>> [layer["kind"] for layer in decoder["layers"]], decoder["means"]
    (['linear', 'relu', 'linear'], ['1 / (1 + Math.exp(-output))'])
    """
    blocks = _blocks(fitted)
    means = ["output" if is_categorical(part) else _expression(part) for part, _ in blocks]
    with scoped_runtime(), torch.no_grad():
        model = load_arrays(VAE(**fitted.architecture), fitted.parameters).eval()
        n_told = model.n_classes if model.labels_in_decoder else model.n_conditions
        layers, shape = _export(model.decoder, (model.n_components + (n_told or 0),))
    if shape != (model.n_features,):
        raise ValueError(
            f"The page knows likelihoods of one output for each feature; the decoder gives "
            f"{prod(shape)} for {model.n_features}."
        )
    scaling: Any = fitted.scaling
    standardised = scaling.mean is not None
    offset, scale = (
        np.broadcast_to(value, shape).tolist()
        for value in (
            scaling.mean if standardised else 0.0,
            scaling.scale if standardised else float(scaling.max_value),
        )
    )

    return {
        "layers": layers + _softmaxes(blocks),
        "means": means,
        "widths": [sum(sizes) for _, sizes in blocks],
        "offset": offset,
        "scale": scale,
    }


def encode_floats(array: np.ndarray) -> str:
    """An array as base64 of its numbers, little-endian float32, row by row."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode("ascii")


def _blocks(fitted: FittedVAE) -> Blocks:
    """Likelihoods of blocks of features, and the widths of their columns."""
    likelihood = fitted.architecture["likelihood"]
    if isinstance(likelihood, tuple):
        return likelihood

    return ((likelihood, (1,) * fitted.architecture["n_features"]),)


def _expression(likelihood: Any) -> str:
    return likelihood_of(likelihood).page_expression()


def _softmaxes(blocks: Blocks) -> Layers:
    """Layers that make probabilities of the outputs of categories."""
    widths = [sum(sizes) for _, sizes in blocks]
    firsts = [sum(widths[:i]) for i in range(len(blocks))]

    return [
        {"kind": "softmax", "first": first, "sizes": list(sizes)}
        for (likelihood, sizes), first in zip(blocks, firsts, strict=True)
        if is_categorical(likelihood)
    ]


def _export(module: nn.Module, shape: Shape) -> tuple[Layers, Shape]:
    """The layers of a network, from the shape of a row, and the shape of what it gives."""
    layers: Layers = []
    if has_hooks(module):
        raise ValueError(
            "The decoder holds a module with hooks, or a forward of its own, which the page cannot "
            "compute: leave them out, or write a class with page_layers()."
        )
    for layer in _flat(module):
        own = getattr(layer, "page_layers", None)
        if type(layer) not in _LAYERS and own is None:
            raise ValueError(
                f"The decoder holds a {type(layer).__name__}, which the page cannot compute: it "
                f"knows {', '.join(kind.__name__ for kind in _LAYERS)}, one after the other, and "
                "modules with page_layers()."
            )
        to_shape = tuple(layer(torch.zeros(1, *shape, dtype=torch.float32)).shape[1:])
        layers += _own_layers(own(), shape) if own else _LAYERS[type(layer)](layer, shape, to_shape)
        shape = to_shape

    return layers, shape


def _own_layers(parts: list[Any], shape: Shape) -> Layers:
    """Layers that a module of the user's says it is: modules, or a residual of modules."""
    layers: Layers = []
    for part in parts:
        if isinstance(part, nn.Module):
            exported, shape = _export(part, shape)
            layers += exported
        else:
            exported, to_shape = _export(nn.Sequential(*part["residual"]), shape)
            if to_shape != shape:
                raise ValueError(f"A residual goes from {shape} to {to_shape}; both must be equal.")
            layers.append({"kind": "residual", "layers": exported})

    return layers


def _flat(module: nn.Module) -> list[nn.Module]:
    if type(module) is not nn.Sequential:
        return [module]

    return [layer for child in module for layer in _flat(child)]


def _linear(layer: Any, shape: Shape, to_shape: Shape) -> Layers:
    return [{"kind": "linear", "shape": [*to_shape, *shape], **_weights(layer, to_shape[0])}]


def _conv_transpose(layer: Any, shape: Shape, to_shape: Shape) -> Layers:
    if layer.groups != 1 or layer.dilation != (1, 1):
        raise ValueError("The page computes a ConvTranspose2d without groups or dilation only.")
    return [
        {
            "kind": "conv_transpose",
            "shape": list(shape),
            "to_shape": list(to_shape),
            "kernel": list(layer.kernel_size),
            "stride": list(layer.stride),
            "padding": list(layer.padding),
            **_weights(layer, to_shape[0]),
        }
    ]


def _weights(layer: Any, n_out: int) -> dict[str, str]:
    bias = np.zeros(n_out) if layer.bias is None else layer.bias.detach().numpy()

    return {"weight": encode_floats(layer.weight.detach().numpy()), "bias": encode_floats(bias)}


def _channels_last(layer: Any, shape: Shape, to_shape: Shape) -> Layers:
    return [{"kind": "channels_last", "shape": [shape[0], prod(shape[1:])]}]


_LAYERS: dict[type[nn.Module], Callable[[Any, Shape, Shape], Layers]] = {
    nn.Linear: _linear,
    nn.ReLU: lambda layer, shape, to_shape: [{"kind": "relu"}],
    nn.Tanh: lambda layer, shape, to_shape: [{"kind": "tanh"}],
    nn.Unflatten: lambda layer, shape, to_shape: [],  # the numbers stay in their order
    nn.Flatten: lambda layer, shape, to_shape: [],
    nn.ConvTranspose2d: _conv_transpose,
    ToRows: _channels_last,
}
