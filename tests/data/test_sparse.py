import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array, csr_matrix

from skvae.data.sparse import SparseRows, check_finite

X = np.random.default_rng(0).poisson(0.3, (40, 7)).astype(np.float32)


@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
def test_rows_are_dense_where_they_are_asked_for(kind):
    rows = SparseRows(kind(X))
    assert rows.shape == (40, 7) and len(rows) == 40 and rows.dtype == np.float32
    assert type(rows[3:9]) is np.ndarray and np.array_equal(rows[3:9], X[3:9])
    places = np.array([30, 2, 2])
    assert np.array_equal(rows[places], X[places])
    assert np.array_equal(rows.part(places)[1:], X[[2, 2]])


def test_the_matrix_is_not_copied():
    sparse = csr_matrix(X)
    assert np.shares_memory(SparseRows(sparse).X.data, sparse.data)


def test_values_stored_twice_are_added():
    twice = coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 3)).tocsr()
    assert SparseRows(twice)[:].tolist() == [[0.0, 3.0, 0.0]]


@pytest.mark.parametrize(("bad", "what"), [(np.nan, "NaN"), (-np.inf, "infinity")])
@pytest.mark.parametrize("row", [0, 17, 39])
def test_the_place_of_a_value_that_is_not_finite_is_named(bad, what, row):
    broken = X.copy()
    broken[row, 4] = bad
    check_finite(csr_array(X))
    with pytest.raises(ValueError, match=f"{what}: .* row {row}, column 4"):
        check_finite(csr_array(broken))
