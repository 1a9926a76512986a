import numpy as np
import pandas as pd

from skvae.comparison.remarks import remarks_on_folds, remarks_on_table


def test_the_error_of_the_commonest_class_is_told():
    text = remarks_on_folds(np.array(["no"] * 3 + ["yes"]), 2)

    assert text == (
        "4 rows of 2 classes, each tested once in 2 folds; always to say no is wrong for 25.00%."
    )


def test_columns_holes_and_what_becomes_of_them_are_told():
    table = pd.DataFrame(
        {
            "age": [1.0, np.nan, 3.0] * 20,
            "name": [f"n{i}" for i in range(60)],
            "sex": ["f", None, "m"] * 20,
        }
    )
    numbers, categories, holes, many, encoding = remarks_on_table(table)

    assert numbers == "1 column of numbers: age."
    assert categories == "2 columns of categories: name, sex."
    assert holes == "40 cells are empty, in age, sex."
    assert "More than 30 values are in name:" in many
    assert "SimpleImputer" in encoding and "OneHotEncoder" in encoding


def test_nothing_is_said_of_what_is_not_there():
    assert len(remarks_on_table(pd.DataFrame({"age": [1.0, 2.0]}))) == 2
    assert len(remarks_on_table(pd.DataFrame({"sex": ["f", "m"]}))) == 2


def test_long_lists_of_columns_are_cut():
    table = pd.DataFrame({f"c{i}": [0.0, 1.0] for i in range(9)})

    assert remarks_on_table(table)[0].endswith("c0, c1, c2, c3 and 5 more.")
    numbered = table.set_axis(range(9), axis=1)
    assert remarks_on_table(numbered)[0].endswith("0, 1, 2, 3 and 5 more.")
