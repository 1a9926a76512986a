import pytest
import torch

from skvae.compute import torch_products as products
from skvae.compute.torch_products import linear, output, product
from skvae.vae.nn.networks import convolutional, initialize, mlp

ONE_DNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


@pytest.fixture(params=["torch", "oneDNN"])
def library(request, monkeypatch):
    """One library after the other does the products, whatever the processor is."""
    if request.param == "oneDNN" and ONE_DNN is None:
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(products, "_ONE_DNN", ONE_DNN if request.param == "oneDNN" else None)


def a_product(n, n_in, n_out, dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = (n, n_in), (n_out, n_in), (n_out,)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(64, 50, 7), (1, 5, 3), (3, 1, 1), (0, 4, 2), (130, 200, 784)])
def test_is_the_product_of_doubles(shape, dtype, library):
    h, weight, bias = a_product(*shape, dtype)
    exact = h.double() @ weight.double().T
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {}
    out = torch.empty(shape[0], shape[2], dtype=dtype)
    for found, right in (
        (linear(h, weight, bias), exact + bias.double()),
        (product(h, weight.T), exact),
        (product(h, weight.T, out=out), exact),
        (product(h.T.clone().T, weight.T.clone()), exact),
        (product(weight, h.T, out=out.T.clone()), exact.T),
    ):
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), right, **tolerance)
    torch.testing.assert_close(out.double(), exact, **tolerance)


@pytest.mark.parametrize(
    ("cpuinfo", "processor", "is_amd"),
    [
        ("vendor_id\t: AuthenticAMD\nmodel\t: 17", "", True),
        ("vendor_id\t: GenuineIntel\nmodel\t: 207", "", False),
        (None, "AMD64 Family 25 Model 33 Stepping 0, AuthenticAMD", True),
        (None, "Intel64 Family 6 Model 158 Stepping 10, GenuineIntel", False),
        (None, "arm", False),
    ],
)
def test_processors_of_amd_are_known(cpuinfo, processor, is_amd, tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    monkeypatch.setattr(products, "_CPUINFO", file)
    monkeypatch.setattr(products.platform, "processor", lambda: processor)

    assert products._has_amd_processor() is is_amd


@pytest.mark.parametrize(
    "network",
    [mlp([9, 7, 4], "tanh"), convolutional((5, 5, 1), (6,), 3, "relu")[0]],
    ids=["mlp", "conv"],
)
def test_output_is_that_of_the_network(network, library):
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
