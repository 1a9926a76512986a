import numpy as np
import pytest
from threadpoolctl import threadpool_info

from skvae._threads import single_threaded


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
