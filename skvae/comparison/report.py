"""A comparison as one self-contained HTML page: what its template is told."""

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from skvae._pages import fill_page
from skvae.comparison.confusions import Hard, confused_pairs, confusion_matrix, hardest
from skvae.comparison.findings import Finding, find, sentences_of
from skvae.comparison.labels import check_labels
from skvae.comparison.pictures import chart_uris, image_uri
from skvae.comparison.records import Row
from skvae.comparison.text import cell_text, columns_of
from skvae.data.writable import replacing
from skvae.displays.canvas import require_matplotlib
from skvae.displays.feature_comparison import FeatureComparisonDisplay, Kind
from skvae.displays.mosaic import as_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skvae.comparison.results import FeatureComparison

__all__ = ["save_report"]

# More classes make no legible matrix.
_MAX_CLASSES = 20
_N_HARD = 24
_N_PAIRS = 8

_CHARTS: dict[Kind, tuple[str, str]] = {
    "error": ("Errors and their intervals", "Test error of each feature with its 95% interval"),
    "dimensions": ("Error against dimensions", "Test error against the dimensions of the feature"),
    "seconds": ("Error against time", "Test error against the seconds to fit and predict"),
}

# What the template is told of one thing, by name.
Values = dict[str, Any]


def save_report(
    comparison: "FeatureComparison",
    path: str | os.PathLike[str],
    y_test: ArrayLike,
    X_test: ArrayLike | None = None,
    *,
    image_shape: Sequence[int] | None = None,
    about: Mapping[str, str | None],
) -> None:
    """Write the page; see ``FeatureComparison.save_report``.

    ``about`` has the name of the data set and the command, or None for each.
    """
    require_matplotlib("A report")
    labels = check_labels(y_test, "y_test")
    if len(labels) != comparison.n_test:
        raise ValueError(f"y_test has {len(labels)} labels for {comparison.n_test} test rows.")
    images = None
    if X_test is not None:
        check_consistent_length(X_test, labels)
        images = as_images(X_test, image_shape)
    page = fill_page(
        "skvae.comparison",
        "report.html",
        style=(files("skvae.comparison") / "report.css").read_text("utf-8"),
        **about,
        **_lead(comparison),
        **_results(comparison, labels, images),
        **_origin(comparison.settings),
    )
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(page)


def _lead(comparison: "FeatureComparison") -> Values:
    return {
        "n_train": comparison.settings.get("n_train"),
        "n_test": comparison.n_test,
        "n_folds": comparison.settings.get("n_folds"),
        "remarks": comparison.settings.get("remarks", []),
        "interrupted": comparison.interrupted,
    }


def _results(
    comparison: "FeatureComparison", y_test: np.ndarray, images: np.ndarray | None
) -> Values:
    records, tests = comparison.summary(), comparison.mcnemar()
    done = [row for row in comparison.rows if row.status == "ok"]
    if not done:
        images = None

    return {
        "findings": sentences_of(records, tests),
        "n_runs": len(done),
        "errors": _errors(records, find(records, tests)) if records else None,
        "charts": _charts(records, comparison.n_test) if done else [],
        "confusions": _confusions(done, y_test) if done else None,
        "pairs": confused_pairs(done, y_test, _N_PAIRS),
        "images": None if images is None else _images(hardest(done, y_test, _N_HARD), images),
        "tests": _tests(tests),
        "details": _details(records),
        "notes": [
            (record["feature"], record["classifier"], note)
            for record in records
            for note in [*filter(None, [record["reason"]]), *record["notes"]]
        ],
    }


def _errors(records: list[Values], findings: list[Finding]) -> Values:
    """Features by classifiers; bold are the leaders where they are better than another feature."""
    features, classifiers = (
        list(dict.fromkeys(record[name] for record in records))
        for name in ("feature", "classifier")
    )
    by_name = {(record["feature"], record["classifier"]): record for record in records}
    bold = {
        (name, found.classifier) for found in findings if found.others for name in found.leaders
    }
    rows = []
    for feature in features:
        own = [by_name.get((feature, name)) for name in classifiers]
        first = next(record for record in own if record)
        cells = [
            _error_cell(record, (feature, name) in bold)
            for record, name in zip(own, classifiers, strict=True)
        ]
        rows.append(
            {
                "feature": feature,
                "dims": cell_text("n_dims", first),
                "seconds": cell_text("feature_fit_seconds", first),
                "cells": cells,
            }
        )

    has_spread = any(cell["spread"] for row in rows for cell in row["cells"])

    return {"classifiers": classifiers, "rows": rows, "has_spread": has_spread}


def _error_cell(record: Values | None, is_bold: bool) -> Values:
    if record is None or record["status"] != "ok":
        text = record["status"] if record else "not run"
        return {"text": text, "spread": "", "interval": "", "is_bold": False}

    return {
        "text": cell_text("test_error", record),
        "spread": cell_text("test_error_std", record),
        "interval": cell_text("interval", record).replace(" to ", "–"),
        "is_bold": is_bold,
    }


def _charts(records: list[Values], n_test: int) -> list[Values]:
    display = FeatureComparisonDisplay(records=records, n_test=n_test)
    n_features = len({record["feature"] for record in display.records})
    heights = {"error": 1.5 + 0.5 * n_features, "dimensions": 3.8, "seconds": 3.8}

    def chart(kind: Kind) -> Values:
        def draw(ax: "Axes") -> None:
            display.plot(kind, ax)
            display.name_classifiers(ax, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))

        figsize = (5.0, heights[kind])
        light, dark = chart_uris(draw, figsize)
        width, height = (round(96 * side) for side in figsize)
        title, alt = _CHARTS[kind]

        return {
            "title": title,
            "alt": alt,
            "light": light,
            "dark": dark,
            "width": width,
            "height": height,
        }

    return [chart(kind) for kind in _CHARTS]


def _confusions(done: list[Row], y_test: np.ndarray) -> Values:
    """Labels, and a matrix for each feature and classifier unless there are too many labels."""
    labels = np.array(sorted({*y_test.tolist(), *(k for row in done for k in row.mistaken_for)}))
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in done:
        groups.setdefault((row.feature, row.classifier), []).append(row)
    counts = {}
    if len(labels) <= _MAX_CLASSES:
        counts = {names: confusion_matrix(rows, y_test, labels) for names, rows in groups.items()}
    most = max((_wrong(matrix).max() for matrix in counts.values()), default=0)

    return {
        "labels": labels.tolist(),
        "n_seeds": max(map(len, groups.values())),
        "matrices": [
            {
                "feature": feature,
                "classifier": classifier,
                "n_wrong": _wrong(matrix).sum(),
                "rows": list(zip(labels.tolist(), _shaded(matrix, most), strict=True)),
            }
            for (feature, classifier), matrix in counts.items()
        ],
    }


def _wrong(counts: np.ndarray) -> np.ndarray:
    """Counts off the diagonal."""
    wrong: np.ndarray = counts - np.diag(np.diag(counts))

    return wrong


def _shaded(counts: np.ndarray, most: int) -> list[list[tuple[int, str]]]:
    """Each count with the class of its cell: right, or wrong in one of three shades."""
    thirds = np.ceil(3 * counts / max(most, 1)).astype(int)

    return [
        [
            (int(n), "right" if i == j else f"wrong-{thirds[i, j]}" if n else "")
            for j, n in enumerate(row)
        ]
        for i, row in enumerate(counts)
    ]


def _images(hard: Iterable[Hard], images: np.ndarray) -> list[Values]:
    """The test rows that were misclassified most often, as pictures."""
    low, high = images.min(), images.max()

    def shown(each: Hard) -> Values:
        image = (images[each.row] - low) / (high - low or 1)
        pixels = image[:, :, 0] if image.shape[2] == 1 else image
        height, width = pixels.shape[:2]

        return {**vars(each), "uri": image_uri(pixels), "width": width, "height": height}

    return [shown(each) for each in hard]


def _tests(records: list[Values]) -> list[Values]:
    """A triangle of tests per classifier."""
    triangles = []
    for classifier in dict.fromkeys(record["classifier"] for record in records):
        own = {(r["a"], r["b"]): r for r in records if r["classifier"] == classifier}
        rows, columns = (list(dict.fromkeys(pair[side] for pair in own)) for side in (0, 1))
        triangles.append(
            {
                "classifier": classifier,
                "columns": columns,
                "rows": [(a, [own.get((a, b)) for b in columns]) for a in rows],
            }
        )

    return triangles


def _details(records: list[Values]) -> Values:
    columns = columns_of(records)
    del columns["feature"]

    return {
        "columns": list(columns.values()),
        "rows": [(r["feature"], [cell_text(name, r) for name in columns]) for r in records],
    }


def _origin(settings: Values) -> Values:
    """What was run, on what, and when."""

    def listed(values: Iterable[object]) -> str:
        return ", ".join(map(str, values))

    def named(names: Sequence[str]) -> str:
        return listed(settings[name] for name in names if settings.get(name))

    facts = {
        "Date": settings.get("date"),
        "Duration": f"{settings['seconds']:.0f} s" if "seconds" in settings else None,
        "Rows of an earlier run": settings.get("n_picked_up"),
        "Seeds": listed(settings.get("seeds", [])),
        "Machine": named(["platform", "processor"]),
        "Processes, threads each, cores": named(["n_jobs", "n_threads", "cores"]),
        "Python": settings.get("python"),
        "Versions": listed(f"{k} {v}" for k, v in settings.get("versions", {}).items()),
    }

    return {
        "facts": {name: value for name, value in facts.items() if value},
        "recipes": {
            kind: {name: " ".join(text.split()) for name, text in settings[kind].items()}
            for kind in ("features", "classifiers")
            if kind in settings
        },
    }
