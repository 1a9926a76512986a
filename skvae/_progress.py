"""Progress by tqdm: a live bar on a terminal or in a notebook, a line of text elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, TextIO

__all__ = ["ProgressBar", "Steps", "format_progress", "is_live"]

# tqdm's own formats, without the count in the bar: epochs are done in parts.
_BAR = "{l_bar}{bar}| [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
# Characters of a bar in a notebook, whose width is not known here.
_CELL_COLUMNS = 100
_LINE = "{unit} {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"


def is_live(stream: TextIO) -> bool:
    """Whether a line written to the stream can be overwritten: on a terminal, in a notebook."""
    return _in_notebook() or bool(getattr(stream, "isatty", bool)())


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None

    return type(shell).__name__ == "ZMQInteractiveShell"


def format_progress(
    done: float, total: float, seconds: float, *, done_before: float = 0, unit: str = "it"
) -> str:
    """How much is done, in what time, and how fast, as text.

    Parameters
    ----------
    done, total : float
        How much is done, and how much there is to do.
    seconds : float
        Since the start.
    done_before : float, default=0
        How much was done before the start, which says nothing of the rate.
    unit : str, default="it"
        What is counted.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skvae._progress import format_progress
    >>> format_progress(30, 100, 20.0, done_before=20, unit="epoch")
    'epoch 30/100 [00:20<02:20,  2.00s/epoch]'
    """
    from tqdm import tqdm

    text: str = tqdm.format_meter(
        done,
        total,
        seconds,
        initial=done_before,
        unit=unit,
        bar_format=_LINE,
    )

    return text


class ProgressBar:
    """A bar of tqdm's that is drawn over itself; in a notebook it is one output of the cell.

    Parameters
    ----------
    total : float
        How much there is to do.
    stream : text stream
        Where to draw.
    done : float, default=0
        How much of it is done already, which says nothing of the rate.
    unit : str, default="it"
        What is counted.

    Examples
    --------
    >>> import io
    >>> from skvae._progress import ProgressBar
    >>> stream = io.StringIO()
    >>> with ProgressBar(10, stream) as bar:
    ...     bar.update(10, "elbo -98.1")
    >>> stream.getvalue().splitlines()[-1]
    '100%|##########| [00:00<00:00, ...it/s, elbo -98.1]'
    """

    def __init__(self, total: float, stream: TextIO, done: float = 0, unit: str = "it") -> None:
        from tqdm import tqdm

        in_notebook = _in_notebook()
        self._bar = tqdm(
            total=total,
            initial=done,
            file=_CellOutput() if in_notebook else stream,
            unit=unit,
            ncols=_CELL_COLUMNS if in_notebook else None,
            dynamic_ncols=not in_notebook,
            bar_format=_BAR,
        )

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def update(self, done: float, text: str = "") -> None:
        """Draw how much is done, and what to say of it."""
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def clear(self) -> None:
        """Take the bar away, for a line of text in its place."""
        self._bar.clear()

    def close(self) -> None:
        """End the line."""
        self._bar.close()


class _CellOutput:
    """A stream that shows its last line as one output of a notebook's cell.

    Unlike a widget or a line drawn over itself, that stays as it was last in a saved or exported
    notebook.
    """

    encoding = "utf-8"

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str) -> None:
        line = text.strip("\r\n").rstrip()
        if not line:
            return
        content = {"text/plain": line}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def flush(self) -> None:
        """All is shown at once."""


class Steps:
    """Prints what is done, and in what time.

    Parameters
    ----------
    verbose : int
        0 prints nothing.

    Examples
    --------
    >>> from skvae._progress import Steps
    >>> Steps(1).done("Sampled 20,000 descriptors")
    Sampled 20,000 descriptors in 0.0 s
    """

    def __init__(self, verbose: int) -> None:
        self._verbose, self._since = verbose, time.monotonic()

    def done(self, step: str) -> None:
        """Tell of a step, which began when the one before was done."""
        now = time.monotonic()
        if self._verbose:
            print(f"{step} in {now - self._since:.1f} s", flush=True)
        self._since = now
