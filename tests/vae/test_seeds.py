import numpy as np

from skvae.vae.seeds import EPOCH, INIT, row_generators, stream_seed

X = np.random.default_rng(0).normal(size=(5, 3))


def draws(X, seed=0):
    return np.array([g.standard_normal(4) for g in row_generators(X, seed)])


def test_noise_belongs_to_the_row():
    order = np.array([3, 0, 4, 1, 2])

    assert np.array_equal(draws(X)[order], draws(X[order]))
    assert np.array_equal(draws(X)[2:3], draws(X[2:3]))


def test_rows_and_seeds_differ():
    everything = np.concatenate([draws(X), draws(X, seed=1), draws(X + 1e-12)])

    assert len(np.unique(everything)) == everything.size


def test_equal_values_are_equal_rows():
    x32 = X.astype(np.float32)
    zero = np.zeros((1, 3))

    assert np.array_equal(draws(x32), draws(x32.astype(np.float64)))
    assert np.array_equal(draws(zero), draws(-zero))
    assert np.array_equal(draws(X), draws(np.asfortranarray(X)))


def test_noise_is_standard_normal():
    sample = draws(np.random.default_rng(1).normal(size=(5000, 2))).ravel()

    assert abs(sample.mean()) < 0.03
    assert abs(sample.std() - 1) < 0.03


def test_streams_are_apart():
    seeds = {stream_seed(s, k, e) for s in range(3) for k in (INIT, EPOCH) for e in range(10)}

    assert len(seeds) == 60
    assert max(seeds) < 2**63
