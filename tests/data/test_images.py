import numpy as np
import pytest

from skvae.data.images import shape_of_images


@pytest.mark.parametrize(
    ("shape_of_X", "image_shape", "expected"),
    [
        ((2, 784), None, (28, 28, 1)),
        ((2, 12), (3, 4), (3, 4, 1)),
        ((2, 24), [3, 4, 2], (3, 4, 2)),
        ((2, 3, 4), None, (3, 4, 1)),
        ((2, 3, 4), (3, 4), (3, 4, 1)),
        ((2, 3, 4), (3, 4, 1), (3, 4, 1)),
        ((2, 3, 4, 5), None, (3, 4, 5)),
    ],
)
def test_shapes(shape_of_X, image_shape, expected):
    assert shape_of_images(np.empty(shape_of_X), image_shape) == expected


@pytest.mark.parametrize(
    ("shape_of_X", "image_shape", "message"),
    [
        ((2, 10), None, "not square"),
        ((2, 12), (3, 5), "15 pixels"),
        ((2, 3, 4), (4, 3), r"shape \(3, 4\), but image_shape=\(4, 3\)"),
        ((2, 12), (12,), "must be"),
        ((2, 12), (3.0, 4), "must be"),
    ],
)
def test_shapes_that_disagree_are_named(shape_of_X, image_shape, message):
    with pytest.raises(ValueError, match=message):
        shape_of_images(np.empty(shape_of_X), image_shape)
