import numpy as np
import torch

from skvae.mixture.moments import (
    by_moment,
    fill_features,
    join_moments,
    n_moments,
    split_by_moment,
    split_moments,
)


def test_features_are_one_the_centred_descriptor_and_its_square(rng):
    x, center = rng.normal(size=(6, 3)), rng.normal(size=3)
    phi = np.full((6, n_moments(3)), np.nan)
    fill_features(x, center, phi)
    assert np.array_equal(phi, join_moments(np.ones((6, 1)), x - center, (x - center) ** 2))


def test_joining_undoes_splitting(rng):
    array = rng.normal(size=(2, 4, n_moments(5)))
    assert np.array_equal(join_moments(*split_moments(array)), array)


def test_moment_after_moment_holds_the_same_parts(rng):
    array = rng.normal(size=(2, 4, n_moments(5)))
    laid_out = by_moment(array)
    assert laid_out.shape == (2, 4 * n_moments(5))
    assert np.array_equal(join_moments(*split_by_moment(laid_out, 4)), array)
    for part in split_by_moment(laid_out, 4):
        part[:] = 0
    assert not laid_out.any()


def test_parts_are_views_of_arrays_and_of_tensors(rng):
    for array in (rng.normal(size=(4, n_moments(2))), torch.ones(4, n_moments(2))):
        for part, value in zip(split_moments(array), (7, 8, 9), strict=True):
            part[:] = value
        assert array[0].tolist() == [7, 8, 8, 9, 9]
