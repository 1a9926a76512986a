"""Parts of a user's: the halves that need no torch, which the modules import when they are made."""

import numpy as np

from skvae.parts import Likelihood, Linear, Network


def continuous_bernoulli_module(n_features):
    from own_modules import ContinuousBernoulli

    return ContinuousBernoulli(n_features)


def mean_of_shares(output):
    """E[x] of the density proportional to exp(output x) on [0, 1]."""
    near = np.abs(output) < 0.1
    eta = np.where(near, 1, output)
    with np.errstate(over="ignore"):
        far = 1 / (1 - np.exp(-eta)) - 1 / eta

    return np.where(near, 0.5 + output / 12 - output**3 / 720, far).astype(output.dtype)


def check_shares(facts, max_value):
    if facts.low < 0 or facts.high > 1:
        raise ValueError(
            f"likelihood='continuous_bernoulli' needs shares in [0, 1], got {facts.high}."
        )


def as_it_is(x):
    return x


CONTINUOUS_BERNOULLI = Likelihood(
    "continuous_bernoulli",
    module=continuous_bernoulli_module,
    check=check_shares,
    to_encoder=as_it_is,
    to_mean=mean_of_shares,
    page_mean="Math.abs(output) < 0.1 ? 0.5 + output / 12 - Math.pow(output, 3) / 720"
    " : 1 / (1 - Math.exp(-output)) - 1 / output",
)


def residual_modules(sizes):
    from own_modules import residual_network

    width = sizes.hidden_layer_sizes[0]

    return [
        residual_network(n_in, width, n_out) for n_in, n_out in (sizes.of_encoder, sizes.of_decoder)
    ]


def residual_layers(weights, activation):
    def linear(name):
        return Linear(weights[f"{name}.weight"], weights[f"{name}.bias"])

    into, out_of = linear("1.inner.0"), linear("1.inner.2")

    return [linear("0"), lambda h: h + out_of(np.tanh(into(h))), linear("2")]


RESIDUAL = Network("residual", modules=residual_modules, numpy_layers=residual_layers)


def vamp_prior(model):
    from own_modules import VampPrior

    return VampPrior(model)
