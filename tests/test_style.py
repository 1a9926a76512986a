"""The linters are part of the tests, so that one command says whether a change can land."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["codespell_lib"]],
    ids=" ".join,
)
def test_linters_are_silent(command):
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_fast_test_cannot_start_a_process():
    with pytest.raises(AssertionError, match="test_style.py.*starts a process: mark it slow"):
        subprocess.run([sys.executable, "-c", ""])


def test_markers_are_registered_and_what_builds_pages_or_opens_a_browser_is_not_fast(request):
    assert request.config.getoption("strict_markers")
    for item in request.session.items:
        long = {"site", "browser", "cluster"} & set(getattr(item, "fixturenames", ()))
        assert not (long and item.get_closest_marker("fast")), item.nodeid
