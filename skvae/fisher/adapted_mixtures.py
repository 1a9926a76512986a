"""Mixtures that are adapted to each set, as arrays."""

from dataclasses import replace

import numpy as np

from skvae.fisher.sets import PackedSets
from skvae.fisher.vectors import SetVectors
from skvae.mixture.adaptation import adapted
from skvae.mixture.statistics import Mixture

__all__ = ["adapted_mixture"]


def adapted_mixture(of_sets: SetVectors, one: PackedSets, relevance: float) -> Mixture:
    """The mixture of an encoder after a set.

    Parameters
    ----------
    of_sets : SetVectors
        Of a codec without a pyramid; statistics are computed in float64.
    one : PackedSets
        A single set.
    relevance : float
        As of :func:`skvae.mixture.adaptation.adapted`.

    Returns
    -------
    Mixture
        Over reduced descriptors, with positions where those are appended; that of the encoder for
        an empty set.
    """
    codec = of_sets.codec
    one = one.without_zeros()
    if len(one.descriptors) == 0:
        return codec.mixture
    wide = replace(one, descriptors=one.descriptors.astype(np.float64, copy=False))
    local = of_sets.reduction.apply(wide).astype(np.float64, copy=False)
    totals, _ = codec.statistics(local, wide.offsets, None, wide.weights)
    center = codec.mixture.centers(np.float64)
    return adapted(totals[0, 0].astype(np.float64), codec.mixture, center, relevance)
