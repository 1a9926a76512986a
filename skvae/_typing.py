"""The types of public signatures: what arguments may be, and the arrays that come back."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:  # matplotlib is loaded by those who draw
    Axes = Figure = Any

__all__ = [
    "Array",
    "ArrayLike",
    "ArrayOrTable",
    "Axes",
    "BlocksLike",
    "Constraints",
    "Device",
    "Figure",
    "FloatArray",
    "IntArray",
    "Method",
    "Names",
    "PathLike",
    "RandomStateLike",
    "SetsLike",
]

# What comes back.
Array: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.floating[Any]]  # float32 or float64
IntArray: TypeAlias = NDArray[np.integer[Any]]
Names: TypeAlias = NDArray[np.object_]  # of features
ArrayOrTable: TypeAlias = Any  # a table, of the library that the fit saw, where it saw a mixed one

# What is taken. Data frames are array-like; lists, arrays and bags of dask are iterable.
BlocksLike: TypeAlias = ArrayLike | Iterable[ArrayLike]  # rows, at once or block by block
SetsLike: TypeAlias = ArrayLike | Iterable[Any]  # sets of descriptors, or what an extractor reads
Device: TypeAlias = Literal["cpu", "auto", "cuda"] | None
PathLike: TypeAlias = str | os.PathLike[str]
RandomStateLike: TypeAlias = int | np.random.RandomState | None

# Of estimators: what their parameters may be, and a method that a decorator keeps the type of.
Constraints: TypeAlias = dict[str, list[Any]]
Method = TypeVar("Method", bound=Callable[..., Any])
