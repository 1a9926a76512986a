"""Summaries, tables and files say what the rows say."""

import csv
import json
import sys
from dataclasses import replace
from functools import partial

import html5lib
import numpy as np
import pandas as pd
import pytest

from skvae.comparison.chart import save_chart
from skvae.comparison.intervals import wilson_interval
from skvae.comparison.records import Row, append_row, read_rows
from skvae.comparison.results import FeatureComparison


def row(feature, mistakes, seed=0, classifier="linear", **kwargs):
    error = len(mistakes) / 100
    low, high = wilson_interval(error, 100)
    values = {
        "n_dims": 8,
        "test_error": error,
        "error_low": low,
        "error_high": high,
        "chosen": {"C": 1.0},
        "fit_seconds": 2.0,
        "peak_memory_mb": 150.0,
        "mistakes": tuple(mistakes),
    }

    return Row(feature, classifier, seed, **{**values, **kwargs})


LEFT_OUT = Row("fv", "svm", 0, status="left out", reason="5632 dims > 1000", n_dims=5632)


@pytest.fixture
def comparison():
    rows = (
        row("raw", [1, 2, 3, 4], seed=0),
        row("fv", [1], seed=0, notes=("ConvergenceWarning: slow",)),
        row("raw", [1, 2], seed=1),
        row("fv", [1, 2, 9], seed=1),
        LEFT_OUT,
    )

    return FeatureComparison(rows, n_test=100, settings={"seeds": [0, 1]})


def test_summary_is_over_seeds(comparison):
    raw, fv, left_out = comparison.summary()

    assert raw["test_error"] == pytest.approx(0.03)
    assert raw["test_error_std"] == pytest.approx(np.std([0.04, 0.02], ddof=1))
    assert (raw["error_low"], raw["error_high"]) == wilson_interval(0.03, 100)
    assert fv["n_seeds"] == 2
    assert left_out["test_error"] is None


def test_mcnemar_takes_the_first_seed_that_both_have(comparison):
    (record,) = comparison.mcnemar()

    assert (record["a"], record["b"], record["seed"]) == ("raw", "fv", 0)
    assert (record["only_a"], record["only_b"]) == (3, 0)
    assert record["p_value"] == 0.25


def test_table_says_what_was_left_out_and_noted(comparison):
    text = comparison.table()

    assert "left out: 5632 dims > 1000" in text
    assert "ConvergenceWarning: slow" in text
    assert "3.00" in text
    assert "0.25" in text
    assert "Interrupted" not in text
    assert "Interrupted" in FeatureComparison(comparison.rows, 100, interrupted=True).table()


def test_files_hold_the_rows(comparison, tmp_path):
    pytest.importorskip("matplotlib")
    comparison.save(tmp_path / "new" / "folder")
    with open(tmp_path / "new" / "folder" / "results.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    content = json.loads((tmp_path / "new" / "folder" / "results.json").read_text("utf-8"))

    assert [line["feature"] for line in lines] == ["raw", "fv", "raw", "fv", "fv"]
    assert float(lines[0]["test_error"]) == 0.04
    assert json.loads(lines[0]["chosen"]) == {"C": 1.0}
    assert content["rows"][0]["mistakes"] == [1, 2, 3, 4]
    assert content["mcnemar"][0]["p_value"] == 0.25
    picture = (tmp_path / "new" / "folder" / "comparison.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


NAMES = [
    "us$_per_$",
    "$x^{$",
    "_hidden",
    "",
    "a\\b\\$",
    "100 % {0} %s",
    "<b>&\"'",
    "two\nlines\t",
    "\x00\x1b[31m",
    "Größe 大小",
    "=1+1",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_are_shown_as_they_are_whatever_they_hold(tmp_path, rng):
    pytest.importorskip("matplotlib")
    pairs = [*((name, "knn") for name in NAMES), *(("raw", name) for name in NAMES)]
    rows = [
        row(feature, sorted(rng.permutation(100)[:9].tolist()), classifier=classifier)
        for feature, classifier in pairs
    ]
    rows = tuple(replace(r, mistaken_for=tuple(NAMES[:9])) for r in rows)
    comparison = FeatureComparison(rows, n_test=100, settings={"title": "$"})
    comparison.save(tmp_path)
    comparison.save_report(tmp_path / "report.html", np.array(NAMES)[np.arange(100) % len(NAMES)])
    page = (tmp_path / "report.html").read_text("utf-8")
    text = comparison.table()

    assert "us$_<wbr>per_<wbr>$" in page
    assert "\x1b" not in page and "<b>&" not in page
    html5lib.HTMLParser(strict=True).parse(page)
    assert r"two\nlines\t" in text
    assert all(name in text for name in NAMES if name.isprintable())


@pytest.mark.parametrize("begin", [*"=+-@\t\r\n＝＋－＠'", "''", "'="])
@pytest.mark.parametrize("place", ["feature", "classifier", "reason", "notes"])
def test_no_cell_of_the_csv_is_a_formula_and_each_can_be_read_back(begin, place, tmp_path):
    text = f"{begin}cmd|' /C calc'!A0"
    values = {"feature": "raw", "classifier": "knn", "seed": -1} | {place: text}
    values["notes"] = (text,) if place == "notes" else ()
    FeatureComparison((Row(**values),), n_test=100)._save_csv(tmp_path / "results.csv")
    with open(tmp_path / "results.csv", newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)

    assert line[place].startswith("'")
    assert line[place].removeprefix("'") == text
    assert line["seed"] == "-1"  # a number is a number
    assert pd.read_csv(tmp_path / "results.csv")[place][0].removeprefix("'") == text


def test_without_matplotlib_the_numbers_are_saved_and_the_extra_is_named(
    comparison, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(ImportError, match=r'pip install "skvae\[plot\]"'):
        comparison.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "results.json"]


@pytest.mark.parametrize("name", ["results.csv", "results.json", "comparison.png", "report.html"])
def test_a_full_disk_leaves_the_files_that_were_there(name, comparison, tmp_path, full_disk):
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    path.write_text("old")
    nothing = FeatureComparison((LEFT_OUT,), n_test=100)
    write = {
        "results.csv": comparison._save_csv,
        "results.json": comparison._save_json,
        "comparison.png": partial(save_chart, comparison),
        "report.html": partial(nothing.save_report, y_test=np.ones(100)),
    }[name]
    with pytest.raises(OSError, match=f"^{path} cannot be written: "), full_disk():
        write(path)

    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rows", [(), (LEFT_OUT,)], ids=["none", "left out"])
def test_nothing_finished_is_no_error(rows, tmp_path):
    comparison = FeatureComparison(rows, n_test=100, interrupted=True)
    comparison.save(tmp_path)

    assert "Interrupted" in comparison.table()


def test_no_mistakes_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    FeatureComparison((row("raw", []),), n_test=100).save(tmp_path)

    assert (tmp_path / "comparison.png").stat().st_size > 0


def test_rows_come_back_from_a_file_that_was_cut_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [row("raw", [1, 2]), LEFT_OUT]
    for each in rows:
        append_row(path, each)
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"feature": "pca", "classi')

    assert read_rows(path) == rows
    assert read_rows(tmp_path / "missing") == []


def test_numpy_hyperparameters_can_be_written(tmp_path):
    append_row(tmp_path / "rows", row("raw", [], chosen={"C": np.float64(2), "k": np.int64(3)}))

    assert read_rows(tmp_path / "rows")[0].chosen == {"C": 2.0, "k": 3}
