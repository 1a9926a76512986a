"""Fitted perceptrons applied to rows in numpy: a process that only transforms needs no torch."""

import numpy as np
from scipy.special import expit

from skvae.data.tiles import map_framed_tiles

__all__ = ["STD_FLOOR", "decode", "encode"]

# Keeps log_var finite where softplus underflows.
STD_FLOOR = 1e-6

_ACTIVATIONS = {"relu": lambda h: np.maximum(h, 0, out=h), "tanh": lambda h: np.tanh(h, out=h)}
_ENCODER_INPUTS = {"poisson": np.log1p}
_MEANS = {"bernoulli": expit, "poisson": np.exp}


def encode(parameters, architecture, x, *, log_var=True):
    """Posterior of each row, as :func:`skvae.vae.nn.inference.encode`.

    Parameters
    ----------
    parameters : dict of ndarray
        Weights of a :class:`skvae.vae.nn.model.VAE` with ``network="mlp"``.
    architecture : dict
        Its arguments.
    x : ndarray or PreparedRows of shape (n, n_features)
        Rows as the network sees them, float32.
    log_var : bool, default=True
        Whether log variances follow the means.

    Returns
    -------
    posterior : ndarray of shape (n, d) or (n, 2 d), float32
        Means, or ``[mean | log_var]``.
    """
    d = architecture["n_components"]
    scaled = _ENCODER_INPUTS.get(architecture["likelihood"], np.asarray)
    hidden, (weight, bias) = _network(parameters, "encoder", architecture["activation"])

    def function(tile):
        h = hidden(scaled(tile))
        mean = _linear(h, weight[:d], bias[:d]).T
        if not log_var:
            return mean
        raw_scale = _linear(h, weight[d:], bias[d:]).T
        std = np.logaddexp(0, raw_scale, dtype=np.float32) + np.float32(STD_FLOOR)

        return np.hstack([mean, 2 * np.log(std)])

    return map_framed_tiles(function, x)


def decode(parameters, architecture, Z):
    """E[x] for each row of Z, the decoder's input, (n, n_features), float32."""
    mean = _MEANS.get(architecture["likelihood"], np.asarray)
    hidden, last = _network(parameters, "decoder", architecture["activation"])

    return map_framed_tiles(lambda tile: mean(_linear(hidden(tile), *last).T), Z)


def _network(parameters, name, activation):
    """The function from rows to the last hidden layer, (n_hidden, n), and the layer after it."""
    weights = [w for key, w in parameters.items() if key.startswith(name) and w.ndim == 2]
    biases = [b for key, b in parameters.items() if key.startswith(name) and b.ndim == 1]
    *layers, last = list(zip(weights, biases, strict=True))
    activate = _ACTIVATIONS[activation]

    def hidden(x):
        # Rows are columns here, which a product treats alike, whatever their place.
        h = x.T
        for weight, bias in layers:
            h = activate(_linear(h, weight, bias))
        return h

    return hidden, last


def _linear(h, weight, bias):
    out = weight @ h
    out += bias[:, None]

    return out
