from collections import Counter

import numpy as np
import pytest
from reiterable import Blocks as Anew
from reiterable import Refilled

from skvae.data.blocks import ArrayBlocks, Blocks, IteratedBlocks, lazy_blocks
from skvae.data.weighted_blocks import WeightedSource, drawn_rows, weighted_blocks


def in_file(X, folder):
    np.save(folder / "X.npy", X)
    return lazy_blocks(np.load(folder / "X.npy", mmap_mode="r"))


def in_dask(X, folder):
    da = pytest.importorskip("dask.array")
    return lazy_blocks(da.from_array(X, chunks=(30, -1)))


# Of each kind of blocks that weights may stand beside.
KINDS = {
    "array": lambda X, folder: ArrayBlocks(X),
    "map": in_file,
    "iterable": lambda X, folder: IteratedBlocks(Anew(*np.split(X, [1, 50]))),
    "dask": in_dask,
}


@pytest.fixture
def X(rng):
    return np.arange(200.0).reshape(100, 2)


@pytest.fixture
def weights():
    return np.arange(100.0) % 4


@pytest.fixture(params=KINDS)
def rows(request, X, tmp_path):
    return KINDS[request.param](X, tmp_path)


def test_weighted_blocks_are_blocks_that_can_be_drawn_from(rows, weights):
    blocks = weighted_blocks(rows, weights)
    assert isinstance(blocks, Blocks) and isinstance(blocks, WeightedSource)
    assert blocks.n == weights.sum() and blocks.head.shape[1] == 2


def test_a_pass_gives_rows_that_count_and_their_weights(rows, X, weights):
    blocks = weighted_blocks(rows, weights)
    for _ in range(2):
        found = list(blocks)
        assert np.array_equal(np.concatenate([b.rows for b in found]), X[weights > 0])
        assert np.array_equal(np.concatenate([b.weights for b in found]), weights[weights > 0])


def test_sums_are_of_rows_and_weights(rows, X, weights):
    total = weighted_blocks(rows, weights).total(lambda block: block.weights @ block.rows)
    assert np.allclose(total, weights @ X)


@pytest.mark.parametrize("size", [20, 10**4])
def test_rows_are_drawn_as_often_as_whole_weights_say(rows, X, weights, size):
    drawn, left = weighted_blocks(rows, weights).draw(size, np.random.RandomState(0))
    repeated = X.repeat(weights.astype(int), axis=0)
    expected, _ = weighted_blocks(ArrayBlocks(repeated), np.ones(len(repeated))).draw(
        size, np.random.RandomState(0)
    )
    assert left is None and np.array_equal(drawn, expected)


def test_weights_may_come_in_blocks_of_their_own(X, weights):
    rows = IteratedBlocks(Anew(*np.split(X, [1, 50])))
    parts = np.split(weights, [10, 20, 20])
    for given in Anew(*parts), Refilled(*parts), np.split(weights, [99]), weights.tolist():
        found = list(weighted_blocks(rows, given))
        assert np.array_equal(np.concatenate([b.weights for b in found]), weights[weights > 0])


@pytest.mark.parametrize("kind", ["array", "iterable"])
def test_batches_are_a_partition(kind, X, weights, tmp_path):
    blocks = weighted_blocks(KINDS[kind](X, tmp_path), weights)
    batches = list(blocks.batches(30, np.random.RandomState(0)))
    assert len(batches) > 2
    found = [block for batch in batches for block in batch]
    assert all(
        w == weights[int(x[0]) // 2] for b in found for x, w in zip(b.rows, b.weights, strict=True)
    )
    assert sum(len(b) for b in found) == np.count_nonzero(weights)


def test_rows_with_other_weights_are_drawn_alike_and_keep_them():
    weights = np.array([0.0, 0.5, 0.0, 3.0, 1.5])
    counts = Counter()
    for seed in range(300):
        rows, left = drawn_rows([weights[:2], weights[2:]], 1, np.random.RandomState(seed))
        counts[int(rows[0])] += 1
        assert left[0] == weights[rows[0]]
    assert set(counts) == {1, 3, 4} and min(counts.values()) > 60


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(99), "sample_weight"),
        (np.ones(101), "sample_weight"),
        (-np.ones(100), "a negative weight"),
        (np.full(100, np.nan), "sample_weight contains NaN"),
        (np.zeros(100), "All weights are zero"),
    ],
)
def test_weights_that_do_not_belong_to_the_rows_are_an_error(rows, bad, message):
    with pytest.raises(ValueError, match=message):
        list(weighted_blocks(rows, bad))


def test_weights_that_can_be_read_once_are_an_error(rows, weights):
    with pytest.raises(TypeError, match=r"sample_weight is an iterator \(generator\)"):
        weighted_blocks(rows, (w for w in weights))
