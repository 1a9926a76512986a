"""Data that are not floats in memory: the same bits, and little memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae._maps import MappedRows
from skvae.vae.rows import StoredRows, training_rows

PIXELS, Y = load_digits(return_X_y=True)
PIXELS = np.round(PIXELS[:300] * (255 / 16)).astype(np.uint8)
Y = Y[:300]


def vae(**options):
    defaults = {"n_components": 3, "hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
    return VAETransformer(**defaults | options)


def same_weights(a, b):
    return all(np.array_equal(a.parameters_[k], b.parameters_[k]) for k in a.parameters_)


def on_disk(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def test_floats_in_memory_are_prepared_at_once_and_others_when_asked_for(tmp_path):
    def halved(X):
        return (X / 2).astype(np.float32)

    cpu = torch.device("cpu")
    numbers = torch.tensor([4, 1])
    for X in (PIXELS, MappedRows(on_disk(PIXELS.astype(float), tmp_path))):
        rows = training_rows(X, halved, cpu)
        assert isinstance(rows, StoredRows) and len(rows) == 300
        assert torch.equal(rows[numbers], torch.from_numpy(halved(PIXELS[[4, 1]])))
    assert isinstance(training_rows(PIXELS.astype(float), halved, cpu), torch.Tensor)


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


@pytest.mark.parametrize("options", [{}, {"binarize": "threshold"}, {"binarize": "dynamic"}])
def test_max_value_is_division_with_answers_in_the_units_of_the_data(options):
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


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_a_file_larger_than_the_memory_in_use(tmp_path):
    """A file of 300 MB, of which the fit, features and scores may hold 120 MB at most."""
    shape = (75_000, 4000)
    with open(tmp_path / "X.bin", "wb") as file:
        block = np.random.default_rng(0).integers(0, 256, (1000, 4000), dtype=np.uint8)
        for _ in range(75):
            file.write(block.tobytes())
    code = f"""
import resource
import numpy as np
from skvae import VAETransformer

X = np.memmap("X.bin", np.uint8, "r", shape={shape})
vae = VAETransformer(
    2, hidden_layer_sizes=(8,), max_value=255, max_iter=2, steps_per_epoch=20, random_state=0,
    early_stopping=True, validation_fraction=0.02,
)
vae.fit(X[:1000])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
vae.fit(X)
vae.transform(X[:10_000])
vae.score(X[-1000:])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 120
