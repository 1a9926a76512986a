import numpy as np
import pytest

from skvae import FisherVectorEncoder, ImageKeypoints, ImagePatches, VLADEncoder
from skvae.displays import ContributionsDisplay


class Detector:
    """Three keypoints of an image, each described by its grey value."""

    def detect_and_extract(self, image):
        self.keypoints = np.array([[0, 0], [2, 5], [7, 7]])
        self.descriptors = image[tuple(self.keypoints.T)][:, None]


def test_a_map_of_patches_holds_the_contributions_where_patches_lie(digits, encoder):
    X = digits[0]
    coef = encoder.transform(X[:1])[0]
    display = ContributionsDisplay.from_estimator(encoder, X[:1], coef)
    expected = encoder.contributions(X[:1], coef)[0]

    np.testing.assert_array_equal(display.contributions, expected)
    drawn = display.ax_.images[0]
    np.testing.assert_array_equal(drawn.get_array(), expected.reshape(8, 8))
    assert drawn.get_extent() == [-0.5, 7.5, 7.5, -0.5]
    assert sum(drawn.get_clim()) == 0


def test_keypoints_are_drawn_where_they_lie(digits):
    X = digits[0][:50]
    encoder = FisherVectorEncoder(2, extractor=ImageKeypoints(Detector()), random_state=0).fit(X)
    display = ContributionsDisplay.from_estimator(encoder, X[3:4], np.ones(6))
    points = display.ax_.collections[0]

    np.testing.assert_allclose(points.get_offsets(), [[0, 0], [5, 2], [7, 7]], atol=1e-9)
    np.testing.assert_array_equal(points.get_array(), encoder.contributions(X[3:4], np.ones(6))[0])


def test_bars_are_of_the_strongest_and_sum_to_the_decision(rng):
    X = [rng.normal(size=(30, 2)), rng.normal(size=(9, 2))]
    encoder = VLADEncoder(2, random_state=0).fit(X)
    coef = rng.normal(size=4)
    display = ContributionsDisplay.from_estimator(
        encoder, X[:1], coef, names=[f"$row {i}" for i in range(30)], n_bars=5
    )
    widths = [bar.get_width() for bar in display.ax_.patches]
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    strongest = np.argsort(-np.abs(display.contributions))[:5]

    assert len(widths) == 6
    np.testing.assert_allclose(sum(widths), encoder.transform(X[:1])[0] @ coef)
    assert set(labels) == {*(f"$row {i}" for i in strongest), "the other 25"}
    assert np.all(np.diff(widths[:5]) <= 0)

    few = ContributionsDisplay.from_estimator(encoder, X[1:], coef)
    assert len(few.ax_.patches) == 9
    of_two = ContributionsDisplay.from_estimator(encoder, X[1:], coef[None])
    np.testing.assert_array_equal(of_two.contributions, few.contributions)


def test_what_is_no_picture_of_one_set_and_class_is_an_error(rng):
    X = [rng.normal(size=(30, 2)), rng.normal(size=(9, 2))]
    encoder = VLADEncoder(2, random_state=0).fit(X)
    draw = ContributionsDisplay.from_estimator
    with pytest.raises(ValueError, match="holds 2 sets"):
        draw(encoder, X, np.ones(4))
    with pytest.raises(ValueError, match=r"coef has shape \(3, 4\); .* coef_\[c\]"):
        draw(encoder, X[:1], np.ones((3, 4)))
    with pytest.raises(ValueError, match="names has 2 of them for the 30"):
        draw(encoder, X[:1], np.ones(4), names=["a", "b"])
    with pytest.raises(ValueError, match="kind='map' needs an encoder whose extractor"):
        draw(encoder, X[:1], np.ones(4), kind="map")


@pytest.mark.parametrize("shape", [(12, 9), (8, 20)])
def test_an_image_of_any_size_has_a_map_of_its_own_size(rng, shape):
    X = [rng.random((12, 9)), rng.random((8, 20)), rng.random((15, 15))]
    encoder = FisherVectorEncoder(2, extractor=ImagePatches(3), spatial="xy", random_state=0).fit(X)
    coef = rng.normal(size=len(encoder.get_feature_names_out()))
    display = ContributionsDisplay.from_estimator(encoder, [x for x in X if x.shape == shape], coef)

    assert display.image.shape == shape
    assert display.positions.max(axis=0).tolist() == [shape[1] - 2, shape[0] - 2]
