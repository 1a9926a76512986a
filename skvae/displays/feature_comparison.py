"""Test errors of features, as :func:`skvae.compare_features` found them."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from skvae._text import one_line
from skvae._typing import Array, Axes
from skvae.displays.canvas import LITERAL, Display, label_of, name_legend, place, require_matplotlib
from skvae.displays.palette import Style, styles

if TYPE_CHECKING:
    from skvae.comparison.results import FeatureComparison

__all__ = ["FeatureComparisonDisplay"]

Kind: TypeAlias = Literal["error", "dimensions", "seconds"]
Record: TypeAlias = dict[str, Any]  # of a feature and a classifier

_TO_FIT_AND_PREDICT = (
    "feature_fit_seconds",
    "transform_seconds",
    "fit_seconds",
    "predict_seconds",
)

# Of a marker and a letter, in points; and where a name may be beside a point, nearest first.
_MARKER, _LETTER = 6, (6.0, 10.0)
# Between the intervals of classifiers that cost the same.
_BESIDE = 3
_DISTANCES = (1.0, 1.6, 2.4, 3.4)
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
_COSTS = {"dimensions": "dimensions of the feature", "seconds": "seconds to fit and predict"}


class FeatureComparisonDisplay(Display):
    """Test errors of features with their 95% intervals, one colour and marker per classifier.

    Make one with :meth:`from_comparison`.

    Parameters
    ----------
    records : list of dict
        As ``FeatureComparison.summary()`` gives them; only those with ``status`` "ok" are drawn.
    n_test : int
        Test rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the errors.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from skvae import compare_features, datasets
    >>> from skvae.displays import FeatureComparisonDisplay
    >>> digits = datasets.load_digits()
    >>> X, y = digits.data / 16, digits.target
    >>> comparison = compare_features(
    ...     X[:300], y[:300], X[-200:], y[-200:],
    ...     features=["raw", "pca"], classifiers=["knn"], dataset="digits",
    ... )
    >>> display = FeatureComparisonDisplay.from_comparison(comparison)
    >>> sorted(label.get_text() for label in display.ax_.get_yticklabels())
    ['pca', 'raw']
    """

    def __init__(self, *, records: Iterable[Record], n_test: int) -> None:
        self.records = [record for record in records if record["status"] == "ok"]
        self.n_test = n_test

    @classmethod
    def from_comparison(
        cls, comparison: "FeatureComparison", *, kind: Kind = "error", ax: Axes | None = None
    ) -> Self:
        """Draw a comparison.

        Parameters
        ----------
        comparison : FeatureComparison
            From :func:`skvae.compare_features`.
        kind, ax
            As in :meth:`plot`.

        Returns
        -------
        display : FeatureComparisonDisplay
        """
        require_matplotlib(cls.__name__)

        return cls(records=comparison.summary(), n_test=comparison.n_test).plot(kind, ax)

    def plot(self, kind: Kind = "error", ax: Axes | None = None) -> Self:
        """Draw the errors.

        Parameters
        ----------
        kind : {"error", "dimensions", "seconds"}, default="error"
            Features below each other, the best at the top, with intervals; error and its
            interval against the dimensions of the feature; or against the seconds to fit and apply
            feature and classifier, the choice of hyperparameters left out.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FeatureComparisonDisplay

        Raises
        ------
        ValueError
            If the kind is unknown, or nothing was finished.
        """
        kinds = ("error", *_COSTS)
        if kind not in kinds:
            raise ValueError(f"kind={kind!r} must be one of {list(kinds)}.")
        if not self.records:
            raise ValueError("No feature was finished, so there are no errors to draw.")
        if kind == "error":
            self._plot_error(place(self, ax, (7.5, 1.4 + 0.55 * len(self._features()))))
        else:
            self._plot_cost(place(self, ax, (7, 4.2)), kind)

        return self

    def name_classifiers(self, ax: Axes, **kwargs: Any) -> None:
        """Write the legend.

        Parameters
        ----------
        ax : matplotlib Axes
            With the errors.
        **kwargs
            To ``legend``.
        """
        names = (record["classifier"] for record in self.records)
        name_legend(ax, names, frameon=False, **kwargs)

    def _features(self) -> list[str]:
        """From the worst to the best, by their best classifier."""
        best: dict[str, float] = {}
        for record in self.records:
            error = record["test_error"]
            best[record["feature"]] = min(error, best.get(record["feature"], error))

        return sorted(best, key=best.__getitem__, reverse=True)

    def _classifiers(self) -> Iterator[tuple[str, Style, list[Record]]]:
        """Name, colour and marker of each, and its records."""
        names = list(dict.fromkeys(record["classifier"] for record in self.records))
        for name, style in zip(names, styles(len(names)), strict=True):
            yield name, style, [r for r in self.records if r["classifier"] == name]

    def _plot_error(self, ax: Axes) -> None:
        features = self._features()
        classifiers = list(self._classifiers())
        for index, (name, style, records) in enumerate(classifiers):
            offset = (index - (len(classifiers) - 1) / 2) * -0.2
            places = [features.index(record["feature"]) + offset for record in records]
            errors, bars = _errors(records)
            _draw_errors(ax, errors, places, style, name, xerr=bars)
        ax.set_yticks(range(len(features)), map(one_line, features), **LITERAL)
        ax.set_ylim(-0.6, len(features) - 0.4)
        self._finish(ax, "x", f"test error, % of {self.n_test:,} (bars: 95% intervals)")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)

    def _plot_cost(self, ax: Axes, kind: str) -> None:
        drawn: dict[str, list[tuple[float, float]]] = {}
        bars: list[Any] = []
        classifiers = list(self._classifiers())
        for index, (name, (colour, marker), records) in enumerate(classifiers):
            costs, (errors, sides) = [_cost(record, kind) for record in records], _errors(records)
            look: Any = {"color": colour, "marker": marker, "markersize": _MARKER}
            ax.plot(costs, errors, linestyle="none", label=label_of(name), **look)
            bars += ax.errorbar(costs, errors, sides, fmt="none", ecolor=colour, lw=0.9)[2]
            _move(bars[-1], _BESIDE * (index - (len(classifiers) - 1) / 2))
            for record, point in zip(records, zip(costs, errors, strict=True), strict=True):
                drawn.setdefault(record["feature"], []).append(point)
        self._finish(ax, "y", f"test error, % of {self.n_test:,} (bars: 95% intervals)")
        ax.set(xscale="log", xlabel=_COSTS[kind])
        ax.margins(x=0.12, y=0.15)
        _set_log_ticks(ax.xaxis)
        _name_features(ax, drawn, bars)

    def _finish(self, ax: Axes, name: str, label: str) -> None:
        axis = {"x": ax.xaxis, "y": ax.yaxis}[name]
        if min(record["test_error"] for record in self.records) > 0:
            ax.set(**{f"{name}scale": "log"})
            _set_log_ticks(axis)
        axis.set_label_text(label)
        axis.grid(color=ax.xaxis.label.get_color(), alpha=0.15)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        self.name_classifiers(ax, loc="upper left", bbox_to_anchor=(1, 1))


def _move(lines: Any, points: float) -> None:
    """Draw lines so many points to the right of where they are."""
    from matplotlib.transforms import ScaledTranslation

    shift = ScaledTranslation(points / 72, 0, lines.figure.dpi_scale_trans)
    lines.set_transform(lines.get_transform() + shift)


def _name_features(ax: Axes, drawn: dict[str, list[tuple[float, float]]], bars: list[Any]) -> None:
    """Join the points of each feature, and write its name beside one of them, where it is free.

    ``bars`` are the intervals, a collection of lines for each classifier.
    """
    unit = ax.figure.dpi / 72  # pixels of a point
    drawn = {feature: sorted(points) for feature, points in drawn.items()}
    places = {feature: ax.transData.transform(points) / unit for feature, points in drawn.items()}
    marker = (_MARKER / 2, _MARKER / 2)
    taken = [(place, marker) for own in places.values() for place in own]
    taken += [(place, (1, 1)) for own in places.values() for place in _between(own)]
    ends = [b.get_transform().transform(line) / unit for b in bars for line in b.get_segments()]
    lines = np.concatenate([_between(line) for line in ends])
    frame = ax.bbox.get_points() / unit
    for feature in sorted(drawn, key=len, reverse=True):
        points = drawn[feature]
        ax.plot(*zip(*points, strict=True), color="0.6", linewidth=0.8, zorder=0)
        text = one_line(feature)
        size = _LETTER[0] * max(len(text), 1) / 2, _LETTER[1] / 2
        steps = [
            (distance, np.multiply(direction, distance * np.add(size, _MARKER / 2) + 2))
            for distance in _DISTANCES
            for direction in _DIRECTIONS
        ]
        beside = [
            (distance, point, place + step, step)
            for distance, step in steps
            for point, place in zip(points, places[feature], strict=True)
        ]
        # A name covers neither points nor names, and an interval before it goes far away.
        near, sizes = map(np.array, zip(*taken, strict=True))
        worth = [
            5 * _room(b, size, near, sizes, frame)
            + 0.5 * _room(b, size, lines, np.ones(2), frame)
            - 0.2 * distance
            for distance, _, b, _ in beside
        ]
        _, point, best, step = beside[int(np.argmax(worth))]
        taken.append((best, size))
        look: Any = {"textcoords": "offset points", "ha": "center", "va": "center"}
        ax.annotate(text, point, tuple(step), **look, **LITERAL)


def _between(places: Array, n: int = 16) -> Array:
    """Places on the lines from each place to the next."""
    between: Array = np.linspace(places[:-1], places[1:], n).reshape(-1, 2)

    return between


def _room(
    place: Array, size: tuple[float, float], near: Array, sizes: Array, frame: Array
) -> float:
    """Distance of a name to what is nearest, in units of both sizes; from 1 on all is free.

    Outside of the frame there is none.
    """
    if (place - size < frame[0]).any() or (place + size > frame[1]).any():
        return -1.0

    return float(min((np.abs(near - place) / (sizes + size)).max(axis=1).min(), 1.0))


def _draw_errors(ax: Axes, x: Any, y: Any, style: Style, name: str, **bars: Any) -> None:
    colour, marker = style
    ax.errorbar(
        x,
        y,
        fmt=marker,
        color=colour,
        label=label_of(name),
        capsize=2.5,
        linewidth=1.2,
        markersize=6,
        **bars,
    )


def _errors(records: list[Record]) -> tuple[Array, Array]:
    """Errors in %, and how far their bars reach down and up."""
    errors, low, high = (
        100 * np.array([record[name] for record in records], float)
        for name in ("test_error", "error_low", "error_high")
    )

    return errors, np.stack([errors - low, high - errors])


def _cost(record: Record, kind: str) -> float:
    if kind == "dimensions":
        return float(record["n_dims"])

    return sum(float(record[name] or 0.0) for name in _TO_FIT_AND_PREDICT)


def _set_log_ticks(axis: Any) -> None:
    """1, 2 and 5 times powers of ten, written out; those powers alone where they are many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())
