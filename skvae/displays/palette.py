"""Colours and markers that stay apart for the colour-blind, and in grey."""

from typing import TypeAlias

__all__ = ["ENERGY_MAP", "INK", "SIGNED_MAP", "Style", "styles"]

# A colour and a marker.
Style: TypeAlias = tuple[str, str]

# Stands for the colour of text, which a dark style makes light.
INK = "ink"

# Okabe and Ito's colours, then a grey and Tol's wine for a ninth and a tenth class.
_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    INK,
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#BBBBBB",
    "#882255",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">")

# From dark to light all the way, so that it reads in grey.
ENERGY_MAP = "cividis"

# Of values on both sides of 0: orange and purple stay apart for the colour-blind.
SIGNED_MAP = "PuOr"


def styles(n: int) -> list[Style]:
    """Colour and marker of each of ``n`` things.

    Parameters
    ----------
    n : int
        How many; pairs repeat after ten.

    Returns
    -------
    pairs : list of (str, str)
        In matplotlib's words; the colour of text as it is now stands for black.
    """
    from matplotlib import rcParams

    colours = [rcParams["text.color"] if colour == INK else colour for colour in _COLOURS]

    return [(colours[i % len(colours)], _MARKERS[i % len(_MARKERS)]) for i in range(n)]
