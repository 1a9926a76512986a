import math

import pytest
import torch

from skvae.vae.nn.networks import build_networks, convolutional, initialize, least_rows, mlp
from skvae.vae.part_types import NetworkSizes

SIZES = NetworkSizes(6, 4, (), "relu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("name", "function"), [("relu", torch.relu), ("tanh", torch.tanh)])
def test_mlp_is_its_formula(name, function):
    network = mlp([4, 5, 3], name)
    initialize(network, generator())
    x = torch.randn(7, 4, generator=generator(1))
    hidden = function(x @ network[0].weight.T)

    torch.testing.assert_close(network(x), hidden @ network[2].weight.T)


def test_no_hidden_layer_is_a_linear_map():
    network = mlp([4, 3], "relu")
    initialize(network, generator())

    assert len(network) == 1
    assert (network(-torch.ones(1, 4)) == -network(torch.ones(1, 4))).all()


def test_weights_are_xavier_uniform_and_biases_zero():
    network = mlp([300, 200], "relu")
    initialize(network, generator())
    bound = math.sqrt(6 / 500)
    weight = network[0].weight

    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert not network[0].bias.any()


def test_initialisation_follows_its_generator_only():
    before = torch.get_rng_state()
    weights = []
    for seed in (0, 0, 1):
        network = mlp([6, 5], "relu")
        initialize(network, generator(seed))
        weights.append(network[0].weight.detach())

    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(before, torch.get_rng_state())


def test_weights_are_float32_under_another_default_dtype():
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        assert mlp([2, 2], "relu")[0].weight.dtype == torch.float32
    finally:
        torch.set_default_dtype(default)


@pytest.mark.parametrize("image_shape", [(28, 28, 1), (8, 8, 1), (7, 10, 3), (1, 1, 2), (5, 6, 1)])
@pytest.mark.parametrize("hidden", [(), (20, 10)])
def test_convolutions_take_images_of_any_size(image_shape, hidden):
    n_features = math.prod(image_shape)
    encoder, decoder = convolutional(image_shape, hidden, 4, "relu")
    initialize(encoder, generator())
    initialize(decoder, generator())
    assert encoder(torch.rand(3, n_features, generator=generator())).shape == (3, 8)
    assert decoder(torch.rand(3, 4, generator=generator())).shape == (3, n_features)


def test_outputs_of_a_feature_stand_next_to_each_other():
    decoder = convolutional((4, 5, 3), (), 2, "relu", outputs_per_feature=2)[1]
    initialize(decoder, generator())
    z = torch.randn(6, 2, generator=generator(1))
    images = decoder[:-1](z)  # (n, 3 * 2, h, w)
    outputs = decoder(z).unflatten(1, (4, 5, 3, 2))
    assert torch.equal(outputs[5, 3, 4, 2], images[5, 4:6, 3, 4])
    _, decoder = build_networks("mlp", NetworkSizes(6, 2, (), "relu", None, 3, 2))
    assert decoder(torch.zeros(1, 5)).shape == (1, 12)


def test_rows_are_read_and_written_as_images_with_channels_last():
    encoder, decoder = convolutional((4, 5, 3), (), 2, "relu")
    x = torch.arange(120.0).reshape(2, 60)
    images = encoder[0](x)
    assert images.shape == (2, 3, 4, 5)
    assert torch.equal(images[1, 2, 3, 4], x.reshape(2, 4, 5, 3)[1, 3, 4, 2])
    assert torch.equal(decoder[-1](images), x)


def test_convolutions_see_a_pixel_in_its_neighbourhood_only():
    encoder, _ = convolutional((16, 16, 1), (), 2, "tanh")
    initialize(encoder, generator())
    x = torch.zeros(1, 256)
    touched = x.clone()
    touched[0, 0] = 1
    a, b = (encoder[:5](rows) for rows in (x, touched))
    assert (a != b)[0, :, :2, :2].any()
    assert torch.equal(a[0, :, 2:, 2:], b[0, :, 2:, 2:])


@pytest.mark.parametrize(
    ("encoder", "error", "message"),
    [
        (
            lambda n, m: torch.nn.Linear(n + 1, m),
            ValueError,
            "encoder .* must take float32 rows of 6",
        ),
        (lambda n, m: torch.nn.Linear(n, m).double(), ValueError, "encoder .* must take float32"),
        (lambda n, m: len, TypeError, r"encoder .* makes a torch.nn.Module of \(6, 8\)"),
        (torch.nn.Linear(6, 8), TypeError, r"encoder .* makes a torch.nn.Module .* got Linear"),
    ],
)
def test_modules_of_the_user_that_do_not_fit(encoder, error, message):
    with pytest.raises(error, match=message):
        build_networks((encoder, torch.nn.Linear), SIZES)


class Standardised(torch.nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.register_buffer("n_calls", torch.zeros(()))

    def forward(self, h):
        self.n_calls += 1
        return (h - h.mean(0)) / h.std(0)


def test_normalising_over_a_batch_takes_two_rows():
    nn = torch.nn
    for module in (nn.BatchNorm1d(4), Standardised(4), nn.Sequential(nn.ReLU(), Standardised(4))):
        before = {name: value.clone() for name, value in module.state_dict().items()}
        assert least_rows(module, 4) == 2
        assert all(torch.equal(before[name], a) for name, a in module.state_dict().items())
    for module in (nn.LayerNorm(4), nn.Dropout(), nn.ReLU(), nn.Linear(4, 2).double()):
        assert least_rows(module, 4) == 1


def test_modules_of_the_user_are_measured():
    wide = (lambda n, m: torch.nn.Linear(n, m + 1), torch.nn.Linear)
    with pytest.raises(ValueError, match=r"encoder of network= .* must give \(2, 8\)"):
        build_networks(wide, SIZES)
    narrow = (torch.nn.Linear, lambda n, m: torch.nn.Linear(n, m - 1))
    with pytest.raises(ValueError, match=r"decoder of network= .* must give \(2, 6\)"):
        build_networks(narrow, SIZES)
