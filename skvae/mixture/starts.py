"""Where EM starts: from what a user gives, and from a k-means partition."""

from typing import Any

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import check_array

from skvae._typing import ArrayLike, FloatArray
from skvae.data.blocks import RowBlocks, random_rows
from skvae.data.repeats import order_if_repeated
from skvae.data.weighted_blocks import WeightedSource, drawn_rows
from skvae.mixture.magnitudes import squarable
from skvae.mixture.missing import filled, has_missing, partition_statistics
from skvae.mixture.statistics import Statistics, hard_statistics
from skvae.mixture.variances import leads, varying

__all__ = ["START_METHODS", "given_start", "start"]

# Descriptors per component that a k-means start looks at, and its least number.
_START_ROWS_PER_COMPONENT = 200
_START_ROWS = 20_000
# Those among which k-means++ looks for centers, for which a few of each cluster are enough.
_SEED_ROWS_PER_COMPONENT = 50
_SEED_ROWS = 5000
# Where Lloyd's algorithm leaves off, EM moves the means on.
_N_LLOYD = 20
# Its square, and that of its inverse, are floats.
_FARTHEST = 1e150


def given_start(
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    n_components: int,
    d: int,
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None]:
    """Validate the parts of a start that are given.

    Parameters
    ----------
    weights : array-like of shape (n_components,) or None
        Non-negative, with sum 1.
    means : array-like of shape (n_components, d) or None
        Means.
    precisions : array-like of shape (n_components, d) or None
        Inverse variances, positive.
    n_components, d : int
        K, and the number of features.

    Returns
    -------
    weights, means, precisions : ndarray, float64, or None
        None stays None.

    Raises
    ------
    ValueError
        If a shape or a value is impossible.
    """
    shape = (n_components, d)
    return (
        _check_weights(weights, n_components),
        _check_init(means, shape, "means_init"),
        _check_init(precisions, shape, "precisions_init", positive=True),
    )


def _check_weights(weights: Any, n_components: int) -> FloatArray | None:
    if weights is None:
        return None
    checked: FloatArray = check_array(
        weights, dtype=np.float64, ensure_2d=False, input_name="weights_init"
    )
    if checked.shape != (n_components,):
        raise ValueError(f"weights_init has shape {checked.shape}, expected ({n_components},).")
    if checked.min() < 0 or not np.isclose(checked.sum(), 1):
        raise ValueError(
            f"weights_init must be non-negative and sum to 1; the least is {checked.min():g}, "
            f"the sum {checked.sum():g}."
        )
    return checked


def _check_init(
    value: Any, shape: tuple[int, int], name: str, positive: bool = False
) -> FloatArray | None:
    if value is None:
        return None
    checked: FloatArray = check_array(value, dtype=np.float64, input_name=name)
    if checked.shape != shape:
        raise ValueError(f"{name} has shape {checked.shape}, expected {shape}.")
    if positive and checked.min() <= 0:
        raise ValueError(f"{name} must be positive; the least is {checked.min():g}.")
    sizes = np.abs(checked)
    if sizes.max() > _FARTHEST or (positive and sizes.min() < 1 / _FARTHEST):
        far = sizes.max() if sizes.max() > _FARTHEST else sizes.min()
        raise ValueError(
            f"{name} holds {far:g}, and float64 cannot hold what a density makes of it: scale the "
            "data first."
        )
    return checked


def _kmeans(
    X: FloatArray, weights: FloatArray | None, n_components: int, rng: np.random.RandomState
) -> FloatArray:
    first = _kmeans_plusplus(X, weights, n_components, rng)
    kmeans = KMeans(n_components, init=first, n_init=1, max_iter=_N_LLOYD)
    centers: FloatArray = kmeans.fit(X, sample_weight=weights).cluster_centers_
    return centers


def _kmeans_plusplus(
    X: FloatArray, weights: FloatArray | None, n_components: int, rng: np.random.RandomState
) -> FloatArray:
    size = max(_SEED_ROWS, _SEED_ROWS_PER_COMPONENT * n_components)
    if weights is None:
        some = random_rows(len(X), size, rng)
    else:
        some, weights = drawn_rows([weights], size, rng)
    centers: FloatArray
    centers, _ = kmeans_plusplus(X[some], n_components, sample_weight=weights, random_state=rng)
    return centers


START_METHODS = {"kmeans": _kmeans, "k-means++": _kmeans_plusplus}


def start(
    data: RowBlocks | WeightedSource,
    n: int,
    n_components: int,
    method: str,
    center: FloatArray,
    rng: np.random.RandomState,
) -> Statistics:
    """Statistics of a k-means partition of a sample of the descriptors, for the first M-step.

    A sample is enough to start from, and k-means on all descriptors would cost more than EM. Where
    one feature has nearly all of the variance, features are standardised for it. What is drawn
    depends on the number of descriptors alone, never on the blocks they come in; a descriptor with
    a weight of 2 is there twice. k-means sees the mean of its column in the place of a missing
    value; the statistics are of the others alone.

    Parameters
    ----------
    data : RowBlocks or WeightedSource
        Descriptors.
    n : int
        How many, at least n_components; or how many weights stand for.
    n_components : int
        K.
    method : {"kmeans", "k-means++"}
        scikit-learn's algorithm for the centers.
    center : ndarray of shape (d,)
        What the statistics are about.
    rng : numpy.random.RandomState
        Of the sample and the algorithm.

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If weights leave fewer descriptors than components, all others being nothing beside them.
    """
    size = max(_START_ROWS, _START_ROWS_PER_COMPONENT * n_components)
    weights: FloatArray | None = None
    if isinstance(data, WeightedSource):
        drawn, weights = data.draw(size, rng)
    else:
        drawn = data.take(random_rows(n, size, rng))
    # In float64, so that float32 data start where the same data in float64 do; centred by its own
    # mean, whose bits do not depend on blocks.
    sample = drawn.astype(np.float64)
    if weights is None:
        order = order_if_repeated(sample)
        sample = sample if order is None else sample[order]
    else:
        weights = weights / weights.mean()
    if len(sample) < n_components:
        raise ValueError(
            f"n_components={n_components} needs at least as many descriptors, but only "
            f"{len(sample)} of n_samples={n} have weights that are anything beside the largest. "
            "Use weights of like size, or fewer components."
        )
    whole = filled(sample, center, weights)
    mean = np.average(whole, axis=0, weights=weights)
    centred = _comparable(squarable(whole - mean), weights, mean, data.dtype)
    centers = START_METHODS[method](centred, weights, n_components, rng)
    labels = pairwise_distances_argmin(centred, centers)
    of_partition = partition_statistics if has_missing(sample) else hard_statistics
    return of_partition(sample, labels, n_components, center, weights)


def _comparable(
    centred: FloatArray, weights: FloatArray | None, mean: FloatArray, dtype: np.dtype[Any]
) -> FloatArray:
    """Columns as they are, or in standard deviations where one of them leads all distances."""
    if weights is None:
        variances: FloatArray = centred.var(axis=0)
    else:
        variances = np.average(centred**2, axis=0, weights=weights)
    variances = varying(variances, mean, dtype)
    centred[:, variances == 0] = 0  # of rounding at most
    if not leads(variances):
        return centred
    return centred / np.sqrt(np.where(variances > 0, variances, 1))
