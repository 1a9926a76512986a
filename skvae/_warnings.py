"""Warnings that point at the line of the user's own code that led to them."""

import sys
import warnings
from types import FrameType

__all__ = ["warn"]

# Whose calls a user did not write: ours, and those of Pipeline, searches and Parallel around us.
_LIBRARIES = {"joblib", "sklearn", "skvae"}


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
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _library(frame) in _LIBRARIES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _library(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")

    return name.partition(".")[0]
