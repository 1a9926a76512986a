"""The examples run from beginning to end on digits, with few epochs, and draw what they say.

Building the documentation runs them as they stand.
"""

import sys
from pathlib import Path

import matplotlib
import pytest
from shorter import shorter

matplotlib.use("Agg")
import matplotlib.pyplot as plt

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.examples
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("in_process", "small_by_default")
def test_example_runs(path, capsys, monkeypatch):
    if path.stem == "plot_cluster":
        pytest.importorskip("dask.array", reason="needs the extra 'dask'")
    monkeypatch.setattr(sys, "argv", [path.name])
    code = compile(shorter(path.read_text("utf-8")), path, "exec")
    try:
        exec(code, {"__name__": "__main__", "__file__": str(path)})
        figures = plt.get_fignums()
    finally:
        plt.close("all")
    assert bool(figures) == path.stem.startswith("plot_")
    assert "error" in capsys.readouterr().out
