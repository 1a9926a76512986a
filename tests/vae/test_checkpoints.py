"""A fit that goes on from a checkpoint ends with the bits of an uninterrupted one."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae._checkpoint_file import read_checkpoint
from skvae.vae import fitting
from skvae.vae.checkpoints import data_of

X, Y = load_digits(return_X_y=True)
X = X[:200] / 16
Y = Y[:200]


def vae(**options):
    defaults = {"n_components": 3, "hidden_layer_sizes": (16,), "max_iter": 6, "random_state": 0}
    return VAETransformer(**defaults | options)


def same(a, b):
    weights = all(np.array_equal(a.parameters_[k], b.parameters_[k]) for k in a.parameters_)
    histories = repr(a.history_) == repr(b.history_) and a.n_iter_ == b.n_iter_
    curves = [getattr(fitted, "kl_curves_", np.empty(0)) for fitted in (a, b)]
    return weights and histories and np.array_equal(*curves)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"conditional": "prior", "binarize": "dynamic"},
        {"n_importance": 3, "binarize": "dynamic"},
        {"optimizer": "rmsprop", "likelihood": "gaussian", "max_grad_norm": 50.0},
        {"early_stopping": True, "warm_up": 0.0, "steps_per_epoch": 4},
        {"early_stopping": True, "warm_up": 0.0, "n_iter_no_change": 4, "tol": 1e9},
        {"hidden_layer_sizes": (), "variational": False, "checkpoint_every": 2},
    ],
)
def test_the_same_bits(power_cut, tmp_path, options):
    straight = vae(**options).fit(X, Y)
    options["checkpoint"] = tmp_path / "new" / "folder"
    with power_cut(3):
        vae(**options).fit(X, Y)
    resumed = vae(**options).fit(X, Y)

    assert same(resumed, straight)
    assert getattr(resumed, "best_validation_score_", None) == getattr(
        straight, "best_validation_score_", None
    )
    assert np.array_equal(resumed.transform(X), straight.transform(X))


def test_the_seed_of_no_seed_is_kept(power_cut, tmp_path):
    options = {"random_state": None, "checkpoint": str(tmp_path)}
    with power_cut(2):
        vae(**options).fit(X)
    resumed = vae(**options).fit(X)

    assert same(resumed, vae(random_state=None, checkpoint=tmp_path).fit(X))
    assert len(resumed.loss_curve_) == 6
    assert read_checkpoint(tmp_path / "checkpoint.npz")[1]["seed"] == resumed.seed_


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "warm_up": 0.0, "tol": 1e9}])
def test_a_finished_fit_is_not_run_again(monkeypatch, tmp_path, options):
    options = {"checkpoint": tmp_path, "n_iter_no_change": 2, **options}
    first = vae(**options).fit(X)
    monkeypatch.setattr(fitting, "training_rows", lambda X, *_: torch.empty(len(X), 0))
    again = vae(**options).fit(X)

    assert same(first, again)
    assert np.array_equal(first.kl_per_dimension_, again.kl_per_dimension_)


def test_every_n_epochs_and_at_the_end(monkeypatch, tmp_path):
    epochs = []
    original = fitting.FitCheckpoint.end_epoch

    def spy(self, *args):
        original(self, *args)
        file = tmp_path / "checkpoint.npz"
        epochs.append(len(read_checkpoint(file)[1]["history"]["loss"]) if file.exists() else 0)

    monkeypatch.setattr(fitting.FitCheckpoint, "end_epoch", spy)
    vae(max_iter=5, checkpoint=tmp_path, checkpoint_every=2).fit(X)

    assert epochs == [0, 2, 2, 4, 5]


def test_a_continued_fit_goes_on_too(power_cut, tmp_path):
    def half():
        return vae(warm_start=True, max_iter=2).fit(X).set_params(max_iter=4)

    straight = half().fit(X)
    interrupted = half().set_params(checkpoint=tmp_path)
    with power_cut(3):
        interrupted.fit(X)

    assert same(half().set_params(checkpoint=tmp_path).fit(X), straight)
    assert straight.n_iter_ == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_layer_sizes": (17,)}, r"hidden_layer_sizes was \[16\] and is \[17\]"),
        ({"max_iter": 7}, "max_iter was 6 and is 7"),
        ({"beta": 0.5}, "beta was 1.0 and is 0.5"),
        ({"random_state": 1}, "random_state's seed"),
        ({"optimizer": "rmsprop", "batch_size": 5}, "batch_size was 'auto' and is 5; optimizer"),
    ],
)
def test_another_configuration_is_refused(tmp_path, change, message):
    vae(checkpoint=tmp_path).fit(X)
    with pytest.raises(ValueError, match=f"checkpoint of another fit.*{message}.*own, or delete"):
        vae(checkpoint=tmp_path, **change).fit(X)


def test_other_data_are_refused(tmp_path):
    vae(checkpoint=tmp_path).fit(X)
    with pytest.raises(ValueError, match=r"shape of X was \[200, 64\] and is \[199, 64\]"):
        vae(checkpoint=tmp_path).fit(X[:-1])
    with pytest.raises(ValueError, match="digest of the data"):
        vae(checkpoint=tmp_path).fit(X[::-1])


def test_what_does_not_matter_may_change(tmp_path):
    first = vae(checkpoint=tmp_path).fit(X)
    again = vae(checkpoint=tmp_path, verbose=1, n_jobs=2, output="params", checkpoint_every=3)

    assert same(first, again.fit(X.astype(np.float32).astype(float)))


def test_labels_are_data():
    assert data_of(X, None) == data_of(X.copy(), None) != data_of(X, Y) != data_of(X, Y[::-1])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_in_the_middle(tmp_path):
    code = """
import numpy as np
from skvae import VAETransformer

X = np.random.default_rng(0).random((1500, 20))
vae = VAETransformer(
    3, hidden_layer_sizes=(16,), max_iter=40, checkpoint="state", random_state=0
)
np.savez("result.npz", **vae.fit(X).parameters_)
"""
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, cwd=tmp_path)
    file = tmp_path / "state" / "checkpoint.npz"
    while not file.exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    n_done = len(read_checkpoint(file)[1]["history"]["loss"])
    assert 0 < n_done < 40
    subprocess.run(command, cwd=tmp_path, check=True)
    straight = VAETransformer(3, hidden_layer_sizes=(16,), max_iter=40, random_state=0)
    straight.fit(np.random.default_rng(0).random((1500, 20)))

    with np.load(tmp_path / "result.npz") as result:
        assert all(np.array_equal(result[k], a) for k, a in straight.parameters_.items())
