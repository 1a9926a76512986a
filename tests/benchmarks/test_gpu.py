"""A part that fails or is out of time ends alone; what is not installed is stood in for."""

import runpy
import sys
from pathlib import Path

import lazy_loader
import pytest

import skvae

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def gpu():
    sys.path.insert(0, str(FOLDER))  # where its neighbours are
    try:
        return runpy.run_path(str(FOLDER / "gpu.py"))
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "seconds", "outcome"),
    [
        ("print('fine')", 60, "passed"),
        ("raise SystemExit(3)", 60, "failed, exit code 3"),
        ("import time; time.sleep(60)", 1, "out of time after 1 s"),
    ],
)
def test_a_part_says_how_it_ended(gpu, code, seconds, outcome, tmp_path):
    assert gpu["run"](["-c", code], tmp_path / "log.txt", seconds) == outcome
    assert ((tmp_path / "log.txt").read_text("utf-8") == "fine\n") == (outcome == "passed")


def test_only_files_with_tests_for_a_gpu_are_collected(gpu):
    files = [Path(argument).name for argument in gpu["tests"]() if argument.endswith(".py")]

    assert {"test_gpu.py", "test_cuda_graphs.py", "test_torch_statistics.py"} <= set(files)
    assert len(files) < 10


def test_the_stand_in_finds_what_lazy_loader_finds():
    stand_in = runpy.run_path(str(FOLDER / "stand_ins" / "lazy_loader.py"))
    find, names, public = stand_in["attach_stub"]("skvae", skvae.__file__)

    assert sorted(lazy_loader.attach_stub("skvae", skvae.__file__)[2]) == names() == public
    assert find("VAETransformer") is skvae.VAETransformer
    assert find("mixture") is skvae.mixture
    with pytest.raises(AttributeError, match="No skvae attribute Nobody"):
        find("Nobody")
