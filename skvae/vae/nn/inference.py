"""A trained model applied to rows, in tiles of one fixed size."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.utils import gen_batches

from skvae.data.tiles import map_tiles, padded_tiles
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import elbo_terms, log_importance_weights, log_mean_exp
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.seeds import row_generators

__all__ = ["decode", "decode_draws", "draw_posterior", "encode", "posterior_summary", "row_scores"]

Prepare = Callable[[np.ndarray], np.ndarray]
Generators = list[np.random.Generator]

TILE = 256
# Importance samples drawn at a time; the numbers do not depend on it.
_CHUNK = 16


def _on(model: VAE, array: np.ndarray) -> torch.Tensor:
    """Copy an array to the model's device, in C order: kernels, and so bits, depend on it."""
    return torch.tensor(np.ascontiguousarray(array), device=next(model.parameters()).device)


@torch.no_grad()
def encode(model: VAE, x: Any, *, log_var: bool = True) -> np.ndarray:
    """Posterior of each row: ``[mean | log_var]``, (n, 2 d), or means alone, (n, d)."""

    def function(tile: np.ndarray) -> np.ndarray:
        posterior = model.posterior(_on(model, tile))
        if not log_var:
            return posterior.mean.cpu().numpy()

        return torch.cat([posterior.mean, posterior.log_var], dim=1).cpu().numpy()

    return map_tiles(function, x, TILE)


@torch.no_grad()
def decode(model: VAE, Z: np.ndarray) -> np.ndarray:
    """E[x] for each row of Z, the decoder's input, (n, n_features)."""
    return map_tiles(lambda tile: model.decode(_on(model, tile)).cpu().numpy(), Z, TILE)


@torch.no_grad()
def decode_draws(model: VAE, Z: np.ndarray, seed: int) -> np.ndarray:
    """One draw of x for each row of Z, the decoder's input, (n, n_features)."""
    z = _on(model, Z)
    generator = torch.Generator(z.device).manual_seed(seed)
    tiles = [
        model.likelihood.sample(model.decoder(tile), generator).cpu().numpy()
        for tile in z.split(TILE)
    ]

    return np.concatenate(tiles)


@torch.no_grad()
def posterior_summary(
    model: VAE, x: Any, y: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How much each latent dimension carries.

    Parameters
    ----------
    model : VAE
        Trained.
    x : ndarray of shape (n, n_features), float32
        Rows as the network sees them.
    y : ndarray of shape (n,) or None
        Class numbers, -1 where unknown.

    Returns
    -------
    kl_per_dimension : ndarray of shape (d,)
        Mean KL of q(z_j|x) to the row's component of the prior in nats, over components by their
        responsibility where it is unknown.
    variance_of_means : ndarray of shape (d,)
        Variance over rows of the posterior mean in units of the prior (Burda et al. 2016, section
        5.2, whose prior has the variance 1).
    """
    kl, means, unit = np.zeros(model.n_components), [], model.prior.unit()
    for rows in gen_batches(len(x), TILE):
        posterior = model.posterior(_on(model, x[rows]))
        labels = None if y is None else _on(model, y[rows])
        kl += model.prior.kl_per_dimension(posterior, labels).double().sum(0).cpu().numpy()
        means.append((posterior.mean / unit).cpu().numpy())

    return kl / len(x), np.concatenate(means).astype(np.float64).var(axis=0)


@torch.no_grad()
def row_scores(
    model: VAE,
    X: Any,
    prepare: Prepare,
    y: np.ndarray | None,
    seed: int,
    *,
    dynamic: bool,
    variational: bool = True,
    n_importance: int | None = None,
) -> np.ndarray:
    """Bound on log p(x) of each row, with noise that belongs to the row.

    Parameters
    ----------
    model : VAE
        Trained.
    X : ndarray of shape (n, n_features)
        In the user's units: their hash is the key of the noise.
    prepare : callable
        From rows of X to what the network sees, float32.
    y : ndarray of shape (n,) or None
        Class numbers, -1 where unknown.
    seed : int
        The estimator's seed.
    dynamic : bool
        Whether rows are probabilities, from which one binary row is drawn.
    variational : bool
        False scores log p(x|z) at the posterior mean.
    n_importance : int or None
        Samples of the importance-weighted bound; None is the evidence lower bound.

    Returns
    -------
    scores : ndarray of shape (n,), float64
        In nats, in the units that the network sees.
    """
    scores = np.empty(len(X))
    for rows, places in padded_tiles(np.arange(len(X)), TILE):
        generators = row_generators(X[rows], seed)
        prepared = np.array(prepare(X[places]))
        if dynamic:
            uniform = np.stack([g.random(prepared.shape[1], np.float32) for g in generators])
            prepared[: len(uniform)] = uniform < prepared[: len(uniform)]
        x = _on(model, prepared)
        labels = None if y is None else _on(model, y[places])
        if n_importance is None:
            value = _tile_elbo(model, x, labels, generators if variational else None)
        else:
            value = _tile_bound(model, x, labels, generators, n_importance)
        scores[rows] = value[: len(generators)].cpu().numpy()

    return scores


@torch.no_grad()
def draw_posterior(
    model: VAE, X: Any, prepare: Prepare, seed: int, *, n_importance: int | None = None
) -> np.ndarray:
    """Latent points of each row that need noise, which belongs to the row.

    Computed in float64 and rounded, so that they do not show how kernels round a row by its place;
    modules of the user's stay in the type that they have.

    Parameters
    ----------
    model : VAE
        Trained.
    X, prepare, seed
        As for :func:`row_scores`.
    n_importance : int or None
        None draws z from q(z|x). A number gives the mean of p(z|x) by self-normalised importance
        sampling with that many draws.

    Returns
    -------
    Z : ndarray of shape (n, d), float32
    """
    d = model.n_components
    if not model.has_user_modules:
        model = copy.deepcopy(model).double()
    dtype = next(model.parameters()).dtype
    Z = np.empty((len(X), d), np.float32)
    for rows, places in padded_tiles(np.arange(len(X)), TILE):
        generators = row_generators(X[rows], seed)
        x = _on(model, prepare(X[places])).to(dtype)
        posterior = model.posterior(x)
        if n_importance is None:
            z = posterior.rsample(_on(model, _normals(generators, 1, d)[:, 0]).to(dtype))
        else:
            draws = _importance_draws(model, posterior, x, None, generators, n_importance)
            noise, log_weights = (torch.stack(a, dim=1) for a in zip(*draws, strict=True))
            weights = log_weights.double().softmax(dim=1).to(x.dtype)
            z = posterior.rsample((weights[:, :, None] * noise).sum(1))  # linear in the noise
        Z[rows] = z[: len(generators)].cpu().numpy()

    return Z


def _normals(generators: Generators, k: int, d: int) -> np.ndarray:
    """The next k standard normal vectors of each row, (TILE, k, d), zeros in the padding."""
    noise = np.zeros((TILE, k, d), np.float32)
    for row, generator in zip(noise, generators, strict=False):
        generator.standard_normal(dtype=np.float32, out=row)

    return noise


def _tile_elbo(
    model: VAE, x: torch.Tensor, y: torch.Tensor | None, generators: Generators | None
) -> torch.Tensor:
    d = model.n_components
    if generators is None:
        return elbo_terms(model, x, x.new_zeros(TILE, d), y)[0]
    reconstruction, kl = elbo_terms(model, x, _on(model, _normals(generators, 1, d)[:, 0]), y)

    return reconstruction.double() - kl.double()


def _importance_draws(
    model: VAE,
    posterior: DiagonalNormal,
    x: torch.Tensor,
    y: torch.Tensor | None,
    generators: Generators,
    n_importance: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pairs (noise, log weights) of one draw of z for every row."""
    d = model.n_components
    for start in range(0, n_importance, _CHUNK):
        noise = _on(model, _normals(generators, min(_CHUNK, n_importance - start), d)).to(x.dtype)
        for sample in noise.unbind(1):
            yield sample, log_importance_weights(model, posterior, x, sample, y)


def _tile_bound(
    model: VAE,
    x: torch.Tensor,
    y: torch.Tensor | None,
    generators: Generators,
    n_importance: int,
) -> torch.Tensor:
    draws = _importance_draws(model, model.posterior(x), x, y, generators, n_importance)

    return log_mean_exp(torch.stack([w for _, w in draws], dim=1).double())
