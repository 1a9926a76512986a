import re
import sys
from functools import partial

import numpy as np
import pytest
from pages import resident
from reiterable import Blocks as Reiterable
from reiterable import Refilled
from threadpoolctl import threadpool_info, threadpool_limits

from skvae.data.blocks import (
    ArrayBlocks,
    Blocks,
    DaskBlocks,
    IteratedBlocks,
    RowBlocks,
    lazy_blocks,
)

BOUNDS = [1, 13, 13, 170]


def memory_map(X, path, mode="r"):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode=mode)


def dask_array(X, chunks=((13, 0, 157, 30), (2, 3))):
    return pytest.importorskip("dask.array").from_array(X, chunks=chunks)


# Of each class that has the protocol: a new one is a line here.
FORMS = {
    "array": lambda X, path: ArrayBlocks(X),
    "memory map": lambda X, path: lazy_blocks(memory_map(X, path)),
    "view of a memory map": lambda X, path: lazy_blocks(np.asarray(memory_map(X, path))),
    "iterable": lambda X, path: lazy_blocks(Reiterable(*np.split(X, BOUNDS))),
    "dask array": lambda X, path: lazy_blocks(dask_array(X)),
}


def second_moments(block):
    return block.astype(float).T @ block


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_form_has_the_same_rows_and_sums(rng, tmp_path, form, dtype):
    X = rng.normal(size=(200, 5)).astype(dtype)
    blocks = FORMS[form](X, tmp_path)
    assert isinstance(blocks, Blocks) and isinstance(blocks, RowBlocks)
    assert blocks.dtype == dtype
    assert blocks.head.shape[1] == 5
    assert np.array_equal(np.concatenate(list(blocks)), X)
    assert np.allclose(blocks.total(second_moments), second_moments(X), rtol=1e-12)
    rows = np.array([0, 1, 12, 14, 169, 170, 199])
    assert np.array_equal(blocks.take(rows), X[rows])
    assert blocks.take(rows).dtype == dtype


def test_what_lies_in_memory_is_left_alone(rng):
    for X in (rng.normal(size=(4, 2)), [[1, 2], [3, 4]], ((1, 2),)):
        assert lazy_blocks(X) is None


@pytest.mark.parametrize(("n", "size"), [(200, 30), (200, 200), (1000, 7), (20, 1000)])
@pytest.mark.parametrize("form", ["array", "memory map"])
def test_random_batches_are_a_partition(rng, tmp_path, form, n, size):
    X = np.arange(2.0 * n).reshape(n, 2)
    blocks = FORMS[form](X, tmp_path)
    batches = [np.concatenate(list(b)) for b in blocks.batches(size, np.random.RandomState(0))]
    assert np.array_equal(np.sort(np.concatenate(batches), axis=0), X)
    assert len(batches) == max(1, round(n / size))
    assert np.ptp([len(b) for b in batches]) <= 1
    again = blocks.batches(size, np.random.RandomState(0))
    assert all(np.array_equal(a, next(iter(b))) for a, b in zip(batches, again, strict=True))


def test_batches_of_sorted_data_look_alike():
    X = np.linspace(0, 1, 100_000)[:, None]
    for batch in ArrayBlocks(X).batches(2000, np.random.RandomState(0)):
        rows = next(iter(batch))
        assert rows.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 250))
        assert rows.var() == pytest.approx(1 / 12, rel=0.3)


@pytest.mark.parametrize("bounds", [[], BOUNDS, [100]])
def test_batches_of_an_iterable_are_consecutive_whatever_its_blocks(rng, bounds):
    X = rng.normal(size=(200, 2))
    batches = [
        next(iter(b)) for b in IteratedBlocks(Reiterable(*np.split(X, bounds))).batches(30, None)
    ]
    assert [len(b) for b in batches] == [30, 30, 30, 30, 30, 50]
    assert np.array_equal(np.concatenate(batches), X)


def test_blocks_stay_while_those_after_them_are_read_into_the_same_memory(rng):
    X = rng.normal(size=(200, 2))
    assert np.array_equal(np.concatenate([*IteratedBlocks(Refilled(*np.split(X, BOUNDS)))]), X)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps")
def test_pages_of_a_memory_map_are_given_back(tmp_path):
    X = memory_map(np.ones((2**20, 8)), tmp_path)
    blocks = lazy_blocks(X)
    assert X.sum() == 2**23
    assert resident(tmp_path) > 2**25
    assert blocks.total(np.sum) == 2**23
    assert resident(tmp_path) < 2**22
    peak = max(resident(tmp_path) for _ in blocks)
    assert peak < 2**25
    assert resident(tmp_path) < 2**22
    blocks.take(np.arange(0, 2**20, 100))
    assert resident(tmp_path) < 2**22


def test_changes_to_a_private_map_are_kept(tmp_path):
    X = memory_map(np.ones((1000, 4)), tmp_path, mode="c")
    X[500] = 7
    list(lazy_blocks(X))
    assert np.all(X[500] == 7)


@pytest.mark.parametrize("form", ["memory map", "iterable", "dask array"])
def test_every_block_is_checked(rng, tmp_path, form):
    X = rng.normal(size=(200, 5))
    X[150, 3] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        FORMS[form](X, tmp_path).total(second_moments)


@pytest.mark.parametrize("form", ["memory map", "iterable", "dask array"])
def test_missing_values_are_read_as_they_are(rng, tmp_path, form):
    X = rng.normal(size=(200, 5))
    X[150, 3] = np.nan
    assert np.array_equal(np.concatenate(list(FORMS[form](X, tmp_path))), X, equal_nan=True)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([np.ones((3, 2)), np.ones((3, 4))], "A block of X has 4 features.*have 2"),
        ([np.ones((3, 2)), np.ones(3)], "Expected 2D array"),
        ([], "X yields no block"),
    ],
)
def test_blocks_that_do_not_fit_together(blocks, message):
    with pytest.raises(ValueError, match=message):
        lazy_blocks(Reiterable(*blocks)).total(second_moments)


def test_an_iterable_that_does_not_start_anew():
    class Draining(Reiterable):
        def __iter__(self):
            blocks, self.blocks = self.blocks, self.blocks[:1]
            return iter(blocks)

    draining = lazy_blocks(Draining(np.ones((3, 2))))
    draining.X.blocks = (np.ones((3, 2)), np.ones((2, 2)))
    draining.total(second_moments)
    with pytest.raises(ValueError, match="X gave 5 rows on the first pass and 3"):
        draining.total(second_moments)


def test_what_can_be_read_once():
    with pytest.raises(TypeError, match="X is an iterator .*partial_fit"):
        lazy_blocks(iter([np.ones((3, 2))]))


def test_dask_arrays_that_cannot_be_read(rng):
    array = dask_array(rng.normal(size=(200, 5)))
    with pytest.raises(ValueError, match=re.escape("call X.compute_chunk_sizes() first")):
        DaskBlocks(array[array[:, 0] > 0])
    with pytest.raises(ValueError, match="Expected 2D array, got a dask array of 3"):
        DaskBlocks(array[None])
    with pytest.raises(ValueError, match="batch_size=10"):
        DaskBlocks(array).batches(10, None)


def test_other_dask_collections_are_named():
    bag = pytest.importorskip("dask.bag").from_sequence([1, 2])
    with pytest.raises(TypeError, match="X is a dask Bag"):
        lazy_blocks(bag)


def test_dask_sums_leave_the_array_unpersisted_and_the_result_small(rng):
    array = dask_array(rng.normal(size=(200, 5)))
    reads = []
    watched = array.map_blocks(lambda block: reads.append(len(block)) or block, dtype=float)
    reads.clear()
    blocks = DaskBlocks(watched)
    assert reads == []
    blocks.total(partial(np.sum, axis=0))
    assert sum(reads) == 2 * 200


def blas_threads(block):
    blas = [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]
    return np.array([max(blas), 1])


def test_tasks_of_dask_use_one_blas_thread(rng):
    dask = pytest.importorskip("dask")
    array = dask_array(rng.normal(size=(200, 5)))
    with threadpool_limits(2, user_api="blas"):
        with dask.config.set(scheduler="synchronous"):
            threads, tasks = DaskBlocks(array).total(blas_threads)
        assert threads == tasks == 4
        assert max(blas_threads(None)) == 2
