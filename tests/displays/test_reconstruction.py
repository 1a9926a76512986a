import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import Normalizer

from skvae.displays import ReconstructionDisplay


def test_rows_are_what_the_models_give(digits, encoder, classes):
    X = digits[0]
    fisher = ReconstructionDisplay.from_estimator(encoder, X, n_images=3, name="fv")
    vae = ReconstructionDisplay.from_estimator(classes, X, n_images=3)

    back = encoder.inverse_transform(encoder.transform(X[:3]))
    np.testing.assert_array_equal(fisher.reconstructions["fv"].reshape(3, -1), back)
    np.testing.assert_array_equal(
        vae.reconstructions["reconstruction"].reshape(3, -1), classes.reconstruct(X[:3])
    )
    assert [text.get_text() for text in fisher.ax_.get_yticklabels()] == ["image", "fv"]


def test_the_originals_decide_the_scale(digits):
    X = digits[0][:2]
    display = ReconstructionDisplay.from_predictions(X, {"double": 2 * X, "same": X})
    (shown,) = display.ax_.images

    assert shown.get_clim() == (X.min(), X.max())
    np.testing.assert_array_equal(shown.get_array()[:8, :8], X[0].reshape(8, 8))
    np.testing.assert_array_equal(shown.get_array()[9:17, :8], 2 * X[0].reshape(8, 8))


def test_image_shape_is_passed_on(rng):
    X = rng.random((3, 12))
    display = ReconstructionDisplay.from_estimator(PCA(2).fit(X), X, image_shape=(2, 6))

    assert display.images.shape == (3, 2, 6, 1)


def test_shapes_that_differ_and_models_without_a_way_back_are_errors(digits):
    X = digits[0][:3]
    with pytest.raises(ValueError, match=r"'PCA' has shape \(2, 64\)"):
        ReconstructionDisplay.from_predictions(X, {"PCA": X[:2]})
    with pytest.raises(TypeError, match="Normalizer has no inverse_transform"):
        ReconstructionDisplay.from_estimator(Normalizer().fit(X), X)
