"""Images of different sizes, in memory or in files: one after the other."""

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any, TypeAlias, overload

import numpy as np

from skvae._typing import Array, IntArray
from skvae.data.containers import array_of, check_numbers, float_type
from skvae.data.sequences import outer_ndim
from skvae.data.tables import column_names, is_missing, is_named_table, values_of

__all__ = ["ImageSequence", "paths_of"]

Item: TypeAlias = Array | str | os.PathLike[str]


class ImageSequence(Sequence[Item]):
    """Images as arrays of their own sizes, or names of the files that hold them.

    Parameters
    ----------
    items : list of ndarray, str or path-like
        What :meth:`of` has checked.
    numbers : ndarray of int, default=None
        Which of the images of X these are, for errors; None means all of them.

    Notes
    -----
    An image is validated, and becomes ``dtype``, when it is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.image_sequence import ImageSequence
    >>> images = ImageSequence.of([np.zeros((2, 3), np.uint8), "flower.png", np.ones((4, 4))])
    >>> images[0].shape, images[1], images[1:].name(0)
    ((2, 3), 'flower.png', "Image 1 of X ('flower.png')")
    """

    def __init__(self, items: list[Item], numbers: IntArray | None = None) -> None:
        self._items = items
        self._numbers = np.arange(len(items)) if numbers is None else numbers
        arrays = [x for x in items if isinstance(x, np.ndarray)]
        files = [np.float32] if len(arrays) < len(items) else []
        self.dtype: np.dtype[Any] = np.result_type(*files, *{float_type(x.dtype) for x in arrays})

    @classmethod
    def of(cls, X: Sequence[Any]) -> "ImageSequence":
        """Check arrays and names of files, none of which is read.

        Raises
        ------
        ValueError
            If one is missing, empty, or holds no numbers.
        """
        return cls([_item(x, f"Image {i} of X") for i, x in enumerate(X)])

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, i: int) -> Item: ...

    @overload
    def __getitem__(self, i: slice | IntArray) -> "ImageSequence": ...

    def __getitem__(self, i: int | slice | IntArray) -> "Item | ImageSequence":
        if isinstance(i, Integral):
            item = self._items[i]
            if not isinstance(item, np.ndarray):
                return item
            checked = check_numbers(item, self.name(int(i)), allow_nd=True, ensure_2d=False)
            return checked.astype(self.dtype, copy=False)
        some: Any = range(len(self))[i] if isinstance(i, slice) else i
        part = ImageSequence([self._items[j] for j in some], self._numbers[i])
        part.dtype = self.dtype
        return part

    def check_units(self) -> None:
        """Raise if pixels are whole numbers beside files, which are read from 0, black, to 1.

        Raises
        ------
        ValueError
            That says which image.
        """
        kinds = [x.dtype.kind if isinstance(x, np.ndarray) else None for x in self._items]
        if None in kinds and (whole := [i for i, kind in enumerate(kinds) if kind in ("i", "u")]):
            raise ValueError(
                f"{self.name(whole[0])} holds whole numbers, but there are files in X, which are "
                "read as numbers from 0 to 1: divide it by its white, 255 where it has 8 bits."
            )

    def name(self, i: int) -> str:
        """What errors call image i."""
        item = self._items[i]
        file = "" if isinstance(item, np.ndarray) else f" ({os.fspath(item)!r})"
        return f"Image {self._numbers[i]} of X{file}"

    def shapes(self) -> list[tuple[int, ...] | None]:
        """Shapes of the arrays; None for files."""
        return [x.shape if isinstance(x, np.ndarray) else None for x in self._items]


def _item(x: Any, name: str) -> Item:
    if isinstance(x, str):
        return str(x)  # of numpy, too
    if isinstance(x, os.PathLike):
        return x
    if not hasattr(x, "__len__") and is_missing(x):
        raise ValueError(f"{name} is missing ({x}): leave it out, or name a file.")
    array = array_of(x, name)
    if array.size == 0:
        raise ValueError(f"{name} is empty: it has shape {array.shape}.")
    return array


def paths_of(X: Any) -> list[Any] | None:
    """Names of files in a list, an array, a column or a table of one; None if X holds none.

    Parameters
    ----------
    X : object
        As from ``data.sequences.sequence_of``.

    Returns
    -------
    paths : list or None
        Beside names, whatever else there is in X, such as arrays and missing values.

    Raises
    ------
    TypeError
        If X is a single name.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.image_sequence import paths_of
    >>> paths_of(np.array([["a.png"], ["b.png"]])), paths_of(np.zeros((2, 3)))
    (['a.png', 'b.png'], None)
    """
    if isinstance(X, (str, os.PathLike)):
        raise TypeError(
            f"X is one file name, {os.fspath(X)!r}: pass a list of names, such as [X], or "
            "sorted(Path(folder).glob('*.png'))."
        )
    if not isinstance(X, (list, tuple)):
        if outer_ndim(X) == 2 and X.shape[1] == 1:
            X = X[column_names(X)[0]] if is_named_table(X) else X[:, 0]
        elif outer_ndim(X) != 1:
            return None
        if getattr(getattr(X, "dtype", None), "kind", "O") in "biufc":
            return None
        X = values_of(X)
    return list(X) if any(isinstance(x, (str, os.PathLike)) for x in X) else None
