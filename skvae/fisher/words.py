"""Visual words as running means of the descriptors that are nearest to them."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import pairwise_distances_argmin_min

from skvae._typing import Array, FloatArray, IntArray

__all__ = ["Words", "learn"]


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
    labels, distances = pairwise_distances_argmin_min(local, centers)
    n, n_words = len(local), len(centers)
    times = np.ones(n) if weights is None else weights
    members = csr_array((times, (labels, np.arange(n))), (n_words, n))
    more = np.bincount(labels, weights, minlength=n_words)
    total = (counts + more)[:, None]
    sums = members @ local.astype(np.float64) - more[:, None] * centers
    moved = centers + sums / np.where(total > 0, total, 1)
    inertia = float((times * distances**2).sum())
    return Words(moved.astype(centers.dtype), counts + more, labels, inertia)
