r"""What a set would change of a mixture: how often each component occurs in it, where and how wide.

A Fisher vector, read back before its power and norm:

.. math::
    \bar\gamma_k &= w_k + \sqrt{w_k}\, G_{w_k} \\
    \delta_k = \frac{\bar x_k - \mu_k}{\sigma_k} &= \sqrt{w_k}\, G_{\mu_k} / \bar\gamma_k \\
    \frac{\overline{(x - \bar x_k)^2}}{\sigma_k^2} &=
        1 + \sqrt{2 w_k}\, G_{\sigma_k} / \bar\gamma_k - \delta_k^2

with means over the descriptors of the set, weighted by their posteriors. Where values are missing,
those of a dimension are over the descriptors that have it, whose share stands for
:math:`\bar\gamma_k` below the fraction bars.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skvae._optional import require
from skvae._typing import FloatArray
from skvae.fisher.codec import Codec
from skvae.fisher.layout import GRADIENTS
from skvae.fisher.sets import PackedSets
from skvae.fisher.vectors import SetVectors
from skvae.mixture.missing import has_missing
from skvae.mixture.moments import join_moments, split_moments, split_totals

__all__ = ["component_changes", "frame_of_changes", "of_whole_sets"]

# Descriptors of a component below which a set says nothing of its mean: rounding of its weight.
_NONE = 1e-6


def of_whole_sets(codec: Codec) -> Codec:
    """A codec whose vectors are all gradients of a set, before power, norm and pyramid."""
    return replace(codec, gradients=tuple(GRADIENTS), power=1.0, norm=None, levels=(1,))


def component_changes(of_sets: SetVectors, one: PackedSets) -> FloatArray:
    """Prevalence, shift and relative variance of each component in a set.

    Parameters
    ----------
    of_sets : SetVectors
        Of gradients as :func:`of_whole_sets` has them; they are computed in float64.
    one : PackedSets
        A single set.

    Returns
    -------
    changes : ndarray of shape (K, 1 + 2 d), float64
        [share of the descriptors | shift of the mean, in standard deviations | variance, as a share
        of the component's]. The latter two are NaN where no descriptor belongs to a component, as
        is all of an empty set.
    """
    mixture, layout = of_sets.codec.mixture, of_sets.codec.layout
    n = len(one.descriptors) if one.weights is None else one.weights.sum()
    if n == 0:
        return np.full((layout.n_components, 1 + 2 * layout.d), np.nan)
    wide = replace(one, descriptors=one.descriptors.astype(np.float64, copy=False))
    vectors, _ = of_sets.of_batch(wide)
    g_weights, g_means, g_stds = split_moments(layout.unflatten(vectors[0])[0])
    root = np.sqrt(mixture.weights)[:, None]
    share = np.maximum(mixture.weights[:, None] + root * g_weights, 0)
    seen = _seen(of_sets, wide) if has_missing(wide.descriptors) else share
    known = np.where(seen * n > _NONE, seen, np.nan)
    shift = root * g_means / known
    variance = 1 + np.sqrt(2) * root * g_stds / known - shift**2
    return join_moments(share, shift, np.maximum(variance, 0))


def _seen(of_sets: SetVectors, one: PackedSets) -> FloatArray:
    """Share of a set's descriptors that are of a component and have a dimension, (K, d)."""
    one = one.counted()
    local = of_sets.reduction.apply(one)
    totals, counts = of_sets.codec.statistics(local, one.offsets, None, one.weights)
    *_, n = split_totals(totals[0, 0], local.shape[1])
    seen: FloatArray = n / counts[0, 0]
    return seen


def frame_of_changes(
    changes: FloatArray, weights: FloatArray, dimensions: Sequence[str], X: Any
) -> Any:
    """Changes of all sets as a table, a row for each set and component.

    Parameters
    ----------
    changes : ndarray of shape (n_sets, K, 1 + 2 d)
        As of :func:`component_changes`.
    weights : ndarray of shape (K,)
        Of the components.
    dimensions : sequence of str
        Names of those of a reduced descriptor.
    X : object
        What the sets are of; a Series or frame of pandas has names for them.

    Returns
    -------
    frame : pandas.DataFrame

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    require("pandas", "component_changes", "pandas")
    import pandas as pd

    n_sets, n_components, _ = changes.shape
    named = isinstance(X, (pd.Series, pd.DataFrame))
    of_rows = (X.index if named else pd.RangeIndex(n_sets)).repeat(n_components)
    levels = [of_rows.get_level_values(i) for i in range(of_rows.nlevels)]
    names = ["set" if level.name is None else level.name for level in levels]
    index = pd.MultiIndex.from_arrays(
        [*levels, np.tile(np.arange(n_components), n_sets)], names=[*names, "component"]
    )
    values = changes.reshape(n_sets * n_components, -1)
    frame = pd.DataFrame(
        values[:, 1:],
        index,
        [f"{change}_{name}" for change in ("shift", "variance") for name in dimensions],
    )
    frame.insert(0, "prevalence", values[:, 0])
    frame.insert(1, "weight", np.tile(weights, n_sets))
    return frame
