import numpy as np
import pytest

from skvae import FisherVectorEncoder
from skvae.fisher.vectors import tasks_of


@pytest.mark.parametrize(("n_batches", "n_workers"), [(1, 1), (7, 2), (100, 2), (100, 8)])
def test_tasks_cover_all_sets_once_in_order(n_batches, n_workers):
    batches = [slice(3 * i, 3 * i + 3) for i in range(n_batches - 1)]
    batches.append(slice(3 * (n_batches - 1), 3 * n_batches - 1))
    out = np.empty((batches[-1].stop, 10), np.float32)
    tasks = tasks_of(batches, out, n_workers)
    seen = [
        slice(sets.start + batch.start, sets.start + batch.stop)
        for sets, inner in tasks
        for batch in inner
    ]
    assert seen == batches
    assert all(inner[-1].stop == sets.stop - sets.start for sets, inner in tasks)


def test_every_worker_gets_several_tasks():
    batches = [slice(i, i + 1) for i in range(100)]
    out = np.empty((100, 10), np.float32)
    assert len(tasks_of(batches, out, 2)) >= 8


def test_a_task_makes_no_more_vectors_than_fit_into_memory_together():
    batches = [slice(i, i + 1) for i in range(64)]
    out = np.empty((64, 2**21), np.float32)
    assert all(len(inner) <= 4 for _, inner in tasks_of(batches, out, 1))


def test_sets_of_any_size_do_not_feel_each_other(rng):
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in (1, 2, 1024, 1025, 0, 9000, 64)]
    fv = FisherVectorEncoder(4, random_state=0).fit(X)
    apart = np.concatenate([fv.transform([x]) for x in X])
    assert np.array_equal(fv.transform(X), apart)
    assert np.array_equal(np.stack([fv.encode(x) for x in X]), apart)


def test_small_sets_of_float32_are_those_of_float64(rng):
    X = rng.normal(size=(40, 64, 6)).astype(np.float32)
    raw = FisherVectorEncoder(8, power=1, norm=None, random_state=0).fit(X)
    exact = raw.transform(X.astype(np.float64))
    error = np.linalg.norm(raw.transform(X) - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert error.max() < 2e-6


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 30_000])
def test_any_number_of_threads_gives_the_same_bits(rng, size):
    X = rng.normal(size=(60_000 // size, size, 4)).astype(np.float32)
    one, *others = (
        FisherVectorEncoder(4, n_jobs=n, random_state=0).fit(X[:, :500]) for n in (1, 2, 3, None)
    )
    for fv in others:
        assert np.array_equal(fv.mean_scales_, one.mean_scales_)
        assert np.array_equal(fv.transform(X), one.transform(X))
        assert np.array_equal(fv.encode(X.reshape(-1, 4)), one.encode(X.reshape(-1, 4)))


def test_encode_is_transform_whatever_is_set_after_the_fit(rng):
    X = rng.normal(size=(3, 30, 4)).astype(np.float32)
    fv = FisherVectorEncoder(3, random_state=0).fit(X)
    fv.encode(X[0])
    found = []
    for options in ({"power": 1.0}, {"norm": "intra"}, {"norm": "l1", "gradients": ("stds",)}):
        fv.set_params(**options)
        found.append(fv.encode(X[0]))
        assert np.array_equal(found[-1], fv.transform(X)[0])
    fv.mixture_.means_[0] += 1  # as nobody should
    found.append(fv.encode(X[0]))
    assert np.array_equal(found[-1], fv.transform(X)[0])
    assert all(not np.array_equal(a, b) for a, b in zip(found, found[1:], strict=False))
