import numpy as np
import pytest

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
