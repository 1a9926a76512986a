"""What a user installs: the wheel and the source archive."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import skvae

pytest.importorskip("hatchling", reason="needs the extra 'test'")
ROOT = Path(__file__).parents[1]
# What a checkout has beside the files of the project.
_BUILT = {".venv", ".git", "__pycache__", "build", "dist", "generated", "auto_examples"}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        check=True,
        capture_output=True,
    )
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package_and_no_other(archives):
    names = {name for name in zipfile.ZipFile(archives[0]).namelist() if ".dist-info/" not in name}
    files = (path for path in (ROOT / "skvae").rglob("*") if path.is_file())
    own = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}

    assert names == own
    assert {"skvae/py.typed", "skvae/__init__.pyi", "skvae/explorer/vendor/LICENSE"} <= names


@pytest.mark.slow
def test_the_metadata_are_what_an_index_shows(archives):
    files = zipfile.ZipFile(archives[0])
    (name,) = (name for name in files.namelist() if name.endswith("METADATA"))
    head, _, readme = files.read(name).decode().partition("\n\n")

    assert f"Version: {skvae.__version__}" in head
    assert "License-Expression: BSD-3-Clause AND MIT" in head
    assert "Classifier: Typing :: Typed" in head
    assert readme == (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_source_archive_has_what_tests_and_docs_need(archives):
    with tarfile.open(archives[1]) as files:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in files.getnames()}

    assert {"tests/test_wheel.py", "docs/conf.py", "constraints.txt", ".ci/run"} <= names
    assert not [name for name in names if _BUILT & set(Path(name).parts)]


def test_the_conda_recipe_asks_for_what_the_wheel_does():
    recipe = (ROOT / ".ci" / "conda" / "recipe.yaml").read_text("utf-8")
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    names = {
        line.strip("- ").replace(" ", "").replace("pytorch", "torch") for line in run.split("\n")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert names == {*project["dependencies"], f"python{project['requires-python']}"}
    assert f'version: "{skvae.__version__}"' in recipe


@pytest.mark.slow
def test_the_wheel_works_by_itself(archives, tmp_path):
    """Unpacked into an empty folder, as pip does it."""
    zipfile.ZipFile(archives[0]).extractall(tmp_path)
    program = "import sys, skvae; print(skvae.__file__, 'torch' in sys.modules, skvae.__version__)"
    out = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert out == [str(tmp_path / "skvae" / "__init__.py"), "False", skvae.__version__]
