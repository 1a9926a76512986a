"""scikit-learn's checks of estimators, of which each has a test."""

import re

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

__all__ = ["parametrize_with_checks"]


def parametrize_with_checks(estimators):
    """As that of scikit-learn, which writes every estimator down anew for each of its checks."""
    names = {id(estimator): re.sub(r"\s", "", repr(estimator)) for estimator in estimators}

    def name_of(value):
        if id(value) in names:
            return names[id(value)]
        options = ",".join(f"{name}={option}" for name, option in value.keywords.items())
        return f"{value.func.__name__}({options})" if options else value.func.__name__

    pairs = [pair for estimator in estimators for pair in estimator_checks_generator(estimator)]
    return pytest.mark.parametrize("estimator, check", pairs, ids=name_of)
