"""A decoder as plain numbers, for a page that computes it."""

import base64
from math import prod

import numpy as np
import torch
from torch import nn

from skvae.vae.nn.model import VAE, load_arrays
from skvae.vae.nn.networks import ToRows

__all__ = ["encode_floats", "export_decoder"]

# What turns the network's output into the mean of x, by likelihood.
_MEANS = {
    "bernoulli": "sigmoid",
    "gaussian": "identity",
    "gaussian_diag": "identity",
    "poisson": "exp",
}


def export_decoder(estimator):
    """Layers, likelihood and units of a decoder, as values that JSON can hold.

    Parameters
    ----------
    estimator : VAETransformer
        Fitted.

    Returns
    -------
    decoder : dict
        ``n_labels``, inputs behind z that tell the class; ``layers``, a list of dicts; ``mean``,
        the function behind them; ``offset`` and ``scale`` of each feature, which give the units of
        X. Weights are float32 in base64.

    Raises
    ------
    ValueError
        If the network holds a layer that the page cannot compute, or the likelihood is the user's
        own.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import VAETransformer
    >>> from skvae.explorer.decoders import export_decoder
    >>> X = np.random.default_rng(0).random((20, 6))
    >>> vae = VAETransformer(2, hidden_layer_sizes=(5,), likelihood="bernoulli", max_iter=1).fit(X)
    >>> decoder = export_decoder(vae)
    >>> [layer["kind"] for layer in decoder["layers"]], decoder["mean"]
    (['linear', 'relu', 'linear'], 'sigmoid')
    """
    if estimator.likelihood_ not in _MEANS:
        raise ValueError(
            f"The page knows the means of {', '.join(_MEANS)}, not that of likelihood="
            f"{estimator.likelihood_!r}."
        )
    model = load_arrays(VAE(**estimator._architecture), estimator.parameters_)
    n_labels = model.n_classes if model.labels_in_decoder else 0
    layers, shape = [], (model.n_components + n_labels,)
    for layer in _flat(model.decoder):
        if type(layer) not in _LAYERS:
            raise ValueError(
                f"The decoder holds a {type(layer).__name__}, which the page cannot compute: it "
                f"knows {', '.join(kind.__name__ for kind in _LAYERS)}, one after the other."
            )
        with torch.no_grad():
            to_shape = tuple(layer(torch.zeros(1, *shape)).shape[1:])
        layers += _LAYERS[type(layer)](layer, shape, to_shape)
        shape = to_shape

    standardised = estimator.mean_ is not None
    offset, scale = (
        np.broadcast_to(value, shape).tolist()
        for value in (
            estimator.mean_ if standardised else 0.0,
            estimator.scale_ if standardised else float(estimator._scaling.max_value),
        )
    )

    return {
        "n_labels": n_labels,
        "layers": layers,
        "mean": _MEANS[estimator.likelihood_],
        "offset": offset,
        "scale": scale,
    }


def encode_floats(array):
    """An array as base64 of its numbers, little-endian float32, row by row."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode("ascii")


def _flat(module):
    if type(module) is not nn.Sequential:
        return [module]

    return [layer for child in module for layer in _flat(child)]


def _linear(layer, shape, to_shape):
    return [{"kind": "linear", "shape": [*to_shape, *shape], **_weights(layer, to_shape[0])}]


def _conv_transpose(layer, shape, to_shape):
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


def _weights(layer, n_out):
    bias = np.zeros(n_out) if layer.bias is None else layer.bias.detach().numpy()

    return {"weight": encode_floats(layer.weight.detach().numpy()), "bias": encode_floats(bias)}


def _channels_last(layer, shape, to_shape):
    return [{"kind": "channels_last", "shape": [shape[0], prod(shape[1:])]}]


_LAYERS = {
    nn.Linear: _linear,
    nn.ReLU: lambda layer, shape, to_shape: [{"kind": "relu"}],
    nn.Tanh: lambda layer, shape, to_shape: [{"kind": "tanh"}],
    nn.Unflatten: lambda layer, shape, to_shape: [],  # the numbers stay in their order
    nn.Flatten: lambda layer, shape, to_shape: [],
    nn.ConvTranspose2d: _conv_transpose,
    ToRows: _channels_last,
}
