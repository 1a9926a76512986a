import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from skvae.data.sequences import inner_ndim, is_table, outer_ndim, sequence_of

SETS = [np.ones((2, 3)), np.zeros((0, 3)), 2 * np.ones((1, 3))]


@pytest.mark.parametrize(
    "X",
    [
        np.ones((2, 3)),
        [[1.0, 2.0], [3.0, 4.0]],
        pd.DataFrame(np.ones((2, 3))),
        csr_array(np.eye(3)),
        np.ones(3),
        [1.0, 2.0],
        np.array([["a", "b"]], dtype=object),
        pd.Series([[1.0, 2.0], [3.0, 4.0]]),
        torch.ones(2, 3),
        pl.DataFrame({"a": [1.0]}),
        ["a.jpg", "b.jpg"],
    ],
)
def test_tables_are_left_to_scikit_learn(X):
    assert is_table(X)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ((s for s in SETS), TypeError, r"\(generator\), which can be read once.*list\(X\)"),
        (dict(enumerate(SETS)), TypeError, r"dict, which .* as its keys: pass X\.values\(\)"),
        (dict(enumerate(SETS)).items(), ValueError, "pairs, such as keys"),
        (pd.DataFrame(SETS[0]).groupby(0), ValueError, r"pass \[rows for _, rows in X\]"),
        (pd.DataFrame({"a": SETS, "b": SETS}), ValueError, "2 columns of arrays; pass one"),
    ],
)
def test_collections_that_cannot_be_read_say_what_to_pass(X, error, message):
    with pytest.raises(error, match=message):
        sequence_of(X, "FisherVectorEncoder")


@pytest.mark.parametrize(
    ("X", "outer", "inner"),
    [
        (3.0, 0, 0),
        ([1.0, 2.0], 1, 1),
        ([[1.0, 2.0]], 1, 2),
        ([np.ones((2, 3))], 1, 3),
        (np.ones((2, 3)), 2, 2),
        (pd.Series([np.ones((2, 3))]), 1, 3),
        ([], 1, 1),
    ],
)
def test_dimensions_with_and_without_those_of_cells(X, outer, inner):
    assert outer_ndim(X) == outer
    if outer:
        assert inner_ndim(X) == inner
