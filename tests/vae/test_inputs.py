import numpy as np
import pytest

from skvae.vae.inputs import (
    check_unit_interval,
    encode_labels,
    in_unit_interval,
    known_classes,
    network_input,
    standardisation,
)


def test_unit_interval_forgives_rounding_only():
    assert in_unit_interval(np.array([[0.0, 1 + 2e-16]]))
    assert not in_unit_interval(np.array([[0.0, 1.001]]))
    assert not in_unit_interval(np.array([[-0.001, 1.0]]))


def test_the_error_says_how_to_scale():
    with pytest.raises(ValueError, match=r"binarize needs.*255.*X / 255.*MinMaxScaler"):
        check_unit_interval(np.array([[0.0, 255.0]]), "binarize")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_rows_have_unit_variance_far_from_zero(dtype):
    X = (np.random.default_rng(0).normal(size=(200, 3)) + 1e4).astype(dtype)
    X[:, 2] = 7.0
    mean, scale = standardisation(X)
    x = network_input(X, mean, scale, threshold=False)

    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, :2].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x[:, :2].std(0), 1, rtol=1e-5)
    assert scale[2] == 1 and not x[:, 2].any()


def test_threshold_is_strict():
    x = network_input(np.array([[0.4, 0.5, 0.6]]), None, None, threshold=True)

    assert x.tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("labels", [[3, 1, 1, 8], ["b", "a", "a", "c"], [2.5, 0.5, 0.5, 4.0]])
def test_labels_become_places(labels):
    y = np.array(labels)
    classes = known_classes(y)
    codes = encode_labels(y, classes)

    assert np.array_equal(classes[codes], y)
    assert codes.dtype == np.int64


def test_minus_one_is_unlabelled():
    y = np.array([-1, 4, 2, -1])

    assert known_classes(y).tolist() == [2, 4]
    assert encode_labels(y, np.array([2, 4])).tolist() == [-1, 1, 0, -1]


@pytest.mark.parametrize("y", [[9], [0], ["a"], [3]])
def test_unseen_labels_are_refused(y):
    with pytest.raises(ValueError, match="not seen in fit"):
        encode_labels(np.array(y), np.array([2, 4]))
