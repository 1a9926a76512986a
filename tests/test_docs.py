"""The code of the documentation runs as it stands."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", ["scaling.md"])
def test_code_blocks_run_one_after_the_other(name, tmp_path, monkeypatch):
    pytest.importorskip("dask.array", reason="needs the extra 'dask'")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), flags=re.DOTALL)
    assert blocks
    namespace = {"__name__": name}
    for block in blocks:
        exec(block, namespace)
