"""The code of the documentation runs, with few epochs where it asserts nothing."""

import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from shorter import shorter

from skvae import VAETransformer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def blocks_of(name, folder=DOCS):
    text = (folder / name).read_text("utf-8")
    return [dedent(b) for b in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)]


PAGES = [path.name for path in sorted(DOCS.glob("*.md")) if blocks_of(path.name)]


@pytest.mark.examples
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [name for name in PAGES if "zh-CN" not in name])
@pytest.mark.usefixtures("in_process", "small_by_default")
def test_code_blocks_run_one_after_the_other(name, tmp_path, monkeypatch):
    if name == "scaling.md":
        pytest.importorskip("dask.array", reason="needs the extra 'dask'")
    if name == "training.md":
        pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": name}
    for block in blocks_of(name):
        exec(shorter(block), namespace)


@pytest.mark.examples
def test_the_code_of_the_readme_prints_what_it_says(capsys):
    *short, pipelines = blocks_of("README.md", ROOT)
    for block in short:
        exec(block, {"__name__": "readme"})
    shapes = re.findall(r"# (\(\d+, \d+\))", "".join(short))
    assert capsys.readouterr().out.splitlines() == shapes and len(shapes) == 3

    exec(pipelines, {"__name__": "readme"})
    printed = [float(line) for line in capsys.readouterr().out.split()]
    text = (ROOT / "README.md").read_text("utf-8")
    said = re.search(r"prints (0\.\d+), the second about five and (0\.\d+)", text).groups()

    # Other processors round in other ways, which may move a few of the 1,797 images.
    np.testing.assert_allclose(printed, [float(figure) for figure in said], atol=0.005)


def test_the_chinese_quick_start_has_the_same_code():
    assert code_of("quick-start.zh-CN.md") == code_of("quick-start.md")


def code_of(name):
    return [re.sub(r" *#.*", "", block) for block in blocks_of(name)]


def test_the_chinese_readme_has_the_same_code():
    fence = re.compile(r"```\w+\n(.*?)```", flags=re.DOTALL)
    assert fence.findall((ROOT / "README.zh-CN.md").read_text("utf-8")) == fence.findall(
        (ROOT / "README.md").read_text("utf-8")
    )


def test_every_parameter_of_the_vae_has_a_purpose():
    page = (DOCS / "vae.md").read_text("utf-8")
    section = page.partition("## Parameters by purpose")[2].partition("\n## ")[0]
    cells = [line.split("|") for line in section.splitlines() if line.startswith("|")]
    eight = [name for row in cells for name in re.findall(r"^ `(\w+)` $", row[1])]
    others = [
        name for row in cells if not row[1].startswith(" `") for name in row[2].split("`")[1::2]
    ]

    assert len(eight) == 8
    assert sorted(eight + others) == sorted(VAETransformer().get_params())
