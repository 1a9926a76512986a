"""The copy of the data lives as long as its owner, however that ends."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from skvae.comparison.shared import shared_arrays


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    return tmp_path


def test_arrays_are_there_within_the_context_only(folder):
    X = np.arange(6.0).reshape(2, 3)
    with shared_arrays({"X": X}) as place:
        np.testing.assert_array_equal(np.load(place / "X.npy", mmap_mode="r"), X)

    assert list(folder.iterdir()) == []


def test_a_full_disk_names_the_file_and_leaves_nothing(folder, full_disk):
    expected = f"^{folder}/.*X.npy cannot be written: "
    with pytest.raises(OSError, match=expected), full_disk(), shared_arrays({"X": np.ones(999)}):
        pass

    assert list(folder.iterdir()) == []


_KILLED = """
import os
import numpy as np
from joblib.externals.loky.backend import resource_tracker
from skvae.comparison.shared import shared_arrays
with shared_arrays({"X": np.ones(3)}):
    os.kill(resource_tracker._resource_tracker._pid, 9)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_the_next_one_deletes_what_a_killed_owner_left_and_nothing_of_a_living_one(folder):
    with shared_arrays({"X": np.ones(2)}) as alive:
        environment = {**os.environ, "TMPDIR": str(folder)}
        subprocess.run([sys.executable, "-c", _KILLED], env=environment)
        (orphan,) = set(folder.iterdir()) - {alive}
        assert (orphan / "X.npy").exists()
        with shared_arrays({}):
            assert not orphan.exists()
            assert (alive / "X.npy").exists()
