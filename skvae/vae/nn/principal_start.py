"""Networks that begin at principal components: the encoder gives them, the decoder comes back.

From random weights, the way to what the columns of a table share takes a good part of a fit of a
few thousand rows, and what no other column shares is never found.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import LinAlgError, eigh
from sklearn.utils.extmath import randomized_svd
from torch import nn

from skvae.compute.threads import single_threaded

__all__ = ["NOISE", "LinearMaps", "carries", "principal_maps", "start_as"]

# Standard deviation of a standardised column given z. With that of the column itself, 1, the fit
# would give up all but the first components before it has learned that there is less noise.
NOISE = 0.5

# Of a component's variance, that of the noise is this at most.
_MOST_NOISE = 0.8

# Columns of which the covariance is decomposed.
_MOST_EXACT = 1000

# Variances of standardised columns that are none.
_RANK_TOLERANCE = 1e-6


class LinearMaps(NamedTuple):
    """A linear Gaussian model of x, (n_features,), by z, (k,).

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Of x.
    to_latent : ndarray of shape (k, n_features)
        The posterior of z has the mean ``to_latent @ (x - mean)``.
    std : ndarray of shape (k,)
        Its standard deviations.
    from_latent : ndarray of shape (n_features, k)
        The mean of x given z is ``mean + from_latent @ z``.
    """

    mean: np.ndarray
    to_latent: np.ndarray
    std: np.ndarray
    from_latent: np.ndarray


def principal_maps(
    x: np.ndarray, n_components: int, weights: np.ndarray | None = None
) -> LinearMaps:
    """Probabilistic principal components of rows [1]_, with noise of the variance ``NOISE**2``.

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
        Rows.
    n_components : int
        Those beyond the rank of x say nothing: their maps are 0 and their std is 1.
    weights : ndarray of shape (n,) or None, default=None
        Of the rows.

    Returns
    -------
    maps : LinearMaps
        In float64.

    References
    ----------
    .. [1] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", Journal of
       the Royal Statistical Society B 61, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.nn.principal_start import principal_maps
    >>> maps = principal_maps(np.array([[-1.0, 0], [1, 0]]), 1)
    >>> maps.to_latent.round(3), maps.std, maps.from_latent.round(3)
    (array([[0.866, 0.   ]]), array([0.5]), array([[0.866],
           [0.   ]]))
    """
    x, d = np.asarray(x, np.float64), x.shape[1]
    with single_threaded():  # since the last bits depend on the number of threads
        variances, axes = _principal_axes(x, min(n_components, d), weights)
    used = variances > _RANK_TOLERANCE
    variances, axes = variances[used], axes[:, used]
    axes = axes * _signs(axes)
    noise = np.minimum(NOISE**2, _MOST_NOISE * variances)
    spread, n_used = np.sqrt(variances - noise), len(variances)
    to_latent, std = np.zeros((n_components, d)), np.ones(n_components)
    from_latent = np.zeros((d, n_components))
    to_latent[:n_used] = (axes * (spread / variances)).T
    std[:n_used] = np.sqrt(noise / variances)
    from_latent[:, :n_used] = axes * spread

    return LinearMaps(np.average(x, axis=0, weights=weights), to_latent, std, from_latent)


def _signs(axes: np.ndarray) -> np.ndarray:
    """Signs by which the first of the largest numbers of each axis are positive, (n_axes,).

    Two categories have opposite numbers, of which rounding alone would tell the larger one.
    """
    sizes = np.abs(axes)
    first = (sizes > (1 - 1e-6) * sizes.max(axis=0)).argmax(axis=0)

    signs: np.ndarray = np.sign(np.take_along_axis(axes, first[None], axis=0)[0])

    return signs


def _principal_axes(
    x: np.ndarray, n_axes: int, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Variances, largest first, and directions, (n_features, n_axes), of rows."""
    n, d = x.shape
    if d > _MOST_EXACT:  # where all eigenvectors would take longer than the fit
        shares = np.full(n, 1 / n) if weights is None else weights / weights.sum()
        scaled = np.sqrt(shares)[:, None] * (x - shares @ x)
        _, stds, axes = randomized_svd(scaled, n_axes, random_state=0)
        return stds**2, axes.T
    covariance = np.atleast_2d(np.cov(x.T, ddof=0, aweights=weights))
    try:
        variances, axes = eigh(covariance, subset_by_index=(d - n_axes, d - 1))
    except LinAlgError:  # of many alike, as of a column that names its rows, some are not found
        variances, axes = (found[..., d - n_axes :] for found in eigh(covariance, driver="evd"))
    return variances[::-1], axes[:, ::-1]


def carries(network: nn.Module, n: int) -> bool:
    """Whether a perceptron can begin as a linear map of rank n: rectified, and wide enough."""
    if not isinstance(network, nn.Sequential):
        return False
    hidden = [layer for layer in network if isinstance(layer, nn.Linear)][:-1]

    return all(isinstance(layer, nn.Linear | nn.ReLU) for layer in network) and all(
        layer.out_features >= 2 * n for layer in hidden
    )


@torch.no_grad()
def start_as(
    network: nn.Sequential,
    inner: np.ndarray,
    inner_bias: np.ndarray,
    outer: np.ndarray,
    outer_bias: np.ndarray,
) -> None:
    """Let a perceptron begin as ``outer @ (inner @ x + inner_bias) + outer_bias``, in place.

    In each hidden layer 2 n units carry the n numbers in between and their negatives, of which
    rectification leaves one. The others keep their weights, and no output listens to them yet.

    Parameters
    ----------
    network : torch.nn.Sequential
        One that ``carries`` n.
    inner : ndarray of shape (n, n_inputs)
        Inputs of the network beyond ``n_inputs`` do not count yet.
    inner_bias : ndarray of shape (n,)
        Added.
    outer : ndarray of shape (n_outputs, n)
        To the outputs.
    outer_bias : ndarray of shape (n_outputs,)
        Added.
    """
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    n, n_inputs = inner.shape
    first, last = layers[0], layers[-1]
    if len(layers) == 1:
        first.weight.zero_()[:, :n_inputs] = _tensor(outer @ inner)
        first.bias.copy_(_tensor(outer @ inner_bias + outer_bias))
        return
    for layer in layers[:-1]:
        layer.weight[: 2 * n] = 0
    first.weight[: 2 * n, :n_inputs] = _tensor(np.concatenate([inner, -inner]))
    first.bias[: 2 * n] = _tensor(np.concatenate([inner_bias, -inner_bias]))
    for layer in layers[1:-1]:
        layer.weight[: 2 * n, : 2 * n] = torch.eye(2 * n)
    last.weight.zero_()[:, : 2 * n] = _tensor(np.concatenate([outer, -outer], axis=1))
    last.bias.copy_(_tensor(outer_bias))


def _tensor(a: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(a.astype(np.float32))
