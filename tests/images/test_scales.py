"""Images are resized as scikit-image does it, and places find back to the original."""

import numpy as np
import pytest
from skimage.transform import resize

from skvae.images.scales import check_scales, in_original, resized, scaled_size


@pytest.mark.parametrize("size", [(7, 9), (14, 18), (20, 31), (28, 40), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_resizing_is_that_of_scikit_image(rng, size, dtype):
    image = rng.random((20, 31, 3)).astype(dtype)
    found = resized(image, size)
    expected = resize(image, size, order=1, anti_aliasing=True)
    assert found.shape == (*size, 3) and found.dtype == dtype
    assert np.allclose(found, expected, atol=1e-6)


def test_an_image_of_that_size_is_itself(rng):
    image = rng.random((5, 6, 1))
    assert resized(image, (5, 6)) is image


def test_sizes_are_rounded_and_never_nothing():
    assert scaled_size((21, 30), 0.7) == (15, 21)
    assert scaled_size((21, 30), 0.01) == (1, 1)


def test_a_ramp_is_found_back_where_it_was():
    ramp = np.tile(np.arange(60.0)[None, :, None], (40, 1, 1))
    smaller = resized(ramp, (20, 30))[10, :, 0]
    assert np.allclose(in_original(np.arange(30.0), 30, 60)[5:-5], smaller[5:-5])
    places = np.array([[0.0, 29.0]])
    assert in_original(places, (20, 30), (40, 60)).tolist() == [[0.5, 58.5]]


def test_places_in_the_original_stay(rng):
    places = rng.random((4, 2))
    assert in_original(places, (7, 9), (7, 9)) is places


@pytest.mark.parametrize(
    "scales",
    [(), 0.5, "0.5", None, (1, 0), (1, -0.5), (np.nan,), (np.inf,), (1000,), ("1",), (True,)],
)
def test_what_are_no_scales_is_named(scales):
    with pytest.raises(ValueError, match="scales=.* must be a tuple of positive numbers"):
        check_scales(scales)


def test_scales_may_be_of_numpy():
    assert check_scales([1, np.float32(0.5)]) == check_scales(np.array([1, 0.5])) == (1.0, 0.5)
