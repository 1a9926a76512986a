"""Functions of columns next to each other, each block of them by its own."""

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["joined", "softmax"]

ArrayFunction = Callable[[np.ndarray], np.ndarray]


def joined(
    functions: Sequence[ArrayFunction | None], widths: Sequence[int]
) -> ArrayFunction | None:
    """What functions of blocks make of all their columns; None where one of them is unknown.

    Parameters
    ----------
    functions : sequence of callable or None
        From (n, width) to (n, width), one for each block.
    widths : sequence of int
        Columns of the blocks.

    Returns
    -------
    function : callable or None
        From (n, sum(widths)) to (n, sum(widths)).

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.column_functions import joined
    >>> joined([np.exp, np.log1p], [1, 2])(np.zeros((1, 3)))
    array([[1., 0., 0.]])
    """
    known = [function for function in functions if function is not None]
    if len(known) < len(functions):
        return None
    ends = np.cumsum(widths)[:-1]

    def function(x: np.ndarray) -> np.ndarray:
        parts = np.split(x, ends, axis=1)

        return np.hstack([own(part) for own, part in zip(known, parts, strict=True)])

    return function


def softmax(logits: np.ndarray, sizes: Sequence[int] | None = None) -> np.ndarray:
    """Probabilities of categories from their logits.

    Parameters
    ----------
    logits : ndarray of shape (n, n_columns)
        Of several variables next to each other.
    sizes : sequence of int or None, default=None
        Categories of each variable; None means that all columns are those of one.

    Returns
    -------
    probabilities : ndarray of shape (n, n_columns)
        They sum to 1 for each variable.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.column_functions import softmax
    >>> softmax(np.zeros((1, 6)), sizes=(2, 4))
    array([[0.5 , 0.5 , 0.25, 0.25, 0.25, 0.25]])
    """
    counts = np.array([logits.shape[1]] if sizes is None else sizes)
    firsts = np.cumsum(counts) - counts
    highest = np.maximum.reduceat(logits, firsts, axis=1)
    shares: np.ndarray = np.exp(logits - highest.repeat(counts, axis=1))
    shares /= np.add.reduceat(shares, firsts, axis=1).repeat(counts, axis=1)

    return shares
