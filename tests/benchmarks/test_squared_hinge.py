"""The benchmark's linear classifier is LinearSVC, at the minimum of the same objective."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

MODULE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "squared_hinge.py"))
SquaredHingeClassifier = MODULE["SquaredHingeClassifier"]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.mark.slow
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_equals_linear_svc(digits, C):
    X, y = digits
    theirs = LinearSVC(C=C, tol=1e-8, dual=False, max_iter=10_000).fit(X, y)
    ours = SquaredHingeClassifier(C, tol=1e-8).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-4)


def test_float32_agrees_with_float64(digits):
    X, y = digits
    double, single = (
        SquaredHingeClassifier(0.1, tol=1e-6).fit(X.astype(t), y).decision_function(X.astype(t))
        for t in (np.float64, np.float32)
    )
    np.testing.assert_allclose(single, double, atol=1e-3)


def test_gradient_at_the_minimum_is_zero(digits):
    """Written out for one class: w = 2 C sum_i y_i max(0, 1 - y_i f(x_i)) x_i."""
    X, y = digits
    C = 0.3
    ours = SquaredHingeClassifier(C, tol=1e-9).fit(X, y)
    for k in range(10):
        signs = np.where(y == k, 1, -1)
        slopes = 2 * C * signs * np.maximum(0, 1 - signs * (X @ ours.coef_[k] + ours.intercept_[k]))
        np.testing.assert_allclose(ours.coef_[k], slopes @ X, atol=1e-5)
        np.testing.assert_allclose(ours.intercept_[k], slopes.sum(), atol=1e-5)


def test_labels_may_be_any(digits):
    X, y = digits
    names = np.array(["even", "odd"])[y % 2]
    ours = SquaredHingeClassifier(0.1).fit(X, names)
    assert ours.coef_.shape == (2, 64)
    np.testing.assert_allclose(ours.coef_[0], -ours.coef_[1], atol=1e-2)
    assert ours.score(X, names) == LinearSVC(C=0.1).fit(X, names).score(X, names)


def test_warns_when_it_does_not_converge(digits):
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        SquaredHingeClassifier(max_iter=1).fit(*digits)
