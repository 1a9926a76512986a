"""Where the length of a Fisher vector comes from."""

import numpy as np

from skvae._typing import FloatArray
from skvae.fisher.codec import Codec
from skvae.fisher.layout import by_gradient

__all__ = ["energies"]


def energies(codec: Codec, local: FloatArray) -> FloatArray:
    r"""Shares of descriptors, components and gradients in the squared length of a set's vector.

    The whitened gradient G of a set, before power and norm, is the mean of those of its T
    descriptors, :math:`G = \sum_t g_t / T`, so that

    .. math:: |G|^2 = \sum_{k, t} g_{tk} \cdot G_k / T.

    A term is negative where a descriptor pulls against the rest of its set.

    Parameters
    ----------
    codec : Codec
        Of a ``FisherVectorEncoder``; its power, norm and pyramid play no part.
    local : ndarray of shape (T, d)
        Reduced descriptors of one set, with positions where those are appended.

    Returns
    -------
    shares : ndarray of shape (3, K, T)
        By gradient (weights, means, standard deviations), component and descriptor. Their sum over
        descriptors is a sum of squares, hence not negative.
    """
    gradients = codec.layout.unflatten(codec.gradients_of_each(local))  # (T, K, 1 + 2 d)
    products = by_gradient(gradients * gradients.mean(axis=0) / len(local))

    return np.stack([product.sum(axis=2).T for product in products.values()])
