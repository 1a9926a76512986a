"""``skvae compare``."""

import argparse
import os
import shlex
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from skvae import datasets, recipes
from skvae.cli.arguments import Commands, positive, seed, workers
from skvae.comparison.compare import compare_features
from skvae.comparison.kept import forget_rows
from skvae.comparison.results import FeatureComparison
from skvae.comparison.selection import CLASSIFIERS
from skvae.data.writable import check_writable
from skvae.displays.canvas import require_matplotlib

__all__ = ["add_command"]

_UNLABELLED = [name for name in recipes.FEATURES if name not in recipes.LABELLED]


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults beside each option, and lines of the description as they are."""


def add_command(commands: Commands) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "compare",
        help="compare features by the test errors of the same classifiers",
        description="Compare features by the test errors of the same classifiers.\n\nfeatures:\n"
        + "\n".join(f"  {name:<16}{text}" for name, text in recipes.FEATURE_TEXTS.items()),
        epilog="example: skvae compare --features raw pca fv --n-jobs 2 --report report.html",
        formatter_class=_Help,
    )
    parser.set_defaults(run=_compare)
    add = parser.add_argument
    add("--dataset", choices=datasets.DATASETS, default="digits", help="images and labels")
    for option, names, default in (
        ("--features", recipes.FEATURES, _UNLABELLED),
        ("--classifiers", CLASSIFIERS, list(CLASSIFIERS)),
    ):
        known = f"from {', '.join(names)}"
        add(option, nargs="+", choices=names, default=default, metavar="NAME", help=known)
    add("--n-train", type=positive, metavar="N", help="training images, drawn by class")
    add("--n-seeds", type=positive, default=1, metavar="N", help="repetitions")
    add("--random-state", type=seed, default=0, metavar="SEED", help="first seed")
    add("--n-jobs", type=workers, metavar="N", help="processes at a time")
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
    X_train, y_train, X_test, y_test = _load(arguments)
    comparison = compare_features(
        X_train,
        y_train,
        X_test,
        y_test,
        features=arguments.features,
        classifiers=arguments.classifiers,
        dataset=arguments.dataset,
        n_seeds=arguments.n_seeds,
        n_jobs=arguments.n_jobs,
        random_state=arguments.random_state,
        checkpoint=kept,
        verbose=not arguments.quiet,
    )
    try:
        print(comparison.table(), flush=True)
    finally:  # a closed pipe costs the table, not the files
        _save(comparison, arguments, X_test, y_test)
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


def _save(
    comparison: FeatureComparison,
    arguments: argparse.Namespace,
    X_test: np.ndarray,
    y_test: np.ndarray,
) -> None:
    if arguments.output:
        comparison.save(arguments.output)
    if arguments.report:
        command = shlex.join(["skvae", *arguments.argv])
        comparison.save_report(
            arguments.report, y_test, X_test, dataset=arguments.dataset, command=command
        )


def _load(
    arguments: argparse.Namespace,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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

    return X[rows], data.target[rows], X[n:], data.target[n:]
