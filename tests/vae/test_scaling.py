import numpy as np
import pytest

from skvae.data.row_facts import facts_of
from skvae.vae.scaling import Scaling, network_input

X = np.random.default_rng(0).random((5, 3))


@pytest.mark.parametrize(
    "scaling",
    [
        Scaling(None, None, 1.0, None),
        Scaling(None, None, 255, "dynamic"),
        Scaling(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 9.0]), 255, None),
    ],
)
def test_there_and_back(scaling):
    np.testing.assert_allclose(scaling.to_units(scaling.to_network(X)), X, rtol=1e-5, atol=1e-5)
    assert scaling.to_network(X).dtype == np.float32


def test_the_jacobian_is_that_of_standardising():
    scale = np.array([0.5, 1.0, 9.0])
    determinant = np.linalg.det(np.diag(1 / scale))

    assert Scaling(X[0], scale, 1.0, None).log_jacobian() == pytest.approx(np.log(determinant))
    assert Scaling(None, None, 255, None).log_jacobian() == 0


def test_only_rows_that_are_probabilities_are_drawn_from():
    assert Scaling(None, None, 1.0, "dynamic").dynamic
    threshold = Scaling(None, None, 2.0, "threshold")
    assert not threshold.dynamic
    assert threshold.to_network(np.array([[0.9, 1.1]])).tolist() == [[0, 1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_rows_have_unit_variance_far_from_zero(dtype):
    X = (np.random.default_rng(0).normal(size=(200, 3)) + 1e4).astype(dtype)
    X[:, 2] = 7.0
    facts = facts_of(X, moments=True)
    mean, scale = facts.mean, facts.scale
    x = network_input(X, mean, scale, 1, threshold=False)

    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, :2].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x[:, :2].std(0), 1, rtol=1e-5)
    assert scale[2] == 1 and not x[:, 2].any()


def test_threshold_is_strict():
    x = network_input(np.array([[0.4, 0.5, 0.6]]), None, None, 1, threshold=True)

    assert x.tolist() == [[0, 0, 1]]


def test_pixels_of_8_bits_become_what_division_makes_them():
    X = np.arange(256, dtype=np.uint8).reshape(4, 64)

    assert np.array_equal(network_input(X, None, None, 255, False), (X / 255).astype(np.float32))
    assert np.array_equal(network_input(X, None, None, 255, True), (X / 255 > 0.5))
    assert network_input(X, None, None, 255, True).dtype == np.float32
