"""A linear classifier for matrices that fill the memory: ``LinearSVC`` without a copy of X."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["SquaredHingeClassifier"]

# A start is found on this share of the rows, and its start on that share again.
_SHARE = 4
_FEWEST_ROWS = 1000
# Share of the gradient that conjugate gradients leave: less would not outlive the next step.
_RESIDUAL = 0.1
_MAX_CONJUGATE = 200


class SquaredHingeClassifier(ClassifierMixin, BaseEstimator):
    r"""One-versus-rest linear classifier with the squared hinge loss, in the dtype of X.

    Minimises for every class :math:`\frac12 \|w\|^2 + \frac12 b^2 + C \sum_i \max(0, 1 - y_i (w
    \cdot x_i + b))^2` with :math:`y_i = \pm 1`, the objective of ``LinearSVC()``, whose intercept
    is regularised too. liblinear copies X into 16 bytes per number, 19 GB for 60,000 x 20,000; here
    X stays as it is, all classes share each pass over it, and most passes need only the rows that
    some class has within its margin.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the loss.
    tol : float, default=1e-4
        Newton's method stops when the largest gradient is this share of the largest one at zero.
    max_iter : int, default=50
        Newton steps at most.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights, one row per class even for two classes.
    intercept_ : ndarray of shape (n_classes,)
        Intercepts.
    n_iter_ : int
        Newton steps done on all rows.
    n_features_in_ : int
        Number of features.

    References
    ----------
    S. S. Keerthi and D. DeCoste, "A modified finite Newton method for fast solution of large scale
    linear SVMs", JMLR 6, 2005.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> bool(SquaredHingeClassifier(C=1e-3).fit(X, y).score(X, y) > 0.95)
    True
    """

    def __init__(self, C=1.0, *, tol=1e-4, max_iter=50):
        self.C = C
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X, y):
        """Minimise the objective.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; float32 is worked on as float32.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self : SquaredHingeClassifier
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        signs = np.where(y[:, None] == self.classes_, 1, -1).astype(X.dtype)
        weights = np.zeros((len(self.classes_), X.shape[1] + 1))
        sizes = [len(X)]
        while sizes[-1] >= _SHARE * _FEWEST_ROWS:
            sizes.append(sizes[-1] // _SHARE)
        # Many examples are far outside the margins of a start that a part of the rows gives.
        for n in reversed(sizes):
            weights, self.n_iter_ = _newton(
                X[:n], signs[:n], self.C, weights, self.tol, self.max_iter
            )
        if self.n_iter_ == self.max_iter:
            warnings.warn(
                f"Newton's method did not reach tol={self.tol} in max_iter={self.max_iter} steps.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coef_, self.intercept_ = weights[:, :-1], weights[:, -1]
        return self

    def decision_function(self, X):
        """Decision values of every class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        values : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return _scores(X, np.column_stack([self.coef_, self.intercept_]))

    def predict(self, X):
        """Class with the largest decision value.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        return self.classes_[self.decision_function(X).argmax(axis=1)]


def _scores(X, weights):
    """(n, n_classes) from weights whose last column is the intercept."""
    return X @ weights[:, :-1].T.astype(X.dtype) + weights[:, -1]


def _pull_back(slopes, X):
    """Transpose of ``_scores``: (n_classes, n_features + 1)."""
    return np.column_stack([slopes.T.astype(X.dtype) @ X, slopes.sum(axis=0)])


def _newton(X, signs, C, weights, tol, max_iter):
    """Weights at the minimum, and how many steps led there."""
    scores = _scores(X, weights)
    least = tol * 2 * C * np.abs(_pull_back(signs, X)).max()
    for n_steps in range(max_iter):
        lack = np.maximum(0, 1 - signs * scores)
        gradient = weights - 2 * C * _pull_back(signs * lack, X)
        if np.abs(gradient).max() <= least:
            return weights, n_steps
        active = lack > 0
        rows = active.any(axis=1)
        near = X if rows.all() else X[rows]
        step = _solve(near, active[rows], C, -gradient)
        change = _scores(X, step)
        length = _line_search(weights, step, signs * scores, signs * change, C)
        weights, scores = weights + length[:, None] * step, scores + length * change
    return weights, max_iter


def _solve(X, active, C, target):
    """Conjugate gradients on (I + 2 C X_a^T X_a) step = target, all classes at once."""
    step, residual = np.zeros_like(target), target.copy()
    direction, energy = residual, np.sum(residual**2, axis=1)
    enough = _RESIDUAL**2 * energy
    for _ in range(_MAX_CONJUGATE):
        image = direction + 2 * C * _pull_back(active * _scores(X, direction), X)
        length = energy / np.maximum(np.sum(direction * image, axis=1), np.finfo(float).tiny)
        step = step + length[:, None] * direction
        residual = residual - length[:, None] * image
        energy, before = np.sum(residual**2, axis=1), energy
        if np.all(energy <= enough):
            break
        ratio = energy / np.maximum(before, np.finfo(float).tiny)
        direction = residual + ratio[:, None] * direction
    return step


def _line_search(weights, step, margins, change, C):
    """The largest of 1, 1/2, 1/4, ... that lowers the objective of each class."""

    def objective(length):
        penalty = 0.5 * np.sum((weights + length[:, None] * step) ** 2, axis=1)
        lack = np.maximum(0, 1 - margins - length * change)
        return penalty + C * np.sum(lack**2, axis=0, dtype=np.float64)

    start, length = objective(np.zeros(len(step))), np.ones(len(step))
    for _ in range(30):
        worse = objective(length) > start
        if not worse.any():
            break
        length[worse] /= 2
    return length
