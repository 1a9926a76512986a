import numpy as np
import pytest

from skvae.vae.scaling import Scaling

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
