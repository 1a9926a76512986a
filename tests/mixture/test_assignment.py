import numpy as np
import pytest

from skvae.mixture.assignment import Assignment


@pytest.fixture
def joint(rng):
    return rng.uniform(size=(6, 40)) * rng.uniform(1, 100, size=40)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_k_largest_are_kept_unchanged(joint, k):
    kept = joint.copy()
    Assignment(top_k=k).sparsify(kept)
    for before, after in zip(joint.T, kept.T, strict=True):
        largest = np.sort(np.argsort(before)[-k:])
        assert np.array_equal(np.flatnonzero(after), largest)
        assert np.array_equal(after[largest], before[largest])


def test_of_equal_posteriors_only_k_remain():
    joint = np.ones((4, 3))
    Assignment(top_k=2).sparsify(joint)
    assert np.array_equal(joint.sum(axis=0), [2, 2, 2])


def test_the_least_posterior_is_a_share_of_the_column(joint):
    kept = joint.copy()
    Assignment(min_posterior=0.15).sparsify(kept)
    assert np.array_equal(kept, np.where(joint / joint.sum(axis=0) >= 0.15, joint, 0))
    assert (kept == 0).any()


def test_the_largest_stays_below_the_least_posterior(joint):
    kept = joint.copy()
    Assignment(min_posterior=0.99).sparsify(kept)
    assert np.array_equal(kept, np.where(joint == joint.max(axis=0), joint, 0))


@pytest.mark.parametrize("assignment", [Assignment(), Assignment(top_k=6), Assignment(top_k=9)])
def test_all_are_kept_otherwise(joint, assignment):
    kept = joint.copy()
    assignment.sparsify(kept)
    assert np.array_equal(kept, joint)
