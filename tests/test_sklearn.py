from numbers import Integral, Real

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from skvae._sklearn import Interval, derive_random_states, plain


def test_only_seeds_that_are_none_are_derived():
    pipeline = make_pipeline(PCA(random_state=5), RandomForestClassifier())
    derive_random_states(pipeline, np.random.RandomState(0))
    assert pipeline[0].random_state == 5
    first = pipeline[1].random_state
    assert isinstance(first, int)
    pipeline.set_params(randomforestclassifier__random_state=None)
    derive_random_states(pipeline, np.random.RandomState(0))
    assert pipeline[1].random_state == first


def test_an_estimator_without_seeds_draws_nothing():
    rng = np.random.RandomState(0)
    derive_random_states(PCA(random_state=1), rng)
    assert rng.randint(1000) == np.random.RandomState(0).randint(1000)


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_are_no_numbers(value):
    assert not Interval(Integral, 0, None, closed="left").is_satisfied_by(value)
    assert not Interval(Real, 0, 1, closed="both").is_satisfied_by(value)


@pytest.mark.parametrize("number", [1, np.int64(1), np.uint8(1)])
def test_whole_numbers_of_any_type_are_numbers(number):
    assert Interval(Integral, 1, None, closed="left").is_satisfied_by(number)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.int64(16), 16),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("l2"), "l2"),
        ((np.int64(1), (np.str_("xy"),)), (1, ("xy",))),
        ([np.float64(1.5), None], [1.5, None]),
        (np.array([1, 2]), [1, 2]),
        ({"a": np.int64(3)}, {"a": 3}),
        ("l2", "l2"),
        (None, None),
    ],
)
def test_parameters_become_values_of_python(given, expected):
    found = plain(given)
    assert found == expected
    assert type(found) is type(expected)
    if isinstance(expected, (tuple, list)):
        assert [type(item) for item in found] == [type(item) for item in expected]


def test_anything_else_stays_itself():
    estimator = PCA(np.int64(2))
    assert plain(estimator) is estimator
