"""The code of the documentation runs as it stands."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def blocks_of(name):
    return re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), flags=re.DOTALL)


PAGES = [path.name for path in sorted(DOCS.glob("*.md")) if blocks_of(path.name)]


@pytest.mark.parametrize("name", [name for name in PAGES if "zh-CN" not in name])
def test_code_blocks_run_one_after_the_other(name, tmp_path, monkeypatch):
    if name == "scaling.md":
        pytest.importorskip("dask.array", reason="needs the extra 'dask'")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": name}
    for block in blocks_of(name):
        exec(block, namespace)


def test_the_chinese_quick_start_has_the_same_code():
    assert code_of("quick-start.zh-CN.md") == code_of("quick-start.md")


def code_of(name):
    return [re.sub(r" *#.*", "", block) for block in blocks_of(name)]
