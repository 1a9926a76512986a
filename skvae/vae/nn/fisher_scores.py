r"""Fisher scores of a trained model: rows by how they would change its weights.

The evidence lower bound is E log p(x|z) - KL(q(z|x) || p(z)). The gradient of the first term is led
by what the decoder cannot explain, which is mostly noise; that of the second says how the latent
point of a row and the features that made it sit in the prior. So the score here is the gradient of
the KL term with respect to the last layer of the encoder, whose output is :math:`W h(x) + b`:

.. math::
    U(x) = -\frac{\partial\, KL}{\partial\, \text{output}} \otimes [h(x), 1],
    \qquad \text{divided by } \sqrt{E\, U^2}.

The division whitens by the diagonal of Fisher's information, taken over training rows.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import nn

from skvae._typing import Array
from skvae.compute.parallel import map_ordered
from skvae.compute.threads import single_threaded
from skvae.data.rows import in_memory
from skvae.data.tiles import padded
from skvae.fisher.encoding import normalize
from skvae.vae.nn.inference import map_rows, shared
from skvae.vae.nn.model import VAE
from skvae.vae.nn.posteriors import DiagonalNormal

__all__ = ["fisher_information", "fisher_scores", "score_factors", "score_shape"]

TILE = 256
# Features that no training row moved, such as those of dead units, stay zero.
_LEAST_INFORMATION = 1e-20


def score_shape(model: VAE) -> tuple[int, int]:
    """(2 d, n_hidden + 1): outputs of the encoder's last layer, and its inputs and bias.

    Raises
    ------
    ValueError
        If the encoder is the user's and does not end in a linear layer.
    """
    encoder = model.encoder
    if not (isinstance(encoder, nn.Sequential) and type(encoder[-1]) is nn.Linear):
        raise ValueError(
            "FisherScores needs an encoder whose last layer is linear: an nn.Sequential that ends "
            f"in nn.Linear, got {type(encoder).__name__}."
        )
    last = encoder[-1]
    return last.out_features, last.in_features + 1


def score_factors(model: VAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of each row's score, which is their outer product.

    Parameters
    ----------
    model : VAE
        Trained.
    x : tensor of shape (n, n_features)
        Rows as the network sees them.

    Returns
    -------
    slope : tensor of shape (n, 2 d)
        Gradient of -KL(q(z|x) || p(z)) with respect to the encoder's output, in nats.
    hidden : tensor of shape (n, n_hidden + 1)
        Input of the encoder's last layer, and a column of ones.
    """
    with torch.no_grad():
        hidden = model.encoder[:-1](model.encoder_input(x))
        output = model.encoder[-1](hidden)
    with torch.enable_grad():
        output.requires_grad_()
        kl = model.prior.kl(DiagonalNormal.from_network(output))
        (slope,) = torch.autograd.grad(-kl.sum(), output)

    return slope, torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)


def fisher_information(model: VAE, x: Any, *, n_jobs: int | None = 1) -> Array:
    """Mean squared score of each weight over rows, the diagonal of the empirical Fisher matrix.

    Parameters
    ----------
    model : VAE
        Trained.
    x : ndarray of shape (n, n_features), float32
        Rows as the network sees them.
    n_jobs : int or None, default=1
        Threads.

    Returns
    -------
    information : ndarray of shape (2 d, n_hidden + 1), float64
    """
    factors = _factors_of_tiles(model)

    def of_part(part: Any) -> Array:
        slope, hidden = (f[: len(part)] ** 2 for f in factors(padded(part[:], TILE)))
        information: Array = slope.T @ hidden

        return information

    total = np.zeros(score_shape(model))
    parts = (in_memory(x, rows) for rows in gen_batches(len(x), TILE))
    of_part, n_jobs = shared(model, of_part, n_jobs)
    with single_threaded():
        for more in map_ordered(of_part, parts, n_jobs):
            total += more

    return total / len(x)


def fisher_scores(model: VAE, x: Any, information: Array, *, n_jobs: int | None = 1) -> Array:
    """Whitened scores, divided by their length.

    Parameters
    ----------
    model : VAE
        Trained.
    x : ndarray of shape (n, n_features), float32
        Rows as the network sees them.
    information : ndarray of shape (2 d, n_hidden + 1)
        As :func:`fisher_information` gives it.
    n_jobs : int or None, default=1
        Threads.

    Returns
    -------
    scores : ndarray of shape (n, 2 d (n_hidden + 1)), float32
    """
    seen = information > _LEAST_INFORMATION
    whitening = np.where(seen, 1 / np.sqrt(np.where(seen, information, 1)), 0).astype(np.float32)
    factors = _factors_of_tiles(model)

    def function(_: slice, part: Array) -> Array:
        slope, hidden = (f[: len(part)].astype(np.float32) for f in factors(padded(part, TILE)))
        scores = slope[:, :, None] * hidden[:, None, :] * whitening

        return normalize(scores.reshape(len(part), -1), "l2", None)[0]

    return map_rows(model, function, x, n_jobs)


def _factors_of_tiles(model: VAE) -> Callable[[Array], list[Array]]:
    """Function from a tile of rows to its factors, computed in float64.

    Rounded to float32 afterwards, they do not show that kernels round by a row's place.
    """
    exact = copy.deepcopy(model).double()
    device = next(exact.parameters()).device

    def factors(tile: Array) -> list[Array]:
        x = torch.tensor(tile, dtype=torch.float64, device=device)

        return [f.cpu().numpy() for f in score_factors(exact.reading(tile), x)]

    return factors
