"""The outcome of a comparison: rows, summaries, tests, and the files they go to."""

import csv
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from skvae._typing import ArrayLike
from skvae.comparison.findings import holm, sentences_of
from skvae.comparison.intervals import mcnemar, wilson_interval
from skvae.comparison.records import SECONDS, Row
from skvae.comparison.text import format_comparison
from skvae.data.writable import replacing

__all__ = ["FeatureComparison"]


@dataclass(frozen=True)
class FeatureComparison:
    """Test errors of features, each with the same classifiers.

    Attributes
    ----------
    rows : tuple of Row
        One per feature, classifier and seed, in the order asked for.
    n_test : int
        Test rows; with cross-validation, all rows.
    settings : dict
        What was run, and on what: data, seeds, versions, machine, date.
    interrupted : bool
        Whether Ctrl-C stopped it, so that rows are missing.
    """

    rows: tuple[Row, ...]
    n_test: int
    settings: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False

    def summary(self) -> list[dict[str, Any]]:
        """One record per feature and classifier, over the seeds.

        Returns
        -------
        records : list of dict
            Of means over seeds, ``test_error_std`` (None for one seed), and the Wilson interval of
            the mean error, which covers the chance of the test rows, not of the seeds.
        """
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            groups.setdefault((row.feature, row.classifier), []).append(row)

        return [self._summarise(*names, rows) for names, rows in groups.items()]

    def _summarise(self, feature: str, classifier: str, rows: list[Row]) -> dict[str, Any]:
        done = [row for row in rows if row.status == "ok"]
        errors = np.array([row.test_error for row in done], dtype=float)
        error = float(errors.mean()) if done else None
        low, high = (None, None) if error is None else wilson_interval(error, self.n_test)
        first = done[0] if done else rows[0]

        return {
            "feature": feature,
            "classifier": classifier,
            "status": first.status,
            "reason": first.reason,
            "n_seeds": len(done),
            "n_dims": first.n_dims,
            "test_error": error,
            "test_error_std": float(errors.std(ddof=1)) if len(done) > 1 else None,
            "error_low": low,
            "error_high": high,
            "chosen": [row.chosen for row in done],
            **{name: _mean(getattr(row, name) for row in done) for name in SECONDS},
            "peak_memory_mb": max(
                (row.peak_memory_mb for row in done if row.peak_memory_mb is not None), default=None
            ),
            "notes": list(dict.fromkeys(note for row in rows for note in row.notes)),
        }

    def mcnemar(self) -> list[dict[str, Any]]:
        """McNemar's exact test of each pair of features under each classifier.

        It needs independent cases, and seeds share the test rows, so it takes the first seed that
        both have finished. With cross-validation the cases are all rows, each classified by the
        fold that did not learn from it: models of folds share most of their rows, which the test
        does not know.

        Returns
        -------
        records : list of dict
            ``classifier``, ``a``, ``b``, ``seed``, the test rows that ``only_a`` and ``only_b``
            got wrong, ``p_value``, and ``p_corrected``, which is corrected for the number of all
            tests of the comparison by Holm's procedure.
        """
        done = {(r.classifier, r.feature, r.seed): r for r in self.rows if r.status == "ok"}
        features, classifiers, seeds = (
            list(dict.fromkeys(getattr(row, name) for row in self.rows))
            for name in ("feature", "classifier", "seed")
        )
        records = []
        for classifier in classifiers:
            for a, b in combinations(features, 2):
                both = [s for s in seeds if {(classifier, a, s), (classifier, b, s)} <= done.keys()]
                if both:
                    pair = [done[classifier, name, both[0]].mistakes for name in (a, b)]
                    only_a, only_b, p_value = mcnemar(*pair)
                    records.append(
                        {
                            "classifier": classifier,
                            "a": a,
                            "b": b,
                            "seed": both[0],
                            "only_a": only_a,
                            "only_b": only_b,
                            "p_value": p_value,
                        }
                    )

        corrected = holm([record["p_value"] for record in records])

        return [{**record, "p_corrected": p} for record, p in zip(records, corrected, strict=True)]

    def findings(self) -> list[str]:
        """What was found, a sentence for each classifier with at least two features.

        It names the feature with the lowest error, which features it beats, and from which it
        cannot be told apart, by McNemar's test at 5%, corrected for all pairs of the comparison.

        Returns
        -------
        sentences : list of str
        """
        return sentences_of(self.summary(), self.mcnemar())

    def table(self) -> str:
        """The comparison as text.

        Returns
        -------
        text : str
        """
        return format_comparison(self)

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write ``results.csv``, ``results.json`` and ``comparison.png``, in this order.

        In ``results.csv`` a text that begins with a character at which spreadsheets take it for a
        formula (=, +, -, @, tab, a line break) has an apostrophe before it, and so has one that
        begins with an apostrophe: without the first apostrophe it is what it was.

        Parameters
        ----------
        directory : str or path-like
            Made if need be.

        Raises
        ------
        ImportError
            If matplotlib is missing; the first two files are there nonetheless.
        OSError
            If a file cannot be written; one that was there is left as it was.
        """
        directory = Path(directory)
        self._save_csv(directory / "results.csv")
        self._save_json(directory / "results.json")
        if any(row.status == "ok" for row in self.rows):
            from skvae.comparison.chart import save_chart

            save_chart(self, directory / "comparison.png")

    def save_report(
        self,
        path: str | os.PathLike[str],
        y_test: ArrayLike,
        X_test: ArrayLike | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        dataset: str | None = None,
        command: str | None = None,
    ) -> None:
        """Write the comparison as one HTML page that needs nothing else.

        It has what was found, the errors and their charts, confusion matrices, the test images
        that most often went wrong, tests, notes, and how to run it again.

        Parameters
        ----------
        path : str or path-like
            An HTML file, whose folder is made if need be.
        y_test : array-like of shape (n_test,)
            Labels of the test rows.
        X_test : array-like of shape (n_test, n_pixels), default=None
            Test rows, if they are images to show.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels); None means square grey images.
        dataset : str, default=None
            What the data are called, in the page's title and first sentence.
        command : str, default=None
            That made the comparison.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        OSError
            If the file cannot be written; one that was there is left as it was.
        ValueError
            If there is not one label, or one image, for each test row.
        """
        from skvae.comparison.report import save_report

        about = {"dataset": dataset, "command": command}
        save_report(self, path, y_test, X_test, image_shape=image_shape, about=about)

    def _save_csv(self, path: Path) -> None:
        names = [column.name for column in fields(Row) if column.name not in _PER_TEST_ROW]
        with replacing(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            for row in self.rows:
                cells = {**asdict(row), "chosen": json.dumps(row.chosen, default=str)}
                cells["notes"] = "; ".join(row.notes)
                writer.writerow([_harmless(cells[name]) for name in names])

    def _save_json(self, path: Path) -> None:
        content = {
            "settings": self.settings,
            "interrupted": self.interrupted,
            "n_test": self.n_test,
            "summary": self.summary(),
            "mcnemar": self.mcnemar(),
            "rows": [asdict(row) for row in self.rows],
        }
        with replacing(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1, default=str) + "\n")


_PER_TEST_ROW = ("mistakes", "mistaken_for")
# Spreadsheets of East Asia take the wide forms for the same.
_BEGINS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet runs; the apostrophe is OWASP's advice."""
    return (
        f"'{cell}" if isinstance(cell, str) and cell.startswith(("'", *_BEGINS_FORMULA)) else cell
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]

    return float(np.mean(known)) if known else None
