import io
import os
import sys
import time
import types

import pytest

from skvae._progress import ProgressBar, format_progress, is_live


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def lines(stream):
    return stream.getvalue().replace("\n", "\r").split("\r")


def test_terminals_and_notebooks_are_live_and_files_are_not(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert is_live(Terminal()) and not is_live(io.StringIO())
    for name, live in (("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)):
        shell = type(name, (), {})()
        monkeypatch.setitem(
            sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda shell=shell: shell)
        )
        assert is_live(io.StringIO()) == live


def test_one_line_drawn_over_itself_and_ended_once():
    stream = Terminal()
    with ProgressBar(4, stream) as bar:
        time.sleep(0.12)  # the pause between two drawings
        bar.update(1, "a long text")
        time.sleep(0.12)
        bar.update(2, "text")
        bar.update(4)
    drawn = lines(stream)

    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")
    assert drawn[1].startswith("  0%|")
    assert drawn[2].startswith(" 25%|") and drawn[2].endswith("a long text]")
    assert drawn[3].startswith(" 50%|██") and drawn[3].rstrip().endswith("text]")
    assert len(drawn[3]) == len(drawn[2])  # nothing of the longer line is left
    assert drawn[-2].startswith("100%|██") and "text" not in drawn[-2]


def test_parts_of_what_is_counted_are_shares_and_no_digits():
    stream = Terminal()
    with ProgressBar(3, stream, unit="epoch") as bar:
        bar.update(1 / 3 + 1 / 3, "epoch 1/3")

    assert lines(stream)[-2].startswith(" 22%|")
    assert "0.66" not in stream.getvalue()
    assert "epoch/s, epoch 1/3]" in lines(stream)[-2]


def test_what_was_done_before_does_not_count_as_speed():
    assert format_progress(90, 100, 10.0, done_before=80) == "it 90/100 [00:10<00:10,  1.00it/s]"
    assert format_progress(90, 100, 10.0) == "it 90/100 [00:10<00:01,  9.00it/s]"
    stream = Terminal()
    with ProgressBar(10**6, stream, done=10**6 - 1) as bar:
        time.sleep(0.12)
        bar.update(10**6)

    assert float(lines(stream)[-2].split(", ")[1].removesuffix("it/s]")) < 10


def test_in_a_notebook_it_is_one_output_that_keeps_its_last_state(monkeypatch):
    shown = []
    handle = types.SimpleNamespace(update=lambda content, raw: shown.append(content))

    def display(content, raw, display_id):
        shown.append(content)
        return handle

    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    stream = io.StringIO()
    with ProgressBar(2, stream, unit="epoch") as bar:
        bar.update(1)
        bar.update(2, "epoch 2/2  elbo -28.38")

    assert stream.getvalue() == ""
    assert shown[0]["text/plain"].startswith("  0%|")
    assert shown[-1]["text/plain"].startswith("100%|██")
    assert shown[-1]["text/plain"].endswith("epoch/s, epoch 2/2  elbo -28.38]")


def test_it_is_not_drawn_too_often():
    stream, start = Terminal(), time.monotonic()
    with ProgressBar(1000, stream) as bar:
        for done in range(1000):
            bar.update(done)

    assert stream.getvalue().count("\r") <= 3 + (time.monotonic() - start) / 0.1


@pytest.mark.parametrize("columns", [20, 200])
def test_it_fits_the_terminal(columns):
    termios = pytest.importorskip("termios", reason="needs a terminal of POSIX")
    reader, writer = os.openpty()
    termios.tcsetwinsize(writer, (24, columns))
    with open(reader, "rb") as terminal, open(writer, "w", encoding="utf-8") as stream:
        with ProgressBar(1, stream) as bar:
            bar.update(1, "x" * 300)
        drawn = terminal.read1().decode().replace("\n", "\r").split("\r")

    assert columns - 1 <= max(map(len, drawn)) <= columns


def test_a_line_in_its_place():
    stream = Terminal()
    with ProgressBar(2, stream) as bar:
        bar.update(1)
        bar.clear()
        assert lines(stream)[-2].strip() == "" and lines(stream)[-1] == ""
