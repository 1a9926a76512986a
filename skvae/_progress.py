"""Progress by tqdm: a live bar on a terminal or in a notebook, a line of text elsewhere."""

import sys
from types import TracebackType
from typing import TextIO

__all__ = ["ProgressBar", "format_progress", "is_live"]

# tqdm's own formats, without the count in the bar: epochs are done in parts.
_BAR = "{l_bar}{bar}| [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_LINE = "{unit} {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"


def is_live(stream: TextIO) -> bool:
    """Whether a line written to the stream can be overwritten: on a terminal, in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    in_notebook = type(shell).__name__ == "ZMQInteractiveShell"

    return in_notebook or bool(getattr(stream, "isatty", bool)())


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
    """A bar of tqdm's that is drawn over itself, or a notebook's own.

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
        from tqdm.auto import tqdm

        self._bar = tqdm(
            total=total,
            initial=done,
            file=stream,
            unit=unit,
            dynamic_ncols=True,
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
