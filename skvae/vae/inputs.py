"""From the user's rows and labels to what a network sees."""

import numpy as np
from sklearn.preprocessing import StandardScaler

__all__ = [
    "check_support",
    "check_unit_interval",
    "encode_labels",
    "in_unit_interval",
    "network_input",
    "standardisation",
]

# MinMaxScaler overshoots 1 by a rounding error.
_TOLERANCE = 1e-6

UNLABELLED = -1


def in_unit_interval(X):
    """Whether all values lie in [0, 1], up to rounding."""
    return bool(X.min() >= -_TOLERANCE and X.max() <= 1 + _TOLERANCE)


def check_unit_interval(X, wanted_by):
    """Raise an error that says how to scale ``X`` unless it lies in [0, 1]."""
    if not in_unit_interval(X):
        raise ValueError(
            f"{wanted_by} needs values in [0, 1], got values between {X.min():.4g} and "
            f"{X.max():.4g}. Scale first: X / 255 for 8-bit pixels, otherwise "
            "sklearn.preprocessing.MinMaxScaler(clip=True)."
        )


def check_support(X, likelihood):
    """Raise an error unless the likelihood of that name can give rise to ``X``."""
    if likelihood == "bernoulli":
        check_unit_interval(X, "likelihood='bernoulli'")
    elif likelihood == "poisson" and (X.min() < 0 or (np.floor(X) != X).any()):
        raise ValueError(
            "likelihood='poisson' needs counts: whole numbers from 0, got values between "
            f"{X.min():.4g} and {X.max():.4g}. Use likelihood='gaussian' for other numbers."
        )


def standardisation(X):
    """Mean and scale of each feature, (n_features,) float64; constant ones get scale 1."""
    scaler = StandardScaler().fit(X)

    return scaler.mean_, scaler.scale_


def network_input(X, mean, scale, threshold):
    """Rows as the network sees them.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        In the user's units.
    mean, scale : ndarray of shape (n_features,), or None
        Standardisation, computed in float64.
    threshold : bool
        Whether to replace X by X > 0.5.

    Returns
    -------
    x : ndarray of shape (n, n_features), float32
    """
    if mean is not None:
        return ((X - mean) / scale).astype(np.float32)
    if threshold:
        return (X > 0.5).astype(np.float32)

    return X.astype(np.float32, copy=False)


def known_classes(y):
    """The sorted labels in ``y``, without -1, which means unlabelled."""
    classes = np.unique(y)
    if classes.dtype.kind in "iuf":
        classes = classes[classes != UNLABELLED]

    return classes


def encode_labels(y, classes):
    """Replace labels by their place in ``classes``; -1 stays -1.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    classes : ndarray of shape (n_classes,)
        Sorted.

    Returns
    -------
    codes : ndarray of shape (n,), int64

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.inputs import encode_labels
    >>> encode_labels(np.array([7, -1, 5]), np.array([5, 7]))
    array([ 1, -1,  0])
    """
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    unknown = classes[codes] != y
    if y.dtype.kind in "iuf":
        codes[y == UNLABELLED] = UNLABELLED
        unknown &= y != UNLABELLED
    if unknown.any():
        raise ValueError(
            f"y contains labels that were not seen in fit: {np.unique(y[unknown])[:5]}; "
            f"classes_ is {classes}."
        )

    return codes.astype(np.int64)
