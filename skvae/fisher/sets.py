"""Sets of local descriptors: one internal form for every container that holds them."""

import numpy as np
from scipy.sparse import issparse

__all__ = ["is_table", "pack_sets"]


def is_table(X):
    """Whether ``X`` is a 2-D table, whose rows are read as sets of one descriptor each.

    Parameters
    ----------
    X : array-like or sequence
        Anything a user may pass as a collection of sets.

    Returns
    -------
    bool
        False for a 3-D array and for a sequence of (n_i, d) arrays; True for all else, which is
        then left to scikit-learn's own validation.
    """
    if issparse(X):
        return True
    if isinstance(X, (list, tuple)) or (getattr(X, "ndim", None) == 1 and _holds_arrays(X)):
        return not any(_ndim(s) == 2 for s in X)
    if hasattr(X, "ndim"):
        return X.ndim != 3
    return np.ndim(np.asarray(X)) != 3


def _holds_arrays(X):
    return getattr(X, "dtype", None) is np.dtype(object)


def _ndim(s):
    if hasattr(s, "ndim"):
        return s.ndim
    # Only the outermost levels are looked at: a long list of numbers is not converted for this.
    return 1 + (_ndim(s[0]) if len(s) else 0) if isinstance(s, (list, tuple)) else 0


def pack_sets(X):
    """Concatenate sets of descriptors into one array and the offsets that separate them.

    Parameters
    ----------
    X : array of shape (n_sets, n_descriptors, d) or sequence of arrays of shape (n_i, d)
        The sets. Lists, tuples, object arrays and pandas Series of arrays are sequences; a set may
        be empty.

    Returns
    -------
    descriptors : ndarray of shape (n_1 + ... + n_n, d)
        All descriptors, set after set.
    offsets : ndarray of shape (n_sets + 1,)
        Set i is ``descriptors[offsets[i] : offsets[i + 1]]``.

    Raises
    ------
    ValueError
        If a set is not 2-D, or if two sets disagree in d.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher.sets import pack_sets
    >>> descriptors, offsets = pack_sets([np.ones((2, 3)), np.empty((0, 3)), np.ones((1, 3))])
    >>> descriptors.shape, offsets
    ((3, 3), array([0, 2, 2, 3]))
    """
    if getattr(X, "ndim", None) == 3:
        X = np.asarray(X)
        n, t, d = X.shape
        return X.reshape(n * t, d), np.arange(n + 1) * t
    sets = [np.asarray(s) for s in X]
    widths = {}
    for i, s in enumerate(sets):
        if s.ndim == 2:
            widths.setdefault(s.shape[1], i)
        elif s.size:
            raise ValueError(
                f"Set {i} of X has shape {s.shape}; every set must be a 2-D array of shape "
                "(n_descriptors, n_features)."
            )
    if len(widths) > 1:
        (d, i), (other, j) = list(widths.items())[:2]
        raise ValueError(
            f"All sets of X must have the same number of features: set {i} has {d}, "
            f"set {j} has {other}."
        )
    (d,) = widths
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    return np.concatenate([s.reshape(-1, d) for s in sets]), offsets
