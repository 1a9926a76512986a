import base64

import numpy as np
import pytest
import torch
from torch import nn

from skvae import VAETransformer
from skvae.explorer.decoders import encode_floats, export_decoder
from skvae.vae.nn.likelihoods import Gaussian

X = np.random.default_rng(0).random((20, 12))


def fit(**options):
    options = {"hidden_layer_sizes": (5, 4), "max_iter": 1, "random_state": 0} | options

    return VAETransformer(2, **options).fit(X)


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_numbers_come_back(rng):
    a = rng.normal(size=(3, 4))

    assert np.array_equal(floats(encode_floats(a.T)), a.T.astype(np.float32).ravel())


def test_linear_layers_are_the_decoder():
    vae = fit(likelihood="gaussian", activation="tanh")
    exported = export_decoder(vae.fitted_)
    z = np.array([0.3, -1.2])
    x = z
    for layer in exported["layers"]:
        if layer["kind"] == "tanh":
            x = np.tanh(x)
        else:
            x = floats(layer["weight"]).reshape(layer["shape"]) @ x + floats(layer["bias"])
    x = x * exported["scale"] + exported["offset"]

    assert exported["means"] == ["output"] and exported["widths"] == [12]
    assert np.abs(x - vae.inverse_transform([z])[0]).max() < 1e-6


def test_categories_are_probabilities_and_blocks_have_means_of_their_own():
    table = np.hstack([X[:, :2], np.arange(20)[:, None] % 3, np.arange(20)[:, None] % 2])
    blocks = [("g", "gaussian_diag", [0]), ("c", "categorical", [2, 3]), ("p", "poisson", [1])]
    table[:, 1] = np.round(5 * table[:, 1])
    vae = VAETransformer(2, likelihood=blocks, hidden_layer_sizes=(5,), max_iter=1).fit(table)
    exported = export_decoder(vae.fitted_)

    assert exported["means"] == ["output", "output", "Math.exp(output)"]
    assert exported["widths"] == [1, 5, 1]
    assert exported["layers"][-1] == {"kind": "softmax", "first": 1, "sizes": [3, 2]}


def test_the_first_layer_sees_z_and_what_the_decoder_is_told():
    conditions = {"conditional": "decoder", "conditions": [0, 3]}
    classes = VAETransformer(2, conditional="decoder", max_iter=1).fit(X, np.arange(20) % 3)

    assert export_decoder(fit(**conditions).fitted_)["layers"][0]["shape"] == [4, 2 + 2]
    assert export_decoder(classes.fitted_)["layers"][0]["shape"] == [200, 2 + 3]


def test_convolutions_keep_their_shapes():
    layers = export_decoder(fit(network="conv", image_shape=(2, 2, 3)).fitted_)["layers"]
    up = [layer for layer in layers if layer["kind"] == "conv_transpose"]

    assert [layer["shape"] for layer in up] == [[64, 1, 1], [32, 1, 1]]
    assert [layer["to_shape"] for layer in up] == [[32, 1, 1], [3, 2, 2]]
    assert layers[-1] == {"kind": "channels_last", "shape": [3, 4]}


def nested(n_in, n_out):
    first = nn.Sequential(nn.Linear(n_in, 3, bias=False), nn.Tanh())

    return nn.Sequential(first, nn.Linear(3, n_out))


def normalised(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 3), nn.LayerNorm(3), nn.Linear(3, n_out))


def test_modules_of_known_layers():
    layers = export_decoder(fit(network=(nn.Linear, nested)).fitted_)["layers"]

    assert [layer["kind"] for layer in layers] == ["linear", "tanh", "linear"]
    assert not floats(layers[0]["bias"]).any()


@pytest.mark.parametrize("seed_before", [0, 1])
def test_unknown_layers_are_named(seed_before):
    vae = fit(network=(nn.Linear, normalised))
    torch.manual_seed(seed_before)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="a LayerNorm, which .* it knows Linear"):
        export_decoder(vae.fitted_)

    assert torch.equal(torch.get_rng_state(), state)


def test_hooks_are_refused():
    def halved(n_in, n_out):
        layer = nn.Linear(n_in, n_out)
        layer.register_forward_hook(lambda layer, rows, output: output / 2)
        return nn.Sequential(layer)

    with pytest.raises(ValueError, match="hooks"):
        export_decoder(fit(network=(nn.Linear, halved)).fitted_)


def test_grouped_convolutions_are_refused():
    def grouped(n_in, n_out):
        convolution = nn.ConvTranspose2d(2, 2, (1, n_out // 2), groups=2)
        return nn.Sequential(nn.Unflatten(1, (2, 1, 1)), convolution, nn.Flatten())

    with pytest.raises(ValueError, match="without groups or dilation"):
        export_decoder(fit(network=(nn.Linear, grouped)).fitted_)


def test_likelihoods_without_a_mean_for_the_page_are_refused():
    with pytest.raises(ValueError, match="cannot compute the mean of likelihood='Gaussian'"):
        export_decoder(fit(likelihood=Gaussian).fitted_)
