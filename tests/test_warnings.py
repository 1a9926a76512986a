import inspect
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import FunctionType

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skvae._warnings import unwarned, warn


def lines_of(call):
    """Where the warnings of a call point."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [(w.filename, w.lineno) for w in caught if w.category is RuntimeWarning]


def in_library(function):
    """The function as if a module of skvae had defined it."""
    scope = {**globals(), "__name__": "skvae.stand_in"}
    return FunctionType(function.__code__, scope, argdefs=function.__defaults__)


class Warns(TransformerMixin, BaseEstimator):
    """Stands in for an estimator of skvae."""

    def __init__(self, n=1):
        self.n = n

    def transform(self, X):
        return X

    def score(self, X, y=None):
        return 0.0

    @in_library
    def fit(self, X, y=None):
        warn("here", RuntimeWarning)
        return self


X = np.zeros((6, 1))
here = inspect.currentframe().f_code.co_filename


@pytest.mark.parametrize(
    "call",
    [
        lambda: warn("here", RuntimeWarning),
        lambda: Warns().fit(X),
        lambda: Warns().fit_transform(X),
        lambda: make_pipeline(Warns(), Warns()).fit(X),
        lambda: make_pipeline(make_pipeline(Warns()), Warns()).fit_transform(X),
        lambda: GridSearchCV(Warns(), {"n": [1]}, cv=2, refit=False).fit(X),
        lambda: Parallel(n_jobs=1)([delayed(Warns().fit)(X)]),
    ],
    ids=["itself", "fit", "fit_transform", "Pipeline", "nested", "search", "Parallel"],
)
def test_a_warning_points_at_the_line_of_the_user(call):
    lines = lines_of(call)
    assert lines
    assert {name for name, _ in lines} == {here}
    assert {line for _, line in lines} == {call.__code__.co_firstlineno}


def test_a_warning_can_be_left_out_without_a_filter():
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with unwarned(RuntimeWarning):
            warn("left out", RuntimeWarning)
            warn("another kind")
        warn("given again", RuntimeWarning)
    assert [str(warning.message) for warning in caught] == ["another kind", "given again"]
    assert warnings.filters == before


def test_another_thread_warns_as_before():
    with (
        unwarned(RuntimeWarning),
        ThreadPoolExecutor(1) as other,
        pytest.warns(RuntimeWarning, match="here"),
    ):
        other.submit(warn, "here", RuntimeWarning).result()
