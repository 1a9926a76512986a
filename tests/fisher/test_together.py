"""Weights, missing values, sequences, batches and contributions, where two of them meet."""

from collections import UserList

import numpy as np
import pytest
from mixtures import with_holes
from sklearn.decomposition import IncrementalPCA

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    SeriesWindows,
    VLADEncoder,
)

ENCODERS = (FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder)


@pytest.fixture
def weighted(rng):
    """Sets, whole weights of their descriptors, and the sets that these stand for."""
    sets = [rng.normal(size=(n, 4)) for n in (20, 30, 40, 2, 25)]
    weights = [np.resize([1, 0, 2, 3], len(s)) for s in sets]
    return sets, weights, [np.repeat(s, w, axis=0) for s, w in zip(sets, weights, strict=True)]


def test_a_weighted_row_with_holes_is_that_row_so_often(rng):
    X = with_holes(rng, rng.normal(size=(300, 4)) + 3 * np.arange(300)[:, None] % 2, 0.2)
    weights = rng.integers(0, 4, 300)
    a = DiagonalGaussianMixture(2, random_state=0).fit(X, sample_weight=weights)
    b = DiagonalGaussianMixture(2, random_state=0).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-9)
    assert a.score(X, sample_weight=weights) == pytest.approx(b.score(np.repeat(X, weights, 0)))


@pytest.mark.parametrize("cls", ENCODERS)
def test_weighted_descriptors_with_holes_are_these_so_often(rng, cls, weighted):
    sets, weights, _ = weighted
    sets = [with_holes(rng, s, 0.2) for s in sets]
    repeated = [np.repeat(s, w, axis=0) for s, w in zip(sets, weights, strict=True)]
    found = cls(2, random_state=0).fit_transform(sets, sample_weight=weights)
    np.testing.assert_allclose(found, cls(2, random_state=0).fit_transform(repeated), rtol=1e-6)


@pytest.mark.parametrize("cls", ENCODERS)
def test_contributions_of_weighted_descriptors_and_of_holes_sum_to_the_decision(rng, cls, weighted):
    sets, weights, _ = weighted
    for X, options in (
        (sets, {"sample_weight": weights}),
        ([with_holes(rng, s, 0.2) for s in sets], {}),
    ):
        encoder = cls(2, random_state=0).fit(X)
        F = encoder.transform(X, **options)
        coef = rng.normal(size=F.shape[1])
        parts = encoder.contributions(X, coef, **options)
        assert [len(part) for part in parts] == [len(s) for s in X]
        np.testing.assert_allclose([part.sum() for part in parts], F @ coef, atol=1e-10)


@pytest.mark.parametrize("cls", ENCODERS)
def test_sets_that_are_read_one_by_one_take_weights(cls, weighted):
    sets, weights, _ = weighted
    encoder = cls(2, random_state=0).fit(sets)
    found = encoder.transform(UserList(sets), sample_weight=weights)
    assert np.array_equal(found, encoder.transform(sets, sample_weight=weights))


@pytest.mark.parametrize("cls", ENCODERS)
def test_a_reducer_and_a_model_learn_from_weighted_batches(cls, weighted):
    sets, weights, repeated = weighted
    a, b = (cls(2, reducer=IncrementalPCA(2), random_state=0) for _ in range(2))
    a.partial_fit(sets, sample_weight=weights).partial_fit(sets[:3], sample_weight=weights[:3])
    b.partial_fit(repeated).partial_fit(repeated[:3])
    np.testing.assert_allclose(a.transform(sets), b.transform(sets), rtol=1e-5, atol=1e-7)

    part = [w + 0.25 for w in weights]  # no numbers of times
    a.partial_fit(sets, sample_weight=part)
    assert np.isfinite(a.transform(sets)).all()


@pytest.mark.parametrize(
    ("extractor", "shapes"),
    [
        (SeriesWindows(4), [(2, 9), (2, 30), (2, 25)]),
        (ImagePatches(3), [(12, 9), (8, 20), (9, 9)]),
    ],
)
def test_a_row_of_weight_zero_is_left_out_whatever_the_extractor(rng, extractor, shapes):
    X = [rng.random(shape) for shape in shapes]
    a, b = (FisherVectorEncoder(2, extractor=extractor, random_state=0) for _ in range(2))
    a.fit(X, sample_weight=[1, 0, 2])
    b.fit([X[0], X[2]], sample_weight=[1, 2])
    assert np.array_equal(a.transform(X), b.transform(X))
