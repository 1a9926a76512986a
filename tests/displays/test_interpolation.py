import numpy as np
import pytest
from sklearn.decomposition import PCA

from skvae.displays import InterpolationDisplay


def test_the_way_is_straight_in_latent_space(digits, classes):
    X = digits[0]
    display = InterpolationDisplay.from_estimator(classes, X[:2], X[5:7], n_steps=5)
    images = display.images.reshape(2, 7, 64)
    middle = (classes.transform(X[:2]) + classes.transform(X[5:7])) / 2

    np.testing.assert_array_equal(images[:, 0], X[:2])
    np.testing.assert_array_equal(images[:, -1], X[5:7])
    np.testing.assert_allclose(images[:, 1], classes.reconstruct(X[:2]), rtol=1e-5)
    np.testing.assert_allclose(images[:, 3], classes.inverse_transform(middle), rtol=1e-4)
    assert display.ax_.get_xticklabels()[0].get_text() == "from"


def test_a_transformer_without_interpolate_is_decoded_along_the_line(digits):
    X = digits[0]
    pca = PCA(3).fit(X)
    display = InterpolationDisplay.from_estimator(pca, X[:2], X[5:7], n_steps=3)
    middle = (pca.transform(X[:2]) + pca.transform(X[5:7])) / 2

    np.testing.assert_allclose(
        display.images[:, 2].reshape(2, 64), pca.inverse_transform(middle), rtol=1e-4, atol=1e-5
    )


def test_bad_ends_are_errors(digits, classes):
    X = digits[0]
    with pytest.raises(ValueError, match="one row for each pair"):
        InterpolationDisplay.from_estimator(classes, X[:2], X[:3])
    with pytest.raises(ValueError, match="n_steps=1 must be an integer of at least 2"):
        InterpolationDisplay.from_estimator(classes, X[:2], X[2:4], n_steps=1)
