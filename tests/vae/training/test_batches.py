"""Data that are not floats in memory: the same bits, and little memory."""

import subprocess
import sys
from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
import pytest
import small
import torch
from reiterable import Blocks
from scipy.sparse import csc_array, csr_matrix
from sklearn.datasets import load_digits
from small import same_weights

from skvae.data import maps
from skvae.data.iterables import BlockPasses, IteratedRows
from skvae.data.maps import MappedRows
from skvae.data.rows import ArrayRows
from skvae.vae.training import batches
from skvae.vae.training.batches import (
    Batches,
    Noise,
    StoredRows,
    StreamedRows,
    batch_bounds,
    share,
    training_rows,
)

PIXELS, Y = load_digits(return_X_y=True)
PIXELS = np.round(PIXELS[:300] * (255 / 16)).astype(np.uint8)
Y = Y[:300]
vae = partial(small.vae, hidden_layer_sizes=(16,))


def on_disk(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def cut(X, size):
    return Blocks(*np.split(X, range(size, len(X), size)))


def streamed(monkeypatch, window, seed=0, X=PIXELS):
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 8 * X.shape[1] * window)
    rows = IteratedRows(BlockPasses(cut(X, 7), [X.dtype]))
    return StreamedRows(rows, lambda X: X.astype(np.float32), torch.device("cpu"), seed)


def test_floats_in_memory_are_prepared_at_once_and_others_when_asked_for(tmp_path):
    def halved(X):
        return (X / 2).astype(np.float32)

    cpu = torch.device("cpu")
    numbers = torch.tensor([4, 1])
    for X in (ArrayRows(PIXELS), MappedRows(on_disk(PIXELS.astype(float), tmp_path))):
        rows = training_rows(X, halved, cpu, 0)
        assert isinstance(rows, StoredRows) and len(rows) == 300
        assert torch.equal(rows[numbers], torch.from_numpy(halved(PIXELS[[4, 1]])))
    assert isinstance(training_rows(ArrayRows(PIXELS.astype(float)), halved, cpu, 0), torch.Tensor)


def test_pixels_go_to_a_gpu_at_once_unless_they_are_many(monkeypatch):
    elsewhere = torch.device("meta")
    rows = training_rows(ArrayRows(PIXELS), np.float32, elsewhere, 0)
    assert isinstance(rows, torch.Tensor) and rows.device == elsewhere
    monkeypatch.setattr(batches, "_FLOATS_ON_GPU", PIXELS.size - 1)
    assert isinstance(training_rows(ArrayRows(PIXELS), np.float32, elsewhere, 0), StoredRows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (np.float64, {"likelihood": "gaussian"}),
        (np.float32, {"max_value": 255, "conditional": "prior"}),
        (np.uint8, {"max_value": 255, "early_stopping": True, "warm_up": 0.0}),
        (np.uint8, {"max_value": 255, "binarize": "dynamic"}),
        (np.int16, {"likelihood": "poisson", "output": "refined"}),
    ],
)
def test_memory_maps_give_the_bits_of_memory(tmp_path, dtype, options):
    X = PIXELS.astype(dtype)
    mapped = on_disk(X, tmp_path)
    a, b = vae(**options).fit(X, Y), vae(**options).fit(mapped, Y)

    assert same_weights(a, b)
    assert a.history_ == b.history_
    assert np.array_equal(a.kl_per_dimension_, b.kl_per_dimension_)
    for method in ("transform", "reconstruct", "score", "score_samples"):
        first, second = getattr(a, method)(X), getattr(b, method)(mapped)
        assert np.array_equal(first, second)
        assert np.asarray(first).dtype == np.asarray(second).dtype
    assert same_weights(a.partial_fit(X, Y), b.partial_fit(mapped, Y))


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (np.float64, {"likelihood": "gaussian_diag", "early_stopping": True, "warm_up": 0.0}),
        (np.float32, {"max_value": 255, "conditional": "decoder", "max_iter": 1}),
        (np.uint8, {"max_value": 255, "binarize": "threshold", "conditional": "prior"}),
        (np.int64, {"likelihood": "poisson", "output": "sample"}),
    ],
)
def test_sparse_rows_give_the_bits_of_dense_ones(tmp_path, dtype, options):
    X, labels = (PIXELS * (PIXELS > 99)).astype(dtype), Y % 3
    sparse = csc_array(X)
    a = vae(**options, checkpoint=tmp_path).fit(X, labels)
    b = vae(**options).fit(sparse, labels)

    assert same_weights(a, b) and a.history_ == b.history_
    assert np.array_equal(a.kl_per_dimension_, b.kl_per_dimension_)
    methods = ["transform", "reconstruct", "score", "score_samples"]
    for method in methods + ["predict_proba"] * ("conditional" in options):
        first, second = (getattr(a, method)(rows[:50]) for rows in (X, csr_matrix(X)))
        assert np.array_equal(first, second)
        assert np.asarray(first).dtype == np.asarray(second).dtype
    assert same_weights(a.partial_fit(X, labels), b.partial_fit(sparse, labels))
    vae(**options, checkpoint=tmp_path).fit(sparse, labels)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "gaussian"},
        {"max_value": 255, "conditional": "prior", "early_stopping": True, "warm_up": 0.0},
        {"max_value": 255, "binarize": "dynamic", "steps_per_epoch": 4},
        {"likelihood": "poisson", "batch_size": 7},
    ],
)
def test_the_blocks_of_an_iterable_make_no_difference(monkeypatch, options):
    """Windows of 128 rows here, so that a pass has several."""
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 8 * 64 * 128)
    first, *others = (vae(**options).fit(cut(PIXELS, size), Y) for size in (300, 31, 1))
    for other in others:
        assert same_weights(first, other)
        assert first.history_ == other.history_
        assert np.array_equal(first.kl_per_dimension_, other.kl_per_dimension_)
    blocks = cut(PIXELS, 31)
    for method in ("transform", "score", "score_samples"):
        assert np.array_equal(getattr(first, method)(PIXELS), getattr(first, method)(blocks))
    assert same_weights(first.partial_fit(PIXELS[:9], Y[:9]), other.partial_fit(PIXELS[:9], Y[:9]))
    assert same_weights(first.partial_fit(cut(PIXELS, 99), Y), other.partial_fit(blocks, Y))


@pytest.mark.parametrize("size", [1, 10, 64, 70, 500])
def test_a_pass_visits_every_row_once_wherever_epochs_end(monkeypatch, size):
    rows = streamed(monkeypatch, 64)
    per_pass = -(-300 // size)
    numbers, order = [], rows.batches(size, 0)
    for step in range(3 * per_pass):
        if step % 5 == 0:  # a new epoch
            order = rows.batches(size, step)
        batch = next(order)
        assert np.array_equal(rows[batch], PIXELS[batch.numpy()])
        numbers.append(batch)
    passes = [torch.cat(numbers[k : k + per_pass]) for k in range(0, 3 * per_pass, per_pass)]
    assert all(torch.equal(order.sort().values, torch.arange(300)) for order in passes)
    assert not torch.equal(passes[0], passes[1])
    assert [len(batch) for batch in numbers[:per_pass]] == [
        min(size, 300 - k) for k in range(0, 300, size)
    ]
    for step in (1, per_pass + 1, 2 * per_pass):  # a fit that goes on
        fresh = streamed(monkeypatch, 64).batches(size, step)
        assert all(map(torch.equal, islice(fresh, 3), numbers[step : step + 3]))


@pytest.mark.parametrize("size", [3, 16, 64])
@pytest.mark.parametrize("n", [1, 4, 65, 129, 193, 130])
def test_no_row_is_left_alone_in_the_last_batch(monkeypatch, n, size):
    """Windows of 64 rows, or of 63, the last of which may have one more."""
    bounds = [batch_bounds(batch, n, size, 2) for batch in range(-(-n // size))]
    assert bounds[0][0] == 0 and bounds[-1][1] == n
    assert all(a[1] == b[0] for a, b in zip(bounds, bounds[1:], strict=False))
    lengths = [stop - start for start, stop in bounds]
    if n % size == 1:
        assert min(lengths) == min(2, n)
    else:
        assert set(lengths[:-1]) <= {size}
    rows = streamed(monkeypatch, 64, X=PIXELS[:n])
    found = list(islice(rows.batches(size, 0, 2), 2 * len(bounds)))

    assert [len(batch) for batch in found] == 2 * lengths
    for half in (found[: len(bounds)], found[len(bounds) :]):
        assert torch.equal(torch.cat(half).sort().values, torch.arange(n))


def test_order_is_random_within_windows_only(monkeypatch):
    order = torch.cat(list(islice(streamed(monkeypatch, 70).batches(10, 0), 30))).numpy()
    for first in range(0, 300, 70):
        window = np.arange(first, min(first + 70, 300))
        assert np.array_equal(np.sort(order[window]), window)
        assert not np.array_equal(order[window], window)
    other = torch.cat(list(islice(streamed(monkeypatch, 70, seed=1).batches(10, 0), 30))).numpy()
    assert not np.array_equal(order, other)


@pytest.mark.parametrize(
    "options",
    [
        {"max_value": 255},
        {"likelihood": "bernoulli", "max_value": 255, "conditional": "prior"},
        {"likelihood": "gaussian"},
        {"likelihood": "poisson"},
    ],
)
def test_each_epoch_reads_the_iterable_once(monkeypatch, options):
    """Others see what it is, count and describe it, pick rows to watch, and describe the model."""
    monkeypatch.setattr(maps, "_BLOCK_BYTES", 8 * 64 * 20)
    n_passes = []
    for max_iter in (1, 5):
        blocks = cut(PIXELS, 50)
        vae(max_iter=max_iter, **options).fit(blocks, Y)
        n_passes.append(blocks.n_passes)
    assert n_passes == [4 + 1, 4 + 5]


@pytest.mark.slow
def test_an_iterable_trains_as_well_as_an_array(monkeypatch):
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 8 * 64 * 100)
    options = {"max_iter": 20, "n_components": 6, "hidden_layer_sizes": (32,), "batch_size": 10}
    options["likelihood"] = "bernoulli"
    X = PIXELS / 255
    of_array = [vae(**options, random_state=seed).fit(X).score(X) for seed in range(2)]
    of_blocks = [vae(**options, random_state=seed).fit(cut(X, 64)).score(X) for seed in range(2)]
    assert np.mean(of_blocks) == pytest.approx(np.mean(of_array), abs=0.3)


@pytest.mark.parametrize("steps_per_epoch", [None, 4])
def test_a_fit_of_blocks_goes_on_with_the_same_bits(
    monkeypatch, power_cut, tmp_path, steps_per_epoch
):
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 8 * 64 * 64)
    options = {"likelihood": "gaussian", "steps_per_epoch": steps_per_epoch, "early_stopping": True}
    straight = vae(max_iter=5, **options).fit(cut(PIXELS, 50))
    with power_cut(3):
        vae(max_iter=5, **options, checkpoint=tmp_path).fit(cut(PIXELS, 50))
    resumable = vae(max_iter=5, **options, checkpoint=tmp_path)
    resumable.fit(PIXELS)  # rows in memory are another fit, with a file of its own
    assert len(list(tmp_path.iterdir())) == 2
    resumable.fit(cut(PIXELS, 23))

    assert same_weights(straight, resumable)
    assert straight.history_ == resumable.history_


def test_names_of_features_come_from_the_first_block():
    frames = [pd.DataFrame(part).rename(columns=str) for part in np.split(PIXELS, 3)]
    fitted = vae().fit(Blocks(*frames))
    assert list(fitted.feature_names_in_) == list(frames[0].columns)
    assert np.array_equal(fitted.transform(Blocks(*frames)), fitted.transform(pd.concat(frames)))


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (iter([PIXELS]), Y, TypeError, "can be read once, but VAETransformer.*partial_fit"),
        (Blocks(PIXELS, PIXELS[:, :9]), Y, ValueError, "A block of X has 9 features"),
        (Blocks(PIXELS, PIXELS + np.inf), Y, ValueError, "X contains infinity"),
        (Blocks(PIXELS[9:], 2.0 * PIXELS[:9]), Y, ValueError, r"in \[0, 255\].*and 510"),
        (Blocks(PIXELS[:0]), Y, ValueError, "0 samples"),
        (cut(PIXELS, 50), Y[1:], ValueError, "inconsistent numbers of samples: .300, 299"),
        (cut(PIXELS, 50), np.full(300, -1), ValueError, "all of y is -1"),
        (cut(PIXELS, 50), None, ValueError, "requires y to be passed"),
    ],
)
def test_iterables_that_are_refused(X, y, error, message):
    options = {"likelihood": "bernoulli", "max_value": 255, "conditional": "prior"}
    with pytest.raises(error, match=message):
        vae(**options).fit(X, y)


def test_blocks_of_another_width_than_that_of_the_fit():
    fitted = vae().fit(PIXELS)
    with pytest.raises(ValueError, match="X has 9 features, but VAETransformer is expecting 64"):
        fitted.transform(cut(PIXELS[:, :9], 50))


@pytest.mark.parametrize("binarize", [None, "threshold", "dynamic"])
def test_max_value_is_division_with_answers_in_the_units_of_the_data(binarize):
    options = {"likelihood": "bernoulli", "binarize": binarize}
    scaled = vae(**options).fit(PIXELS / 255)
    raw = vae(**options, max_value=255).fit(PIXELS)

    assert raw.likelihood_ == "bernoulli"
    assert same_weights(scaled, raw)
    Z = raw.transform(PIXELS)
    assert Z.dtype == np.float32
    assert np.array_equal(Z, scaled.transform((PIXELS / 255).astype(np.float32)))
    np.testing.assert_allclose(raw.inverse_transform(Z), 255 * scaled.inverse_transform(Z))
    np.testing.assert_allclose(raw.sample(3), 255 * scaled.sample(3))
    assert set(np.unique(raw.sample(5, draw=True))) == {0, 255}
    assert raw.reconstruct(PIXELS).max() > 100


@pytest.mark.slow
def test_the_type_of_the_numbers_decides_nothing():
    for options in ({"max_value": 255}, {"likelihood": "gaussian"}, {"likelihood": "poisson"}):
        bytes_, floats = vae(**options).fit(PIXELS), vae(**options).fit(PIXELS.astype(float))
        assert same_weights(bytes_, floats)
        assert bytes_.score(PIXELS) == floats.score(PIXELS.astype(float))
    assert vae().fit(PIXELS).likelihood_ == "gaussian"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "bernoulli"}, r"needs values in \[0, 1\].*Set max_value=255"),
        ({"likelihood": "bernoulli", "max_value": 200}, r"needs values in \[0, 200\]"),
        ({"likelihood": "poisson", "max_value": 255}, "values as they are"),
        ({"max_value": 0}, "max_value"),
    ],
)
def test_wrong_scales_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        vae(**options).fit(PIXELS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_a_file_larger_than_the_memory_in_use(tmp_path):
    """A file of 100 MB, of which fits, features and scores may hold 80 MB at most."""
    shape = (25_000, 4000)
    with open(tmp_path / "X.bin", "wb") as file:
        block = np.random.default_rng(0).integers(0, 256, (1000, 4000), dtype=np.uint8)
        for _ in range(25):
            file.write(block.tobytes())
    code = f"""
import resource
import numpy as np
from skvae import VAETransformer


class Blocks:
    def __iter__(self):
        for first in range(0, 100_000_000, 4_000_000):
            block = np.fromfile("X.bin", np.uint8, 4_000_000, offset=first)
            yield block.reshape(-1, 4000)


X = np.memmap("X.bin", np.uint8, "r", shape={shape})
vae = VAETransformer(
    2, hidden_layer_sizes=(8,), max_value=255, max_iter=2, steps_per_epoch=10, random_state=0,
    early_stopping=True, validation_fraction=0.02,
)
vae.fit(X[:1000])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for rows in (X, Blocks()):
    vae.fit(rows)
vae.transform(X[:10_000])
vae.score(X[-1000:])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 80


@pytest.mark.parametrize("n_ranks", [2, 3, 7])
def test_what_ranks_take_of_batches_are_together_the_batches(n_ranks):
    x, y = torch.rand(23, 3), torch.arange(23)

    def batches(**ranks):
        noise = Noise(2, n_importance=2, chooses=True)
        options = {"batch_size": 6, "seed": 0, "dynamic": True}
        return Batches(x, y, noise, **options, **ranks).of_epoch(0)

    parts = (batches(rank=rank, n_ranks=n_ranks) for rank in range(n_ranks))
    for whole, *own in zip(batches(), *parts, strict=True):
        for name in ("x", "y", "u"):
            found = torch.cat([getattr(part, name) for part in own])
            assert torch.equal(found, getattr(whole, name))
        noise = torch.cat([part.noise.unflatten(0, (2, len(part.x))) for part in own], dim=1)
        assert torch.equal(noise.flatten(0, 1), whole.noise)


def test_shares_are_as_equal_as_they_can_be():
    for n_rows in range(12):
        slices = [share(n_rows, rank, 5) for rank in range(5)]
        sizes = [len(range(n_rows)[own]) for own in slices]
        assert sum(sizes) == n_rows and max(sizes) - min(sizes) <= 1
