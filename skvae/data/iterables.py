"""Rows that an iterable yields in blocks, every time that it is iterated over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import Array, IntArray
from skvae.data.containers import check_numbers
from skvae.data.maps import rows_per_block

__all__ = [
    "BlockPasses",
    "IteratedRows",
    "Recut",
    "check_block",
    "refuse_single_pass",
    "yields_blocks",
]

_ANEW = "Pass an object whose __iter__ starts anew, or call partial_fit for every block."


def refuse_single_pass(given: Any, name: str, reader: str, instead: str) -> None:
    """Raise an error for what can be read only once, such as a generator.

    Parameters
    ----------
    given : object
        What the user gave.
    name, reader : str
        Of the argument, and who is to read it, for the message.
    instead : str
        What to do about it.

    Raises
    ------
    TypeError
        If it is an iterator.
    """
    if hasattr(given, "__next__"):
        kind = type(given).__name__
        raise TypeError(
            f"{name} is an iterator ({kind}), which can be read once, but {reader} reads it "
            f"several times. {instead}"
        )


def yields_blocks(X: Any, reader: str, instead: str = _ANEW) -> bool:
    """Whether X is an iterable of blocks, and neither an array nor like one.

    Parameters
    ----------
    X : object
        What the user gave.
    reader : str
        Who is to read it, for the message.
    instead : str
        What to do about what can be read only once.

    Raises
    ------
    TypeError
        For what can be read only once, and for a mapping, which would be read as its keys.
    ValueError
        For a loader of torch that shuffles: rows would come in an order that nobody knows.

    Examples
    --------
    >>> from skvae.data.iterables import yields_blocks
    >>> yields_blocks([[1, 2], [3, 4]], "EM"), yields_blocks({1, 2}, "EM")
    (False, True)
    """
    if isinstance(X, np.ndarray):
        return False
    refuse_single_pass(X, "X", reader, instead)
    if "Random" in type(getattr(X, "sampler", None)).__name__:
        raise ValueError(
            f"X is a {type(X).__name__} that shuffles, so that no result could be told from "
            "another: pass one with shuffle=False."
        )
    if isinstance(X, Mapping) and not hasattr(X, "shape"):
        raise TypeError(
            f"X is a {type(X).__name__}, which would be read as its keys: pass X.values()."
        )
    arrays = hasattr(X, "__array__") or isinstance(X, (list, tuple, str, bytes))
    return not arrays and not hasattr(X, "shape") and hasattr(X, "__iter__")


def check_block(block: Any, n_features: int, dtypes: Sequence[DTypeLike], **options: Any) -> Array:
    """Validate a block, whose features the blocks before it have counted.

    Options are those of ``sklearn.utils.check_array``.
    """
    rows = check_numbers(_whole(block), kept=dtypes, ensure_min_samples=0, **options)
    if rows.shape[1] != n_features:
        raise ValueError(
            f"A block of X has {rows.shape[1]} features; the blocks before it have {n_features}."
        )
    return rows


def _whole(block: Any) -> Any:
    """The rows of a block, which torch's DataLoader puts into a list of one."""
    if isinstance(block, (list, tuple)) and any(np.ndim(part) > 1 for part in block[:2]):
        if len(block) > 1:
            raise ValueError(
                f"A block of X is a {type(block).__name__} of {len(block)} arrays; it has to be "
                "one array of rows. Labels are passed as y."
            )
        return block[0]
    return block


class BlockPasses:
    """Passes over the blocks of an iterable.

    Parameters
    ----------
    X : iterable of array-like of shape (n_i, d)
        Starts anew whenever it is iterated over.
    dtypes : sequence of dtype
        What blocks may stay; others become float32 where that is exact, else float64.
    **options
        Of ``sklearn.utils.check_array``.
    """

    def __init__(self, X: Any, dtypes: Sequence[DTypeLike], **options: Any) -> None:
        self.X, self._dtypes, self._options = X, dtypes, options
        self._n: int | None = None
        self.first = _whole(next(iter(X), None))
        if self.first is None:
            raise ValueError("X yields no block.")
        self.head = check_numbers(self.first, kept=dtypes, ensure_min_samples=0, **options)
        self.dtype = self.head.dtype

    def __iter__(self) -> Iterator[Array]:
        n = 0
        for block in self.X:
            block = check_block(block, self.head.shape[1], self._dtypes, **self._options)
            n += len(block)
            yield block
        if self._n not in (None, n):
            raise ValueError(
                f"X gave {self._n} rows on the first pass and {n} on a later one; every pass has "
                "to give the same rows: __iter__ has to start anew."
            )
        self._n = n


class Recut:
    """Blocks cut in any way, told to a function in sizes of their own, whatever they were.

    Parameters
    ----------
    look : callable
        Called with blocks as :func:`skvae.data.maps.row_blocks` cuts them.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.iterables import Recut
    >>> recut = Recut(lambda block: print(block.shape))
    >>> for n in (2, 3):
    ...     recut.look(np.zeros((n, 4)))
    >>> recut.end()
    (5, 4)
    """

    def __init__(self, look: Callable[[Array], None]) -> None:
        self._look = look
        self._held: list[Array] = []
        self._n_held = 0

    def look(self, block: Array) -> None:
        """Take the next rows."""
        size = rows_per_block(block.shape[1])
        while self._n_held + len(block) >= size:
            n = size - self._n_held
            self._look(np.concatenate([*self._held, block[:n]]))
            self._held, self._n_held, block = [], 0, block[n:]
        if len(block):
            self._held.append(np.array(block))
            self._n_held += len(block)

    def end(self) -> None:
        """Tell the last rows."""
        if self._held:
            self._look(np.concatenate(self._held))


class IteratedRows:
    """Rows of an iterable of blocks, read forward as far as they are asked for.

    A block is held, and the rows that were asked for last; what lies before them takes a new pass.

    Parameters
    ----------
    blocks : BlockPasses
        Read once, to count the rows.
    look : callable or None, default=None
        Called with every block of that pass.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.iterables import BlockPasses, IteratedRows
    >>> blocks = {"a": np.zeros((2, 1)), "b": np.ones((3, 1))}.values()
    >>> rows = IteratedRows(BlockPasses(blocks, [np.float64]))
    >>> len(rows), rows[1:4].ravel()
    (5, array([0., 1., 1.]))
    """

    is_in_memory = False

    def __init__(self, blocks: BlockPasses, look: Callable[[Array], None] | None = None) -> None:
        kinds = []
        for block in blocks:
            kinds.append((len(block), block.dtype))
            if look is not None:
                look(block)
        self._blocks = blocks
        self._places: IntArray | None = None
        self._last: tuple[IntArray, Array]
        self._n = sum(n for n, _ in kinds)
        self.shape = (self._n, blocks.head.shape[1])
        self.dtype = np.result_type(*(dtype for _, dtype in kinds))
        self._rewind()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | IntArray) -> Array:
        """Rows of a slice, or of an array of ascending numbers, as an array."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        places = rows if self._places is None else self._places[rows]
        if not np.isin(places[places < self._start], self._last[0]).all():
            self._rewind()
        n_kept = np.searchsorted(places, self._start)
        out = np.empty((len(places), self.shape[1]), self.dtype)
        out[:n_kept] = self._last[1][np.searchsorted(self._last[0], places[:n_kept])]
        while n_kept < len(places):
            n = np.searchsorted(places, self._start + len(self._block))
            new = self._block[places[n_kept:n] - self._start]
            np.copyto(out[n_kept:n], new, casting="same_kind")
            n_kept = n
            if n < len(places):
                self._advance()
        self._last = places, out

        return out

    def _rewind(self) -> None:
        self._start, self._block, self._reader = 0, self._blocks.head[:0], iter(self._blocks)
        self._last = np.empty(0, np.intp), np.empty((0, self.shape[1]), self.dtype)

    def _advance(self) -> None:
        self._start += len(self._block)
        self._block = next(self._reader)
        if self._start + len(self._block) >= self._n:
            for _ in self._reader:  # tells whether there are more rows than on the first pass
                pass

    def anew(self) -> "IteratedRows":
        """These rows, read by a pass of their own that is yet to begin."""
        rows = copy(self)
        rows._rewind()

        return rows

    def part(self, places: IntArray) -> "IteratedRows":
        """The rows with these ascending numbers, still to be read."""
        part = self.anew()
        part._places = places if self._places is None else self._places[places]
        part.shape = (len(places), self.shape[1])

        return part
