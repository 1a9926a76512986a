import numpy as np
import pytest
from mixtures import random_mixture

from skvae.fisher.codec import Codec
from skvae.fisher.layout import GRADIENTS
from skvae.mixture.expectation import accumulate

K, D = 4, 3
ALL = tuple(GRADIENTS)


@pytest.fixture
def mixture(rng):
    return random_mixture(rng, K, D)


def make_sets(rng, sizes=(30, 1, 500)):
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return rng.normal(size=(offsets[-1], D)), offsets, rng.uniform(-1, 1, (offsets[-1], 2))


def encode(codec, X, offsets, positions):
    return codec.vectors(*codec.statistics(X, offsets, positions), X.dtype)


@pytest.mark.parametrize("gradients", [ALL, ("means",), ("stds", "means")])
@pytest.mark.parametrize("levels", [(1,), (1, 2)])
def test_names_and_sizes_agree(rng, mixture, gradients, levels):
    codec = Codec(mixture, gradients, 0.5, "l2", levels)
    vectors, _ = encode(codec, *make_sets(rng))
    assert vectors.shape[1] == codec.n_cells
    assert vectors[0].size == codec.n_features == len(set(codec.feature_names()))


@pytest.mark.parametrize("norm", [None, "l2", "intra"])
@pytest.mark.parametrize("power", [1, 0.5])
@pytest.mark.parametrize("levels", [(1,), (1, 2)])
def test_decoding_with_the_true_scales_is_exact(rng, mixture, norm, power, levels):
    X, offsets, positions = make_sets(rng, (40,))
    codec = Codec(mixture, ALL, power, norm, levels)
    vectors, scales = encode(codec, X, offsets, positions)
    statistics = codec.decode(vectors.reshape(1, -1), scales[0])
    center = mixture.center(np.float64)
    expected = accumulate(X, mixture, center).totals / 40
    found = np.concatenate([s[0, 0] for s in statistics], axis=1)
    assert np.allclose(found, expected, atol=1e-12)


def test_a_pyramid_is_the_vectors_of_its_cells(rng, mixture):
    X, offsets, positions = make_sets(rng)
    one = Codec(mixture, ALL, 0.5, "l2")
    whole, _ = encode(one, X, offsets, positions)
    found, _ = encode(Codec(mixture, ALL, 0.5, "l2", (1, 2)), X, offsets, positions)
    assert np.allclose(found[:, 0], whole[:, 0], atol=1e-12)
    for i in range(3):
        x = X[offsets[i] : offsets[i + 1]]
        p = positions[offsets[i] : offsets[i + 1]]
        for cell, (dx, dy) in enumerate([(-1, -1), (1, -1), (-1, 1), (1, 1)]):
            own = x[(np.sign(p) == [dx, dy]).all(axis=1)]
            alone, _ = encode(one, own, np.array([0, len(own)]), None)
            assert np.allclose(found[i, 1 + cell], alone[0, 0], atol=1e-12)
