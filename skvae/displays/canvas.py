"""Where displays draw."""

__all__ = ["place", "require_matplotlib"]


def require_matplotlib(purpose):
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
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{purpose} needs matplotlib: pip install "skvae[plot]"') from error


def place(display, ax, figsize):
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
    display.ax_, display.figure_ = ax, ax.figure

    return ax
