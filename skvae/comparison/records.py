"""What is known of one feature with one classifier and one seed, and the files that keep it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skvae.data.writable import naming, replacing

__all__ = ["SECONDS", "Row", "append_row", "read_rows", "write_rows"]

# The fields of a row that are times.
SECONDS = (
    "feature_fit_seconds",
    "transform_seconds",
    "selection_seconds",
    "fit_seconds",
    "predict_seconds",
)


@dataclass(frozen=True)
class Row:
    """One line of the comparison.

    Attributes
    ----------
    feature, classifier : str
        Names.
    seed : int
        Seed of the feature, the classifier and the validation split.
    status : {"ok", "left out", "failed"}
        Whether the numbers are there.
    reason : str
        Why it was left out or failed.
    n_dims : int or None
        Dimensions of the feature, the most of all folds.
    test_error, error_low, error_high : float or None
        Share of test rows misclassified, and its 95% interval (Wilson).
    validation_error : float or None
        Share of validation rows misclassified with the chosen hyperparameters.
    chosen : dict
        Hyperparameters, chosen on validation rows; a list with one for each fold, if there are any.
    feature_fit_seconds, transform_seconds : float or None
        To fit the feature on the training rows, and to transform training and test rows. Times are
        sums over the folds.
    selection_seconds, fit_seconds, predict_seconds : float or None
        To choose the hyperparameters, to refit the classifier, and to classify the test rows.
    peak_memory_mb : float or None
        Highest resident memory, until this row was done, of the process that ran feature and
        classifiers and nothing else.
    notes : tuple of str
        Warnings, such as of a fit that did not converge.
    mistakes : tuple of int
        Test rows misclassified.
    mistaken_for : tuple
        The label that each of them was given.
    """

    feature: str
    classifier: str
    seed: int
    status: str = "ok"
    reason: str = ""
    n_dims: int | None = None
    test_error: float | None = None
    error_low: float | None = None
    error_high: float | None = None
    validation_error: float | None = None
    chosen: dict[str, Any] = field(default_factory=dict)
    feature_fit_seconds: float | None = None
    transform_seconds: float | None = None
    selection_seconds: float | None = None
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    peak_memory_mb: float | None = None
    notes: tuple[str, ...] = ()
    mistakes: tuple[int, ...] = field(default=(), repr=False)
    mistaken_for: tuple[Any, ...] = field(default=(), repr=False)


def append_row(path: Path, row: Row) -> None:
    """Add a row to a file; rows already there outlive the process."""
    with naming(path), open(path, "a", encoding="utf-8") as file:
        file.write(_line(row))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Replace a file by one that holds these rows."""
    with replacing(path, "w", encoding="utf-8") as file:
        file.writelines(map(_line, rows))


def read_rows(path: Path) -> list[Row]:
    """All whole rows of a file that may be missing, or cut off in its last line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    whole = text[: text.rfind("\n") + 1]

    return [_tupled(json.loads(line)) for line in whole.splitlines()]


def _line(row: Row) -> str:
    return json.dumps(asdict(row), default=_plain) + "\n"


def _tupled(values: dict[str, Any]) -> Row:
    tupled: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }

    return Row(**tupled)


def _plain(value: Any) -> Any:
    """A numpy scalar as Python's own; anything else by its text."""
    return value.item() if hasattr(value, "item") else str(value)
