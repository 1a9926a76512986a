import pytest
import torch
from torch import nn

from skvae.compute.torch_products import libraries, library_of
from skvae.vae.training import layers
from skvae.vae.training.layers import NetworkAtWork, writes_gradients


class Squares(nn.Module):
    """A layer that states its chain rule, and overwrites what the next layer has read."""

    def forward(self, h):
        return h**2

    def forward_and_kept(self, h):
        return h**2, h

    def backward(self, h, d_output):
        return h.mul_(2).mul_(d_output)


NETWORKS = {
    "linear": lambda: nn.Linear(5, 3),
    "perceptron": lambda: nn.Sequential(
        *(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3))
    ),
    "own": lambda: nn.Sequential(
        *(nn.Linear(5, 4), Squares(), nn.Linear(4, 3), Squares(), nn.Linear(3, 2))
    ),
    "own at the ends": lambda: nn.Sequential(Squares(), nn.Linear(5, 4), Squares()),
}


def with_gradients(name, device):
    network, generator = NETWORKS[name](), torch.Generator().manual_seed(0)
    for theta in network.parameters():
        nn.init.normal_(theta, generator=generator)
    network.to(device)
    for theta in network.parameters():
        theta.grad = torch.full_like(theta, torch.nan)
    return network


@pytest.mark.parametrize(
    ("library", "device"),
    [
        *((library, "cpu") for library in sorted(libraries())),
        pytest.param("torch", "cuda", marks=pytest.mark.gpu),
    ],
)
@pytest.mark.parametrize("least_large", [0, 10**9])
@pytest.mark.parametrize("wants_input", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_autograd_batch_after_batch(
    monkeypatch, name, wants_input, least_large, library, device
):
    monkeypatch.setattr(layers, "_WORTH_HALVING", least_large)
    network = with_gradients(name, device)
    at_work = NetworkAtWork(network, 6, library_of(library), wants_input=wants_input)
    for seed in range(3):
        h = torch.randn(6, 5, generator=torch.Generator().manual_seed(seed)).to(device)
        asked = h.clone().requires_grad_()
        output = network(asked)
        weight = torch.linspace(-1, 1, output.numel(), device=device).view_as(output)
        wanted = torch.autograd.grad((output * weight).sum(), [asked, *network.parameters()])
        with torch.no_grad():
            found = at_work.forward(h.clone())
            torch.testing.assert_close(found, output.detach(), rtol=1e-4, atol=1e-4)
            d_h = at_work.backward(weight.clone())
            at_work.finish()
        gradients = [theta.grad for theta in network.parameters()]
        for a, b in zip(gradients, wanted[1:], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
        if wants_input:
            torch.testing.assert_close(d_h, wanted[0], rtol=1e-4, atol=1e-4)


def test_networks_of_known_layers_write_their_gradients():
    assert all(writes_gradients(make()) for make in NETWORKS.values())
    assert not writes_gradients(nn.Sequential())
    assert not writes_gradients(nn.Sequential(nn.ReLU(), nn.Linear(3, 2)))
    assert not writes_gradients(nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)))
    assert not writes_gradients(nn.Sequential(nn.Linear(3, 2, bias=False)))


def halved(module, rows, output):
    return output / 2


def with_own_forward(layer):
    layer.forward = lambda h: h[:, :2]
    return layer


def with_weight_as_buffer(layer):
    weight = layer.weight.detach()
    del layer.weight
    layer.register_buffer("weight", weight)
    return layer


def with_hook(register, *arguments):
    def change(layer):
        getattr(layer, register)(*arguments)
        return layer

    return change


def with_hook_of_gradient(layer):
    layer.weight.register_hook(lambda gradient: gradient / 2)
    return layer


@pytest.mark.parametrize(
    "change",
    [
        with_hook("register_forward_hook", halved),
        with_hook("register_forward_pre_hook", lambda layer, rows: (rows[0] / 2,)),
        with_hook("register_full_backward_hook", lambda layer, d_input, d_output: None),
        with_hook_of_gradient,
        with_own_forward,
        with_weight_as_buffer,
        nn.utils.spectral_norm,
    ],
)
def test_a_layer_that_does_more_than_its_class_is_left_to_autograd(change):
    assert not writes_gradients(nn.Sequential(nn.Linear(3, 4), change(nn.Linear(4, 2))))


def test_a_network_that_does_more_than_its_layers_is_left_to_autograd():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    network.register_forward_hook(halved)

    assert not writes_gradients(network)
