"""The command line, as a user meets it: in a process of its own, in an empty folder."""

import csv
import json
import os
import subprocess
import sys

import pytest

from skvae import recipes
from skvae.cli import main
from skvae.comparison.records import Row, append_row
from skvae.comparison.results import FeatureComparison
from skvae.data.archive import checkpoint_folder


@pytest.mark.slow
def test_compare_writes_its_files(tmp_path):
    command = [sys.executable, "-m", "skvae", "compare", "--features", "raw", "pca"]
    command += ["--classifiers", "linear", "knn", "--n-train", "200", "--n-seeds", "2"]
    command += ["--output", "out", "--report", "reports/page.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    content = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    with open(tmp_path / "out" / "results.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))

    assert done.returncode == 0, done.stderr
    assert "McNemar" in done.stdout
    assert "± seeds" in done.stdout
    assert "[pca, seed 1] knn:" in done.stderr
    assert len(lines) == len(content["rows"]) == 2 * 2 * 2
    assert all(0 < float(line["test_error"]) < 0.5 for line in lines)
    assert all(float(line["peak_memory_mb"]) > 50 for line in lines)
    assert content["settings"]["n_train"] == 200
    assert content["settings"]["versions"]["skvae"]
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 1000
    assert not (tmp_path / "out" / "unfinished").exists()
    page = (tmp_path / "reports" / "page.html").read_text("utf-8")
    assert f"skvae {' '.join(command[3:])}" in page


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (["compare", "--features", "sift"], "fv_vae_patches"),
        (["compare", "--classifiers", "forest"], "svm"),
        (["compare", "--dataset", "imagenet"], "fashion-mnist"),
        (["compare", "--n-seeds", "0"], "0 is less than 1"),
        (["train", "--latent-dim", "two"], "'two' is no whole number"),
        (["recipe", "sift"], "fv_vae_patches"),
        ([], "COMMAND"),
    ],
)
def test_unknown_options_list_the_choices(arguments, choices, capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main(arguments)

    assert exit_.value.code == 2
    assert choices in capsys.readouterr().err


def test_missing_data_are_a_message_not_a_traceback(tmp_path, monkeypatch, capsys):
    def load(data_home):
        raise FileNotFoundError(f"nothing in {data_home}")

    monkeypatch.setitem(main.datasets.DATASETS, "mnist", load)

    assert main.main(["compare", "--dataset", "mnist", "--data-home", "there"]) == 1
    assert capsys.readouterr().err == "skvae: nothing in there\n"


def test_more_training_images_than_there_are_is_an_error(capsys):
    assert main.main(["compare", "--n-train", "5000"]) == 1
    assert "there are only 1297 training images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "place", "message"),
    [
        ("--report", ".", "cannot be written"),
        ("--report", "file/page.html", "cannot be written"),
        ("--output", "file", "cannot be written"),
        ("--report", "page.html", 'pip install "skvae[plot]"'),
        ("--output", "folder", 'pip install "skvae[plot]"'),
    ],
)
def test_files_that_cannot_be_made_are_an_error_before_any_work(
    option, place, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(main, "compare_features", None)  # would be called too late
    if "plot" in message:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (tmp_path / "file").write_text("")

    assert main.main(["compare", option, str(tmp_path / place)]) == 1
    assert message in capsys.readouterr().err


def test_a_closed_pipe_costs_the_table_but_not_the_files(tmp_path, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return spare

    spare = os.open(tmp_path / "spare", os.O_CREAT | os.O_WRONLY)
    row = Row("raw", "knn", 0, n_dims=64, test_error=0.1, error_low=0.05, error_high=0.2)
    comparison = FeatureComparison((row,), n_test=500)
    monkeypatch.setattr(main, "compare_features", lambda *arrays, **options: comparison)
    monkeypatch.setattr(sys, "stdout", Closed())
    status = main.main(["compare", "--output", str(tmp_path / "out")])
    os.close(spare)

    assert status == 1
    assert (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize(
    ("row", "interrupted", "status"),
    [
        (Row("raw", "knn", 0, n_dims=4, test_error=0.1, error_low=0.0, error_high=0.2), False, 0),
        (Row("raw", "knn", 0, status="failed", reason="MemoryError"), False, 1),
        (Row("raw", "knn", 0, status="left out", reason="5632 dims > 1000"), True, 130),
    ],
    ids=["whole", "failed", "interrupted"],
)
def test_rows_are_kept_until_all_is_done_and_written(
    row, interrupted, status, tmp_path, monkeypatch
):
    kept = tmp_path / "unfinished" / "rows.jsonl"

    def compare(*arrays, checkpoint, **options):
        append_row(checkpoint_folder(checkpoint) / "rows.jsonl", row)
        return FeatureComparison((row,), n_test=500, interrupted=interrupted)

    def save(comparison, directory):
        assert kept.exists()

    monkeypatch.setattr(main, "compare_features", compare)
    monkeypatch.setattr(FeatureComparison, "save", save)

    assert main.main(["compare", "--output", str(tmp_path)]) == status
    assert kept.exists() == (status != 0)


def test_recipe_prints_the_pipeline(capsys):
    assert main.main(["recipe", "fv", "--dataset", "mnist"]) == 0
    assert capsys.readouterr().out.strip() == repr(recipes.make("fv", "mnist"))


def test_images_are_scaled_to_one(monkeypatch):
    seen = {}

    def compare(X_train, y_train, X_test, y_test, **options):
        seen.update(X_train=X_train, X_test=X_test, **options)
        return FeatureComparison((), n_test=len(y_test), interrupted=True)

    monkeypatch.setattr(main, "compare_features", compare)

    assert main.main(["compare", "--n-train", "100", "--quiet"]) == 130
    assert seen["X_train"].shape == (100, 64)
    assert seen["X_test"].shape == (500, 64)
    assert seen["X_test"].dtype == "float32"
    assert seen["X_test"].max() == 1
    assert not seen["verbose"]
