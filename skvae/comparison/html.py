"""Small pieces of HTML: tables and pictures."""

from base64 import b64encode
from html import escape
from io import BytesIO

from skvae._text import one_line

__all__ = ["chart", "name", "picture", "row", "scroll", "table", "text"]

# Of matplotlib, for light and for dark screens.
_STYLES = "default", "dark_background"


def table(caption, head, body, css=""):
    """A table with a caption; the first cell of each row is its heading.

    Parameters
    ----------
    caption : str
        HTML.
    head : list of str
        HTML of the headings of columns.
    body : list of str
        Rows, from :func:`row`.
    css : str, default=""
        Class.

    Returns
    -------
    html : str
    """
    headings = "".join(f'<th scope="col">{cell}</th>' for cell in head)

    return (
        f'<table class="{css}">\n<caption>{caption}</caption>\n'
        f"<thead><tr>{headings}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>\n</table>"
    )


def row(heading, cells, css=None):
    """A row of a table.

    Parameters
    ----------
    heading : str
        HTML of the first cell.
    cells : list of str
        HTML of the others.
    css : list of str, default=None
        Classes of the others.

    Returns
    -------
    html : str
    """
    css = css or [""] * len(cells)
    rest = "".join(
        f'<td class="{kind}">{cell}</td>' if kind else f"<td>{cell}</td>"
        for cell, kind in zip(cells, css, strict=True)
    )

    return f'<tr><th scope="row">{heading}</th>{rest}</tr>'


def text(value):
    """Text of the user's as HTML, on one line.

    Parameters
    ----------
    value : object
        Its ``str`` is taken.

    Returns
    -------
    html : str
    """
    return escape(one_line(value))


def name(value):
    """A name as HTML, which may go on in the next line after an underscore.

    Parameters
    ----------
    value : object
        Its ``str`` is taken.

    Returns
    -------
    html : str
    """
    return text(value).replace("_", "_<wbr>")


def scroll(label, content):
    """A region that scrolls sideways by itself where the page is narrow, by keyboard as well.

    Parameters
    ----------
    label : str
        What the region is called.
    content : str
        HTML.

    Returns
    -------
    html : str
    """
    region = f'class="scroll" role="region" aria-label="{text(label)}" tabindex="0"'

    return f"<div {region}>{content}</div>"


def picture(image, alt):
    """An image as an ``img`` element that holds its own pixels.

    Parameters
    ----------
    image : ndarray of shape (h, w) or (h, w, 3 or 4)
        From 0 to 1; grey images are dark on light.
    alt : str
        What it shows.

    Returns
    -------
    html : str
    """
    from matplotlib.image import imsave

    file = BytesIO()
    imsave(file, image, format="png", cmap="gray_r", vmin=0, vmax=1)
    size = f'width="{image.shape[1]}" height="{image.shape[0]}"'

    return f'<img src="{_uri(file, "image/png")}" alt="{text(alt)}" {size}>'


def chart(draw, figsize, alt):
    """A drawing as a ``picture`` element, with a version for dark screens.

    Parameters
    ----------
    draw : callable
        Called with matplotlib axes.
    figsize : (float, float)
        In inches.
    alt : str
        What it shows.

    Returns
    -------
    html : str
    """
    light, dark = (_drawing(draw, figsize, style) for style in _STYLES)
    width, height = (round(96 * side) for side in figsize)

    return (
        f'<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{text(alt)}" width="{width}" height="{height}"></picture>'
    )


def _drawing(draw, figsize, style):
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


def _uri(file, kind):
    return f"data:{kind};base64,{b64encode(file.getvalue()).decode()}"
