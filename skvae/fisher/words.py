"""Visual words as running means of the descriptors that are nearest to them."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import pairwise_distances_argmin_min

from skvae._typing import Array, FloatArray, IntArray
from skvae._warnings import warn
from skvae.mixture.magnitudes import squarable
from skvae.mixture.variances import leads, varying

__all__ = ["Words", "check_near", "has_far_words", "learn", "usual_distance", "warn_of_units"]

# Descriptors by whose variances columns are compared, about.
_SOME_ROWS = 20_000

# How many times farther than usual a word may lie before the variance of all has no digits of
# float32 for the others, and before float64 has none about any center.
_FAR, _FARTHEST = 1e3, 1e12
# Of their size, below which distances of words may be rounding errors.
_ROUNDING = 1e-6


class Words(NamedTuple):
    """What a vocabulary has after a batch.

    Parameters
    ----------
    centers : ndarray of shape (K, d)
        The words.
    counts : ndarray of shape (K,)
        Descriptors that each is the mean of.
    labels : ndarray of shape (n,)
        Nearest word of each descriptor of the batch, before it has learned from them.
    inertia : float
        Sum of the squared distances to these.
    """

    centers: FloatArray
    counts: Array
    labels: IntArray
    inertia: float


def learn(
    centers: FloatArray, counts: Array, local: FloatArray, weights: FloatArray | None = None
) -> Words:
    """One step of k-means on a batch: means over all descriptors that a word has been nearest to.

    Parameters
    ----------
    centers : ndarray of shape (K, d)
        The words.
    counts : ndarray of shape (K,)
        Descriptors that each is the mean of.
    local : ndarray of shape (n, d)
        The batch.
    weights : ndarray of shape (n,), default=None
        How often each descriptor of the batch counts; None means once.

    Returns
    -------
    Words
        A word to which no descriptor is nearest stays where it is.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.words import learn
    >>> batch = np.array([[4.0], [12.0], [14.0]])
    >>> learn(np.array([[0.0], [10.0]]), np.array([3, 2]), batch)[:2]
    (array([[ 1. ],
           [11.5]]), array([4, 4]))
    """
    of_squares = np.result_type(squarable(local), squarable(centers))
    labels, distances = pairwise_distances_argmin_min(
        local.astype(of_squares, copy=False), centers.astype(of_squares, copy=False)
    )
    n, n_words = len(local), len(centers)
    times = np.ones(n) if weights is None else weights
    members = csr_array((times, (labels, np.arange(n))), (n_words, n))
    more = np.bincount(labels, weights, minlength=n_words)
    total = (counts + more)[:, None]
    sums = members @ local.astype(np.float64) - more[:, None] * centers
    moved = centers + sums / np.where(total > 0, total, 1)
    inertia = float((times * distances.astype(np.float64) ** 2).sum())
    return Words(moved.astype(centers.dtype), counts + more, labels, inertia)


def check_near(centers: FloatArray, before: FloatArray) -> None:
    """Raise if a batch has moved a word so far out that descriptors near the others look alike.

    Parameters
    ----------
    centers : ndarray of shape (K, d)
        The words after the batch.
    before : ndarray of shape (K, d)
        The words before it, that say what is far.

    Raises
    ------
    ValueError
        That names column and value.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.words import check_near
    >>> check_near(np.array([[0.0], [1e20]]), np.array([[0.0], [1.0]]))
    Traceback (most recent call last):
     ...
    ValueError: A word would lie at 1e+20 in column 0, ...
    """
    middle, usual = _middle(before)
    far = np.abs(centers.astype(np.float64) - middle)
    if usual > 0 and far.max() > _FARTHEST * usual:
        word, column = np.unravel_index(far.argmax(), far.shape)
        raise ValueError(
            f"A word would lie at {centers[word, column]:g} in column {column}, so far from the "
            "others that float64 cannot tell descriptors near them apart: leave such values out, "
            "or scale the column."
        )


def warn_of_units(local: FloatArray) -> None:
    """Warn where one column has nearly all of the variance, so that words differ in it alone.

    Parameters
    ----------
    local : ndarray of shape (n, d)
        Descriptors that a vocabulary is about to be learned from; NaN is missing.
    """
    some = local[:: max(1, len(local) // _SOME_ROWS)].astype(np.float64)
    seen = ~np.isnan(some)
    n = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, some, 0).sum(axis=0) / n
    variances = (np.where(seen, some - mean, 0) ** 2).sum(axis=0) / n
    variances = varying(variances, mean, local.dtype)
    if np.count_nonzero(variances) > 1 and leads(variances):
        column = int(variances.argmax())
        warn(
            f"Column {column} of the descriptors has {variances[column] / variances.sum():.2%} of "
            "their variance, so that words differ in it alone. Put columns into like units: "
            "reducer=StandardScaler()."
        )


def has_far_words(centers: FloatArray) -> bool:
    """Whether some words lie so far out that their variance says nothing of the others.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.words import has_far_words
    >>> words = np.array([[0.0], [1.0], [3.0], [9.0]])
    >>> has_far_words(words), has_far_words(np.append(words, [[1e6]], axis=0))
    (False, True)
    """
    middle, usual = _middle(centers)

    return bool(np.abs(centers - middle).max() > _FAR * usual > 0)


def usual_distance(centers: FloatArray) -> float:
    """How far words usually are from their median, whatever a few of them are.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.words import usual_distance
    >>> usual_distance(np.array([[0.0], [1.0], [3.0], [9.0], [1e6]]))
    3.0
    """
    return _middle(centers)[1]


def _middle(centers: FloatArray) -> tuple[FloatArray, float]:
    """Median of words, and how far from it they usually are."""
    middle: FloatArray = np.median(centers.astype(np.float64), axis=0)
    usual = float(np.median(np.abs(centers - middle).max(axis=1)))

    return middle, max(usual, _ROUNDING * float(np.abs(middle).max()))
