"""Rows of sparse matrices, made dense a few at a time."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

__all__ = ["SparseRows", "check_finite"]


class SparseRows:
    """Rows of a sparse matrix, made dense when they are asked for.

    Parameters
    ----------
    X : csr_array or csr_matrix of shape (n, d)
        Not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from skvae.data.sparse import SparseRows
    >>> SparseRows(csr_array(np.eye(3)))[1:]
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """

    is_in_memory = False

    def __init__(self, X: Any):
        self.X = csr_array(X)
        self.shape, self.dtype = self.X.shape, self.X.dtype

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Rows of a slice, or of an array of numbers, as an array."""
        dense: np.ndarray = self.X[rows].toarray()

        return dense

    def part(self, places: np.ndarray) -> "SparseRows":
        """The rows with these numbers, sparse as well."""
        return SparseRows(self.X[places])


def check_finite(X: Any) -> None:
    """Raise an error that names the place of a value that is not finite.

    Parameters
    ----------
    X : csr_array or csr_matrix
        What it stores is looked at, the rest is zero.
    """
    finite = np.isfinite(X.data)
    if finite.all():
        return
    place = int(finite.argmin())
    row = int(np.searchsorted(X.indptr, place, side="right")) - 1
    what = "NaN" if np.isnan(X.data[place]) else "infinity"
    raise ValueError(
        f"X contains {what}: the sparse matrix stores it at row {row}, column {X.indices[place]}. "
        "Put a number in its place, or leave the row out."
    )
