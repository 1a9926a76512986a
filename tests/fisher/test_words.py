import numpy as np

from skvae.fisher.words import learn


def test_words_are_means_of_all_descriptors_they_were_nearest_to(rng):
    batches = rng.normal(size=(5, 40, 2))
    centers, counts = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), np.zeros(3, int)
    sums = np.zeros((3, 2))
    for batch in batches:
        nearest = ((batch[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        words = learn(centers, counts, batch)
        assert np.array_equal(words.labels, nearest)
        assert np.isclose(words.inertia, ((batch - centers[nearest]) ** 2).sum())
        centers, counts = words.centers, words.counts
        np.add.at(sums, nearest, batch)
        assert np.allclose(centers, sums / counts[:, None])
    assert counts.sum() == 200


def test_a_weight_of_two_is_the_descriptor_twice(rng):
    centers, counts, batch = rng.normal(size=(3, 2)), np.array([4, 0, 1]), rng.normal(size=(40, 2))
    weights = rng.integers(0, 3, 40)
    found = learn(centers, counts, batch, weights.astype(float))
    expected = learn(centers, counts, batch.repeat(weights, axis=0))
    assert np.allclose(found.centers, expected.centers)
    assert np.array_equal(found.counts, expected.counts)
    assert np.isclose(found.inertia, expected.inertia)


def test_words_far_from_a_batch_stay(rng):
    centers = np.array([[0.0, 0.0], [100.0, 100.0]], np.float32)
    words = learn(centers, np.array([1, 0]), rng.normal(size=(5, 2)).astype(np.float32))
    assert np.array_equal(words.centers[1], centers[1])
    assert words.centers.dtype == np.float32
    assert words.counts.tolist() == [6, 0]


def test_inertia_is_finite_where_float32_does_not_hold_its_squares():
    batch = np.array([[1e25], [-1e25]], np.float32)

    assert np.isclose(learn(np.zeros((1, 1), np.float32), np.ones(1), batch).inertia, 2e50)
