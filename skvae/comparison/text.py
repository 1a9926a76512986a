"""A comparison as a table of plain text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skvae._text import one_line
from skvae.comparison.findings import sentences_of

if TYPE_CHECKING:
    from skvae.comparison.results import FeatureComparison

__all__ = ["cell_text", "columns_of", "format_comparison"]

_COLUMNS = {
    "feature": "feature",
    "classifier": "classifier",
    "n_dims": "dims",
    "test_error": "error %",
    "interval": "95% interval",
    "test_error_std": "± seeds",
    "feature_fit_seconds": "fit s",
    "transform_seconds": "transform s",
    "selection_seconds": "select s",
    "fit_seconds": "refit s",
    "predict_seconds": "predict s",
    "peak_memory_mb": "peak MB",
    "chosen": "chosen",
}
_TEXT = {"feature", "classifier", "chosen"}


def format_comparison(comparison: "FeatureComparison") -> str:
    """Table, notes, tests and findings of a comparison.

    Parameters
    ----------
    comparison : FeatureComparison

    Returns
    -------
    text : str
    """
    records = comparison.summary()
    tests = comparison.mcnemar()
    remarks = [one_line(remark) for remark in comparison.settings.get("remarks", [])]
    parts = [
        *remarks,
        *([""] if remarks else []),
        _table(records),
        *_notes(records),
        *(_tests(tests) if tests else []),
    ]
    if n_picked_up := comparison.settings.get("n_picked_up"):
        parts.append(f"{n_picked_up} rows are those that an earlier run had finished.")
    if comparison.interrupted:
        parts.append("Interrupted: rows are missing.")
    if findings := sentences_of(records, tests):
        parts += ["", *map(one_line, findings)]

    return "\n".join(parts)


def columns_of(records: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Columns of the table: a record's key, or "interval", to a heading.

    Parameters
    ----------
    records : list of dict
        From ``FeatureComparison.summary()``.

    Returns
    -------
    columns : dict of str to str
    """
    columns = dict(_COLUMNS)
    if all(record["test_error_std"] is None for record in records):
        del columns["test_error_std"]

    return columns


def _table(records: list[dict[str, Any]]) -> str:
    columns = columns_of(records)
    lines = [list(columns.values())]
    lines += [[one_line(cell_text(name, record)) for name in columns] for record in records]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [
        "  ".join(
            cell.ljust(width) if name in _TEXT else cell.rjust(width)
            for name, cell, width in zip(columns, line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]

    return "\n".join([rows[0], "-" * max(map(len, rows)), *rows[1:]])


def cell_text(name: str, record: dict[str, Any]) -> str:
    """What a column says of a record, in the units of its heading."""
    if name == "chosen":
        if record["status"] != "ok":
            return f"{record['status']}: {record['reason']}"
        return " | ".join(dict.fromkeys(_choice(chosen) for chosen in record["chosen"]))
    if name == "interval":
        low, high = record["error_low"], record["error_high"]
        return "" if low is None else f"{100 * low:.2f} to {100 * high:.2f}"
    value = record[name]
    if value is None:
        return ""
    if name in ("test_error", "test_error_std"):
        return f"{100 * value:.2f}"
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.1f}"

    return str(value)


def _choice(chosen: dict[str, Any]) -> str:
    return " ".join(f"{name}={_chosen_text(value)}" for name, value in chosen.items())


def _chosen_text(value: Any) -> str:
    """A value, or all different ones of the folds."""
    if isinstance(value, list):
        return "/".join(sorted({_chosen_text(each) for each in value}, key=_as_number))

    return f"{value:g}" if isinstance(value, float) else str(value)


def _as_number(text: str) -> tuple[float, str]:
    """Where a text stands among others, of which some are numbers."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def _notes(records: list[dict[str, Any]]) -> list[str]:
    lines = [
        one_line(f"  {record['feature']}, {record['classifier']}: {note}")
        for record in records
        for note in record["notes"]
    ]

    return ["", "Notes", *lines] if lines else []


def _tests(records: list[dict[str, Any]]) -> list[str]:
    """A triangle of p-values per classifier."""
    lines = []
    for classifier in dict.fromkeys(record["classifier"] for record in records):
        values = {
            (one_line(r["a"]), one_line(r["b"])): r["p_corrected"]
            for r in records
            if r["classifier"] == classifier
        }
        rows, columns = (list(dict.fromkeys(pair[side] for pair in values)) for side in (0, 1))
        title = one_line(classifier)
        left = max(map(len, [*rows, title]))
        widths = [max(len(name), 7) for name in columns]
        cells = [[title, *columns]]
        cells += [[a, *(_p_value(values.get((a, b))) for b in columns)] for a in rows]
        lines += [""]
        lines += [
            "  ".join([f"  {line[0]:<{left}}", *map(str.rjust, line[1:], widths)]) for line in cells
        ]

    return [
        "",
        "p-values of McNemar's exact test (first seed, Holm's correction)",
        *lines[1:],
    ]


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
