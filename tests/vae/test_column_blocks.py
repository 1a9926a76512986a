import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_selector
from sklearn.preprocessing import OneHotEncoder

from skvae.vae.column_blocks import ColumnBlock, named_blocks

TABLE = pd.DataFrame({"age": [1.0], "fare": [2.0], "sex": ["f"], "port": ["S"]})
NAMES = list(TABLE)


@pytest.mark.parametrize(
    "columns",
    [
        ["sex", "port"],
        [2, 3],
        [-2, -1],
        slice(2, None),
        slice("sex", "port"),
        slice("sex", None),
        np.array([False, False, True, True]),
        [False, False, True, True],
        make_column_selector(dtype_exclude="number"),
        lambda table: ["sex", "port"],
    ],
)
def test_columns_are_named_as_those_of_a_column_transformer(columns):
    triples = [("numbers", "gaussian", slice("age", "fare")), ("rest", "categorical", columns)]
    blocks = named_blocks(triples, TABLE, NAMES)

    assert [block.columns for block in blocks] == [[0, 1], [2, 3]]


def test_a_column_alone_needs_no_list_and_the_order_of_columns_is_that_of_the_block():
    blocks = named_blocks(
        [("a", "categorical", "sex"), ("b", "gaussian", [1, "age"]), ("c", "categorical", 3)],
        TABLE,
        NAMES,
    )
    assert [block.columns for block in blocks] == [[2], [1, 0], [3]]


def test_a_block_without_columns_is_none():
    everything = ("all", "gaussian", slice(None))
    blocks = named_blocks([everything, ("none", "poisson", [])], TABLE, NAMES)
    assert [block.name for block in blocks] == ["all"]


ALL = slice(None)


@pytest.mark.parametrize(
    ("triples", "message"),
    [
        ([("n", "gaussian", ["age", "wage"])], "'n' of likelihood= names the column 'wage', which"),
        ([("n", "gaussian", [4])], "names the column 4, which X does not have.*'age', 'fare'"),
        ([("n", "gaussian", slice("wage", None))], "names the column 'wage'"),
        ([("n", "gaussian", [True])], "'n' of likelihood= has a mask of 1 columns, but X has 4"),
        (
            [("n", "gaussian", ["age"]), ("m", "poisson", ALL)],
            "Column 'age' of X is in two blocks of likelihood=, 'n' and 'm'",
        ),
        ([("n", "gaussian", ["age", 0])], "Column 'age' of X is twice in the block of likelihood="),
        ([("n", "gaussian", [0, 1, 2])], "Column 'port' of X is in no block of likelihood=: give"),
        ([("n", "gaussian", [0])], "Column 'fare' of X is in no block.*nor are 2 others"),
        ([("n", "normal", ALL)], "'n' of likelihood= has the likelihood 'normal'; it can be 'ber"),
        ([("n", 3, ALL)], "has the likelihood 3"),
        ([("n", "gaussian", [0]), ("n", "poisson", [1])], "two blocks of the name 'n'"),
        ([("n", "gaussian")], r"triples \(name, likelihood, columns\).*got \('n', 'gaussian'\)"),
        (["gaussian"], "triples"),
        ([(1, "gaussian", ALL)], "triples"),
        ([("n", OneHotEncoder(drop="first"), ALL)], "'n' of likelihood= has drop='first'"),
    ],
)
def test_what_is_wrong_with_blocks_is_named(triples, message):
    with pytest.raises(ValueError, match=message):
        named_blocks(triples, TABLE, NAMES)


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        (10, [10, 20], "the column 10, .* Only text is a name here: call this column 0, its place"),
        (("b", "y"), [("a", "x"), ("b", "y")], r"the column \('b', 'y'\), .* call this column 1"),
        (9, ["a", "b"], "the column 9, .* A whole number is a place, counted from 0"),
        (pl.col("a"), ["a", "b"], "names the column .*, which X does not have. Its col"),
    ],
)
def test_columns_whose_names_are_no_text_are_told_by_their_places(key, names, message):
    with pytest.raises(ValueError, match=message):
        named_blocks([("n", "gaussian", [key])], None, names)


def test_an_encoder_stands_for_categories_as_it_makes_them():
    encoder = OneHotEncoder(categories=[["f", "m"], ["C", "S"]])
    block = ColumnBlock.of("own", encoder, [2, 3])

    assert block.likelihood == "categorical"
    assert block.categories_of(3) == ["C", "S"]
    assert ColumnBlock.of("own", "categorical", [2, 3]).is_same(block)
    assert ColumnBlock.of("own", "categorical", [2, 3]).categories_of(3) is None
    with pytest.raises(ValueError, match="categories of 2 columns, but 1 are in it"):
        ColumnBlock.of("own", encoder, [2]).categories_of(2)
