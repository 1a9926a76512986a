"""``skvae train``, as a user meets it."""

import os
import re
import signal
import sys
import time
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from elsewhere import forked

from skvae import datasets
from skvae.cli import main
from skvae.displays.films import PictureFolder
from skvae.vae.training.checkpoints import CheckpointFile

accumulators = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra 'train'"
)

pytest.importorskip("matplotlib", reason="needs the extra 'train'")
pytest.importorskip("PIL", reason="needs the extra 'train'")

SMALL = ["train", "--dataset", "digits", "--hidden-size", "16", "--n-samples", "1"]
SMALL += ["--latent-dim", "2"]
NO_MAPS = ["--latent-dim", "3"]  # maps of the plane take most of the time


def train(folder, *options, n=60, every=20):
    numbers = ["--n-iterations", str(n), "--print-every", str(every)]
    return main.main([*SMALL, *numbers, "--logdir", str(folder), *options])


def same_weights(a, b):
    models = [joblib.load(folder / "model.joblib") for folder in (a, b)]
    first, second = (model.parameters_ for model in models)
    return all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_it_prints_draws_logs_and_saves(tmp_path, capsys):
    assert train(tmp_path / "log", "--n-samples", "2", n=50) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    names = {path.name for path in (tmp_path / "log").iterdir()}

    pattern = r"Iteration: (\d+) ELBO: -\d+\.\d+ s/iter: \d\.\d+e[+-]\d+"
    assert [re.fullmatch(pattern, line)[1] for line in lines[:-1]] == ["20", "40", "50"]
    assert "tensorboard --logdir" in lines[-1]
    assert printed.err == ""  # a bar is for terminals
    for i in (20, 40, 50):
        for k in (0, 1):
            assert f"iter_{i}_posterior_predictive_{k}_data.png" in names
            assert f"iter_{i}_posterior_predictive_{k}_sample.png" in names
            assert f"iter_{i}_prior_predictive_{k}.png" in names
    assert {"posterior_predictive.gif", "prior_predictive.gif", "model.joblib"} <= names

    events = accumulators.EventAccumulator(str(tmp_path / "log")).Reload()
    assert set(events.Tags()["scalars"]) == {"ELBO", "reconstruction", "KL"}
    assert set(events.Tags()["images"]) == {"data", "posterior_predictive", "prior_predictive"}
    values = {tag: [e.value for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert [event.step for event in events.Scalars("ELBO")] == [20, 40, 50]
    np.testing.assert_allclose(
        values["ELBO"], np.subtract(values["reconstruction"], values["KL"]), rtol=1e-5
    )
    printed_elbos = [float(line.split()[3]) for line in lines[:-1]]
    np.testing.assert_allclose(printed_elbos, values["ELBO"], atol=1e-3)


@pytest.mark.slow
def test_the_model_is_the_seeds(tmp_path):
    train(tmp_path, "--conditional", n=5)
    vae = joblib.load(tmp_path / "model.joblib")
    digits = datasets.load_digits()

    assert vae.optimizer == "rmsprop" and vae.learning_rate == "constant" and vae.warm_up == 0
    assert vae.binarize == "threshold" and vae.batch_size == 64 and vae.learning_rate_init == 1e-3
    assert vae.class_means_.shape == (10, 2)
    assert vae.transform(digits.data[:3]).shape == (3, 2)
    assert (vae.max_iter, vae.steps_per_epoch, vae.checkpoint) == (1, 20, None)


def test_the_defaults_are_the_seeds():
    arguments = main._make_parser().parse_args(["train"])

    assert (arguments.latent_dim, arguments.batch_size, arguments.hidden_size) == (100, 64, 200)
    assert (arguments.n_iterations, arguments.print_every, arguments.n_samples) == (
        100_000,
        1000,
        1,
    )


def interrupted_at(iteration):
    """Pictures that Ctrl-C interrupts."""
    original = PictureFolder.draw

    def draw(self, vae, now):
        if now == iteration:
            raise KeyboardInterrupt
        return original(self, vae, now)

    return draw


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interval", "n_written", "options"),
    [
        (0.0, 2, []),
        (0.0, 2, ["--conditional", *NO_MAPS]),
        (1e9, 1, NO_MAPS),
        (1e9, 1, ["--conditional", *NO_MAPS]),
    ],
)
def test_a_run_that_goes_on_ends_with_the_same_bits(
    tmp_path, monkeypatch, capsys, interval, n_written, options
):
    """Interrupted while the pictures of the third epoch are drawn, with two on the disk or one."""
    straight, halves = tmp_path / "a", tmp_path / "b"
    train(straight, *options, n=70)
    output = capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFile, "INTERVAL", interval)
        patch.setattr(PictureFolder, "draw", interrupted_at(60))
        assert train(halves, *options, n=70) == 130
    assert capsys.readouterr().err == "\nInterrupted: --resume goes on from the last checkpoint.\n"
    assert not (halves / "model.joblib").exists()
    assert train(halves, *options, "--resume", n=70) == 0

    assert same_weights(straight, halves)
    lines = capsys.readouterr().out.splitlines()
    elbos = [line.rpartition(" s/iter")[0] for line in output.splitlines()[n_written:-1]]
    assert [line.rpartition(" s/iter")[0] for line in lines[:-1]] == elbos
    films = [] if options else ["prior_predictive.gif"]
    for name in ("iter_40_prior_predictive_0.png", *films):
        assert (straight / name).read_bytes() == (halves / name).read_bytes()
    events = accumulators.EventAccumulator(str(halves)).Reload().Scalars("ELBO")
    assert [event.step for event in events] == [20, 40, 60, 70]


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50])
def test_a_finished_run_can_be_made_longer(tmp_path, n):
    train(tmp_path / "a", *NO_MAPS, n=n)
    assert train(tmp_path / "a", *NO_MAPS, "--resume", n=60) == 0
    assert (tmp_path / "a" / "iter_60_prior_predictive_0.png").exists()
    assert train(tmp_path / "a", *NO_MAPS, "--resume", n=60) == 0
    train(tmp_path / "b", *NO_MAPS, n=60)
    assert same_weights(tmp_path / "a", tmp_path / "b")


@pytest.mark.slow
def test_folders_and_settings_are_respected(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    for word in ("--overwrite", "--resume"):
        assert train(tmp_path, word) == 1
        assert "did not write" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["thesis.tex"]
    train(tmp_path / "log", *NO_MAPS, n=20)
    assert train(tmp_path / "log", *NO_MAPS, n=20) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert train(tmp_path / "log", *NO_MAPS, "--resume", "--batch-size", "9", n=20) == 1
    assert "batch_size was 64 and is 9" in capsys.readouterr().err
    assert train(tmp_path / "log", *NO_MAPS, "--overwrite", n=10, every=10) == 0
    assert not (tmp_path / "log" / "iter_20_prior_predictive_0.png").exists()


def test_a_folder_that_cannot_be_made_is_a_message(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert train(tmp_path / "file") == 1
    assert "file/skvae-train.json cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "extra"),
    [
        ("matplotlib.figure", "skvae[plot]"),
        ("torch.utils.tensorboard", "skvae[tensorboard]"),
        ("PIL", "skvae[train]"),
    ],
)
def test_missing_packages_are_named_before_anything_is_trained(
    tmp_path, monkeypatch, capsys, package, extra
):
    monkeypatch.setitem(sys.modules, package, None)
    assert train(tmp_path) == 1
    printed = capsys.readouterr()

    assert printed.err.startswith("skvae: ") and f'pip install "{extra}"' in printed.err
    assert printed.out == ""
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_missing_gpu_leaves_nothing_behind(tmp_path, capsys):
    assert train(tmp_path, "--device", "cuda") == 1
    assert "torch finds no CUDA GPU" in capsys.readouterr().err
    assert not os.listdir(tmp_path)


def test_what_collapsed_is_said_once_at_the_end(tmp_path, capsys, recwarn):
    assert train(tmp_path, "--latent-dim", "100", n=20, every=10) == 0
    said = "The latent dimensions carry next to nothing of the images: train longer.\n"
    assert capsys.readouterr().err == said
    assert not recwarn.list


@contextmanager
def in_a_process(folder):
    """A long run that has printed its first line, and what it prints."""
    options = ["--logdir", str(folder / "log"), "--n-iterations", "100000", "--print-every", "20"]
    code = f"""
import signal, sys
from skvae.cli.main import main
# A background job of a shell ignores Ctrl-C, and so would its child.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main({[*SMALL, *NO_MAPS, *options]}))
"""
    os.mkfifo(folder / "out")
    process = forked(code, folder)
    with open(folder / "out", encoding="utf-8") as printed:
        assert printed.readline().startswith("Iteration: 20 ")
        while not checkpoints(folder):
            assert process.is_alive()
            time.sleep(0.005)
        yield process, printed


def checkpoints(folder):
    return list(folder.glob("log/checkpoint-*.npz"))


@pytest.mark.slow
def test_a_closed_pipe_ends_it_quietly(tmp_path):
    with in_a_process(tmp_path) as (process, printed):
        printed.close()
        process.join()

    assert process.exitcode == 1
    assert (tmp_path / "err").read_text("utf-8") == ""
    assert len(checkpoints(tmp_path)) == 1


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path):
    with in_a_process(tmp_path) as (process, printed):
        os.kill(process.pid, signal.SIGINT)
        printed.read()
        process.join()
    errors = (tmp_path / "err").read_text("utf-8")

    assert process.exitcode == 130
    assert "--resume" in errors and "Traceback" not in errors
    assert len(checkpoints(tmp_path)) == 1


@pytest.mark.slow
def test_a_bar_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    train(tmp_path, *NO_MAPS, n=40)
    printed = capsys.readouterr()

    assert printed.err.count("\n") == 1 and "100%" in printed.err and "ELBO" in printed.err
    assert printed.out.count("\n") == 3 and "\r" not in printed.out
