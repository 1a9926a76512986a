import numpy as np
import pytest
import torch

from skvae.vae.runtime import resolve_device, scoped_runtime

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


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert {resolve_device(d).type for d in (None, "cpu", "auto")} == {"cpu"}
    with pytest.raises(ValueError, match="device='auto'"):
        resolve_device("cuda")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device(None).type == resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == resolve_device("cuda").type == "cuda"
