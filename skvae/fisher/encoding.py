r"""From statistics to a Fisher vector: whitening, layout, power and norm.

With :math:`(S_0, S_1, S_2)` the statistics of a set of T descriptors (Sánchez, Perronnin, Mensink
and Verbeek, "Image classification with the Fisher vector: theory and practice", IJCV 2013, eqs.
16-18 and Alg. 1):

.. math::
    G_{w_k} &= \frac{S_0 - T w_k}{T \sqrt{w_k}} \\
    G_{\mu_k} &= \frac{S_1 - \mu_k S_0}{T \sqrt{w_k}\, \sigma_k} \\
    G_{\sigma_k} &= \frac{S_2 - 2 \mu_k S_1 + (\mu_k^2 - \sigma_k^2) S_0}
                         {T \sqrt{2 w_k}\, \sigma_k^2}
"""

import numpy as np

from skvae.fisher.statistics import set_statistics

__all__ = [
    "BLOCKS",
    "block_starts",
    "expand",
    "flatten",
    "normalize",
    "set_gradients",
    "signed_power",
    "unflatten",
    "whiten",
]

BLOCKS = ("weights", "means", "stds")


def set_gradients(descriptors, offsets, mixture, membership):
    """Whitened gradients of every cell of every set.

    Parameters
    ----------
    descriptors : ndarray of shape (N, d), float32 or float64
        Descriptors of n_sets * n_fine fine cells, one after the other.
    offsets : ndarray of shape (n_sets * n_fine + 1,)
        Where each fine cell begins.
    mixture : Mixture
        Parameters.
    membership : ndarray of shape (n_cells, n_fine)
        1 where a fine cell lies in a cell; statistics add.

    Returns
    -------
    gradients : ndarray of shape (n_sets, n_cells, K, 1 + 2 d), float64
    """
    n_cells, n_fine = membership.shape
    totals = np.concatenate([t for _, t in set_statistics(descriptors, offsets, mixture)])
    shape = totals.shape[1:]
    totals = totals.reshape(-1, n_fine, shape[0] * shape[1])
    counts = np.diff(offsets).reshape(-1, n_fine)
    if n_fine > 1:
        totals, counts = membership @ totals, counts @ membership.T
    center = mixture.center(descriptors.dtype)
    gradients = whiten(totals.reshape(-1, *shape), counts.reshape(-1), mixture, center)
    return gradients.reshape(-1, n_cells, *shape)


def whiten(totals, n_descriptors, mixture, center):
    """Gradient of the mean log-likelihood of each set, times the inverse root of Fisher's matrix.

    Parameters
    ----------
    totals : ndarray of shape (n_sets, K, 1 + 2 d)
        [S0 | S1 | S2] of each set about ``center``.
    n_descriptors : ndarray of shape (n_sets,)
        T of each set; a set without descriptors gets zeros.
    mixture : Mixture
        Parameters.
    center : ndarray of shape (d,)
        What the statistics are about.

    Returns
    -------
    gradients : ndarray of shape (n_sets, K, 1 + 2 d), float64
        [G_w | G_mu | G_sigma] of each component.
    """
    w, mu, sigma = mixture.weights[:, None], mixture.means - center, np.sqrt(mixture.covariances)
    d = mu.shape[1]
    n = np.maximum(n_descriptors, 1)[:, None, None]
    s0, s1, s2 = np.split(totals / n, [1, 1 + d], axis=2)
    gradients = np.empty(totals.shape)
    gradients[:, :, :1] = s0 - w
    gradients[:, :, 1 : 1 + d] = (s1 - mu * s0) / sigma
    gradients[:, :, 1 + d :] = (s2 - 2 * mu * s1 + (mu**2 - sigma**2) * s0) / (
        np.sqrt(2) * sigma**2
    )
    gradients /= np.sqrt(w)
    gradients[n_descriptors == 0] = 0
    return gradients


def flatten(gradients, blocks):
    """Lay component-major blocks out as [weights | means | stds].

    Parameters
    ----------
    gradients : ndarray of shape (n, K, 1 + 2 d)
        As ``whiten`` returns them.
    blocks : sequence of str
        Those of ``BLOCKS`` to keep; the order is always theirs.

    Returns
    -------
    vectors : ndarray of shape (n, n_features)
    """
    d = (gradients.shape[2] - 1) // 2
    parts = np.split(gradients, [1, 1 + d], axis=2)
    kept = [p.reshape(len(p), -1) for b, p in zip(BLOCKS, parts, strict=True) if b in blocks]
    return np.concatenate(kept, axis=1)


def unflatten(vectors, blocks, n_components, d):
    """Undo ``flatten``; blocks that were not kept are zero.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_features)
        Vectors.
    blocks : sequence of str
        The blocks they hold.
    n_components, d : int
        K and the dimension of a descriptor.

    Returns
    -------
    gradients : ndarray of shape (n, K, 1 + 2 d), float64
    """
    gradients = np.zeros((len(vectors), n_components, 1 + 2 * d))
    columns = dict(zip(BLOCKS, [slice(0, 1), slice(1, 1 + d), slice(1 + d, None)], strict=True))
    start = 0
    for block in BLOCKS:
        if block in blocks:
            target = gradients[:, :, columns[block]]
            stop = start + n_components * target.shape[2]
            target[:] = vectors[:, start:stop].reshape(target.shape)
            start = stop
    return gradients


def block_starts(blocks, n_components, d):
    """Where intra-normalised blocks begin: all weights, then each mean, then each deviation."""
    starts, start = [], 0
    for block, count, width in zip(
        BLOCKS, (1, n_components, n_components), (n_components, d, d), strict=True
    ):
        if block in blocks:
            starts.append(start + width * np.arange(count))
            start += width * count
    return np.concatenate(starts)


def signed_power(vectors, power):
    """sign(v) |v|^power."""
    return vectors if power == 1 else np.sign(vectors) * np.abs(vectors) ** power


def normalize(vectors, norm, starts):
    """Divide by norms.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_features)
        Vectors.
    norm : {"l2", "intra"} or None
        ``"intra"``: L2 of every block, then of the whole (Arandjelović and Zisserman, "All about
        VLAD", CVPR 2013).
    starts : ndarray
        Where the blocks of ``"intra"`` begin.

    Returns
    -------
    normalized : ndarray of shape (n, n_features)
        Zero vectors stay zero.
    scales : ndarray of shape (n, 1) or (n, n_blocks)
        What each block was divided by.
    """
    if norm is None:
        return vectors, np.ones((len(vectors), 1))
    # A vector of zeros has no direction: it is divided by 1.
    if norm == "intra":
        scales = np.sqrt(np.add.reduceat(vectors**2, starts, axis=1))
        n_blocks = np.sqrt((scales > 0).sum(axis=1, keepdims=True))
        scales = np.where(scales > 0, scales * n_blocks, 1)
    else:
        scales = np.linalg.norm(vectors, axis=1, keepdims=True)
        scales[scales == 0] = 1
    return vectors / expand(scales, starts, vectors.shape[1]), scales


def expand(scales, starts, n_features):
    """One scale per feature from one per block."""
    if scales.shape[1] == 1:
        return scales
    return np.repeat(scales, np.diff([*starts, n_features]), axis=1)
