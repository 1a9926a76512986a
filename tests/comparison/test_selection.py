"""Hyperparameters are those with the fewest validation errors, however they are found."""

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.utils.fixes import parse_version

from skvae.comparison import selection
from skvae.comparison.selection import CLASSIFIERS, Candidates, Split, choose


@pytest.fixture
def split(digits):
    X, y = digits

    return Split(X[:300], y[:300], X[300:450], y[300:450])


def errors_one_by_one(candidates, split):
    (name,) = candidates.grid
    fits = [
        type(candidates.estimator)(**{**candidates.estimator.get_params(), name: value}).fit(
            split.X_train, split.y_train
        )
        for value in candidates.grid[name]
    ]

    return [float(np.mean(fit.predict(split.X_validation) != split.y_validation)) for fit in fits]


@pytest.mark.parametrize(
    "candidates",
    [
        Candidates(KNeighborsClassifier(algorithm="brute"), {"n_neighbors": [1, 2, 4, 9]}),
        Candidates(KNeighborsClassifier(weights="distance"), {"n_neighbors": [9, 3]}),
        Candidates(SVC(), {"C": [0.01, 1.0, 100.0]}),
    ],
    ids=["shared neighbours", "weighted neighbours", "svm"],
)
def test_the_choice_is_that_of_independent_fits(split, candidates):
    errors = errors_one_by_one(candidates, split)
    (name,) = candidates.grid
    chosen, error, unconverged = choose(candidates, split, 0)

    assert chosen == {name: candidates.grid[name][int(np.argmin(errors))]}
    assert error == min(errors)
    assert unconverged == []


def test_neighbours_are_searched_once(split, monkeypatch):
    searches = []
    search = KNeighborsClassifier.kneighbors

    def spy(self, *args, **kwargs):
        searches.append(self.n_neighbors)
        return search(self, *args, **kwargs)

    monkeypatch.setattr(KNeighborsClassifier, "kneighbors", spy)
    choose(CLASSIFIERS["knn"], split, 0)

    assert searches == [max(CLASSIFIERS["knn"].grid["n_neighbors"])]


def test_more_neighbours_than_rows_are_no_candidates(digits):
    X, y = digits
    candidates = Candidates(KNeighborsClassifier(), {"n_neighbors": [1, 50]})

    assert choose(candidates, Split(X[:20], y[:20], X[20:40], y[20:40]), 0)[0] == {"n_neighbors": 1}


def test_candidates_that_do_not_converge_are_named(split):
    candidates = Candidates(LogisticRegression(max_iter=2), {"C": [1.0, 10.0]})

    assert choose(candidates, split, 0)[2] == ["C=1.0", "C=10.0"]


def test_limits_are_kept_and_stratified(split):
    part = split.first(100, 50, 0)

    assert (len(part.X_train), len(part.X_validation)) == (100, 50)
    shares = np.bincount(split.y_train) / 300 - np.bincount(part.y_train) / 100
    assert abs(shares).max() < 0.01 + 1e-9


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="older scikit-learn gives coefficients in float64",
)
def test_linear_classifier_stays_in_float32(digits):
    X, y = digits
    classifier = selection.seeded(CLASSIFIERS["linear"].estimator, 0)

    assert classifier.fit(X[:300], y[:300]).coef_.dtype == np.float32


def test_linear_classifier_is_at_its_optimum_on_short_features(digits):
    X, y = digits[0][:300] / 100, digits[1][:300]
    classifier = selection.seeded(CLASSIFIERS["linear"].estimator, 0).set_params(C=1000.0)
    exact = LogisticRegression(C=1000.0, tol=1e-9, max_iter=5000).fit(X.astype(np.float64), y)
    probabilities = classifier.fit(X, y).predict_proba(X)

    np.testing.assert_allclose(probabilities, exact.predict_proba(X), atol=0.01)


def test_recording_keeps_the_first_line_of_each_warning_once():
    class Noisy:
        def fit(self):
            import warnings

            for _ in range(2):
                warnings.warn("first\nsecond", UserWarning, stacklevel=1)
            warnings.warn("not for users", DeprecationWarning, stacklevel=1)

    assert selection.fit_recording(Noisy()) == ["UserWarning: first"]


@pytest.mark.parametrize(
    ("errors", "best"),
    [([3, 1, 2], 1), ([1, 1, 1], 1), ([1, 1, 2, 1, 1], 3), ([0, 0], 1), ([2], 0)],
)
def test_of_equal_candidates_the_middle_one_is_taken(errors, best):
    assert selection._middle_of_best(errors) == best
