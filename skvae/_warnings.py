"""Warnings that point at the line of the user's own code that led to them."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

__all__ = ["unwarned", "warn"]

# Whose calls a user did not write: ours, and those of Pipeline, searches and Parallel around us.
_LIBRARIES = {"joblib", "sklearn", "skvae"}
_UNWARNED: ContextVar[tuple[type[Warning], ...]] = ContextVar("unwarned", default=())


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside of skvae, scikit-learn and joblib.

    A fixed number of levels would be right for one way of calling only: ``fit`` itself,
    ``fit_transform``, a Pipeline and a search stand at different depths.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    category : type, default=UserWarning
        Of the warning.

    Examples
    --------
    >>> import warnings
    >>> from skvae._warnings import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("No feature of X varies.")
    >>> [str(warning.message) for warning in caught]
    ['No feature of X varies.']
    """
    if issubclass(category, _UNWARNED.get()):
        return
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _library(frame) in _LIBRARIES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def unwarned(category: type[Warning]) -> Iterator[None]:
    """Leave out warnings of ours whose matter is no concern of the user's.

    Only those that :func:`warn` would give, and in this thread: no filter is changed.

    Parameters
    ----------
    category : type
        Of the warnings.

    Examples
    --------
    >>> from skvae._warnings import unwarned, warn
    >>> with unwarned(UserWarning):
    ...     warn("No feature of X varies.")
    """
    token = _UNWARNED.set((*_UNWARNED.get(), category))
    try:
        yield
    finally:
        _UNWARNED.reset(token)


def _library(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")

    return name.partition(".")[0]
