import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator

from skvae.data.containers import array_of, check_numbers, float_type, validate_numbers

X = np.arange(6.0).reshape(2, 3)
FRAME = pd.DataFrame(X, columns=list("abc"))
MASKED = np.ma.masked_equal(X, 4)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (X, "f8"),
        (X.astype("f4"), "f4"),
        (X.astype(">f4"), "f4"),
        (X.astype("f2"), "f4"),
        (X.astype("u1"), "f4"),
        (X.astype("i2"), "f4"),
        (X.astype("i4"), "f8"),
        (list(X.astype("f4")), "f4"),
        (X.astype(int).tolist(), "f8"),
        (np.ma.array(X.astype("f4")), "f4"),
        (torch.tensor(X), "f8"),
        (torch.tensor(X).float(), "f4"),
        (torch.tensor(X).bfloat16(), "f4"),
        (list(torch.tensor(X).float()), "f4"),
        (FRAME, "f8"),
        (FRAME.astype("f4"), "f4"),
        (FRAME.astype("Float32"), "f4"),
        (FRAME.astype("UInt8"), "f4"),
        (FRAME.astype("Int64"), "f8"),
        (FRAME.astype({"a": "Float32", "b": "f8"}), "f8"),
        (FRAME.astype(object), "f8"),
        (pl.DataFrame(X.astype("f4")), "f4"),
        (pl.DataFrame(X), "f8"),
    ],
)
def test_numbers_keep_their_type_in_every_container(container, expected):
    found = check_numbers(container)

    assert found.dtype == expected and type(found) is np.ndarray
    assert np.array_equal(found, X)


def test_a_type_is_float32_only_where_that_is_exact():
    for dtype in ("?", "i1", "u1", "i2", "u2", "f2", "f4"):
        assert float_type(np.dtype(dtype)) == np.float32
    for dtype in ("i4", "u4", "i8", "u8", "f8", "g"):
        assert float_type(np.dtype(dtype)) == np.float64


def test_kept_types_stay():
    assert check_numbers(X.astype("u1"), kept=[np.uint8]).dtype == np.uint8


@pytest.mark.parametrize(
    ("container", "error", "message"),
    [
        (MASKED, ValueError, r"masked values \(1 of 6\).*filled"),
        (list(MASKED), ValueError, r"X\[1\] has masked values \(1 of 3\)"),
        (torch.tensor(X, requires_grad=True), TypeError, r"gradients.*call its detach\(\)"),
        (list(torch.tensor(X, requires_grad=True)), TypeError, r"X\[0\] is a tensor that requires"),
        (torch.eye(3).to_sparse(), TypeError, r"sparse: call its to_dense\(\)"),
        (X.astype("M8[s]"), ValueError, "dates such as 1970-01-01.*seconds since"),
        (X.astype("m8[s]"), ValueError, r"durations.*x / np\.timedelta64"),
        (np.array([["a.jpg"]]), ValueError, "text such as a.jpg"),
        (["a.jpg", "b.jpg"], ValueError, "text such as a.jpg"),
        ([b"a"], ValueError, "bytes"),
        ([[1.0, "a"], [2.0, "b"]], ValueError, "X holds text such as a in column 1, no numbers"),
        (np.array([["1", "2"], ["3", "b"]]), ValueError, "X holds text such as b in column 1, no"),
        (
            np.array([[1, None], [2, "b"]], object),
            ValueError,
            "text such as b in column 1, no numb",
        ),
        (
            np.array([[b"1", b"x"]]),
            ValueError,
            "X holds bytes such as b'x' in column 1, no numbers",
        ),
        (pd.DataFrame({"c": [1.5, "b"]}), ValueError, "Column 'c' of X holds text such as 'b', no"),
        (pd.Series([1.5, "b"]), ValueError, "X holds text such as b, no numbers"),
        (
            pa.table({"c": [1.5, 2.0], "d": ["1", "b"]}),
            ValueError,
            "text such as b in column 1, no",
        ),
        (np.zeros(2, "f4,f4"), ValueError, r"records.*structured_to_unstructured"),
        (1j * X, ValueError, "Complex data not supported"),
        (pd.DataFrame({"c": pd.Categorical([1, 2])}), ValueError, "Column 'c' of X holds category"),
        (pd.DataFrame({"c": pd.to_datetime(["2020"])}), ValueError, "Column 'c' of X holds dat"),
        (pd.DataFrame({"c": ["1"]}, dtype="string"), ValueError, "Column 'c' of X holds str"),
        (FRAME.astype("Int8").mask(X == 4), ValueError, "Input X contains NaN"),
        (pl.DataFrame({"c": ["a"]}).cast(pl.Categorical), ValueError, "Column 'c' .* Categorical"),
        (pl.DataFrame({"c": [1]}).cast(pl.Date), ValueError, "Column 'c' of X holds Date"),
        (pl.DataFrame({"c": [1.0, None]}), ValueError, "Input X contains NaN"),
        (pl.DataFrame(X).lazy(), TypeError, r"still to be computed: call its collect\(\)"),
        (pl.Series(X.tolist()), ValueError, "arrays in its cells"),
        (pd.Series(list(X)), ValueError, r"arrays in its cells.*numpy\.stack"),
        ([[1.0], [2.0, 3.0]], ValueError, "elements of X .* differ in shape"),
        (csr_array(X), TypeError, "Sparse data was passed for X"),
        (None, TypeError, "of type NoneType"),
        ({1, 2}, TypeError, "of type set"),
        ("abc", ValueError, "text such as abc"),
    ],
)
def test_meaning_that_would_be_lost_is_named(container, error, message):
    with pytest.raises(error, match=message):
        check_numbers(container)


# Made by the test: torch imports its compiler for a jagged one.
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_no_rows(layout):
    nested = torch.nested.nested_tensor([torch.ones(1, 2), torch.ones(3, 2)], layout=layout)
    with pytest.raises(TypeError, match=r"nested: call its unbind"):
        check_numbers(nested)


def test_text_that_stands_for_numbers_is_read_as_those():
    rows = np.array([["1.5", 2], [3, "1e3"]], object)

    assert np.array_equal(check_numbers(rows), [[1.5, 2], [3, 1000]])
    assert np.array_equal(check_numbers(pd.DataFrame(rows)), [[1.5, 2], [3, 1000]])


def test_names_of_columns_are_seen():
    estimator = BaseEstimator()
    validate_numbers(estimator, FRAME.astype("Float32"), reset=True)
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="Feature names"):
        validate_numbers(estimator, FRAME[["c", "b", "a"]], reset=False)


def test_arrays_share_memory_and_keep_every_type():
    integers = X.astype(int)
    assert array_of(integers) is integers
    assert np.shares_memory(array_of(np.ma.array(X)), X)
    assert array_of(FRAME.astype("Float32")).dtype == np.float32
    with pytest.raises(TypeError, match=r"S is sparse.*toarray\(\)"):
        array_of(csr_array(X), "S")


def test_two_columns_of_one_name_are_named():
    twice = pd.DataFrame(X, columns=["a", "b", "a"])
    for check in (check_numbers, lambda x: validate_numbers(BaseEstimator(), x, reset=True)):
        with pytest.raises(ValueError, match="X has more than one column of the name 'a': rename"):
            check(twice)


@pytest.mark.parametrize(
    "container",
    [
        pd.DataFrame([[1.0, np.nan], [3.0, 4.0]]).astype("Float64"),
        pd.DataFrame([[1, None], [3, 4]], dtype="Int64"),
        np.array([[1.0, None], [3.0, 4.0]], object),
        np.array([[1.0, pd.NA], [3.0, 4.0]], object),
        np.array([[1.0, np.nan], [3.0, 4.0]], object),
        [[1.0, None], [3.0, 4.0]],
    ],
    ids=["Float64", "Int64", "None", "NA", "NaN", "lists"],
)
def test_what_is_missing_is_nan_in_every_container(container):
    missing = np.array([[1, np.nan], [3, 4]])
    for found in (array_of(container), check_numbers(container, ensure_all_finite="allow-nan")):
        np.testing.assert_array_equal(found, missing)


def test_what_was_fitted_on_says_what_is_wrong_with_arrays_too():
    estimator = BaseEstimator()
    validate_numbers(estimator, X, reset=True)
    assert validate_numbers(estimator, X, reset=False) is X
    with pytest.raises(ValueError, match="X has 2 features, but BaseEstimator is expecting 3"):
        validate_numbers(estimator, X[:, :2], reset=False)
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        validate_numbers(estimator, X[:0], reset=False)
    with pytest.raises(ValueError, match="infinity.* row 0, column 0"):
        validate_numbers(estimator, np.where(X == 0, np.inf, X), reset=False)
    large = X * 1e200  # whose squares are infinite
    assert np.array_equal(validate_numbers(estimator, large, reset=False), large)
    validate_numbers(estimator, FRAME, reset=True)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        validate_numbers(estimator, X, reset=False)
