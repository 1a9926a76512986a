"""One feature with one seed: fit, transform, and every classifier on top."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from skvae.comparison.intervals import wilson_interval
from skvae.comparison.labels import strata
from skvae.comparison.records import Row, append_row, read_rows
from skvae.comparison.selection import Candidates, Split, choose, fit_recording, seeded
from skvae.comparison.splits import Parts, folds, given_split, merged, rows_of

__all__ = ["Cell", "run_cell"]

_MAX_VALIDATION = 10_000


@dataclass(frozen=True)
class Cell:
    """All that a process needs to know; the data lie in files that cells share.

    Attributes
    ----------
    feature : str
        Name of the feature.
    transformer : transformer
        Unfitted.
    labelled : bool
        Whether its fit may read labels.
    numbered : bool
        Whether it reads numbers of classes in place of labels, among which -1 would mean none.
    classifiers : mapping of str to Candidates
        In the order to run them.
    seed : int
    n_threads : int
        Threads of BLAS.
    data : Path
        Folder with ``X_train`` and ``y_train``, and without folds ``X_test`` and ``y_test``.
    output : Path
        File that rows are appended to as they are done.
    n_folds : int or None
        Folds of cross-validation.
    verbose : int
    """

    feature: str
    transformer: Any
    labelled: bool
    numbered: bool
    classifiers: Mapping[str, Candidates]
    seed: int
    n_threads: int
    data: Path
    output: Path
    n_folds: int | None = None
    verbose: int = 0

    def report(self, message: str) -> None:
        """Print a line of progress."""
        if self.verbose:
            print(f"[{self.feature}, seed {self.seed}] {message}", file=sys.stderr, flush=True)


def run_cell(cell: Cell) -> None:
    """Append a row per classifier to the output of the cell, but for those that have one there.

    Parameters
    ----------
    cell : Cell
    """
    done = {row.classifier for row in read_rows(cell.output)}
    classifiers = {name: c for name, c in cell.classifiers.items() if name not in done}
    with threadpool_limits(cell.n_threads):
        if cell.n_folds is None:
            rows: Iterable[Row] = _run_split(cell, classifiers, given_split(cell.data))
        else:
            rows = _run_folds(cell, classifiers, cell.n_folds)
        for row in rows:
            append_row(cell.output, row)


def _run_folds(cell: Cell, classifiers: Mapping[str, Candidates], n_folds: int) -> Iterator[Row]:
    """A row for each classifier, after all folds."""
    done, n_rows = [], []
    for number, parts in enumerate(folds(cell.data, n_folds, cell.seed), start=1):
        cell.report(f"fold {number} of {n_folds}")
        done.append(list(_run_split(cell, classifiers, parts)))
        n_rows.append(len(parts.y_test))
    for rows in zip(*done, strict=True):
        yield merged(rows, n_rows)


def _run_split(cell: Cell, classifiers: Mapping[str, Candidates], parts: Parts) -> Iterator[Row]:
    """A row for each classifier, as it is done."""
    X, y, n_train = _validation_last(parts, cell.seed)
    feature = _fit_feature(cell, X, y, n_train, parts.X_test)
    for name, candidates in classifiers.items():
        yield _run_classifier(cell, name, candidates, feature, y, n_train, parts)


@dataclass(frozen=True)
class _Feature:
    train: np.ndarray
    test: np.ndarray
    selection: np.ndarray  # training rows as selection may see them
    fit_seconds: float
    transform_seconds: float
    notes: tuple[str, ...]


def _validation_last(parts: Parts, random_state: int) -> tuple[Any, np.ndarray, int]:
    """Training rows, those for validation last: so that either part is a view."""
    y = parts.y_train
    n_validation = min(_MAX_VALIDATION, max(len(y) // 5, 1))
    n_train = len(y) - n_validation
    order = np.concatenate(
        train_test_split(
            np.arange(len(y)),
            test_size=n_validation,
            stratify=strata(y, n_train, n_validation),
            random_state=random_state,
        )
    )

    return rows_of(parts.X_train, order), np.asarray(y[order]), n_train


def _fit_feature(cell: Cell, X: Any, y: np.ndarray, n_train: int, X_test: Any) -> _Feature:
    transformer = clone(cell.transformer)
    labels = np.unique(y, return_inverse=True)[1] if cell.numbered else y
    cell.report(f"fitting on {len(X)} rows")
    with _timed() as fit_time:
        notes = fit_recording(transformer, X, labels if cell.labelled else None)
    cell.report(f"fitted in {fit_time.seconds:.1f} s")
    with _timed() as transform_time:
        train, test = transformer.transform(X), transformer.transform(X_test)
    cell.report(f"transformed to {train.shape[1]} dims in {transform_time.seconds:.1f} s")
    selection = train
    if cell.labelled:
        # Its fit has seen the labels of the validation rows, so they would look too easy.
        selector = clone(cell.transformer).fit(X[:n_train], labels[:n_train])
        selection = selector.transform(X)

    return _Feature(train, test, selection, fit_time.seconds, transform_time.seconds, tuple(notes))


def _run_classifier(
    cell: Cell,
    name: str,
    candidates: Candidates,
    feature: _Feature,
    y: np.ndarray,
    n_train: int,
    parts: Parts,
) -> Row:
    n_dims = feature.train.shape[1]
    common = {
        "feature": cell.feature,
        "classifier": name,
        "seed": cell.seed,
        "n_dims": n_dims,
        "feature_fit_seconds": feature.fit_seconds,
        "transform_seconds": feature.transform_seconds,
    }
    if candidates.max_dims is not None and n_dims > candidates.max_dims:
        reason = f"{n_dims} dims > {candidates.max_dims}"
        cell.report(f"{name}: left out, {reason}")
        return Row(**common, status="left out", reason=reason, notes=feature.notes)
    F = feature.selection
    split = Split(F[:n_train], y[:n_train], F[n_train:], y[n_train:])
    with _timed() as selection_time:
        chosen, validation_error, unconverged = choose(candidates, split, cell.seed)
    classifier = seeded(candidates.estimator, cell.seed).set_params(**chosen)
    with _timed() as fit_time:
        notes = fit_recording(classifier, feature.train, y)
    with _timed() as predict_time:
        predicted = classifier.predict(feature.test)
    if unconverged:
        notes.append(f"selection: not converged at {'; '.join(unconverged)}")
    row = Row(
        **common,
        **_errors(predicted, parts),
        validation_error=validation_error,
        chosen=chosen,
        selection_seconds=selection_time.seconds,
        fit_seconds=fit_time.seconds,
        predict_seconds=predict_time.seconds,
        peak_memory_mb=_peak_memory_mb(),
        notes=(*feature.notes, *notes),
    )
    cell.report(f"{name}: {row.test_error:.2%} test error, {chosen}")

    return row


def _errors(predicted: np.ndarray, parts: Parts) -> dict[str, Any]:
    """What a record says of the mistakes among the test rows."""
    mistakes = np.flatnonzero(predicted != parts.y_test)
    error = len(mistakes) / len(parts.y_test)
    low, high = wilson_interval(error, len(parts.y_test))

    return {
        "test_error": error,
        "error_low": low,
        "error_high": high,
        "mistakes": tuple(parts.test_rows[mistakes].tolist()),
        "mistaken_for": tuple(predicted[mistakes].tolist()),
    }


class _Timer:
    seconds = 0.0


@contextmanager
def _timed() -> Iterator[_Timer]:
    timer, start = _Timer(), time.perf_counter()
    yield timer
    timer.seconds = time.perf_counter() - start


def _peak_memory_mb() -> float | None:
    """Peak resident memory of this process; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held before the exec
        lines = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024 if "VmHWM" in lines else None
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
