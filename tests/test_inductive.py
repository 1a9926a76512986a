import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import LinearSVC

from skvae.recipes import InductiveClassifier, neighbor_graph


@pytest.fixture(scope="module")
def groups():
    """Three groups of rows, one label in each but for the last, which no link reaches."""
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [100.0, 0.0]])
    truth = np.repeat([0, 1, 2], 30)
    X = centers[truth] + np.random.default_rng(0).normal(scale=0.4, size=(90, 2))
    y = np.full(90, -1)
    y[[0, 30]] = [7, 9]
    return X, y, truth


def spreading():
    return LabelSpreading(neighbor_graph, alpha=0.9, max_iter=500)


def test_the_classifier_learns_labels_that_were_given_or_spread(groups):
    X, y, truth = groups
    model = InductiveClassifier(spreading(), LinearSVC()).fit(X, y)
    direct = LinearSVC().fit(X[truth < 2], np.array([7, 9])[truth[truth < 2]])

    np.testing.assert_array_equal(model.labels_[truth < 2], np.array([7, 9])[truth[truth < 2]])
    np.testing.assert_array_equal(model.classifier_.coef_, direct.coef_)
    np.testing.assert_array_equal(model.predict(X), direct.predict(X))
    np.testing.assert_array_equal(model.decision_function(X), direct.decision_function(X))


def test_rows_that_no_label_reaches_are_not_learned(groups):
    X, y, truth = groups
    model = InductiveClassifier(spreading(), LinearSVC()).fit(X, y)

    assert (model.labels_[truth == 2] == -1).all()
    np.testing.assert_array_equal(model.classes_, [7, 9])


def test_a_given_label_stays_whatever_its_neighbours_say(groups):
    X, y, _ = groups
    y = y.copy()
    y[:10], y[5] = 7, 9
    model = InductiveClassifier(spreading(), LinearSVC()).fit(X, y)

    assert model.transduction_.transduction_[5] == 7
    assert model.labels_[5] == 9


def test_probabilities_are_there_where_the_classifier_has_them(groups):
    X, y, _ = groups
    model = InductiveClassifier(spreading(), LogisticRegression()).fit(X, y)

    np.testing.assert_array_equal(model.predict_proba(X), model.classifier_.predict_proba(X))
    assert not hasattr(InductiveClassifier(spreading(), LinearSVC()), "predict_proba")


@pytest.mark.parametrize("labels", [[], [3]])
def test_labels_of_one_class_are_refused(groups, labels):
    X, y, _ = groups
    y = np.full(len(y), -1)
    y[: len(labels)] = labels

    with pytest.raises(ValueError, match="labels of two classes or more"):
        InductiveClassifier(spreading(), LinearSVC()).fit(X, y)


def test_settings_are_searched_and_fits_are_stored(groups):
    X, y, truth = groups
    X, y = X[truth < 2], np.where(np.arange(60) % 2, np.array([7, 9])[truth[truth < 2]], -1)
    model = InductiveClassifier(spreading(), LinearSVC())
    search = GridSearchCV(model, {"classifier__C": [0.1, 1.0]}, cv=2).fit(X, y)
    again = pickle.loads(pickle.dumps(search))

    assert search.best_params_["classifier__C"] in (0.1, 1.0)
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
