"""Finished rows are found again by what they depend on, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from skvae.comparison.kept import forget_rows, kept_files, pick_up, rows_file
from skvae.comparison.records import Row, append_row, read_rows

ROW = Row("pca", "knn", 0, n_dims=2, chosen={"k": 1}, mistakes=(1, 5), mistaken_for=("a", "b"))


def test_the_file_is_that_of_all_it_is_told(tmp_path):
    first = rows_file(tmp_path, PCA(2), {"seed": 0}, np.arange(3))

    assert rows_file(tmp_path, PCA(2), {"seed": 0}, np.arange(3)) == first
    assert rows_file(tmp_path, PCA(3), {"seed": 0}, np.arange(3)) != first
    assert rows_file(tmp_path, PCA(2), {"seed": 1}, np.arange(3)) != first
    assert rows_file(tmp_path, PCA(2), {"seed": 0}, np.arange(3.0)) != first


def test_what_has_no_name_cannot_be_recognised(tmp_path):
    with pytest.raises(ValueError, match="^checkpoint: what cannot be pickled"):
        rows_file(tmp_path, FunctionTransformer(lambda X: X))


@pytest.mark.parametrize(
    ("damage", "rows"),
    [("", [ROW]), ('{"feature": "p', [ROW]), ("no json\n", []), ('{"other": 1}\n', [])],
)
def test_damaged_lines_are_cut_off_so_that_rows_can_follow(damage, rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    append_row(path, ROW)
    with open(path, "a", encoding="utf-8") as file:
        file.write(damage)

    assert pick_up(path) == rows
    append_row(path, ROW)
    assert read_rows(path) == [*rows, ROW]
    assert pick_up(tmp_path / "missing") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_named():
    with pytest.raises(OSError, match="/dev/full cannot be written"):
        append_row(Path("/dev/full"), ROW)


def test_only_rows_are_forgotten(tmp_path):
    folder = tmp_path / "unfinished"
    append_row(rows_file(folder, 1), ROW)
    (folder / "mine.txt").write_text("")
    assert len(kept_files(folder)) == 1
    forget_rows(folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    forget_rows(folder)
    assert not folder.exists()
    forget_rows(folder)
