"""A trained model applied to rows, in tiles of one fixed size."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from sklearn.utils import gen_batches

from skvae.compute.parallel import map_ordered
from skvae.compute.torch_runtime import scoped_runtime
from skvae.data.tiles import map_parts, padded
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import elbo_terms, log_importance_weights, log_mean_exp
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.sample_tiles import SampleTiles
from skvae.vae.scaling import where_observed
from skvae.vae.seeds import row_generators

__all__ = [
    "decode",
    "decode_draws",
    "draw_posterior",
    "encode",
    "map_rows",
    "posterior_summary",
    "row_scores",
    "shared",
]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# From rows to rows: to what the network sees, or to the units of the user.
Convert = Callable[[np.ndarray], np.ndarray]
Generators = list[np.random.Generator]

TILE = 256
# Tiles of importance samples drawn at a time; the numbers do not depend on it.
_CHUNK = 16


def _on(model: VAE, array: np.ndarray) -> torch.Tensor:
    """Copy an array to the model's device, in C order: kernels, and so bits, depend on it."""
    return torch.tensor(np.ascontiguousarray(array), device=next(model.parameters()).device)


def shared(
    model: VAE, function: Callable[Arguments, Answer], n_jobs: int | None
) -> tuple[Callable[Arguments, Answer], int | None]:
    """A function of a model, as several threads may call it, and how many of them may.

    In each of them torch has one thread, so that bits do not depend on their number. Modules of the
    user's, which may remember what they are called with, and those on a GPU are called by one.

    Parameters
    ----------
    model : VAE
        Trained.
    function : callable
        Calls it; without autograd.
    n_jobs : int or None
        Threads, as of :func:`skvae.compute.parallel.map_ordered`.

    Returns
    -------
    function : callable
    n_jobs : int or None
    """
    if model.has_user_modules or next(model.parameters()).device.type != "cpu":
        return torch.no_grad()(function), 1

    def in_one_thread(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with scoped_runtime(1), torch.no_grad():
            return function(*args, **kwargs)

    return in_one_thread, n_jobs


def map_rows(
    model: VAE, function: Callable[[slice, np.ndarray], np.ndarray], X: Any, n_jobs: int | None
) -> np.ndarray:
    """What a function of a model says of rows, tile by tile: see ``shared`` and ``map_parts``."""
    function, n_jobs = shared(model, function, n_jobs)

    return map_parts(function, X, TILE, n_jobs)


def encode(model: VAE, x: Any, *, log_var: bool = True, n_jobs: int | None = 1) -> np.ndarray:
    """Posterior of each row: ``[mean | log_var]``, (n, 2 d), or means alone, (n, d)."""

    def function(_: slice, part: np.ndarray) -> np.ndarray:
        posterior = model.reading(part).posterior(_on(model, padded(part, TILE)))
        if not log_var:
            return posterior.mean[: len(part)].cpu().numpy()

        return torch.cat([posterior.mean, posterior.log_var], dim=1)[: len(part)].cpu().numpy()

    return map_rows(model, function, x, n_jobs)


def decode(model: VAE, Z: np.ndarray, finish: Convert, *, n_jobs: int | None = 1) -> np.ndarray:
    """E[x] for each row of Z, the decoder's input, finished tile by tile, (n, n_features)."""

    def function(_: slice, part: np.ndarray) -> np.ndarray:
        x = model.decode(_on(model, padded(part, TILE)))

        return finish(x[: len(part)].cpu().numpy())

    return map_rows(model, function, Z, n_jobs)


@torch.no_grad()
def decode_draws(model: VAE, Z: np.ndarray, seed: int, *, n_jobs: int | None = 1) -> np.ndarray:
    """One draw of x for each row of Z, the decoder's input, (n, n_features)."""
    z = _on(model, Z)
    generator = torch.Generator(z.device).manual_seed(seed)
    decoder, n_jobs = shared(model, model.decoder, n_jobs)
    tiles = [
        model.likelihood.sample(output, generator).cpu().numpy()
        for output in map_ordered(decoder, z.split(TILE), n_jobs)
    ]

    return np.concatenate(tiles)


@torch.no_grad()
def posterior_summary(
    model: VAE, x: Any, y: np.ndarray | None = None, weights: np.ndarray | None = None
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
    weights : ndarray of shape (n,) or None, default=None
        What each row counts.

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
        part = x[rows]
        posterior = model.reading(part).posterior(_on(model, part))
        labels = None if y is None else _on(model, y[rows])
        own = model.prior.kl_per_dimension(posterior, labels).double()
        if weights is not None:
            own *= _on(model, weights[rows, None])
        kl += own.sum(0).cpu().numpy()
        means.append((posterior.mean / unit).cpu().numpy())
    mean = np.concatenate(means).astype(np.float64)
    if weights is None:
        return kl / len(x), mean.var(axis=0)
    center = np.average(mean, axis=0, weights=weights)

    return kl / weights.sum(), np.average((mean - center) ** 2, axis=0, weights=weights)


def row_scores(
    model: VAE,
    X: Any,
    prepare: Convert,
    y: np.ndarray | None,
    seed: int,
    *,
    dynamic: bool,
    variational: bool = True,
    n_importance: int | None = None,
    log_jacobian: Callable[[np.ndarray], float | np.ndarray] = lambda X: 0.0,
    n_jobs: int | None = 1,
) -> np.ndarray:
    """Bound on log p(x) of each row, of what is observed of it, with noise that belongs to the row.

    Parameters
    ----------
    model : VAE
        Trained.
    X : ndarray of shape (n, n_features)
        In the user's units: their hash is the key of the noise.
    prepare : callable
        From rows of X to what the network sees, float32.
    y : ndarray of shape (n,) or (n, n_conditions), or None
        Class numbers, -1 where unknown, or conditions.
    seed : int
        The estimator's seed.
    dynamic : bool
        Whether rows are probabilities, from which one binary row is drawn.
    variational : bool
        False scores log p(x|z) at the posterior mean.
    n_importance : int or None
        Samples of the importance-weighted bound; None is the evidence lower bound.
    log_jacobian : callable, default=0
        What is added, from rows of X.
    n_jobs : int or None, default=1
        Threads.

    Returns
    -------
    scores : ndarray of shape (n,), float64
        In nats, in the units that the network sees unless something is added.
    """

    def function(rows: slice, part: np.ndarray) -> np.ndarray:
        generators = row_generators(part, seed)
        prepared = np.array(prepare(padded(part, TILE)))
        if dynamic:
            uniform = np.stack([g.random(prepared.shape[1], np.float32) for g in generators])
            probabilities = prepared[: len(uniform)]
            drawn = (uniform < probabilities).astype(np.float32)
            prepared[: len(uniform)] = where_observed(probabilities, drawn)
        x = _on(model, prepared)
        labels = None if y is None else _on(model, padded(y[rows], TILE))
        reader = model.reading(prepared)
        if n_importance is None:
            value = _tile_elbo(reader, x, labels, generators if variational else None)
        else:
            value = _tile_bound(reader, x, labels, generators, n_importance)

        scores: np.ndarray = value[: len(generators)].double().cpu().numpy()
        scores = log_jacobian(part) + scores
        scores[np.isnan(part).all(axis=1)] = 0.0  # the probability of nothing is 1

        return scores

    return map_rows(model, function, X, n_jobs)


def draw_posterior(
    model: VAE,
    X: Any,
    prepare: Convert,
    seed: int,
    *,
    y: np.ndarray | None = None,
    n_importance: int | None = None,
    n_jobs: int | None = 1,
) -> np.ndarray:
    """Latent points of each row that need noise, which belongs to the row.

    Computed in float64 and rounded, so that they do not show how kernels round a row by its place;
    modules of the user's stay in the type that they have.

    Parameters
    ----------
    model : VAE
        Trained.
    X, prepare, seed, n_jobs
        As for :func:`row_scores`.
    y : ndarray of shape (n, n_conditions) or None, default=None
        Conditions, where the decoder sees some.
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

    def function(rows: slice, part: np.ndarray) -> np.ndarray:
        generators = row_generators(part, seed)
        prepared = prepare(padded(part, TILE))
        reader, x = model.reading(prepared), _on(model, prepared).to(dtype)
        posterior = reader.posterior(x)
        if n_importance is None:
            z = posterior.rsample(_in_tile(_on(model, _normals(generators, 1, d)[:, 0])).to(dtype))
        else:
            told = None if y is None else _on(model, padded(y[rows], TILE))
            draws = _importance_draws(reader, posterior, x, told, generators, n_importance)
            noise, log_weights = (torch.cat(a, dim=1) for a in zip(*draws, strict=True))
            weights = log_weights.double().softmax(dim=1).to(x.dtype)
            mean = _in_tile((weights[:, :, None] * noise).sum(1))
            z = posterior.rsample(mean)  # linear in the noise

        return z[: len(generators)].float().cpu().numpy()

    return map_rows(model, function, X, n_jobs)


def _normals(generators: Generators, k: int, d: int) -> np.ndarray:
    """The next k standard normal vectors of each row, (n, k, d)."""
    noise = np.empty((len(generators), k, d), np.float32)
    for row, generator in zip(noise, generators, strict=True):
        generator.standard_normal(dtype=np.float32, out=row)

    return noise


def _in_tile(values: torch.Tensor) -> torch.Tensor:
    """Values of rows, (n, ...), with zeros in the padding, (TILE, ...)."""
    tile = values.new_zeros(TILE, *values.shape[1:])
    tile[: len(values)] = values

    return tile


def _tile_elbo(
    model: VAE, x: torch.Tensor, y: torch.Tensor | None, generators: Generators | None
) -> torch.Tensor:
    d = model.n_components
    if generators is None:
        return elbo_terms(model, x, x.new_zeros(TILE, d), y)[0]
    noise = _in_tile(_on(model, _normals(generators, 1, d)[:, 0]))
    reconstruction, kl = elbo_terms(model, x, noise, y)

    return reconstruction.double() - kl.double()


def _importance_draws(
    model: VAE,
    posterior: DiagonalNormal,
    x: torch.Tensor,
    y: torch.Tensor | None,
    generators: Generators,
    n_importance: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pairs (noise, log weights) of some draws of z for every row, (n, m, d) and (n, m)."""
    n, d = len(generators), model.n_components
    tiles = SampleTiles(n, TILE)
    mean, std, x = (tiles.rows(values) for values in (posterior.mean, posterior.std, x))
    posterior, y = DiagonalNormal(mean, std), None if y is None else tiles.rows(y)
    for draws in gen_batches(n_importance, _CHUNK * tiles.n_samples):
        noise = _on(model, _normals(generators, draws.stop - draws.start, d)).to(x.dtype)
        weights = [
            tiles.by_row(log_importance_weights(model, posterior, x, tile, y), m)
            for tile, m in tiles.of(noise)
        ]
        yield noise, torch.cat(weights, dim=1)


def _tile_bound(
    model: VAE,
    x: torch.Tensor,
    y: torch.Tensor | None,
    generators: Generators,
    n_importance: int,
) -> torch.Tensor:
    draws = _importance_draws(model, model.posterior(x), x, y, generators, n_importance)
    log_weights = torch.cat([w for _, w in draws], dim=1)

    # Exponentials too are rounded by their place unless a tile is whole.
    return log_mean_exp(_in_tile(log_weights).double())
