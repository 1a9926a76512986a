import numpy as np
import pytest
from sklearn.decomposition import PCA

from skvae.displays import SamplesDisplay


def test_a_row_of_each_class_by_the_same_noise(classes):
    display = SamplesDisplay.from_estimator(classes, n_samples=3, random_state=1)

    for k in (0, 9):
        expected = classes.sample(3, y=k, random_state=1)
        np.testing.assert_array_equal(display.images[k].reshape(3, -1), expected)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == list("0123456789")
    again = SamplesDisplay.from_estimator(
        classes, n_samples=2, random_state=np.random.RandomState(1)
    )
    shift = again.images[3] - again.images[2]
    assert np.isfinite(shift).all()


def test_without_classes_a_square(plane):
    display = SamplesDisplay.from_estimator(plane, n_samples=3)

    np.testing.assert_array_equal(display.images.reshape(9, -1), plane.sample(9))
    assert display.classes is None


def test_a_model_that_cannot_sample_says_so(digits):
    with pytest.raises(TypeError, match="PCA has no sample"):
        SamplesDisplay.from_estimator(PCA(2).fit(digits[0]))
