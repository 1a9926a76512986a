"""The comparison of features under the same classifiers."""

import platform
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from numbers import Integral
from pathlib import Path

import numpy as np
from joblib import cpu_count, effective_n_jobs
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length
from threadpoolctl import threadpool_info

from skvae import __version__, recipes
from skvae._sklearn import derive_random_states
from skvae.comparison.cells import Cell
from skvae.comparison.labels import check_labels
from skvae.comparison.processes import run_in_processes
from skvae.comparison.results import FeatureComparison
from skvae.comparison.rows import Row, read_rows
from skvae.comparison.selection import CLASSIFIERS, Candidates

__all__ = ["compare_features"]

_LIBRARIES = ("scikit-learn", "numpy", "scipy", "torch")


def compare_features(
    X_train,
    y_train,
    X_test,
    y_test,
    *,
    features=("raw", "pca", "fv", "vae"),
    classifiers=("linear", "knn", "svm"),
    dataset="mnist",
    n_seeds=1,
    n_jobs=None,
    random_state=0,
    verbose=0,
):
    """Compare features by the test error of the same classifiers on top of them.

    Every feature is fitted on all training rows, once per seed. Hyperparameters of the classifiers
    are chosen on a stratified fifth of the training rows, at most 10,000; the classifier is then
    fitted again on all of them, and meets the test rows once. Features that may read labels
    ("vae_prior" and your own) are fitted a second time without the validation rows, for the choice;
    the others never see labels. Each feature and seed has a process of its own.

    Parameters
    ----------
    X_train : array-like of shape (n_train, n_features)
        Rows; the named features expect pixels in [0, 1].
    y_train : array-like of shape (n_train,)
        Labels: strings, whole numbers or bools, of two classes or more.
    X_test : array-like of shape (n_test, n_features)
        Rows that decide nothing.
    y_test : array-like of shape (n_test,)
        Their labels; rows of a class that ``y_train`` lacks count as errors.
    features : sequence of str, or mapping of str to transformer
        Names of :func:`skvae.recipes.make`; or transformers of your own.
    classifiers : sequence of str, or mapping of str to (classifier, grid)
        Of "linear" (logistic regression), "knn" and "svm" (RBF kernel, for features of at most
        1,000 dimensions), or classifiers of your own, each with a grid as for ``GridSearchCV``.
    dataset : {"mnist", "fashion-mnist", "digits"} or Profile, default="mnist"
        Settings of the named features.
    n_seeds : int, default=1
        Repetitions with the seeds ``random_state``, ``random_state + 1``, ...
    n_jobs : int or None, default=None
        Processes at a time, which share the cores, or use fewer where ``OMP_NUM_THREADS`` or
        ``threadpoolctl.threadpool_limits`` say so. None means 1, -1 all cores.
    random_state : int, default=0
        First seed: of features, classifiers and validation splits.
    verbose : int, default=0
        Whether to print progress, to standard error.

    Returns
    -------
    comparison : FeatureComparison
        Rows, ``summary()``, ``mcnemar()``, ``table()`` and ``save(directory)``. After Ctrl-C it
        holds the rows finished by then, and ``interrupted`` is True.

    Raises
    ------
    ValueError
        If a name is unknown or the arrays do not fit each other.

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
    arrays = _check_data(X_train, y_train, X_test, y_test)
    if not isinstance(n_seeds, Integral) or n_seeds < 1:
        raise ValueError(f"n_seeds={n_seeds!r} must be an integer of at least 1.")
    candidates = _check_classifiers(classifiers)
    n_jobs = effective_n_jobs(n_jobs)
    n_threads = _threads_of_each(n_jobs)
    seeds = range(random_state, random_state + n_seeds)
    transformers = [
        (name, seed, transformer)
        for seed in seeds
        for name, transformer in _check_features(features, dataset, seed, n_threads).items()
    ]
    settings = {
        "n_train": len(arrays["y_train"]),
        "n_test": len(arrays["y_test"]),
        "n_pixels": arrays["X_train"].shape[1],
        "settings_of": dataset if isinstance(dataset, str) else repr(dataset),
        "features": {name: repr(transformer) for name, _, transformer in transformers},
        "classifiers": {name: repr(candidate) for name, candidate in candidates.items()},
        "seeds": list(seeds),
        "n_jobs": n_jobs,
        "n_threads": n_threads,
    }
    own = isinstance(features, Mapping)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="skvae-") as directory:
        folder = Path(directory)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        cells = [
            Cell(
                feature=name,
                transformer=transformer,
                labelled=own or name in recipes.LABELLED,
                numbered=not own,
                classifiers=candidates,
                seed=seed,
                n_threads=n_threads,
                data=folder,
                output=folder / f"{index}.jsonl",
                verbose=verbose,
            )
            for index, (name, seed, transformer) in enumerate(transformers)
        ]
        rows, interrupted = _run(cells, n_jobs)
    settings |= {"seconds": time.perf_counter() - start, **_environment()}

    return FeatureComparison(rows, len(arrays["y_test"]), settings, interrupted)


def _check_data(X_train, y_train, X_test, y_test):
    X_train, X_test = (
        check_array(X, dtype=[np.float32, np.float64], input_name=name)
        for X, name in ((X_train, "X_train"), (X_test, "X_test"))
    )
    y_train, y_test = check_labels(y_train, "y_train"), check_labels(y_test, "y_test")
    check_consistent_length(X_train, y_train)
    check_consistent_length(X_test, y_test)
    if X_train.shape[1] != X_test.shape[1]:
        raise ValueError(
            f"X_train has {X_train.shape[1]} features, but X_test has {X_test.shape[1]}."
        )
    if (y_train.dtype.kind == "U") != (y_test.dtype.kind == "U"):
        raise ValueError(
            f"y_train holds labels like {y_train[0]!r} and y_test like {y_test[0]!r}: none could "
            "ever be right. Give both as strings or both as numbers."
        )
    if len(classes := np.unique(y_train)) < 2:
        raise ValueError(
            f"y_train has one class only, {classes[0]!r}: classifiers need two or more."
        )

    return {"X_train": X_train, "y_train": y_train, "X_test": X_test, "y_test": y_test}


def _check_classifiers(classifiers):
    if isinstance(classifiers, Mapping):
        return {name: Candidates(*pair) for name, pair in classifiers.items()}
    _check_names("Classifier", classifiers, CLASSIFIERS)

    return {name: CLASSIFIERS[name] for name in classifiers}


def _check_features(features, dataset, seed, n_threads):
    if not isinstance(features, Mapping):
        _check_names("Feature", features, recipes.FEATURES)
        return {
            name: recipes.make(name, dataset, random_state=seed, n_jobs=n_threads)
            for name in features
        }
    transformers = {name: clone(transformer) for name, transformer in features.items()}
    for transformer in transformers.values():
        derive_random_states(transformer, np.random.RandomState(seed))

    return transformers


def _check_names(kind, names, known):
    if isinstance(names, str) or not names:
        raise ValueError(f"{kind}s must be a list of names, from {', '.join(known)}.")
    for name in names:
        if name not in known:
            raise ValueError(f"{kind} {name!r} is unknown: choose from {', '.join(known)}.")


def _threads_of_each(n_jobs):
    allowed = [pool["num_threads"] for pool in threadpool_info()]

    return max(1, min([cpu_count() // n_jobs, *allowed]))


def _run(cells, n_jobs):
    """Rows of all cells, and whether Ctrl-C came before the last."""
    failures, interrupted = {}, False
    try:
        for cell, error in run_in_processes(cells, n_jobs):
            if error is not None:
                failures[cell.output] = f"{type(error).__name__}: {error}".splitlines()[0]
                cell.report(f"failed: {failures[cell.output]}")
    except KeyboardInterrupt:
        interrupted = True
    rows = []
    for cell in cells:
        done = read_rows(cell.output)
        rows += done
        if cell.output in failures:
            missing = list(cell.classifiers)[len(done) :]
            rows += [
                Row(cell.feature, name, cell.seed, "failed", failures[cell.output])
                for name in missing
            ]

    return tuple(rows), interrupted


def _environment():
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {"skvae": __version__} | {name: version(name) for name in _LIBRARIES},
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": cpu_count(),
    }
