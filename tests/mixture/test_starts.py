import numpy as np
import pytest
from sklearn.cluster import KMeans

from skvae.data.blocks import ArrayBlocks
from skvae.data.weighted_blocks import weighted_blocks
from skvae.mixture.starts import given_start, start


@pytest.mark.parametrize("method", ["kmeans", "k-means++"])
def test_start_separates_far_clusters(rng, method):
    X = np.concatenate([rng.normal(size=(40, 2)) + m for m in ([0, 0], [50, 0], [0, 50])])
    rng = np.random.RandomState(0)
    statistics = start(ArrayBlocks(X), len(X), 3, method, X.mean(axis=0), rng)
    assert sorted(statistics.totals[:, 0]) == [40, 40, 40]


def test_descriptors_that_are_nothing_beside_one_do_not_count():
    X, weights = np.arange(8.0).reshape(4, 2), np.array([1e300, 1e-300, 1e-300, 1e-300])
    data = weighted_blocks(ArrayBlocks(X), weights)
    with pytest.raises(ValueError, match="n_components=2 .* only 1 of n_samples=4 have weights"):
        start(data, 4, 2, "kmeans", np.zeros(2), np.random.RandomState(0))


def within(statistics):
    """Sum of squared distances to the means of a partition."""
    n, s1, s2 = np.split(statistics.totals, [1, 1 + statistics.totals.shape[1] // 2], axis=1)
    return (s2 - s1**2 / n).sum()


@pytest.mark.parametrize("spread", [0.6, 3.0])
def test_start_of_many_descriptors_is_as_narrow_as_the_partition_of_scikit_learn(rng, spread):
    means = spread * rng.normal(size=(16, 8))
    X = means[rng.integers(0, 16, 20_000)] + rng.normal(size=(20_000, 8))
    ours, theirs = [], []
    for seed in range(5):
        random_state = np.random.RandomState(seed)
        found = start(ArrayBlocks(X), len(X), 16, "kmeans", X.mean(axis=0), random_state)
        ours.append(within(found))
        theirs.append(KMeans(16, n_init=1, random_state=seed).fit(X).inertia_)
    assert np.median(ours) < 1.03 * np.median(theirs)


@pytest.mark.parametrize("method", ["kmeans", "k-means++"])
def test_among_many_descriptors_too_a_weight_of_two_is_the_descriptor_twice(rng, method):
    X, weights = rng.normal(size=(6000, 2)), rng.integers(0, 3, 6000).astype(float)
    twice = X.repeat(weights.astype(int), axis=0)
    sources = [weighted_blocks(ArrayBlocks(X), weights), ArrayBlocks(twice)]
    first, second = (
        start(data, len(twice), 5, method, np.zeros(2), np.random.RandomState(0))
        for data in sources
    )
    assert np.array_equal(first.totals, second.totals)


def test_among_many_weighted_descriptors_every_cluster_is_found(rng):
    X = np.concatenate([rng.normal(size=(3000, 2)) + m for m in ([0, 0], [50, 0], [0, 50])])
    weights = np.repeat([0.25, 0.5, 1.5], 3000)
    data, random_state = weighted_blocks(ArrayBlocks(X), weights), np.random.RandomState(0)
    statistics = start(data, weights.sum(), 3, "k-means++", np.zeros(2), random_state)
    shares = statistics.totals[:, 0] / statistics.totals[:, 0].sum()
    np.testing.assert_allclose(np.sort(shares), np.array([0.25, 0.5, 1.5]) / 2.25)


def partition(X, method="kmeans", k=3):
    center = X.mean(axis=0, dtype=float)
    counts = start(ArrayBlocks(X), len(X), k, method, center, np.random.RandomState(0)).totals
    return np.sort(counts[:, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_column_that_leads_all_distances_is_put_on_the_scale_of_the_others(rng, dtype, factor):
    clusters = np.concatenate([rng.normal(size=(40, 2)) + m for m in ([0, 0], [9, 0], [0, 9])])
    X = np.column_stack([clusters, rng.normal(size=120)])
    X[:, 2] *= 1e6 / factor if factor > 1 else 1e6
    X[:, :2] *= factor if factor < 1 else 1
    assert list(partition(X.astype(dtype))) == [40, 40, 40]


def test_columns_of_like_units_keep_their_own_scales(rng):
    X = rng.normal(size=(300, 3)) * [3, 1, 1]
    X[:, 0] = np.repeat([-3, 0, 3], 100) + 0.01 * X[:, 0]
    X[:, 1:] *= 0.5
    assert list(partition(X)) == [100, 100, 100]


def test_rounding_of_a_constant_column_does_not_lead(rng):
    X = np.concatenate([rng.normal(size=(40, 2)) + m for m in ([0, 0], [9, 0], [0, 9])])
    X = np.column_stack([X * [1, 1e-4], np.full(120, 1e8)]).astype(np.float32)
    X[::2, 2] = np.nextafter(X[::2, 2], np.float32(np.inf))
    assert list(partition(X)) == [40, 40, 40]


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_float32_starts_where_its_squares_overflow_or_vanish(rng, factor):
    X = np.concatenate([rng.normal(size=(40, 2)) + m for m in ([0, 0], [50, 0], [0, 50])])
    X = (X * factor).astype(np.float32)
    assert list(partition(X)) == [40, 40, 40]


def test_what_is_not_given_stays_none():
    weights, means, precisions = given_start(None, [[0.0], [1.0]], None, 2, 1)
    assert weights is None
    assert precisions is None
    assert np.array_equal(means, [[0.0], [1.0]])


@pytest.mark.parametrize(
    ("means", "precisions", "name"),
    [(1e200, None, "means_init"), (None, 1e300, "precisions_init"), (None, 1e-300, "precisions")],
)
def test_a_start_whose_density_is_no_float_is_named(means, precisions, name):
    given = [None if value is None else np.full((2, 3), value) for value in (means, precisions)]
    with pytest.raises(ValueError, match=rf"{name}.* holds 1e[+-][23]00, and float64 cannot hold"):
        given_start(None, *given, 2, 3)
