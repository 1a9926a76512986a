"""The table and the chart of the README from saved comparisons.

``python markdown_table.py FOLDER [FOLDER ...] --chart FILE.png`` reads the ``results.json`` of each
folder; where two folders hold the same feature, the later one counts.
"""

import argparse
import json
from dataclasses import fields
from pathlib import Path

from skvae.comparison.chart import save_chart
from skvae.comparison.records import Row
from skvae.comparison.results import FeatureComparison

CLASSIFIERS = {"linear": "linear", "knn": "kNN", "svm": "RBF SVM"}


def read(folders):
    """One comparison of all features."""
    rows, n_test, names = {}, None, {f.name for f in fields(Row)}
    for folder in folders:
        content = json.loads((Path(folder) / "results.json").read_text("utf-8"))
        n_test = content["n_test"]
        found = [Row(**{k: v for k, v in row.items() if k in names}) for row in content["rows"]]
        rows |= {
            feature: [r for r in found if r.feature == feature]
            for feature in dict.fromkeys(r.feature for r in found)
        }
    return FeatureComparison(tuple(r for group in rows.values() for r in group), n_test)


def cell(record):
    if record["status"] != "ok":
        return "left out"
    interval = f"{100 * record['error_low']:.2f}–{100 * record['error_high']:.2f}"
    return f"{100 * record['test_error']:.2f} ({interval})"


def table(comparison):
    records = {}
    for record in comparison.summary():
        records.setdefault(record["feature"], {})[record["classifier"]] = record
    titles = [*CLASSIFIERS.values(), "fit s", "transform s", "peak MB"]
    lines = ["| feature | dims | " + " | ".join(titles) + " |", "|---" * (2 + len(titles)) + "|"]
    for feature, found in records.items():
        first = next(iter(found.values()))
        peak = max(record["peak_memory_mb"] or 0 for record in found.values())
        lines.append(
            f"| `{feature}` | {first['n_dims']:,} | "
            + " | ".join(cell(found[c]) for c in CLASSIFIERS)
            + f" | {first['feature_fit_seconds']:.0f} | {first['transform_seconds']:.0f}"
            + f" | {peak:,.0f} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--chart", metavar="FILE")
    arguments = parser.parse_args()
    comparison = read(arguments.folders)
    print(table(comparison))
    if arguments.chart:
        save_chart(comparison, arguments.chart)


if __name__ == "__main__":
    main()
