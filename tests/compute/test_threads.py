import os
import signal

import numpy as np
import pytest
from elsewhere import printed_by
from threadpoolctl import threadpool_info

from skvae.compute.threads import single_threaded


def threads():
    return [pool["num_threads"] for pool in threadpool_info()]


def test_threads_are_limited_and_given_back():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = threads()
    with pytest.raises(RuntimeError), single_threaded():
        blas = [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]
        assert set(blas) == {1}
        raise RuntimeError
    assert threads() == before


TWO = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}

OVERLAPPING = """
import threading
import sklearn.cluster
from threadpoolctl import threadpool_info, threadpool_limits
from skvae.compute.threads import single_threaded

def numbers():
    return {pool["num_threads"] for pool in threadpool_info()}

def first():
    with single_threaded():
        steps.wait()
        steps.wait()
    steps.wait()

steps = threading.Barrier(2)
thread = threading.Thread(target=first)
thread.start()
steps.wait()
with single_threaded():
    steps.wait()
    steps.wait()
    print(numbers())
thread.join()
print(numbers())
with threadpool_limits(1):
    print(numbers())
print(numbers())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two cores")
def test_contexts_that_overlap_leave_threads_and_their_limits_to_the_user():
    assert printed_by(OVERLAPPING, **TWO).split() == ["{1}", "{2}", "{1}", "{2}"]


CTRL_C = """
import os, random, signal, threading, time
import numpy as np
from threadpoolctl import threadpool_info
from skvae.compute.threads import single_threaded

armed, n_interrupted = False, 0

def interrupt():
    for _ in range(2):
        time.sleep(random.random() * 2e-4)
        os.kill(os.getpid(), signal.SIGINT)

def on_interrupt(*_):
    if armed:
        raise KeyboardInterrupt

signal.signal(signal.SIGINT, on_interrupt)
with single_threaded():
    pass
for _ in range(100):
    thread = threading.Thread(target=interrupt)
    try:
        try:
            armed = True
            thread.start()
            while True:
                with single_threaded():
                    pass
        finally:
            armed = False
    except KeyboardInterrupt:
        n_interrupted += 1
    thread.join()
print(n_interrupted, {pool["num_threads"] for pool in threadpool_info()})
"""


@pytest.mark.slow
@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two cores")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX")
def test_ctrl_c_leaves_the_threads_as_they_were():
    assert printed_by(CTRL_C, **TWO) == "100 {2}\n"
