import os
import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from skvae.compute.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        arrays = [np.ones(2**18) for _ in range(6)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
first = faults()
keep_freed_memory()
faults()
print(first, faults())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is glibc's")
def test_temporary_arrays_cost_their_page_faults_once():
    """In a process of its own, which has freed nothing large before.

    And without settings such as MALLOC_TRIM_THRESHOLD_, which dask.distributed puts into the
    environment: the allocator learns nothing then.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    run = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=env
    )
    before, after = map(int, run.stdout.split())
    assert before > 50 * 1000
    assert after < 1000
