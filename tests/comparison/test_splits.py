"""Folds: every row is a test row once, and what folds say together is about all rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skvae.comparison.intervals import wilson_interval
from skvae.comparison.records import Row
from skvae.comparison.shared import shared_arrays
from skvae.comparison.splits import folds, given_split, merged


@pytest.fixture
def arrays(rng):
    return {"X_train": rng.normal(size=(40, 3)), "y_train": np.repeat(["a", "b"], [28, 12])}


@pytest.mark.parametrize("container", [np.asarray, lambda X: pd.DataFrame(X, columns=list("xyz"))])
def test_every_row_is_a_test_row_of_one_fold(arrays, container):
    X, y = container(arrays["X_train"]), arrays["y_train"]
    with shared_arrays({"X_train": X, "y_train": y}) as folder:
        parts = list(folds(folder, 4, random_state=0))

    assert sorted(np.concatenate([p.test_rows for p in parts])) == list(range(40))
    for p in parts:
        np.testing.assert_array_equal(p.X_test, np.asarray(X)[p.test_rows])
        np.testing.assert_array_equal(p.y_test, y[p.test_rows])
        assert type(p.X_train) is type(X) or isinstance(p.X_train, np.ndarray)
        assert len(p.y_train) == len(p.X_train) == 30
        assert (p.y_test == "b").sum() == 3


def test_folds_are_the_seeds_alone(arrays):
    with shared_arrays(arrays) as folder:
        first, again, other = (
            [p.test_rows.tolist() for p in folds(folder, 4, random_state=seed)]
            for seed in (0, 0, 1)
        )

    assert first == again != other


def test_a_given_split_stays_as_it_is(arrays):
    test = {"X_test": arrays["X_train"][:5], "y_test": arrays["y_train"][:5]}
    with shared_arrays(arrays | test) as folder:
        parts = given_split(folder)

        np.testing.assert_array_equal(parts.X_train, arrays["X_train"])
        np.testing.assert_array_equal(parts.y_test, test["y_test"])
        assert parts.test_rows.tolist() == [0, 1, 2, 3, 4]


def test_rows_of_folds_make_a_row_about_all():
    first = Row(
        "raw",
        "knn",
        0,
        n_dims=4,
        test_error=0.2,
        validation_error=0.1,
        chosen={"n_neighbors": 3},
        feature_fit_seconds=1.0,
        fit_seconds=0.5,
        peak_memory_mb=100.0,
        notes=("a",),
        mistakes=(7, 2),
        mistaken_for=("x", "y"),
    )
    second = replace(
        first,
        n_dims=5,
        validation_error=0.3,
        chosen={"n_neighbors": 1},
        peak_memory_mb=120.0,
        notes=("a", "b"),
        mistakes=(4,),
        mistaken_for=("z",),
    )
    row = merged([first, second], [10, 11])

    assert row.mistakes == (2, 4, 7)
    assert row.mistaken_for == ("y", "z", "x")
    assert row.test_error == 3 / 21
    assert (row.error_low, row.error_high) == wilson_interval(3 / 21, 21)
    assert row.chosen == {"n_neighbors": [3, 1]}
    assert row.n_dims == 5
    assert row.feature_fit_seconds == 2.0
    assert row.peak_memory_mb == 120.0
    assert row.validation_error == pytest.approx(0.2)
    assert row.notes == ("a", "b")


def test_a_classifier_left_out_of_a_fold_is_left_out():
    done = Row("raw", "svm", 0, n_dims=999, test_error=0.1, validation_error=0.1)
    left_out = Row("raw", "svm", 0, "left out", "1001 dims > 1000", n_dims=1001)

    assert merged([done, left_out], [10, 10]) == left_out
