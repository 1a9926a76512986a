import numpy as np
import pytest

from skvae.vae.training.visits import Visits

WEIGHTS = np.array([3.0, 1.0, 0.25, 3.0, 2.0, 1e-9, 0.75])
SHARES = 7 * WEIGHTS / WEIGHTS.sum()


def counts(draws):
    return np.mean([np.bincount(rows, minlength=7) for rows in draws], axis=0)


def test_a_row_is_visited_as_often_as_its_weight_says():
    visits = Visits(WEIGHTS)
    passes = [visits.between(0, 7, seed) for seed in range(500)]
    np.testing.assert_allclose(counts(passes), SHARES, atol=0.06)
    for rows in passes:
        visited = np.bincount(rows, minlength=7)
        assert len(rows) == 7 and np.array_equal(rows, np.sort(rows))
        assert (np.floor(SHARES) <= visited).all() and (visited <= np.ceil(SHARES)).all()


def test_parts_of_a_pass_make_a_pass():
    visits = Visits(WEIGHTS)
    ends = [0, 2, 3, 7]
    passes = [
        np.concatenate(
            [visits.between(a, b, 9 * seed + a) for a, b in zip(ends, ends[1:], strict=False)]
        )
        for seed in range(500)
    ]
    np.testing.assert_allclose(counts(passes), SHARES, atol=0.08)
    assert all(np.array_equal(rows, np.sort(rows)) for rows in passes)


def test_equal_weights_visit_every_row_once():
    for n in (1, 5, 1000):
        assert np.array_equal(Visits(np.full(n, 0.1)).between(0, n, 3), np.arange(n))


def test_rows_that_alternate_are_drawn_alike():
    """Neighbours of half the mean weight: not all of one kind in a pass."""
    weights = np.where(np.arange(4000) < 2000, 0.5, 1.5)
    kinds = [
        np.bincount(rows[rows < 2000] % 2, minlength=2)
        for rows in (Visits(weights).between(0, 4000, seed) for seed in range(20))
    ]
    assert np.abs(np.diff(kinds, axis=1)).max() < 200


@pytest.mark.parametrize("seed", range(5))
def test_weights_of_any_size_keep_within_the_rows(seed):
    weights = np.exp(np.random.default_rng(seed).normal(0, 20, 300))
    rows = Visits(weights).between(0, 300, seed)
    assert len(rows) == 300 and rows.min() >= 0 and rows.max() < 300
