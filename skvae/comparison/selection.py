"""Classifiers, and how each finds its hyperparameter on validation rows."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skvae.comparison.labels import strata

__all__ = [
    "CLASSIFIERS",
    "TABLE_CLASSIFIERS",
    "Candidates",
    "Split",
    "choose",
    "fit_recording",
    "seeded",
]


@dataclass(frozen=True)
class Split:
    """Training rows, of which the last ``n_validation`` decide hyperparameters."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray

    def first(self, n_train: int | None, n_validation: int | None, random_state: int) -> "Split":
        """A split of fewer rows, stratified; None leaves a part as it is."""
        X, y = _subsample(self.X_train, self.y_train, n_train, random_state)
        V, v = _subsample(self.X_validation, self.y_validation, n_validation, random_state)

        return Split(X, y, V, v)


@dataclass(frozen=True)
class Candidates:
    """A classifier and the hyperparameters to choose from.

    Attributes
    ----------
    estimator : classifier
        Unfitted. One with ``warm_start=True`` goes along the grid from fit to fit.
    grid : dict
        A parameter's name to its values, as for ``GridSearchCV``.
    max_dims : int or None
        Features of more dimensions are left out.
    max_train : int or None
        Training rows that selection uses, at most; the refit uses all.
    max_validation : int or None
        Validation rows that selection uses, at most.
    """

    estimator: Any
    grid: Mapping[str, Any]
    max_dims: int | None = None
    max_train: int | None = None
    max_validation: int | None = None


# The three stay in float32 or in bounded memory; the grids span features of length 1 and pixels.
CLASSIFIERS = {
    "linear": Candidates(
        # A larger tol stops at once on features of unit length, whose gradients are small.
        LogisticRegression(max_iter=500, tol=1e-5, warm_start=True),
        {"C": [0.1, 1.0, 10.0, 100.0, 1000.0]},
    ),
    "knn": Candidates(
        KNeighborsClassifier(algorithm="brute"),
        {"n_neighbors": [1, 3, 5, 7, 10]},
        max_validation=5_000,
    ),
    "svm": Candidates(
        SVC(kernel="rbf", gamma="scale", cache_size=1000),
        {"C": [1.0, 10.0, 100.0]},
        max_dims=1_000,
        max_train=10_000,
        max_validation=5_000,
    ),
}


# Tables have fewer rows, more noise and longer features: weaker fits are among the candidates.
TABLE_CLASSIFIERS = {
    "linear": replace(CLASSIFIERS["linear"], grid={"C": [0.001, 0.01, 0.1, 1.0, 10.0, 100.0]}),
    "knn": replace(CLASSIFIERS["knn"], grid={"n_neighbors": [1, 3, 5, 10, 20, 40]}),
    "svm": replace(CLASSIFIERS["svm"], grid={"C": [0.1, 1.0, 10.0, 100.0]}),
    "boosting": Candidates(HistGradientBoostingClassifier(), {"learning_rate": [0.02, 0.1]}),
}


def choose(
    candidates: Candidates, split: Split, random_state: int
) -> tuple[dict[str, Any], float, list[str]]:
    """The hyperparameters with the fewest errors on the validation rows.

    Parameters
    ----------
    candidates : Candidates
    split : Split
    random_state : int
        Decides which rows are used where ``candidates`` limits them, and seeds the classifier.

    Returns
    -------
    parameters : dict
        Of the best candidate, the middle one of several.
    error : float
        Its validation error.
    unconverged : list of str
        Candidates whose fit did not converge.
    """
    split = split.first(candidates.max_train, candidates.max_validation, random_state)
    if _votes_equally(candidates):
        return _choose_neighbors(candidates, split)

    return _choose_on_grid(candidates, split, random_state)


def _votes_equally(candidates: Candidates) -> bool:
    classifier = candidates.estimator

    return (
        isinstance(classifier, KNeighborsClassifier)
        and classifier.weights == "uniform"
        and set(candidates.grid) == {"n_neighbors"}
    )


def _choose_on_grid(
    candidates: Candidates, split: Split, random_state: int
) -> tuple[dict[str, Any], float, list[str]]:
    estimator = seeded(candidates.estimator, random_state)
    errors, unconverged = [], []
    grid = list(ParameterGrid(candidates.grid))
    for parameters in grid:
        messages = fit_recording(estimator.set_params(**parameters), split.X_train, split.y_train)
        if any(ConvergenceWarning.__name__ in message for message in messages):
            unconverged.append(", ".join(f"{name}={v}" for name, v in parameters.items()))
        errors.append(np.mean(estimator.predict(split.X_validation) != split.y_validation))
    best = _middle_of_best(errors)

    return grid[best], float(errors[best]), unconverged


def _middle_of_best(errors: list[float]) -> int:
    """The middle one of equally good candidates: a grid is in order, and its edges are riskier."""
    best = np.flatnonzero(np.asarray(errors) == np.min(errors))

    return int(best[len(best) // 2])


def _choose_neighbors(
    candidates: Candidates, split: Split
) -> tuple[dict[str, Any], float, list[str]]:
    """One search for the most neighbours serves every smaller number."""
    numbers = [k for k in candidates.grid["n_neighbors"] if k <= len(split.X_train)]
    estimator = clone(candidates.estimator).set_params(n_neighbors=max(numbers))
    estimator.fit(split.X_train, split.y_train)
    neighbors = estimator.kneighbors(split.X_validation, return_distance=False)
    classes, class_numbers = np.unique(split.y_train, return_inverse=True)
    errors = []
    for k in numbers:
        nearest = class_numbers[neighbors[:, :k]]  # (n_validation, k)
        votes = np.stack([(nearest == c).sum(axis=1) for c in range(len(classes))], axis=1)
        errors.append(np.mean(classes[votes.argmax(axis=1)] != split.y_validation))
    best = _middle_of_best(errors)

    return {"n_neighbors": numbers[best]}, float(errors[best]), []


def seeded(estimator: Any, random_state: int) -> Any:
    """A clone with the seed, if it takes one."""
    estimator = clone(estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=random_state)

    return estimator


def fit_recording(estimator: Any, *args: ArrayLike | None) -> list[str]:
    """Fit and return what the fit warned of, as ``category: first line`` without repetition."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(*args)
    messages = [
        f"{w.category.__name__}: {str(w.message).splitlines()[0]}"
        for w in caught
        if issubclass(w.category, UserWarning)
    ]

    return list(dict.fromkeys(messages))


def _subsample(
    X: np.ndarray, y: np.ndarray, n: int | None, random_state: int
) -> tuple[np.ndarray, np.ndarray]:
    if n is None or n >= len(y):
        return X, y
    kept, _ = train_test_split(
        np.arange(len(y)),
        train_size=n,
        stratify=strata(y, n, len(y) - n),
        random_state=random_state,
    )

    return X[np.sort(kept)], y[np.sort(kept)]
