"""The command line: ``skvae compare``, ``skvae train``, ``skvae explore`` and ``skvae recipe``."""

import argparse
import os
import shlex
import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from skvae import __version__, datasets, recipes
from skvae.cli.arguments import positive
from skvae.cli.explore import add_command as add_explore
from skvae.cli.train import add_command as add_train
from skvae.comparison.compare import compare_features
from skvae.comparison.kept import forget_rows
from skvae.comparison.selection import CLASSIFIERS
from skvae.data.writable import check_writable
from skvae.displays.canvas import require_matplotlib

__all__ = ["main"]

_DEFAULT_FEATURES = [name for name in recipes.FEATURES if name != "vae_prior"]


def main(argv=None):
    """Run a command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    status : int
        0, 1 if something failed, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = _make_parser().parse_args(argv, argparse.Namespace(argv=argv))
    try:
        return arguments.run(arguments)
    except BrokenPipeError:
        # Python flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, ImportError) as error:
        print(f"skvae: {_message(error)}", file=sys.stderr)
        return 1


def _message(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."

    return str(error)


def _make_parser():
    parser = argparse.ArgumentParser(prog="skvae", description=sys.modules["skvae"].__doc__)
    parser.add_argument("--version", action="version", version=f"skvae {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="compare features by the test errors of the same classifiers",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    compare.set_defaults(run=_compare)
    add = compare.add_argument
    add("--dataset", choices=datasets.DATASETS, default="digits", help="images and labels")
    add(
        "--features",
        nargs="+",
        choices=recipes.FEATURES,
        default=_DEFAULT_FEATURES,
        metavar="NAME",
        help=f"from {', '.join(recipes.FEATURES)}",
    )
    add(
        "--classifiers",
        nargs="+",
        choices=CLASSIFIERS,
        default=list(CLASSIFIERS),
        metavar="NAME",
        help=f"from {', '.join(CLASSIFIERS)}",
    )
    add("--n-train", type=positive, metavar="N", help="training images, drawn by class")
    add("--n-seeds", type=positive, default=1, metavar="N", help="repetitions")
    add("--random-state", type=int, default=0, metavar="SEED", help="first seed")
    add("--n-jobs", type=int, metavar="N", help="processes at a time")
    add("--data-home", metavar="DIR", help="folder of data sets, else $SKVAE_DATA_HOME")
    add(
        "--output",
        metavar="DIR",
        help="folder for results.csv, results.json, comparison.png; a killed run goes on there",
    )
    add("--report", metavar="FILE", help="HTML page with tables, charts and confused images")
    add("--quiet", action="store_true", help="no progress on standard error")
    add_train(commands)
    add_explore(commands)
    recipe = commands.add_parser("recipe", help="print the pipeline behind a feature's name")
    recipe.set_defaults(run=_print_recipe)
    recipe.add_argument("name", choices=recipes.FEATURES)
    recipe.add_argument("--dataset", choices=recipes.PROFILES, default="digits")

    return parser


def _compare(arguments):
    if arguments.output:
        require_matplotlib("--output")
        check_writable(os.path.join(arguments.output, "results.csv"))
    if arguments.report:
        require_matplotlib("--report")
        check_writable(arguments.report)
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
        if arguments.output:
            comparison.save(arguments.output)
        if arguments.report:
            command = shlex.join(["skvae", *arguments.argv])
            comparison.save_report(arguments.report, y_test, X_test, command=command)
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


def _load(arguments):
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


def _print_recipe(arguments):
    print(recipes.make(arguments.name, arguments.dataset))

    return 0
