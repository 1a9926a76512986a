"""One live line of progress, on a terminal or in a notebook."""

import shutil
import sys
import time

__all__ = ["ProgressBar", "is_live"]

_WIDTH = 24
# Seconds between two drawings.
_PAUSE = 0.1


def is_live(stream):
    """Whether a line written to the stream can be overwritten: on a terminal, in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    in_notebook = type(shell).__name__ == "ZMQInteractiveShell"

    return in_notebook or bool(getattr(stream, "isatty", bool)())


class ProgressBar:
    """A bar that is drawn over itself.

    Parameters
    ----------
    total : int
        How much there is to do.
    stream : text stream
        Where to draw.
    done : int, default=0
        How much of it is done already.

    Examples
    --------
    >>> import io
    >>> from skvae._progress import ProgressBar
    >>> stream = io.StringIO()
    >>> with ProgressBar(10, stream) as bar:
    ...     bar.update(10, "elbo -98.1")
    >>> stream.getvalue().splitlines()[-1]
    '━━━━━━━━━━━━━━━━━━━━━━━━ 100% 0:00:00 elbo -98.1'
    """

    def __init__(self, total, stream, done=0):
        self.total, self._stream = total, stream
        self._start, self._done_before = time.monotonic(), done
        self._drawn_at, self._line = -1.0, ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the line."""
        if self._line:
            self._stream.write(f"\r{self._line}\n")
            self._stream.flush()

    def update(self, done, text=""):
        """Draw how much is done, and what to say of it."""
        now = time.monotonic()
        elapsed = now - self._start
        rate = (done - self._done_before) / elapsed if elapsed else 0
        remaining = (self.total - done) / rate if rate else 0
        seconds = round(remaining if done < self.total else elapsed)
        filled = int(_WIDTH * done / self.total)
        bar = "━" * filled + "─" * (_WIDTH - filled)
        clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        line = f"{bar} {done / self.total:4.0%} {clock} {text}".rstrip()
        previous, self._line = len(self._line), line[: shutil.get_terminal_size().columns - 1]
        if now - self._drawn_at >= _PAUSE or done >= self.total:
            self._drawn_at = now
            self._stream.write(f"\r{self._line.ljust(previous)}")
            self._stream.flush()

    def clear(self):
        """Take the bar away, for a line of text in its place."""
        self._stream.write(f"\r{' ' * len(self._line)}\r")
        self._stream.flush()
        self._drawn_at = -1.0
