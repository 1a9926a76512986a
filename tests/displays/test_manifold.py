import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import Normalizer

from skvae import VAETransformer
from skvae.displays import ManifoldDisplay


def test_images_are_decoded_from_their_coordinates(plane):
    display = ManifoldDisplay.from_estimator(plane, n_steps=5, limit=2)
    corner = display.images[0, -1].reshape(1, -1)  # top right
    low = display.images[-1, 1].reshape(1, -1)  # bottom, second column

    np.testing.assert_allclose(corner, plane.inverse_transform([[2.0, 2.0]]), rtol=1e-5)
    np.testing.assert_allclose(low, plane.inverse_transform([[-1.0, -2.0]]), rtol=1e-5)
    assert display.ax_.images[0].get_extent() == [-2.5, 2.5, -2.5, 2.5]
    assert display.ax_.get_ylabel() == "z2"


def test_other_dimensions_stay_at_the_mean_of_the_class(classes):
    display = ManifoldDisplay.from_estimator(classes, n_steps=3, dimensions=(3, 1), y=7)
    mean = classes.class_means_[7].astype(float)
    z = mean.copy()
    z[3] += 3

    np.testing.assert_allclose(
        display.images[1, 2].ravel(), classes.inverse_transform([z])[0], 1e-4
    )
    np.testing.assert_allclose(display.first[[0, -1]], mean[3] + [-3, 3], rtol=1e-6)
    assert display.ax_.get_xlabel() == "z4"


@pytest.mark.slow
def test_steps_are_standard_deviations_of_the_class(digits):
    X, y = digits
    options = {"conditional": "prior", "prior": "mixture", "max_iter": 3, "random_state": 0}
    vae = VAETransformer(2, **options).fit(X, y)
    display = ManifoldDisplay.from_estimator(vae, n_steps=3, limit=2, y=4)

    mean, std = vae.class_means_[4, 1], np.sqrt(vae.class_variances_[4, 1])
    np.testing.assert_allclose(display.second, mean + std * np.array([-2, 0, 2]), rtol=1e-6)


def test_a_decoder_that_takes_labels_is_told_the_class(digits):
    X, y = digits
    vae = VAETransformer(2, conditional="decoder", max_iter=1, random_state=0).fit(X[:200], y[:200])
    display = ManifoldDisplay.from_estimator(vae, n_steps=3, y=4)

    expected = vae.inverse_transform([[0.0, 3.0]], y=4)
    np.testing.assert_allclose(display.images[0, 1].reshape(1, -1), expected, rtol=1e-4)


def test_any_decoder_of_two_dimensions_will_do(digits):
    pca = PCA(2).fit(digits[0])

    assert ManifoldDisplay.from_estimator(pca, n_steps=3).images.shape == (3, 3, 8, 8, 1)


def test_a_model_without_a_plane_needs_one_chosen(classes, plane, digits):
    with pytest.raises(ValueError, match=r"this model has 5.*dimensions=\(i, j\)"):
        ManifoldDisplay.from_estimator(classes)
    with pytest.raises(ValueError, match="two different ones of 0 to 4"):
        ManifoldDisplay.from_estimator(classes, dimensions=(0, 5))
    with pytest.raises(ValueError, match="none of the classes"):
        ManifoldDisplay.from_estimator(classes, dimensions=(0, 1), y=10)
    with pytest.raises(ValueError, match="conditional='prior' or 'decoder'"):
        ManifoldDisplay.from_estimator(plane, y=1)
    with pytest.raises(TypeError, match="no inverse_transform"):
        ManifoldDisplay.from_estimator(Normalizer().fit(digits[0][:, :2]))
