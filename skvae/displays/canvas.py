"""Where displays draw, and how they write names that the user gave."""

from collections.abc import Iterable
from typing import Any, cast

from skvae._optional import require
from skvae._text import one_line
from skvae._typing import Axes, Figure

__all__ = [
    "LITERAL",
    "Display",
    "label_of",
    "name_legend",
    "place",
    "require_attribute",
    "require_matplotlib",
]

# Of matplotlib's texts: a "$" in a name begins no formula.
LITERAL: dict[str, Any] = {"parse_math": False, "usetex": False}


class Display:
    """What every display has where it is drawn."""

    ax_: Axes
    figure_: Figure


def require_matplotlib(purpose: str) -> None:
    """Say which extra to install where matplotlib is missing.

    Parameters
    ----------
    purpose : str
        What needs it.

    Raises
    ------
    ImportError
        If it cannot be imported.
    """
    require("matplotlib.figure", purpose, '"skvae[plot]"')


def require_attribute(estimator: Any, name: str, wanted: str) -> Any:
    """What an estimator has under a name that a picture needs.

    Parameters
    ----------
    estimator : estimator
        As the user gave it.
    name : str
        Of an attribute or method.
    wanted : str
        Which estimator has it.

    Raises
    ------
    TypeError
        If it has none.
    """
    try:
        return getattr(estimator, name)
    except AttributeError as error:
        why = "" if error.__cause__ is None else f" ({error.__cause__})"
        raise TypeError(
            f"{type(estimator).__name__} has no {name}; pass a fitted {wanted}.{why}"
        ) from error


def place(display: Display, ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """Set ``ax_`` and ``figure_`` of a display.

    Parameters
    ----------
    display : display
        Changed in place.
    ax : matplotlib Axes or None
        The user's; None makes a figure.
    figsize : (float, float)
        Of that figure, in inches.

    Returns
    -------
    ax : matplotlib Axes
    """
    require_matplotlib(type(display).__name__)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    display.ax_, display.figure_ = ax, cast(Figure, ax.figure)

    return ax


def label_of(name: object) -> str:
    """A name as the label of an artist; matplotlib hides those that are empty or begin with "_"."""
    text = one_line(name)

    return text if text and not text.startswith("_") else f" {text}"


def name_legend(ax: Axes, names: Iterable[object], **kwargs: Any) -> None:
    """A legend in which names that the user gave stand as they are.

    Parameters
    ----------
    ax : matplotlib Axes
        With artists whose labels are from :func:`label_of`.
    names : iterable
        The names.
    **kwargs
        To ``legend``.
    """
    labels = set(map(label_of, names))
    for text in ax.legend(**kwargs).get_texts():
        if text.get_text() in labels:
            text.set(**LITERAL)
