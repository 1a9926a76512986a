"""The command line as a whole."""

import argparse
import io
import os
import runpy
import subprocess
import sys

import pytest

from skvae import __version__, recipes
from skvae.cli import main


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (["compare", "--features", "sift"], "fv_vae_patches"),
        (["compare", "--classifiers", "forest"], "svm"),
        (["compare", "--dataset", "imagenet"], "fashion-mnist"),
        (["compare", "--n-seeds", "0"], "0 is less than 1"),
        (["compare", "--folds", "1"], "1 is less than 2"),
        (["compare", "--n-jobs", "0"], "-1 takes all cores"),
        (["compare", "--random-state", "-1"], "-1 is not within 0 to 4294967295"),
        (["explore", "model", "--max-value", "0"], "0 is not above 0"),
        (["explore", "model", "--image-shape", "0", "3"], "0 is less than 1"),
        (["train", "--latent-dim", "two"], "'two' is no whole number"),
        (["recipe", "sift"], "fv_vae_patches"),
        ([], "COMMAND"),
    ],
)
def test_unknown_options_list_the_choices(arguments, choices, capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main(arguments)

    assert exit_.value.code == 2
    assert choices in capsys.readouterr().err


def test_python_runs_the_package_as_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["skvae", "--version"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("skvae", run_name="__main__")

    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"skvae {__version__}\n"


@pytest.mark.slow
def test_an_output_that_lacks_letters_gets_their_numbers(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("größe,λ,y\n" + "1,2,u\n2,1,v\n" * 10, "utf-8")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "latin-1"))
    options = ["--target", "y", "--features", "raw", "--classifiers", "linear", "--quiet"]

    assert main.main(["compare", "--data", str(path), *options]) == 0
    sys.stdout.flush()
    assert "größe, \\u03bb.".encode("latin-1") in sys.stdout.buffer.getvalue()


def test_the_folder_of_data_sets_is_named_alike_everywhere():
    named = {}

    class Commands:
        def add_parser(self, name, **_):
            return named.setdefault(name, argparse.ArgumentParser())

    for command in (main.compare, main.explore, main.train):
        command.add_command(Commands())
    for parser in named.values():
        (option,) = (a for a in parser._actions if "data sets" in (a.help or ""))
        assert option.option_strings == ["--data-home"]


def completed(line, folder):
    """What a shell is told may end a line."""
    answer = folder / "answer"
    environment = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    program = "import skvae.cli.main; skvae.cli.main.main()"
    subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, timeout=60, check=True
    )
    return answer.read_text("utf-8").split()


@pytest.mark.slow
def test_a_shell_completes_options_and_their_choices(tmp_path):
    pytest.importorskip("argcomplete", reason="needs the extra 'completion'")
    assert completed("skvae compare --features raw fv_", tmp_path) == [
        name for name in recipes.FEATURES if name.startswith("fv_")
    ]


def test_completion_without_its_package_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)

    assert main.main(["compare"]) == 1
    assert 'needs argcomplete: pip install "skvae[completion]"' in capsys.readouterr().err
