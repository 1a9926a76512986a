r"""Who in a set decided: what each descriptor adds to a linear function of the set's vector.

Entry j of a vector is :math:`v_j = \mathrm{sign}(g_j) |g_j|^p / n`, in which the gradient
:math:`g_j \propto \sum_i a_i g_{ij}` is a weighted sum of those of the descriptors, each as if it
were a set of its own, and power and norm are factors of the whole set. So it divides among them as
its gradient does,

.. math:: v_j = \sum_i v_j \frac{a_i g_{ij}}{\sum_{i'} a_{i'} g_{i'j}}.

What a gradient subtracts, such as :math:`w_k` of a posterior, belongs to every descriptor alike.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from sklearn.utils import gen_batches

from skvae._typing import ArrayLike, FloatArray
from skvae.data.containers import check_numbers
from skvae.data.weights import power_near
from skvae.fisher.codec import Codec
from skvae.fisher.sets import PackedSets
from skvae.fisher.spatial import cells_of, pyramid
from skvae.fisher.vectors import SetVectors

__all__ = ["check_coef", "contributions"]

# Bytes of gradients of single descriptors that are in memory at a time.
_BYTES = 2**24
# Gradients that cancel to a smaller share of their sizes have lost half of their digits or more.
_CANCELLED = np.sqrt(np.finfo(np.float64).eps)


def check_coef(coef: ArrayLike, n_features: int) -> FloatArray:
    """Validate weights of the features of a vector.

    Parameters
    ----------
    coef : array-like of shape (n_features,) or (n_outputs, n_features)
        The weights.
    n_features : int
        Length of a vector.

    Returns
    -------
    coef : ndarray of shape (n_features,) or (n_outputs, n_features), float64

    Raises
    ------
    ValueError
        If the shape is another one, or a number is not finite.
    """
    found = check_numbers(coef, "coef", ensure_2d=False, allow_nd=True).astype(np.float64)
    if found.ndim not in (1, 2) or found.shape[-1] != n_features:
        raise ValueError(
            f"coef must have shape ({n_features},) or (n_classes, {n_features}), a weight for "
            f"every feature of a vector; got {found.shape}. A transformer between encoder and "
            "linear model has to be folded in, such as coef @ svd.components_."
        )
    return found


def contributions(of_sets: SetVectors, one: PackedSets, coef: FloatArray) -> FloatArray:
    """What each descriptor of a set adds to linear functions of the set's vector.

    Parameters
    ----------
    of_sets : SetVectors
        What makes the vector, which is computed in float64.
    one : PackedSets
        A single set.
    coef : ndarray of shape (n_outputs, n_features)
        Of each function.

    Returns
    -------
    contributions : ndarray of shape (n_descriptors, n_outputs), float64
        Their sum is ``coef`` times the vector. An entry of the vector whose gradients cancel to
        rounding errors is shared by weight alone.

    Raises
    ------
    ValueError
        If ``coef`` is so large that they are infinite.
    """
    n, codec = len(one.descriptors), of_sets.codec
    out = np.zeros((n, len(coef)))
    if not n:
        return out
    unit = power_near(np.abs(coef).ravel())
    coef = coef / unit
    one = replace(one, descriptors=one.descriptors.astype(np.float64, copy=False))
    (vector,), _ = of_sets.of_batch(one)
    local, shares = of_sets.reduction.apply(one), _weights_in_cells(codec, one)
    factors, rest = _factors(codec, local, shares, vector, coef.reshape(len(coef), *vector.shape))
    for rows, gradients in _of_each(codec, local):
        for cell, share in enumerate(shares[:, rows]):
            inside = np.flatnonzero(share)
            found = gradients[inside] @ factors[:, cell].T + rest[:, cell]
            out[rows][inside] += share[inside, None] * found
    with np.errstate(over="ignore"):
        out *= unit
    if not np.isfinite(out).all():
        raise ValueError("coef is so large that contributions are infinite: divide it first.")
    return out


def _weights_in_cells(codec: Codec, one: PackedSets) -> FloatArray:
    """Weights of descriptors in each cell, (n_cells, n_descriptors), of which only proportions
    matter; 0 where they lie outside."""
    n = len(one.descriptors)
    fine, membership = pyramid(codec.levels)
    inside = membership[:, cells_of(one.positions, fine)] if fine > 1 else np.ones((1, n))
    return inside if one.weights is None else inside * (one.weights / power_near(one.weights))


def _of_each(codec: Codec, local: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Rows, and the gradients (n_rows, n_features of a cell) of each as a set of its own."""
    for rows in gen_batches(len(local), max(1, _BYTES // (8 * codec.layout.n_features))):
        yield rows, codec.gradients_of_each(local[rows])


def _factors(
    codec: Codec, local: FloatArray, shares: FloatArray, vector: FloatArray, coef: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """By what the gradients of a descriptor count, and what all share by weight alone.

    Parameters
    ----------
    codec : Codec
        That the vector is of.
    local : ndarray of shape (n, d)
        Reduced descriptors.
    shares : ndarray of shape (n_cells, n)
        Their weights in each cell.
    vector : ndarray of shape (n_cells, n_features)
        Of the set.
    coef : ndarray of shape (n_outputs, n_cells, n_features)
        Of each function.

    Returns
    -------
    factors : ndarray of shape (n_outputs, n_cells, n_features)
    rest : ndarray of shape (n_outputs, n_cells)
    """
    sums, sizes = np.zeros((2, *vector.shape))
    for rows, gradients in _of_each(codec, local):
        sums += shares[:, rows] @ gradients
        sizes += shares[:, rows] @ np.abs(gradients)
    cancelled = np.abs(sums) <= _CANCELLED * sizes
    ratios = np.where(cancelled, 0, vector) / np.where(cancelled, 1, sums)
    total = shares.sum(axis=1)
    rest = (coef * np.where(cancelled, vector, 0)).sum(axis=2)
    return coef * ratios, rest / np.where(total == 0, 1, total)
