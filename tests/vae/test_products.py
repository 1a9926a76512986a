import pytest
import torch

from skvae.vae.networks import convolutional, initialize, mlp
from skvae.vae.products import linear, output


def a_product(n, n_in, n_out, dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = (n, n_in), (n_out, n_in), (n_out,)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(64, 50, 7), (1, 5, 3), (3, 1, 1), (0, 4, 2), (130, 200, 784)])
def test_is_the_product_of_doubles(shape, dtype):
    h, weight, bias = a_product(*shape, dtype)
    exact = h.double() @ weight.double().T
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {}
    for found, right in (
        (linear(h, weight, bias), exact + bias.double()),
        (linear(h, weight), exact),
        (linear(h.T.clone().T, weight.T.clone().T), exact),
    ):
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), right, **tolerance)


@pytest.mark.parametrize(
    "network",
    [mlp([9, 7, 4], "tanh"), convolutional((5, 5, 1), (6,), 3, "relu")[0]],
    ids=["mlp", "conv"],
)
def test_output_is_that_of_the_network(network):
    generator = torch.Generator().manual_seed(0)
    initialize(network, generator)
    h = torch.randn(6, 9 if len(network) == 3 else 25, generator=generator)
    expected = network(h)
    with torch.no_grad():
        torch.testing.assert_close(output(network, h), expected.detach())
    found = output(network, h)
    found.sum().backward()

    assert torch.equal(found, expected)
    assert all(theta.grad is not None for theta in network.parameters())
