"""A comparison as a picture."""

import os
from typing import TYPE_CHECKING

from skvae.data.writable import replacing
from skvae.displays.canvas import LITERAL, require_matplotlib
from skvae.displays.feature_comparison import FeatureComparisonDisplay

if TYPE_CHECKING:
    from skvae.comparison.results import FeatureComparison

__all__ = ["save_chart"]


def save_chart(comparison: "FeatureComparison", path: str | os.PathLike[str]) -> None:
    """Draw test errors with their 95% intervals, features from the best down.

    Parameters
    ----------
    comparison : FeatureComparison
    path : path-like
        A PNG file.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    require_matplotlib("comparison.png")
    from matplotlib.figure import Figure

    n_features = len({row.feature for row in comparison.rows if row.status == "ok"})
    figure = Figure(figsize=(7.5, 1.4 + 0.55 * n_features), layout="constrained")
    display = FeatureComparisonDisplay.from_comparison(comparison, ax=figure.add_subplot())
    if title := comparison.settings.get("title"):
        display.ax_.set_title(title, loc="left", fontsize=11, **LITERAL)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=150)
