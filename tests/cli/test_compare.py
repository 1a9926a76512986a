"""``skvae compare``, as a user meets it: in an empty folder."""

import csv
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest

from skvae import datasets, recipes
from skvae.cli import compare, main
from skvae.comparison.records import Row, append_row
from skvae.comparison.results import FeatureComparison
from skvae.data.archive import checkpoint_folder


def needs_plots():
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")


@pytest.mark.slow
def test_compare_writes_its_files(tmp_path, monkeypatch, in_process, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["compare", "--features", "raw", "pca", "--classifiers", "linear", "knn"]
    command += ["--n-train", "200", "--n-seeds", "2"]
    command += ["--output", "out", "--report", "reports/page.html"]
    status = main.main(command)
    printed = capsys.readouterr()
    content = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    with open(tmp_path / "out" / "results.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))

    assert status == 0, printed.err
    assert "McNemar" in printed.out
    assert "± seeds" in printed.out
    assert "[pca, seed 1] knn:" in printed.err
    assert len(lines) == len(content["rows"]) == 2 * 2 * 2
    assert all(0 < float(line["test_error"]) < 0.5 for line in lines)
    assert all(float(line["peak_memory_mb"]) > 50 for line in lines)
    assert content["settings"]["n_train"] == 200
    assert content["settings"]["versions"]["skvae"]
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 1000
    assert not (tmp_path / "out" / "unfinished").exists()
    page = (tmp_path / "reports" / "page.html").read_text("utf-8")
    assert f"skvae {' '.join(command)}" in page


def test_missing_data_are_a_message_not_a_traceback(tmp_path, monkeypatch, capsys):
    def load(data_home):
        raise FileNotFoundError(f"nothing in {data_home}")

    monkeypatch.setitem(datasets.DATASETS, "mnist", load)

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
    monkeypatch.setattr(compare, "compare_features", None)  # would be called too late
    if "plot" in message:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    else:
        needs_plots()
    (tmp_path / "file").write_text("")

    assert main.main(["compare", option, str(tmp_path / place)]) == 1
    assert message in capsys.readouterr().err


def test_a_closed_pipe_costs_the_table_but_not_the_files(tmp_path, monkeypatch):
    needs_plots()

    class Closed:
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return spare

    spare = os.open(tmp_path / "spare", os.O_CREAT | os.O_WRONLY)
    row = Row("raw", "knn", 0, n_dims=64, test_error=0.1, error_low=0.05, error_high=0.2)
    comparison = FeatureComparison((row,), n_test=500)
    monkeypatch.setattr(compare, "compare_features", lambda *arrays, **options: comparison)
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
    needs_plots()
    kept = tmp_path / "unfinished" / "rows.jsonl"

    def keep(*arrays, checkpoint, **options):
        append_row(checkpoint_folder(checkpoint) / "rows.jsonl", row)
        return FeatureComparison((row,), n_test=500, interrupted=interrupted)

    def save(comparison, directory):
        assert kept.exists()

    monkeypatch.setattr(compare, "compare_features", keep)
    monkeypatch.setattr(FeatureComparison, "save", save)

    assert main.main(["compare", "--output", str(tmp_path)]) == status
    assert kept.exists() == (status != 0)


def test_images_are_scaled_to_one(monkeypatch):
    seen = {}

    def see(X_train, y_train, X_test, y_test, **options):
        seen.update(X_train=X_train, X_test=X_test, **options)
        return FeatureComparison((), n_test=len(y_test), interrupted=True)

    monkeypatch.setattr(compare, "compare_features", see)

    assert main.main(["compare", "--n-train", "100", "--quiet"]) == 130
    assert seen["X_train"].shape == (100, 64)
    assert seen["X_test"].shape == (500, 64)
    assert seen["X_test"].dtype == "float32"
    assert seen["X_test"].max() == 1
    assert not seen["verbose"]


def test_features_that_read_labels_are_run_when_asked_for(monkeypatch):
    seen = []

    def see(*arrays, features, **options):
        seen.append(list(features))
        return FeatureComparison((), n_test=500, interrupted=True)

    monkeypatch.setattr(compare, "compare_features", see)
    labelled = sorted(recipes.LABELLED)
    main.main(["compare"])
    main.main(["compare", "--features", *labelled])

    assert seen == [[name for name in recipes.FEATURES if name not in labelled], labelled]


@pytest.fixture
def table(tmp_path, rng):
    """A file with numbers, categories and holes, and two classes."""
    n = 90
    y = rng.integers(0, 2, n)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, y + rng.normal(size=n)),
            "town": np.where(rng.random(n) < 0.2, None, rng.choice(["Bonn", "Rome"], n)),
            "outcome": np.where(y == 1, "ill", "well"),
        }
    )
    path = tmp_path / "patients.csv"
    frame.to_csv(path, index=False)

    return str(path)


@pytest.mark.slow
def test_a_table_of_the_users_is_compared_in_one_command(table, tmp_path, in_process, capsys):
    page = tmp_path / "page.html"
    command = ["compare", "--data", table, "--target", "outcome", "--folds", "3", "--quiet"]
    command += ["--features", "raw", "pca", "--classifiers", "linear", "knn"]

    assert main.main([*command, "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert "90 rows of 2 classes, each tested once in 3 folds" in out
    assert "cells are empty, in age, town." in out
    assert "Under linear," in out
    text = page.read_text("utf-8")
    assert "SimpleImputer" in text and "patients.csv" in text and "in 3 folds" in text


def test_a_table_brings_its_own_features_and_classifiers(table, monkeypatch):
    seen = {}

    def see(X_train, y_train, X_test, y_test, **options):
        seen.update(options, X=X_train, y=y_train, X_test=X_test)
        return FeatureComparison((), n_test=len(y_train), interrupted=True)

    monkeypatch.setattr(compare, "compare_features", see)
    main.main(["compare", "--data", table, "--target", "outcome", "--folds", "7"])

    assert seen["features"] == ["raw", "pca", "vae", "raw+vae"]
    assert "boosting" in seen["classifiers"]
    assert seen["dataset"] == "table" and seen["cv"] == 7 and seen["X_test"] is None
    assert list(seen["X"].columns) == ["age", "town"]
    assert set(seen["y"]) == {"ill", "well"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--features", "fv"], "--features fv is not for a table: choose from raw, pca"),
        (["--n-train", "5"], "--n-train is of --dataset"),
        (["--folds", "60"], "60 folds need 60 rows of every class"),
    ],
)
def test_what_a_table_cannot_be_given_is_an_error(table, options, message, capsys):
    assert main.main(["compare", "--data", table, "--target", "outcome", *options]) == 1
    assert message in capsys.readouterr().err


def test_images_have_no_features_of_tables(capsys):
    assert main.main(["compare", "--classifiers", "boosting"]) == 1
    assert "--classifiers boosting is not for images" in capsys.readouterr().err


def test_a_table_and_a_data_set_exclude_each_other(table, capsys):
    with pytest.raises(SystemExit):
        main.main(["compare", "--data", table, "--target", "outcome", "--dataset", "mnist"])
    assert "not allowed with" in capsys.readouterr().err
