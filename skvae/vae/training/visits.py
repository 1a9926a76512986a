"""Which rows a pass over weighted rows visits, and how often."""

import numpy as np

__all__ = ["Visits"]


class Visits:
    """Passes of as many visits as there are rows, which fall to rows by their weights.

    Row i has n w_i / sum(w) visits in expectation, and one of the two whole numbers next to it
    wherever a pass is drawn at once: by systematic sampling, in a random order of the rows [1]_.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Positive.

    References
    ----------
    .. [1] W. G. Madow, "On the theory of systematic sampling, II", Annals of Mathematical
       Statistics 20, 1949.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.training.visits import Visits
    >>> Visits(np.array([3.0, 1.0, 1.0, 3.0, 2.0])).between(0, 5, seed=0)
    array([0, 0, 2, 3, 4])
    """

    def __init__(self, weights: np.ndarray):
        ends = np.cumsum(weights)
        self._ends = ends * (len(weights) / ends[-1])
        self._ends[-1] = len(weights)

    def between(self, first: int, last: int, seed: int) -> np.ndarray:
        """Ascending row numbers of some visits of a pass.

        The rows of a pass lie next to each other on a line, each as long as its weight and all
        together as long as there are visits.

        Parameters
        ----------
        first, last : int
            The part of that line that the visits fall into.
        seed : int
            Of the draw.

        Returns
        -------
        rows : ndarray of int, of length last - first
        """
        rng = np.random.default_rng(seed)
        ends = self._ends
        low, high = np.searchsorted(ends, first, side="right"), np.searchsorted(ends, last)
        within = np.diff(np.minimum(ends[low : high + 1], last), prepend=first)
        order = rng.permutation(len(within))
        drawn = np.searchsorted(np.cumsum(within[order]), np.arange(last - first) + rng.random())
        visited: np.ndarray = low + np.sort(order[np.minimum(drawn, len(within) - 1)])

        return visited
