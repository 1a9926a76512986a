import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae.compute.threads import single_threaded
from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.nn import inference
from skvae.vae.nn.model import VAE, to_arrays
from skvae.vae.numpy_model import NumpyModel


def make(likelihood="bernoulli", activation="relu", hidden=(200, 200), n_features=30, d=5):
    architecture = {
        "n_features": n_features,
        "n_components": d,
        "hidden_layer_sizes": list(hidden),
        "activation": activation,
        "likelihood": likelihood,
        "n_classes": None,
        "network": "mlp",
    }
    model = VAE(**architecture)
    model.draw_parameters(torch.Generator().manual_seed(0))
    return model, to_arrays(model), architecture


def as_it_is(x):
    return x


def rows(n, d, seed=0):
    return np.random.default_rng(seed).random((n, d), dtype=np.float32)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden", [(), (1,), (200, 100, 50)])
def test_numbers_are_those_of_torch(likelihood, activation, hidden):
    model, *fitted = make(likelihood, activation, hidden)
    x, z = rows(40, 30), 4 * rows(40, 5) - 2
    for log_var in (False, True):
        found = NumpyModel(*fitted).encode(x, log_var=log_var)
        assert found.dtype == np.float32
        right = inference.encode(model, x, log_var=log_var)
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)
    found, right = NumpyModel(*fitted).decode(z, as_it_is), inference.decode(model, z, as_it_is)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


def test_logits_of_any_size_are_decoded():
    _, parameters, architecture = make(hidden=())
    parameters["decoder.0.weight"] *= 1e4
    with np.errstate(all="raise", under="ignore"):
        x = NumpyModel(parameters, architecture).decode(rows(9, 5), as_it_is)
    assert x.min() >= 0 and x.max() == 1


@pytest.mark.parametrize(
    ("hidden", "n_features", "d"),
    [((200, 200), 784, 100), ((200, 200), 30, 1), ((500,), 64, 10), ((7, 1), 5, 2), ((), 784, 50)],
)
@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_each_row_is_on_its_own_bitwise(hidden, n_features, d, likelihood):
    _, *fitted = make(likelihood, hidden=hidden, n_features=n_features, d=d)
    x, order = rows(700, n_features), np.random.default_rng(1).permutation(700)
    model = NumpyModel(*fitted)
    decode = partial(model.decode, finish=as_it_is)
    for function, X in ((model.encode, x), (decode, x[:, :d])):
        with single_threaded():
            whole = function(X)
            assert np.array_equal(whole[order], function(X[order]))
            for part in ([0], [699], [303, 304], list(range(7, 330))):
                assert np.array_equal(whole[part], function(X[part]))


@pytest.mark.slow
def test_a_process_that_transforms_needs_no_torch(tmp_path):
    X = load_digits().data[:100] / 16
    options = {"hidden_layer_sizes": (20,), "max_iter": 1}
    fitted = [
        VAETransformer(3, likelihood=likelihood, output=output, **options).fit(X)
        for output, likelihood in (("mean", "bernoulli"), ("params", "gaussian"))
    ]
    (tmp_path / "fitted.pickle").write_bytes(pickle.dumps((fitted, X)))
    code = """
import pickle, sys, numpy as np
fitted, X = pickle.load(open("fitted.pickle", "rb"))
for name, vae in enumerate(fitted):
    Z = vae.transform(X)
    np.savez(f"{name}.npz", Z=Z, X=vae.inverse_transform(Z), again=vae.reconstruct(X))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    for name, vae in enumerate(fitted):
        found = np.load(tmp_path / f"{name}.npz")
        Z = vae.transform(X)
        assert np.array_equal(found["Z"], Z)
        assert np.array_equal(found["X"], vae.inverse_transform(Z))
        assert np.array_equal(found["again"], vae.reconstruct(X))
