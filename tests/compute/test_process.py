import os
import signal
import subprocess
import sys
import threading

import pytest
from elsewhere import in_thread

from skvae.compute.process import SharedSetting, at_the_end, is_forked

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Place:
    """Where a setting stands; ``fails`` are raised, one each time that it is set."""

    def __init__(self, value):
        self.value, self.fails = value, []

    def get(self):
        return self.value

    def set(self, value):
        if self.fails:
            raise self.fails.pop()
        self.value = value


def setting_of(*places):
    return SharedSetting(lambda: [(place.get, place.set) for place in places])


def in_child(function):
    """Whether something is true in a forked process."""
    child = os.fork()
    if child == 0:
        os._exit(0 if function() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_the_last_to_leave_restores(first_leaves_first):
    place = Place(8)
    setting = setting_of(place)
    contexts = [setting.at(1), setting.at(1)]
    for context in contexts:
        in_thread(context.__enter__)
        assert place.value == 1
    early, late = contexts if first_leaves_first else contexts[::-1]
    in_thread(lambda: early.__exit__(None, None, None))
    assert place.value == 1
    in_thread(lambda: late.__exit__(None, None, None))

    assert place.value == 8


def test_a_setting_is_already_what_it_is_outside_of_all_contexts():
    place = Place(1)
    setting = setting_of(place, Place(1))
    assert setting.is_already(1) and not setting.is_already(2)
    with setting.at(1):
        assert not setting.is_already(1)
    place.value = 8
    assert not setting.is_already(1)
    with setting.at(1):
        assert place.value == 1 and not setting.is_already(1)
    assert not setting.is_already(1)


def test_many_threads_at_once():
    place = Place(8)
    setting = setting_of(place)
    seen = set()

    def work():
        for _ in range(200):
            with setting.at(1):
                seen.add(place.value)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {1} and place.value == 8


def test_what_others_have_set_meanwhile_stays():
    place = Place(8)
    with setting_of(place).at(1):
        place.value = 4
    assert place.value == 4


def test_an_error_on_entry_restores():
    places = Place(8), Place(6)
    places[1].fails = [OSError()]
    setting = setting_of(*places)
    with pytest.raises(OSError), setting.at(1):
        pass
    assert [place.value for place in places] == [8, 6]
    with setting.at(1):
        assert places[0].value == 1
    assert [place.value for place in places] == [8, 6]


@pytest.mark.parametrize("n_interrupts", [1, 3])
def test_ctrl_c_while_it_is_restored(n_interrupts):
    place = Place(8)
    setting = setting_of(place)
    with pytest.raises(KeyboardInterrupt), setting.at(1):
        place.fails = [KeyboardInterrupt()] * n_interrupts

    assert place.value == 8
    with setting.at(1):
        pass
    assert place.value == 8


def test_the_end_comes_after_an_error_too():
    ends = []
    with pytest.raises(KeyError), at_the_end(lambda: ends.append(1)):
        raise KeyError
    assert ends == [1]


@needs_fork
def test_a_child_forgets_the_threads_it_does_not_have():
    place = Place(8)
    setting = setting_of(place)
    context = setting.at(1)
    in_thread(context.__enter__)
    assert in_child(lambda: place.value == 8 and not setting._threads)
    assert place.value == 1
    context.__exit__(None, None, None)

    assert place.value == 8


@needs_fork
def test_a_child_restores_what_its_own_thread_has_set():
    place = Place(8)
    setting = setting_of(place)

    def restored():
        inside = place.value
        context.__exit__(None, None, None)
        return (inside, place.value) == (1, 8)

    context = setting.at(1)
    with context:
        assert in_child(restored)


@needs_fork
def test_a_fork_while_the_setting_changes_does_not_block_the_child():
    place = Place(8)
    setting = setting_of(place)
    acquired, released = threading.Event(), threading.Event()

    def hold():
        with setting._lock:
            acquired.set()
            released.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    acquired.wait()

    def enters():
        signal.alarm(5)
        with setting.at(1):
            return place.value == 1

    assert in_child(enters)
    released.set()
    thread.join()


@pytest.mark.slow
@needs_fork
def test_forks_are_known():
    assert not is_forked()
    assert in_child(is_forked)
    code = "from skvae.compute.process import is_forked; raise SystemExit(is_forked())"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
