import math

import pytest
import torch

from skvae.vae.networks import initialize, mlp


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
