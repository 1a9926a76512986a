"""The comparison of features under the same classifiers."""

import os
import platform
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import joblib
import numpy as np
from joblib import cpu_count
from sklearn.base import clone
from threadpoolctl import threadpool_info

from skvae import __version__, recipes
from skvae._sklearn import derive_random_states, written_out
from skvae._typing import ArrayLike
from skvae.comparison.given import check_folds, check_test, check_training
from skvae.comparison.kept import kept_files, pick_up, rows_file
from skvae.comparison.processes import run_in_processes
from skvae.comparison.records import Row, read_rows
from skvae.comparison.remarks import remarks_on_folds, remarks_on_table
from skvae.comparison.results import FeatureComparison
from skvae.comparison.runs import Cell
from skvae.comparison.selection import CLASSIFIERS, TABLE_CLASSIFIERS, Candidates
from skvae.comparison.shared import shared_arrays
from skvae.compute.sizes import n_workers
from skvae.table_recipes import TABLE_FEATURES

__all__ = ["compare_features"]

# Names of ours, or the user's own by name.
Features: TypeAlias = Sequence[str] | Mapping[str, Any]
Classifiers: TypeAlias = Sequence[str] | Mapping[str, tuple[Any, Mapping[str, Sequence[Any]]]]
Folder: TypeAlias = str | os.PathLike[str]

_LIBRARIES = ("scikit-learn", "numpy", "scipy", "torch")


def compare_features(
    X_train: ArrayLike,
    y_train: ArrayLike,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    features: Features = ("raw", "pca", "fv", "vae"),
    classifiers: Classifiers = ("linear", "knn", "svm"),
    dataset: str | recipes.Profile = "mnist",
    cv: int = 5,
    n_seeds: int = 1,
    n_jobs: int | None = None,
    random_state: int = 0,
    checkpoint: Folder | None = None,
    verbose: int = 0,
) -> FeatureComparison:
    """Compare features by the test error of the same classifiers on top of them.

    Every feature is fitted on all training rows, once per seed. Hyperparameters of the classifiers
    are chosen on a stratified fifth of the training rows, at most 10,000; the classifier is then
    fitted again on all of them, and meets the test rows once. Features that may read labels
    (``skvae.recipes.LABELLED`` and your own) are fitted a second time without the validation rows,
    for the choice; the others never see labels. Each feature and seed has a process of its own.
    Without test rows all this is done once for each fold of a stratified cross-validation, and
    every row is a test row of one fold.

    Parameters
    ----------
    X_train : array-like of shape (n_train, n_features)
        Rows; the named features expect pixels in [0, 1], or, with ``dataset="table"``, a DataFrame
        of pandas, whose columns are numbers and categories and may have holes.
    y_train : array-like of shape (n_train,)
        Labels: strings, whole numbers or bools, of two classes or more.
    X_test : array-like of shape (n_test, n_features), default=None
        Rows that decide nothing. None takes the training rows in turns, by cross-validation.
    y_test : array-like of shape (n_test,), default=None
        Their labels; rows of a class that ``y_train`` lacks count as errors.
    features : sequence of str, or mapping of str to transformer
        Names of :func:`skvae.recipes.make`, or for tables of
        :func:`skvae.recipes.make_for_table`; or transformers of your own.
    classifiers : sequence of str, or mapping of str to (classifier, grid)
        Of "linear" (logistic regression), "knn", "svm" (RBF kernel, for features of at most
        1,000 dimensions) and, for tables, "boosting" (gradient-boosted trees), or classifiers of
        your own, each with a grid as for ``GridSearchCV``.
    dataset : {"mnist", "fashion-mnist", "digits", "table"} or Profile, default="mnist"
        Settings of the named features.
    cv : int, default=5
        Folds of the cross-validation where there are no test rows; each class needs as many rows.
    n_seeds : int, default=1
        Repetitions with the seeds ``random_state``, ``random_state + 1``, ...
    n_jobs : int or None, default=None
        Processes at a time, which share the cores, or use fewer where ``OMP_NUM_THREADS`` or
        ``threadpoolctl.threadpool_limits`` say so. None means 1, -1 all cores.
    random_state : int, default=0
        First seed: of features, classifiers and validation splits.
    checkpoint : str or path-like, default=None
        Folder that keeps rows as they are finished, for the case that the process is killed. The
        same call takes the rows that it finds there from an earlier one with the same data,
        features, classifiers, seeds, threads and versions, and computes the others;
        ``settings["n_picked_up"]`` counts them. Code of your own classes is known by name only:
        delete the folder after changing it.
    verbose : int, default=0
        Whether to print progress, to standard error.

    Returns
    -------
    comparison : FeatureComparison
        Rows, ``summary()``, ``mcnemar()``, ``table()`` and ``save(directory)``. After Ctrl-C it
        holds the rows finished by then, and ``interrupted`` is True. If the process is killed, its
        workers end and its copy of the data is deleted.

    Raises
    ------
    ValueError
        If a name is unknown, the arrays do not fit each other, or labels are none.
    OSError
        If the copy of the data for the workers, or ``checkpoint``, cannot be written.

    Examples
    --------
    >>> from skvae import compare_features, datasets
    >>> digits = datasets.load_digits()
    >>> X, y = digits.data / 16, digits.target
    >>> comparison = compare_features(
    ...     X[:300], y[:300], X[-200:], y[-200:],
    ...     features=["raw", "pca"], classifiers=["knn"], dataset="digits",
    ... )
    >>> [(row.feature, row.n_dims) for row in comparison.rows]
    [('raw', 64), ('pca', 20)]
    """
    table, ours = dataset == "table", not isinstance(features, Mapping)
    arrays, n_folds = _check_data(X_train, y_train, X_test, y_test, cv, table=table)
    seeds = _check_seeds(random_state, n_seeds)
    candidates = _check_classifiers(classifiers, TABLE_CLASSIFIERS if table else CLASSIFIERS)
    n_jobs = n_workers(n_jobs)
    n_threads = _threads_of_each(n_jobs)
    transformers = [
        (name, seed, transformer)
        for seed in seeds
        for name, transformer in _check_features(
            features, dataset, arrays["X_train"], seed, n_threads
        ).items()
    ]
    n_test = len(arrays["y_test" if n_folds is None else "y_train"])
    settings = {
        "n_train": len(arrays["y_train"]),
        "n_test": n_test,
        "n_folds": n_folds,
        "n_pixels": arrays["X_train"].shape[1],
        "settings_of": dataset if isinstance(dataset, str) else repr(dataset),
        "features": {name: written_out(t) for name, s, t in transformers if s == seeds[0]},
        "classifiers": {name: repr(candidate) for name, candidate in candidates.items()},
        "seeds": list(seeds),
        "n_jobs": n_jobs,
        "n_threads": n_threads,
    }
    common = {"classifiers": candidates, "n_threads": n_threads, "n_folds": n_folds}
    common |= {"numbered": ours, "verbose": verbose}
    labelled = recipes.LABELLED if ours else set(features)
    start, n_picked_up = time.perf_counter(), 0
    with shared_arrays(arrays) as folder:
        cells = _cells(transformers, labelled, folder, common)
        if checkpoint is not None:
            cells = _kept(cells, arrays, checkpoint)
            n_picked_up = _pick_up(cells, checkpoint, verbose)
        rows, interrupted = _run(cells, n_jobs)
    settings["remarks"] = [
        *([remarks_on_folds(arrays["y_train"], cv)] if n_folds else []),
        *(remarks_on_table(arrays["X_train"]) if table and ours else []),
    ]
    settings |= {"n_picked_up": n_picked_up, "seconds": time.perf_counter() - start}

    return FeatureComparison(rows, n_test, settings | _environment(), interrupted)


def _check_data(
    X_train: Any, y_train: Any, X_test: Any, y_test: Any, cv: int, *, table: bool
) -> tuple[dict[str, Any], int | None]:
    """Arrays by their names, and the folds where there are no test rows."""
    arrays = check_training(X_train, y_train, table=table)
    if X_test is None and y_test is None:
        check_folds(arrays["y_train"], cv)
        return arrays, cv

    return arrays | check_test(X_test, y_test, arrays, table=table), None


def _cells(
    transformers: Iterable[tuple[str, int, Any]],
    labelled: Collection[str],
    folder: Path,
    common: dict[str, Any],
) -> list[Cell]:
    """A cell for each feature and seed, whose rows go to files of the folder."""
    return [
        Cell(
            feature=name,
            transformer=transformer,
            labelled=name in labelled,
            seed=seed,
            data=folder,
            output=folder / f"{index}.jsonl",
            **common,
        )
        for index, (name, seed, transformer) in enumerate(transformers)
    ]


def _check_seeds(random_state: int, n_seeds: int) -> range:
    if not isinstance(n_seeds, int | np.integer) or n_seeds < 1:
        raise ValueError(f"n_seeds={n_seeds!r} must be an integer of at least 1.")
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(f"random_state={random_state!r} must be an integer of at least 0.")

    return range(random_state, random_state + n_seeds)


def _kept(cells: list[Cell], arrays: dict[str, Any], checkpoint: Folder) -> list[Cell]:
    """Cells whose rows outlive this process, in files named after all that they depend on."""
    data = joblib.hash(
        {
            name: np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array
            for name, array in arrays.items()
        }
    )
    told = [
        (data, _versions(), c.feature, c.transformer, c.classifiers, c.seed, c.n_threads, c.n_folds)
        for c in cells
    ]
    files = [rows_file(checkpoint, *each) for each in told]

    return [replace(cell, output=file) for cell, file in zip(cells, files, strict=True)]


def _pick_up(cells: list[Cell], checkpoint: Folder, verbose: int) -> int:
    """How many rows of the cells are there from an earlier run."""
    n_found = sum(len(pick_up(cell.output)) for cell in cells)
    n_others = len(kept_files(checkpoint) - {cell.output for cell in cells})
    if verbose and n_found:
        print(f"{n_found} rows of an earlier run are picked up.", file=sys.stderr, flush=True)
    if verbose and n_others:
        print(
            f"{checkpoint} holds rows of other data, settings or versions, which are not used.",
            file=sys.stderr,
            flush=True,
        )

    return n_found


def _check_classifiers(
    classifiers: Classifiers, known: Mapping[str, Candidates]
) -> dict[str, Candidates]:
    if isinstance(classifiers, Mapping):
        _check_own_names("classifiers", classifiers)
        return {name: Candidates(*pair) for name, pair in classifiers.items()}
    _check_names("Classifier", classifiers, known)

    return {name: known[name] for name in classifiers}


def _check_features(
    features: Features, dataset: str | recipes.Profile, X: Any, seed: int, n_threads: int
) -> dict[str, Any]:
    if isinstance(features, Mapping):
        _check_own_names("features", features)
        transformers = {name: clone(transformer) for name, transformer in features.items()}
        for transformer in transformers.values():
            derive_random_states(transformer, np.random.RandomState(seed))
        return transformers
    if dataset == "table":
        _check_names("Feature", features, TABLE_FEATURES)
        return {name: recipes.make_for_table(name, X, random_state=seed) for name in features}
    _check_names("Feature", features, recipes.FEATURES)

    return {
        name: recipes.make(name, dataset, random_state=seed, n_jobs=n_threads) for name in features
    }


def _check_names(kind: str, names: Sequence[str], known: Mapping[str, Any]) -> None:
    if isinstance(names, str) or not names:
        raise ValueError(f"{kind}s must be a list of names, from {', '.join(known)}.")
    for name in names:
        if name not in known:
            raise ValueError(f"{kind} {name!r} is unknown: choose from {', '.join(known)}.")


def _check_own_names(argument: str, mapping: Mapping[str, Any]) -> None:
    if not mapping or not all(isinstance(name, str) for name in mapping):
        raise ValueError(
            f"{argument} must map names, which are strings, to what they name; got the keys "
            f"{list(mapping)}."
        )


def _threads_of_each(n_jobs: int) -> int:
    allowed = [pool["num_threads"] for pool in threadpool_info()]
    n_threads: int = min([cpu_count() // n_jobs, *allowed])

    return max(1, n_threads)


def _run(cells: list[Cell], n_jobs: int) -> tuple[tuple[Row, ...], bool]:
    """Rows of all cells, and whether Ctrl-C came before the last."""
    failures, interrupted = {}, False
    try:
        unfinished = [c for c in cells if len(read_rows(c.output)) < len(c.classifiers)]
        for cell, error in run_in_processes(unfinished, n_jobs):
            if error is not None:
                failures[cell.output] = f"{type(error).__name__}: {error}".splitlines()[0]
                cell.report(f"failed: {failures[cell.output]}")
    except KeyboardInterrupt:
        interrupted = True
    rows = []
    for cell in cells:
        done = {row.classifier: row for row in read_rows(cell.output)}
        rows += [done[name] for name in cell.classifiers if name in done]
        if cell.output in failures:
            rows += [
                Row(cell.feature, name, cell.seed, "failed", failures[cell.output])
                for name in cell.classifiers
                if name not in done
            ]

    return tuple(rows), interrupted


def _environment() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": _versions(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": cpu_count(),
    }


def _versions() -> dict[str, str]:
    versions = {"skvae": __version__}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):  # torch may be missing
            versions[name] = version(name)

    return versions
