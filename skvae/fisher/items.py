"""Items of a sequence that are read when they are asked for, such as arrays in files."""

from collections.abc import Iterable, Mapping, Sequence, ValuesView
from threading import Lock
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skvae._typing import Array, IntArray
from skvae.data.containers import is_dask
from skvae.fisher.packing import array_of_set

__all__ = ["ItemsOfArray", "ItemsOfList", "ItemsOfSequence", "items_of"]


def items_of(X: Any) -> "ItemsOfSequence | None":
    """Items that are read when they are asked for, or None for what lies in memory.

    Parameters
    ----------
    X : object
        An array of two or three dimensions in a file (h5py, zarr); a list of which any item is an
        array in a file; the values of a mapping that reads them (npz); or an object with
        ``__len__`` and ``__getitem__``. Memory maps are numpy's arrays, and dask has its own way.

    Returns
    -------
    ItemsOfSequence or None

    Raises
    ------
    TypeError
        For what has keys and is no mapping, such as a group of zarr.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.items import items_of
    >>> items_of([np.ones((2, 3))]) is None
    True
    >>> class Squares:
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, i):
    ...         return np.full((2, 2), i**2)
    >>> items_of(Squares()).read(np.array([2]))[0]
    array([[4, 4],
           [4, 4]])
    """
    if type(X) is np.ndarray or is_dask(X) or getattr(X, "is_nested", False):
        return None
    if isinstance(X, ValuesView) and hasattr(X, "_mapping"):  # a dict's own, in memory, has none
        X = list(X) if _is_in_file(_first(X)) else _Values(X._mapping)
    if isinstance(X, list | tuple):
        return ItemsOfList(dict(enumerate(X)), len(X)) if any(map(_is_in_file, X)) else None
    if _is_in_file(X):
        return ItemsOfArray(X, X.shape[0])
    return ItemsOfSequence(X, len(X)) if _is_sequence(X) else None


def _is_in_file(X: Any) -> bool:
    """Whether X is like an array of sets or of one set, but gives its numbers only when read."""
    if isinstance(X, np.ndarray) or not hasattr(X, "dtype") or not hasattr(X, "__getitem__"):
        return False
    shape = getattr(X, "shape", None)
    in_memory = hasattr(X, "__array_interface__") or hasattr(X, "__dlpack__")
    return isinstance(shape, tuple) and len(shape) in (2, 3) and not (in_memory or issparse(X))


def _first(X: Iterable[Any]) -> Any:
    try:
        return next(iter(X), None)
    except Exception as error:
        raise _unreadable(0, error) from error


def _is_sequence(X: Any) -> bool:
    """Whether X has a length and items by their number, and is neither an array nor a mapping."""
    if not (hasattr(X, "__len__") and hasattr(X, "__getitem__")) or isinstance(X, Mapping):
        return False
    if hasattr(X, "shape") or hasattr(X, "__array__") or isinstance(X, str | bytes):
        return False
    if isinstance(X, Sequence) or not hasattr(X, "__iter__"):
        return True
    if isinstance(next(iter(X), None), tuple):  # pairs of keys and what belongs to them
        return False
    if hasattr(X, "keys"):
        raise TypeError(
            f"X is a {type(X).__name__}, which would be read as its keys: pass "
            "[X[key] for key in X]."
        )
    return True


class _Values:
    """Values of a mapping, by their number."""

    def __init__(self, mapping: Any) -> None:
        self.mapping, self.names = mapping, list(mapping)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> Any:
        return self.mapping[self.names[i]]


class ItemsOfSequence:
    """Items of which nothing is known before they are read.

    Parameters
    ----------
    X : sequence
        ``X[i]`` reads the i-th.
    n : int
        How many items there are.

    Notes
    -----
    Threads read one after the other, so that X may have a single open file.
    """

    def __init__(self, X: Any, n: int) -> None:
        self.X, self.n = X, n
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"X": self.X, "n": self.n}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def known(self) -> tuple[list[tuple[int, ...]], list[np.dtype[Any]]] | None:
        """Shapes and types of all items, or None where they have to be read for that."""
        return None

    def part(self, numbers: IntArray) -> "ItemsOfSequence":
        """Items by which those with these numbers can be read."""
        return self

    def read(self, numbers: IntArray) -> list[Array]:
        """The items with these ascending numbers.

        Raises
        ------
        ValueError
            If one cannot be read, or is no array of numbers.
        """
        with self._lock:
            found = [self._read(int(i)) for i in numbers]
        return [array_of_set(item, i) for item, i in zip(found, numbers, strict=True)]

    def _read(self, i: int) -> Any:
        try:
            item = self.X[i]
            return np.asarray(item) if _is_in_file(item) else item
        except Exception as error:
            raise _unreadable(i, error) from error


class ItemsOfList(ItemsOfSequence):
    """Arrays, of which some lie in files.

    Parameters
    ----------
    X : dict of int to array-like
        Each by its number.
    n : int
        How many items there are.
    """

    def known(self) -> tuple[list[tuple[int, ...]], list[np.dtype[Any]]]:
        """Shapes and types of all items."""
        arrays = [
            item if hasattr(item, "shape") and hasattr(item, "dtype") else array_of_set(item, i)
            for i, item in self.X.items()
        ]
        return [tuple(a.shape) for a in arrays], [np.dtype(a.dtype) for a in arrays]

    def part(self, numbers: IntArray) -> "ItemsOfList":
        """Those of the items alone."""
        return ItemsOfList({int(i): self.X[i] for i in numbers}, self.n)


class ItemsOfArray(ItemsOfSequence):
    """Items of one array in a file, of which neighbours are read together.

    Parameters
    ----------
    X : array-like of shape (n, n_descriptors, d) or (n, d)
        The latter holds items of one row.
    n : int
        How many items there are.
    """

    def known(self) -> tuple[list[tuple[int, ...]], list[np.dtype[Any]]]:
        """Shape of every item, and the type."""
        shape = tuple(self.X.shape[1:])
        shape = shape if len(shape) == 2 else (1, *shape)
        return [shape] * self.n, [np.dtype(self.X.dtype)] * self.n

    def read(self, numbers: IntArray) -> list[Array]:
        """The items with these ascending numbers."""
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1) if len(numbers) else []
        with self._lock:
            found = [self._read_run(int(run[0]), int(run[-1]) + 1) for run in runs]
        return [item for run in found for item in run]

    def _read_run(self, first: int, stop: int) -> Array:
        try:
            run = self.X[first:stop]
        except Exception as error:
            raise _unreadable(first, error) from error
        array = array_of_set(run, first)
        return array if array.ndim == 3 else array[:, None]


def _unreadable(i: int, error: Exception) -> ValueError:
    return ValueError(f"Set {i} of X cannot be read: {type(error).__name__}: {error}")
