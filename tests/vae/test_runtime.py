import numpy as np
import pytest
import torch

from skvae.vae.runtime import scoped_runtime

SMALLEST = torch.tensor([2.0**-126], dtype=torch.float32)


def flushes():
    return (SMALLEST * 0.5).item() == 0


@pytest.fixture
def restore():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_and_denormals_are_scoped(restore, flag, n_threads):
    torch.set_num_threads(n_threads)
    torch.set_flush_denormal(flag)
    with scoped_runtime():
        assert torch.get_num_threads() == 1
        assert flushes()

    assert torch.get_num_threads() == n_threads
    assert flushes() == flag


def test_they_are_restored_after_an_error(restore):
    torch.set_num_threads(2)
    with pytest.raises(KeyError), scoped_runtime(1):
        raise KeyError

    assert torch.get_num_threads() == 2
    assert not flushes()
    assert np.float32(2.0**-126) * np.float32(0.5) > 0


def test_n_jobs_is_the_number_of_threads(restore):
    with scoped_runtime(2):
        assert torch.get_num_threads() == 2
