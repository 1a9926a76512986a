import os
import threading

import numpy as np
import pytest
import torch
from elsewhere import in_thread, printed_by, printed_by_a_fork

from skvae.compute import torch_runtime as runtime
from skvae.compute.torch_runtime import kept_runtime, scoped_runtime

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


@pytest.mark.parametrize(
    ("set_there", "get"),
    [
        (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
        (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
        (lambda: torch.set_default_device("meta"), torch.get_default_device),
        (lambda: torch.set_num_threads(3), torch.get_num_threads),
        (lambda: torch.set_flush_denormal(True), flushes),
        (
            lambda: torch.set_float32_matmul_precision("medium"),
            torch.get_float32_matmul_precision,
        ),
        (
            lambda: torch.use_deterministic_algorithms(True, warn_only=True),
            torch.is_deterministic_algorithms_warn_only_enabled,
        ),
        (
            lambda: torch.set_autocast_enabled("cpu", True),
            lambda: torch.is_autocast_enabled("cpu"),
        ),
    ],
)
def test_what_somebody_s_code_sets_ends_with_its_context(restore, set_there, get):
    before = get()
    with pytest.raises(KeyError), kept_runtime():
        set_there()
        raise KeyError
    assert get() == before


def test_n_jobs_is_the_number_of_threads(restore):
    with scoped_runtime(2):
        assert torch.get_num_threads() == 2


def scoped(n_jobs=None):
    """Torch's threads inside, and afterwards."""
    with scoped_runtime(n_jobs):
        inside = torch.get_num_threads()
    return inside, torch.get_num_threads()


def test_threads_that_come_meanwhile_get_their_number_back(restore):
    torch.set_num_threads(3)
    with scoped_runtime():
        assert in_thread(scoped) == (1, 3)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    assert in_thread(torch.get_num_threads) == 3


def test_a_context_within_another_leaves_that_one_its_number(restore):
    torch.set_num_threads(3)
    with scoped_runtime(2):
        assert scoped() == (1, 2)
    assert torch.get_num_threads() == 3


def test_whoever_leaves_last_new_threads_have_all(restore):
    torch.set_num_threads(3)
    context = scoped_runtime()
    steps = threading.Barrier(2)

    def second():
        with scoped_runtime():
            steps.wait()
            steps.wait()
        return torch.get_num_threads()

    out = []
    thread = threading.Thread(target=lambda: out.append(second()))
    with context:
        thread.start()
        steps.wait()
    steps.wait()
    thread.join()

    assert out == [3]
    assert torch.get_num_threads() == in_thread(torch.get_num_threads) == 3


@pytest.mark.parametrize(
    "context",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        lambda: torch.device("meta"),
    ],
)
def test_modes_of_the_caller_rest(context):
    with context():
        with scoped_runtime():
            theta = torch.zeros(2, requires_grad=True)
            product = (theta + 1) @ torch.ones(2)
            product.backward()
            assert torch.equal(theta.grad, torch.ones(2))
            assert product.dtype == torch.float32 and product.device.type == "cpu"
        again = torch.ones(2, requires_grad=True) @ torch.ones(2)

    usual = torch.ones(2, requires_grad=True) @ torch.ones(2)
    kind = again.requires_grad, again.dtype, again.device
    assert kind != (usual.requires_grad, usual.dtype, usual.device)


def test_zero_jobs_change_nothing(restore):
    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="n_jobs"), scoped_runtime(0):
        pass
    assert torch.get_num_threads() == 2
    assert not flushes()


FLUSHED_IN_WORKERS = """
import torch
from skvae.compute.torch_runtime import scoped_runtime

torch.set_num_threads(2)
with scoped_runtime(2):
    torch.ones(1_000_000).mul_(0.5)
print(int((torch.full((1_000_000,), 2.0**-126) * 0.5 == 0).sum()))
"""


@pytest.mark.slow
def test_no_thread_flushes_afterwards():
    if not runtime._enders_of_teams():
        pytest.skip("torch's OpenMP cannot end its threads")
    # Not by a fork, which has one thread.
    assert printed_by(FLUSHED_IN_WORKERS) == "0\n"


FORKED = """
import os, signal
import torch
from skvae.compute.torch_runtime import scoped_runtime

torch.set_num_threads(2)
torch.ones(1_000_000).mul_(0.5)
child = os.fork()
if child == 0:
    signal.alarm(60)
    with scoped_runtime(2):
        torch.ones(1_000_000).mul_(0.5)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_wait_for_threads_it_does_not_have():
    assert printed_by_a_fork(FORKED) == "0\n"
