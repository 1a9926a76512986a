from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skvae.vae.conditions import Conditions
from skvae.vae.told import told_classes, told_conditions, told_to_draw

CLASSES = np.array(["a", "b", "c"])
TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "lab": ["u", "v", "u", "v"]})
CONDITIONS = Conditions.fit(["lab"], TABLE)


def fit_of(n_classes=None, conditions=None):
    shares = None if n_classes is None else np.full(n_classes, 1 / n_classes)
    return SimpleNamespace(n_classes=n_classes, conditions=conditions, class_frequencies=shares)


def test_one_label_is_for_all_rows_and_several_are_in_their_order():
    assert told_classes("b", CLASSES, 3).tolist() == [1, 1, 1]
    assert told_classes(["c", "a"], CLASSES, 2).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b"], "y has 2 labels, but n_samples=3"),
        ("d", "not seen in fit"),
        (["a", -1, "b"], "."),
    ],
)
def test_labels_that_are_of_no_class_or_too_few_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        told_classes(y, CLASSES, 3)


def test_conditions_are_those_of_the_table_or_else_of_the_rows():
    assert told_conditions(None, TABLE) == (None, [])
    told, (values,) = told_conditions(CONDITIONS, TABLE)
    assert told.shape == (4, 2) and values.tolist() == ["u", "v", "u", "v"]
    others, (value,) = told_conditions(CONDITIONS, TABLE, TABLE[["lab"]][1:2], 4)
    assert np.array_equal(others, told[[1] * 4]) and set(value) == {"v"}


def test_what_is_drawn_has_the_classes_that_are_named_or_those_of_the_fit():
    rng = np.random.default_rng(0)
    assert told_to_draw(fit_of(), None, 5, None, rng) == (None, [])
    with pytest.raises(ValueError, match="needs a fit with conditional"):
        told_to_draw(fit_of(), None, 5, "a", rng)
    drawn, _ = told_to_draw(fit_of(3), CLASSES, 900, None, rng)
    assert np.bincount(drawn).min() > 250
    assert told_to_draw(fit_of(3), CLASSES, 1, ["c", "a"], rng)[0].tolist() == [2, 0]
    told, _ = told_to_draw(fit_of(conditions=CONDITIONS), None, 1, TABLE[["lab"]], rng)
    assert told.shape == (4, 2)
