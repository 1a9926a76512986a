"""From the user's rows to what a network sees."""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from skvae._warnings import warn
from skvae.data.containers import float_type, numbers, validate_numbers
from skvae.data.iterables import BlockPasses, IteratedRows, yields_blocks
from skvae.data.maps import MappedRows, memory_map_of, row_blocks
from skvae.vae.descriptions import TOLERANCE, check_unit_range, is_unit_range, likelihood_of

__all__ = [
    "PreparedRows",
    "check_support",
    "check_unit_interval",
    "evenly_spaced",
    "in_unit_interval",
    "kinds_of_values",
    "network_input",
    "output_dtype",
    "part_of",
    "standardisation",
    "validate_rows",
    "varies",
    "within_support",
]

# What rows may stay in memory; others become float32 where that is exact, else float64.
_DTYPES = [np.float64, np.float32, np.uint8]


def validate_rows(estimator, X, *, reset):
    """Validate rows without copying those of a memory map, or making pixels of 8 bits larger.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set or compared with.
    X : array-like or iterable of blocks, of shape (n, n_features)
        Rows.
    reset : bool
        Whether to set or to compare.

    Returns
    -------
    X : ndarray, MappedRows or IteratedRows
        float32, float64 or uint8, but any numbers in a memory map.
    """
    if yields_blocks(X, type(estimator).__name__):
        return _validate_blocks(estimator, X, reset)
    if not isinstance(X, np.ndarray) or memory_map_of(X) is None:
        return validate_numbers(estimator, X, kept=_DTYPES, reset=reset)
    X = MappedRows(validate_data(estimator, numbers(X), ensure_all_finite=False, reset=reset))
    for block in row_blocks(X):
        assert_all_finite(block, estimator_name=type(estimator).__name__, input_name="X")

    return X


def _validate_blocks(estimator, X, reset):
    blocks = BlockPasses(X, _DTYPES)
    validate_data(estimator, blocks.first, skip_check_array=True, reset=reset)
    rows = IteratedRows(blocks)
    if len(rows) == 0:
        raise ValueError("The blocks of X have 0 samples, but a minimum of 1 is required.")

    return rows


def output_dtype(X):
    """The float type in which answers about rows come: theirs, float32 for pixels of 8 bits."""
    return float_type(X.dtype)


def part_of(X, places):
    """Some of the rows, by their ascending numbers; those that are not in memory stay there."""
    return X[places] if isinstance(X, np.ndarray) else X.part(places)


def evenly_spaced(n_rows, n):
    """Ascending numbers of ``n`` rows, or of all where there are fewer."""
    return np.unique(np.linspace(0, n_rows - 1, n).astype(np.intp))


def value_range(X):
    """Least and greatest value."""
    ranges = np.array([(block.min(), block.max()) for block in row_blocks(X)])

    return ranges[:, 0].min() + 0.0, ranges[:, 1].max() + 0.0  # -0.0 becomes 0.0


def varies(X):
    """Whether any feature has more than one value."""
    first = X[:1]

    return any((block != first).any() for block in row_blocks(X))


def in_unit_interval(X, max_value=1.0):
    """Whether all values lie in [0, max_value], up to rounding."""
    return is_unit_range(*value_range(X), max_value)


def kinds_of_values(X, max_value=1.0):
    """What all values are, up to rounding, from one pass.

    Returns
    -------
    binary, unit, counts : bool
        0 or ``max_value``; in [0, ``max_value``]; whole numbers from 0.
    """
    kinds = [
        (are_binary(block, max_value), in_unit_interval(block, max_value), _are_counts(block))
        for block in row_blocks(X)
    ]
    return tuple(bool(kind) for kind in np.all(kinds, axis=0))


def are_binary(X, max_value=1.0):
    """Whether each value of an array is 0 or ``max_value``, up to rounding."""
    tolerance = TOLERANCE * max_value
    x = np.asarray(X, dtype=output_dtype(X))

    return bool(((np.abs(x) <= tolerance) | (np.abs(x - max_value) <= tolerance)).all())


def check_unit_interval(X, wanted_by, max_value=1.0):
    """Raise an error that says how to scale ``X`` unless it lies in [0, max_value]."""
    check_unit_range(*value_range(X), wanted_by, max_value)


def within_support(X, max_value, *, binary):
    """Rows whose density a Bernoulli likelihood is asked for, clipped to [0, ``max_value``].

    Unseen rows may leave the range that the training rows had; a score of them is no reason to
    fail, nor to be silent.

    Parameters
    ----------
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        In the user's units.
    max_value : float
        What means 1.
    binary : bool
        Whether values between the ends are no probabilities, so that there is no density.

    Returns
    -------
    X : ndarray, MappedRows, IteratedRows or PreparedRows of shape (n, n_features)
    """
    is_binary, inside, _ = kinds_of_values(X, max_value)
    if not inside:
        low, high = value_range(X)
        warn(
            f"X has values between {low:.4g} and {high:.4g}, which likelihood='bernoulli' has no "
            f"density for; the scores are those of X clipped to [0, {max_value:g}]. Scale X as in "
            "the fit, or use likelihood='gaussian' where unseen rows may leave the range."
        )
        X = PreparedRows(X, partial(np.clip, a_min=0, a_max=max_value))
    if binary and not is_binary:
        warn(
            f"Scores of values between 0 and {max_value:g} under likelihood='bernoulli' are a "
            "cross-entropy, not a log-density: they do not tell outliers and compare with no other "
            "likelihood. Use likelihood='gaussian', or binarize=."
        )
    return X


def check_support(X, likelihood, max_value=1.0):
    """Raise an error unless the likelihood can give rise to ``X``, where it says what it can."""
    check = likelihood_of(likelihood).check
    if check is not None:
        facts = [_Facts(b.min(), b.max(), (np.floor(b) == b).all()) for b in row_blocks(X)]
        lows, highs, whole = (np.array(values) for values in zip(*facts, strict=True))
        check(_Facts(lows.min() + 0.0, highs.max() + 0.0, bool(whole.all())), max_value)


class _Facts(NamedTuple):
    low: float
    high: float
    whole: bool


def _are_counts(X):
    return X.min() >= 0 and (np.floor(X) == X).all()


def standardisation(X):
    """Mean and scale of each feature, (n_features,) float64; constant ones get scale 1.

    Not finite where squares are too large for a float.
    """
    scaler = StandardScaler()
    with np.errstate(over="ignore", invalid="ignore"):
        for block in row_blocks(X):
            scaler.partial_fit(block)

    return scaler.mean_, scaler.scale_


def network_input(X, mean, scale, max_value, threshold):
    """Rows as the network sees them.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        In the user's units.
    mean, scale : ndarray of shape (n_features,), or None
        Standardisation, computed in float64.
    max_value : float
        What becomes 1, without standardisation.
    threshold : bool
        Whether to replace X by X > 0.5, once scaled.

    Returns
    -------
    x : ndarray of shape (n, n_features), float32
    """
    if mean is not None:
        return ((X - mean) / scale).astype(np.float32)
    if threshold:
        return (0.5 * max_value < X).astype(np.float32)
    x = X.astype(np.float32, copy=False)

    return x if max_value == 1 else x / np.float32(max_value)


class PreparedRows:
    """Rows as the network sees them, made when they are asked for.

    Parameters
    ----------
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        In the user's units.
    prepare : callable
        :func:`network_input`, its options set.
    """

    def __init__(self, X, prepare):
        self.X, self._prepare = X, prepare

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        return self._prepare(self.X[rows])
