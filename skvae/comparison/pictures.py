"""Pictures of a page that are part of it, as addresses that hold the data."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["chart_uris", "image_uri"]

# Of matplotlib, for light and for dark screens.
_STYLES = "default", "dark_background"


def image_uri(image: np.ndarray) -> str:
    """An image as a PNG in a ``data:`` address.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, 3 or 4)
        From 0 to 1; grey images are dark on light.

    Returns
    -------
    uri : str
    """
    from matplotlib.image import imsave

    file = BytesIO()
    imsave(file, image, format="png", cmap="gray_r", vmin=0, vmax=1)

    return _uri(file, "image/png")


def chart_uris(draw: Callable[["Axes"], object], figsize: tuple[float, float]) -> tuple[str, str]:
    """A drawing as SVG in ``data:`` addresses, for light and for dark screens.

    Parameters
    ----------
    draw : callable
        Called with matplotlib axes.
    figsize : (float, float)
        In inches.

    Returns
    -------
    light, dark : str
    """
    light, dark = (_drawing(draw, figsize, style) for style in _STYLES)

    return light, dark


def _drawing(draw: Callable[["Axes"], object], figsize: tuple[float, float], style: str) -> str:
    from matplotlib import style as styles
    from matplotlib.figure import Figure

    file = BytesIO()
    with styles.context([style, {"svg.hashsalt": "skvae"}]):
        figure = Figure(figsize=figsize, layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )

    return _uri(file, "image/svg+xml")


def _uri(file: BytesIO, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(file.getvalue()).decode()}"
