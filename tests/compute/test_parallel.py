import os
import threading
from functools import partial
from itertools import count, islice

import numpy as np
import pytest
import sklearn
from elsewhere import in_thread, printed_by
from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_limits

from skvae.compute import parallel
from skvae.compute.parallel import map_ordered, n_threads
from skvae.compute.threads import single_threaded


def ident(_=None):
    return threading.get_ident()


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 40])
@pytest.mark.parametrize("n_items", [0, 1, 2, 7, 100])
def test_results_come_in_the_order_of_the_items(n_jobs, n_items):
    assert list(map_ordered(str, iter(range(n_items)), n_jobs)) == list(map(str, range(n_items)))


def test_two_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    assert sorted(map_ordered(lambda _: both.wait(), range(2), 2)) == [0, 1]


@pytest.mark.parametrize(("n_items", "n_jobs"), [(1, 2), (10, 1)])
def test_one_item_and_one_thread_stay_with_the_caller(n_items, n_jobs):
    assert set(map_ordered(ident, range(n_items), n_jobs)) == {ident()}


def test_items_are_read_only_a_few_ahead():
    read = []
    results = map_ordered(abs, (read.append(i) or i for i in count()), 2)
    assert list(islice(results, 10)) == list(range(10))
    results.close()
    assert len(read) < 20


def fails_at_3(i, done):
    if i == 3:
        raise OSError("the third")
    done.append(i)
    return i


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_first_error_ends_the_work(n_jobs):
    done, found = [], []
    with pytest.raises(OSError, match="the third"):
        found.extend(map_ordered(partial(fails_at_3, done=done), range(1000), n_jobs))
    n_done = len(done)
    assert found == [0, 1, 2]
    assert n_done < 20
    assert len(done) == n_done


def test_an_error_in_reading_ends_the_work():
    def items():
        yield from range(5)
        raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        list(map_ordered(abs, items(), 2))


CTRL_C = """
import os, signal, threading, time
from skvae.compute.parallel import map_ordered

begun, ended = [], []
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it

def work(i):
    begun.append(i)
    if i == 5:
        for _ in range({n_times}):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        ended.append(threading.current_thread() is not threading.main_thread())
    time.sleep(0.01)

try:
    list(map_ordered(work, range(10_000), 2))
except KeyboardInterrupt:
    print(len(begun) < 100, ended)
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_times", [1, 3])
def test_ctrl_c_leaves_out_what_has_not_begun(n_times):
    # Not by a fork, which has one thread.
    assert printed_by(CTRL_C.format(n_times=n_times)) == "True [True]\n"


def test_threads_have_the_settings_of_the_caller():
    def settings(_):
        return np.geterr()["over"], sklearn.get_config()["assume_finite"]

    with np.errstate(over="raise"), sklearn.config_context(assume_finite=True):
        assert list(map_ordered(settings, range(3), 2)) == [("raise", True)] * 3


def test_within_a_thread_of_ours_there_are_no_more():
    asked = list(map_ordered(lambda _: [n_threads(n) for n in (None, 2, -1)], range(2), 2))
    assert asked == [[1, 1, 1]] * 2


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_within_a_worker_of_joblib_there_is_one(backend):
    with parallel_config(backend):
        asked = Parallel(2)(delayed(n_threads)(n) for n in (None, 2, -1))
    assert asked == [1, 1, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_in_a_forked_process_there_is_one():
    child = os.fork()
    if child == 0:
        os._exit([n_threads(n) for n in (None, 2, -1)] != [1, 1, 1])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_number_is_taken_at_its_word():
    assert [n_threads(n) for n in (1, 3, np.int64(2))] == [1, 3, 2]
    assert n_threads(-1) == cpu_count()
    assert in_thread(n_threads, 2) == 2
    with pytest.raises(ValueError, match="n_jobs=0 must be None"):
        n_threads(0)


def test_none_is_what_joblib_is_told_or_what_blas_may_use(monkeypatch):
    monkeypatch.setattr(parallel, "cpu_count", lambda: 8)
    monkeypatch.setattr(parallel, "blas_threads", lambda: 4)
    assert n_threads(None) == 4
    assert in_thread(n_threads, None) == 1
    with parallel_config(n_jobs=3):
        assert n_threads(None) == 3
    with parallel_config(n_jobs=100):
        assert n_threads(None) == 8


def test_none_respects_limits_of_the_users_but_not_our_own():
    outside = n_threads(None)
    with single_threaded(), single_threaded():
        assert n_threads(None) == outside
    with threadpool_limits(1), single_threaded():
        assert n_threads(None) == 1


@pytest.mark.slow
def test_none_is_one_thread_where_the_environment_says_so():
    code = "from skvae.compute.parallel import n_threads; print(n_threads(None))"
    assert printed_by(code, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1") == "1\n"
    n = cpu_count()
    assert printed_by(code, OPENBLAS_NUM_THREADS=f"{n}", OMP_NUM_THREADS=f"{n}") == f"{n}\n"
