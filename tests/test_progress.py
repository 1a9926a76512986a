import io
import sys
import types

import pytest

from skvae import _progress
from skvae._progress import ProgressBar, is_live


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_terminals_and_notebooks_are_live_and_files_are_not(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert is_live(Terminal()) and not is_live(io.StringIO())
    for name, live in (("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)):
        shell = type(name, (), {})()
        monkeypatch.setitem(
            sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda shell=shell: shell)
        )
        assert is_live(io.StringIO()) == live


def lines(stream):
    return stream.getvalue().replace("\n", "\r").split("\r")


def test_one_line_drawn_over_itself_and_ended_once(monkeypatch):
    monkeypatch.setattr(_progress, "_PAUSE", 0.0)
    stream = Terminal()
    with ProgressBar(4, stream) as bar:
        bar.update(1, "a long text")
        bar.update(2, "text")
        bar.update(4)
    drawn = lines(stream)

    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")
    assert [line[:6].count("━") for line in drawn[1:3]] == [6, 6]
    assert drawn[1].startswith("━" * 6 + "─" * 18 + "  25%")
    assert drawn[2].startswith("━" * 12 + "─" * 12 + "  50%")
    assert len(drawn[2]) == len(drawn[1])  # nothing of the longer line is left
    assert drawn[3].startswith("━" * 24 + " 100%")


def test_what_was_done_before_does_not_count_as_speed(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    stream = Terminal()
    ProgressBar(100, stream, done=80).update(90)

    assert "0:00:10" in stream.getvalue()  # ten left, one a second


def test_it_is_not_drawn_too_often(monkeypatch):
    monkeypatch.setattr(_progress.time, "monotonic", lambda: 5.0)
    stream = Terminal()
    with ProgressBar(1000, stream) as bar:
        for done in range(1000):
            bar.update(done)
    assert stream.getvalue().count("\r") == 2


@pytest.mark.parametrize("columns", ["20", "200"])
def test_it_fits_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    stream = Terminal()
    ProgressBar(1, stream).update(1, "x" * 300)
    assert len(stream.getvalue().strip("\r")) == int(columns) - 1


def test_a_line_in_its_place(monkeypatch):
    stream = Terminal()
    bar = ProgressBar(2, stream)
    bar.update(1)
    bar.clear()
    assert lines(stream)[-2].strip() == "" and lines(stream)[-1] == ""
