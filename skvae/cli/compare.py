"""``skvae compare``."""

import argparse
import os
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from skvae import datasets, recipes
from skvae.cli.arguments import Commands, Help, positive, seed, two_or_more, workers
from skvae.cli.feature_list import list_of_features
from skvae.cli.table_file import add_table_options, read_table
from skvae.comparison.compare import compare_features
from skvae.comparison.kept import forget_rows
from skvae.comparison.results import FeatureComparison
from skvae.comparison.selection import CLASSIFIERS, TABLE_CLASSIFIERS
from skvae.data.writable import check_writable
from skvae.displays.canvas import require_matplotlib
from skvae.table_recipes import TABLE_FEATURE_TEXTS

__all__ = ["add_command"]

_DESCRIPTION = """\
Compare features by the test errors of the same classifiers.

--data FILE --target COLUMN compares features of your own table: columns are numbers or categories,
and may have holes. scikit-learn's imputer and encoder make numbers of them, as the output says.

{features}

A row of a table is one point, and no set of descriptors: fv has nothing to aggregate there. Where
many rows share a key, skvae.TableSets makes sets of them.
"""
_EPILOG = """\
examples:
  skvae compare --features raw pca fv --n-jobs 2 --report report.html
  skvae compare --data patients.csv --target outcome --drop id --report report.html
"""


class _Rows(NamedTuple):
    """What to compare on; without test rows by cross-validation."""

    X_train: Any
    y_train: np.ndarray
    X_test: np.ndarray | None
    y_test: np.ndarray | None


def add_command(commands: Commands) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "compare",
        help="compare features by the test errors of the same classifiers",
        description=_DESCRIPTION.format(features=list_of_features()),
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.set_defaults(run=_compare)
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--dataset", choices=datasets.DATASETS, default="digits", help="images and labels"
    )
    add_table_options(parser, source)
    add(
        "--folds",
        type=two_or_more,
        default=5,
        metavar="N",
        help="of the cross-validation of a table",
    )
    for option, of_images, of_tables, but in (
        ("--features", recipes.FEATURE_TEXTS, TABLE_FEATURE_TEXTS, " that read no labels"),
        ("--classifiers", CLASSIFIERS, TABLE_CLASSIFIERS, ""),
    ):
        names = list(dict.fromkeys([*of_images, *of_tables]))
        text = f"from {', '.join(names)} (default: all{but})"
        add(option, nargs="+", choices=names, default=argparse.SUPPRESS, metavar="NAME", help=text)
    add("--n-train", type=positive, metavar="N", help="training images, drawn by class")
    add("--n-seeds", type=positive, default=1, metavar="N", help="repetitions")
    add("--random-state", type=seed, default=0, metavar="SEED", help="first random seed")
    add("--n-jobs", type=workers, metavar="N", help="processes at a time; -1: all cores")
    add("--data-home", metavar="DIR", help="folder of data sets, else $SKVAE_DATA_HOME")
    add(
        "--output",
        metavar="DIR",
        help="folder for results.csv, results.json, comparison.png; a killed run goes on there",
    )
    add("--report", metavar="FILE", help="HTML page with tables, charts and confused images")
    add("--quiet", action="store_true", help="no progress on standard error")


def _compare(arguments: argparse.Namespace) -> int:
    _check_places(arguments)
    kept = Path(arguments.output) / "unfinished" if arguments.output else None
    is_table = arguments.data is not None
    features = _chosen(
        arguments, "features", TABLE_FEATURE_TEXTS if is_table else recipes.FEATURE_TEXTS
    )
    classifiers = _chosen(arguments, "classifiers", TABLE_CLASSIFIERS if is_table else CLASSIFIERS)
    rows = _table(arguments) if is_table else _images(arguments)
    comparison = compare_features(
        rows.X_train,
        rows.y_train,
        rows.X_test,
        rows.y_test,
        features=features,
        classifiers=classifiers,
        dataset="table" if is_table else arguments.dataset,
        cv=arguments.folds,
        n_seeds=arguments.n_seeds,
        n_jobs=arguments.n_jobs,
        random_state=arguments.random_state,
        checkpoint=kept,
        verbose=not arguments.quiet,
    )
    try:
        print(comparison.table(), flush=True)
    finally:  # a closed pipe costs the table, not the files
        _save(comparison, arguments, rows)
    if arguments.output:
        print(f"Saved in {arguments.output}.")
    if arguments.report:
        print(f"Reported in {arguments.report}.")
    if comparison.interrupted:
        return 130
    if any(row.status == "failed" for row in comparison.rows):
        return 1
    if kept is not None:
        forget_rows(kept)

    return 0


def _check_places(arguments: argparse.Namespace) -> None:
    """Raise what would keep the files from being written, before any work."""
    if arguments.output:
        require_matplotlib("--output")
        check_writable(os.path.join(arguments.output, "results.csv"))
    if arguments.report:
        require_matplotlib("--report")
        check_writable(arguments.report)


def _save(comparison: FeatureComparison, arguments: argparse.Namespace, rows: _Rows) -> None:
    if arguments.output:
        comparison.save(arguments.output)
    if arguments.report:
        comparison.save_report(
            arguments.report,
            rows.y_train if rows.y_test is None else rows.y_test,
            rows.X_test,
            dataset=Path(arguments.data).name if arguments.data else arguments.dataset,
            command=shlex.join(["skvae", *arguments.argv]),
        )


def _chosen(arguments: argparse.Namespace, option: str, known: Collection[str]) -> list[str]:
    """Names that were given, all of them known, or all that read no labels."""
    names: list[str] | None = getattr(arguments, option, None)
    if names is None:
        return [name for name in known if name not in recipes.LABELLED]
    for name in names:
        if name not in known:
            what = "a table" if arguments.data is not None else "images"
            raise ValueError(
                f"--{option} {name} is not for {what}: choose from {', '.join(known)}."
            )

    return names


def _table(arguments: argparse.Namespace) -> _Rows:
    """The rows of the user's file."""
    if arguments.n_train is not None:
        raise ValueError("--n-train is of --dataset: a table is divided into --folds.")
    table = read_table(
        arguments.data,
        arguments.target,
        drop=arguments.drop,
        categorical=arguments.categorical,
    )

    return _Rows(table.X, table.y, None, None)


def _images(arguments: argparse.Namespace) -> _Rows:
    """Training and test images as float32 in [0, 1], and their labels."""
    data = datasets.DATASETS[arguments.dataset](data_home=arguments.data_home)
    X = data.data.astype(np.float32) / np.float32(data.max_value)
    n = data.n_train
    rows = np.arange(n)
    if arguments.n_train is not None and arguments.n_train < n:
        rows, _ = train_test_split(
            rows,
            train_size=arguments.n_train,
            stratify=data.target[:n],
            random_state=arguments.random_state,
        )
    elif arguments.n_train is not None and arguments.n_train > n:
        raise ValueError(f"--n-train {arguments.n_train}: there are only {n} training images.")

    return _Rows(X[rows], data.target[rows], X[n:], data.target[n:])
