import pytest
import torch
from elsewhere import printed_by_a_fork

from skvae.compute import torch_products as products
from skvae.compute.torch_products import TORCH, choose_library, libraries, library_of

WIDTHS = [(9, 7), (7, 4), (9, 7)]


@pytest.fixture(params=["torch", "onednn"])
def library(request):
    if request.param not in libraries():
        pytest.skip("this torch has no oneDNN")
    return library_of(request.param)


@pytest.fixture
def measured(monkeypatch):
    """A second library, and the times that are measured: of each layer, of each library."""
    second, times = TORCH._replace(name="second"), []
    monkeypatch.setattr(products, "libraries", lambda: {"torch": TORCH, "second": second})
    monkeypatch.setattr(products, "_times", lambda *_: times.pop())
    monkeypatch.delenv("SKVAE_PRODUCTS", raising=False)
    products._measured.cache_clear()
    yield times
    products._measured.cache_clear()


def a_product(n, n_in, n_out, dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = (n, n_in), (n_out, n_in), (n_out,)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(64, 50, 7), (1, 5, 3), (3, 1, 1), (0, 4, 2), (130, 200, 784)])
def test_is_the_product_of_doubles(shape, dtype, library):
    if library is not TORCH and dtype == torch.float64:
        pytest.skip("of float32 only")
    h, weight, bias = a_product(*shape, dtype)
    exact = h.double() @ weight.double().T
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {}
    for found, right in (
        (library.linear(h, weight.T, bias, None), exact + bias.double()),
        (library.product(h, weight.T, None), exact),
        (library.product(h, weight.T, torch.empty(shape[0], shape[2], dtype=dtype)), exact),
        (library.product(h.T.clone().T, weight.T.clone(), None), exact),
        (library.product(weight, h.T, None), exact.T),
    ):
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), right, **tolerance)


def test_products_are_written_where_they_are_asked_for(library):
    out = torch.empty(2, 2)
    assert library.product(torch.ones(2, 3), torch.ones(3, 2), out) is out
    assert torch.equal(out, torch.full((2, 2), 3.0))


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, "second"), (0.95, "torch"), (1.5, "torch")])
def test_another_library_has_to_be_clearly_faster(seconds, chosen, measured):
    measured += [[1.0, seconds], [3.0, 3 * seconds]]
    assert choose_library(WIDTHS, 64).name == chosen


def test_products_are_those_of_float32_whatever_type_torch_takes_by_default(monkeypatch):
    monkeypatch.delenv("SKVAE_PRODUCTS", raising=False)
    monkeypatch.setattr(products, "_measured", products._measured.__wrapped__)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert choose_library(WIDTHS, 8, None) in libraries().values()
    finally:
        torch.set_default_dtype(before)


def test_it_is_measured_once(measured):
    measured += [[1.0, 0.5], [1.0, 0.5]]
    assert choose_library(WIDTHS, 64) is choose_library(WIDTHS[::-1], 64)


def test_the_library_of_before_is_kept_and_the_users_comes_first(measured, monkeypatch):
    assert choose_library(WIDTHS, 64, recorded="second").name == "second"
    monkeypatch.setenv("SKVAE_PRODUCTS", "torch")
    assert choose_library(WIDTHS, 64, recorded="second") is TORCH
    assert choose_library(WIDTHS, 64) is TORCH


def test_a_library_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("SKVAE_PRODUCTS", "atlas")
    with pytest.raises(ValueError, match="'atlas' is no library for products here, only 'torch'"):
        choose_library(WIDTHS, 64)


def test_a_model_without_linear_layers_has_nothing_to_measure(measured):
    assert choose_library([], 64) is TORCH


@pytest.mark.slow
def test_nothing_is_measured_at_import():
    told = "import skvae.compute.torch_products as p; print(p._measured.cache_info().currsize)"
    assert printed_by_a_fork(told) == "0\n"
