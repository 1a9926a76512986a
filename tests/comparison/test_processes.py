"""A comparison that is killed leaves nothing behind, and the next one goes on from its rows."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from skvae.comparison import processes

_SCRIPT = """
import os, sys, time
from pathlib import Path
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from skvae import compare_features

class Busy(TransformerMixin, BaseEstimator):
    "Is busy until the folder says that it may stop, for a minute at most."
    def fit(self, X, y=None):
        end = time.monotonic() + 60
        Path(folder, f"{os.getpid()}.busy").touch()
        while not Path(folder, "stop").exists() and time.monotonic() < end:
            time.sleep(0.01)
        return self

    def transform(self, X):
        return X

folder = sys.argv[1]
if __name__ == "__main__":
    y = np.arange(100) % 2
    X = np.random.default_rng(0).normal(size=(100, 5))
    features = {"pca": PCA(2), "busy": Busy()}
    comparison = compare_features(
        X, y, X, y, features=features, classifiers=["knn"], checkpoint=folder + "/kept", verbose=1
    )
    print([(row.feature, row.status, row.feature_fit_seconds) for row in comparison.rows])
    print(comparison.table())
"""


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def alive(pid):
    """Whether a process computes: one that was killed may stay a zombie for a while."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="processes of Linux")
def test_killed_it_leaves_no_worker_and_no_copy_and_goes_on_from_its_rows(tmp_path):
    (tmp_path / "script.py").write_text(_SCRIPT)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, tmp_path / "script.py", tmp_path]
    options = {"env": {**os.environ, "TMPDIR": str(temporary)}, "text": True}
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    wait_for(lambda: list(tmp_path.glob("*.busy")))
    (kept,) = (tmp_path / "kept").glob("*.jsonl")
    row = json.loads(kept.read_text("utf-8"))
    assert list(temporary.glob("skvae-compare-*/X_train.npy"))
    first.send_signal(signal.SIGKILL)
    first.wait()
    (busy,) = tmp_path.glob("*.busy")
    wait_for(lambda: not alive(int(busy.stem)), 10)
    wait_for(lambda: not list(temporary.glob("skvae-compare-*")), 10)

    (tmp_path / "stop").touch()
    second = subprocess.run(command, capture_output=True, timeout=120, **options)
    assert f"('pca', 'ok', {row['feature_fit_seconds']})" in second.stdout
    assert "('busy', 'ok'" in second.stdout
    assert "1 rows are those that an earlier run had finished" in second.stdout
    assert "1 rows of an earlier run are picked up" in second.stderr
    assert "[pca, seed 0]" not in second.stderr


def test_a_pipe_that_broke_before_it_was_watched_tells_that_the_parent_has_ended(monkeypatch):
    class Broken:
        def poll(self, timeout):
            raise BrokenPipeError  # by Windows

    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(multiprocessing, "active_children", list)
    processes._end_with_parent(Broken())

    assert ended == [1]
