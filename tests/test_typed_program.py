"""Types as users meet them: mypy checks typed_program.py in test_style.py, and pyright here."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import typed_program

import skvae

ROOT = Path(__file__).parents[1]
CHAIN = """
import numpy as np
from skvae import VAETransformer
reveal_type(VAETransformer(2).fit(np.zeros((9, 4))).transform(np.zeros((9, 4))))
reveal_type(VAETransformer(2, conditional="prior").predict)
VAETransformer(2, n_component=3)
VAETransformer(2, prior="normed")
"""
ESTIMATORS = [name for name in skvae.__all__ if isinstance(getattr(skvae, name), type)]
NAMES = [
    "import skvae",
    *(f"reveal_type(skvae.{name})" for name in skvae.__all__),
    *(f"skvae.{name}(no_such_parameter=1)" for name in ESTIMATORS),
]


def test_the_package_says_that_it_has_types():
    assert (files("skvae") / "py.typed").is_file()


@pytest.mark.slow
def test_the_program_does_what_its_types_say(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    assert isinstance(typed_program.main(tmp_path), float)
    assert {path.name for path in tmp_path.iterdir()} == {"explorer.html", "reconstruction.png"}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What pyright says of the program and of a chain of calls, by file."""
    pytest.importorskip("pyright", reason="needs the extra 'test'")
    folder = tmp_path_factory.mktemp("pyright")
    (folder / "chain.py").write_text(CHAIN)
    (folder / "names.py").write_text("\n".join(NAMES))
    result = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
        + ["tests/typed_program.py", str(folder / "chain.py"), str(folder / "names.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    diagnostics = json.loads(result.stdout)["generalDiagnostics"]
    return {
        name: [d["message"] for d in diagnostics if d["file"].endswith(name)]
        for name in ("typed_program.py", "chain.py", "names.py")
    }


@pytest.mark.slow
def test_pyright_finds_no_error_in_the_program(said):
    assert said["typed_program.py"] == []


@pytest.mark.slow
def test_pyright_knows_what_transform_gives_and_which_parameters_there_are(said):
    transformed, predict, name, value = said["chain.py"]
    assert "ndarray" in transformed and "floating" in transformed
    assert "(X: " in predict and "-> ndarray" in predict
    assert 'No parameter named "n_component"' in name
    assert "normed" in value and "mixture" in value


@pytest.mark.slow
def test_pyright_knows_every_public_name_and_its_parameters(said):
    n_names = len(skvae.__all__)
    kinds, refused = said["names.py"][:n_names], said["names.py"][n_names:]
    assert not [kind for kind in kinds if "Unknown" in kind]
    wrong = [text for text in refused if 'No parameter named "no_such_parameter"' in text]
    assert len(wrong) == len(ESTIMATORS) >= 10
