import threading
from functools import partial
from time import sleep

import numpy as np
import pytest
import torch
from own_modules import VampPrior

from skvae import VAETransformer
from skvae.compute.torch_products import libraries
from skvae.vae.training import aside as module
from skvae.vae.training import layers
from skvae.vae.training.aside import AT_ONCE, ThreadAside, second_thread

CPU = torch.device("cpu")
X = np.random.default_rng(0).random((200, 90)).astype(np.float32)
Y = np.arange(200) % 3


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(module, "n_threads", lambda n_jobs: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.fixture
def always_aside(monkeypatch, two_cores):
    monkeypatch.setattr(module._Clock, "starts", lambda clock: True)
    monkeypatch.setattr(module._Clock, "stops", lambda clock: None)


@pytest.fixture
def thread(always_aside):
    aside = ThreadAside()
    aside.start()
    yield aside
    aside.close()


def test_a_task_is_done_at_once_where_there_is_no_second_thread():
    done = []
    AT_ONCE.take(lambda: done.append(threading.current_thread()))

    assert done == [threading.current_thread()]


def test_all_tasks_are_done_when_finish_returns(thread):
    for _ in range(50):
        done = []
        with thread:
            for number in range(20):
                thread.take(partial(done.append, number))
            thread.finish()

        assert sorted(done) == list(range(20))


def test_a_task_is_done_by_the_other_thread_while_this_one_works(thread):
    begun = threading.Event()
    with thread:
        thread.take(begun.set)

        assert begun.wait(10)
        thread.finish()


def test_finish_waits_for_a_task_that_has_begun(thread):
    begun, done = threading.Event(), []

    def slow():
        begun.set()
        sleep(0.05)
        done.append(True)

    with thread:
        thread.take(slow)
        begun.wait(10)
        thread.finish()

    assert done


def test_an_error_aside_is_raised_by_finish(thread):
    begun = threading.Event()

    def fail():
        begun.set()
        raise ValueError("no")

    with thread:
        thread.take(fail)
        begun.wait(10)
        with pytest.raises(ValueError, match="no"):
            thread.finish()


def test_a_step_that_is_interrupted_leaves_no_task_at_work(thread):
    begun, done = threading.Event(), []

    def slow():
        begun.set()
        sleep(0.05)
        done.append("slow")

    with pytest.raises(KeyboardInterrupt), thread:
        thread.take(slow)
        thread.take(partial(done.append, "next"))
        begun.wait(10)
        raise KeyboardInterrupt

    assert done == ["slow"]


def test_the_thread_ends(two_cores):
    before = threading.active_count()
    with pytest.raises(ValueError, match="no"), second_thread(None, CPU) as aside:
        assert isinstance(aside, ThreadAside)
        assert threading.active_count() == before + 1
        raise ValueError("no")

    assert threading.active_count() == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_number_of_threads_is_taken_at_its_word(two_cores, n_jobs):
    with second_thread(n_jobs, CPU) as aside:
        assert aside is AT_ONCE


def test_one_thread_works_where_torch_has_one():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with second_thread(None, CPU) as aside:
            assert aside is AT_ONCE
    finally:
        torch.set_num_threads(before)


def test_one_thread_works_outside_of_the_main_one():
    found = []

    def ask():
        with second_thread(None, CPU) as aside:
            found.append(aside)

    worker = threading.Thread(target=ask)
    worker.start()
    worker.join()

    assert found == [AT_ONCE]


def steps_aside(monkeypatch, seconds, n_steps):
    """Which of so many steps have the second thread; ``seconds(step, is_aside)`` is their time."""
    now = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    clock, chosen = module._Clock(), []
    for step in range(n_steps):
        chosen.append(clock.starts())
        now[0] += seconds(step, chosen[-1])
        clock.stops()

    return np.array(chosen)


def test_the_second_thread_works_where_steps_are_shorter_with_it(monkeypatch):
    chosen = steps_aside(monkeypatch, lambda step, is_aside: 0.8 if is_aside else 1.0, 5000)

    assert chosen.mean() > 0.97


def test_it_rests_where_they_are_longer(monkeypatch):
    chosen = steps_aside(monkeypatch, lambda step, is_aside: 1.1 if is_aside else 1.0, 5000)

    assert 0 < chosen.mean() < 0.02


def test_a_neighbour_that_comes_and_goes_is_seen(monkeypatch):
    def seconds(step, is_aside):
        return 1.0 if not is_aside else 1.1 if 5000 < step < 15_000 else 0.8

    chosen = steps_aside(monkeypatch, seconds, 25_000)

    assert chosen[1000:5000].mean() > 0.9
    assert chosen[10_000:15_000].mean() < 0.1
    assert chosen[20_000:].mean() > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "rmsprop"},
        {"activation": "tanh", "likelihood": "gaussian"},
        {"prior": "mixture"},
        {"prior": VampPrior},
        {"conditional": "prior"},
        {"conditional": "decoder"},
        {"n_importance": 3},
        {"variational": False},
        {"max_grad_norm": 0.1},
        {"hidden_layer_sizes": ()},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("library", libraries())
def test_a_fit_has_the_same_bits_with_a_second_thread(
    monkeypatch, request, options, is_large, library
):
    monkeypatch.setenv("SKVAE_PRODUCTS", library)
    monkeypatch.setattr(layers, "_WORTH_HALVING", 0 if is_large else 10**12)
    options = {"hidden_layer_sizes": (400, 150), "batch_size": 48, "max_iter": 2} | options
    vae = VAETransformer(6, random_state=0, **options)
    y = Y if "conditional" in options else None
    alone = vae.set_params(n_jobs=1).fit(X, y).parameters_
    request.getfixturevalue("always_aside")
    began = []
    monkeypatch.setattr(
        module.ThreadAside, "__enter__", _spying(module.ThreadAside.__enter__, began)
    )
    beside = vae.set_params(n_jobs=None).fit(X, y).parameters_

    assert began
    assert all(np.array_equal(alone[name], beside[name]) for name in alone)


def _spying(function, calls):
    def spy(aside):
        calls.append(aside)
        return function(aside)

    return spy
