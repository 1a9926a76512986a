r"""Missing values filled in by what a trained model says of them, given what is observed.

With z_1, ..., z_k from q(z|x_obs) and the normalised importance weights

.. math:: w_i \propto p(x_{obs}|z_i) p(z_i) / q(z_i|x_{obs})

the expectation of x_mis is the weighted mean of E[x_mis|z_i], and a draw of x_mis is one from
p(x_mis|z_i) for an i drawn by its weight: P.-A. Mattei and J. Frellsen, "MIWAE: deep generative
modelling and imputation of incomplete data sets", ICML 2019, section 3. Where the decoder sees a
class that is not known, each z_i counts once with every class.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skvae.data.tiles import padded
from skvae.vae.nn.inference import map_rows
from skvae.vae.nn.model import VAE
from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.sample_tiles import SampleTiles
from skvae.vae.seeds import row_generators, stream_seed

__all__ = ["impute"]

TILE = 256

# From a number of points, a class number, -1 where unknown, and a generator: z from the prior.
DrawPrior = Callable[[int, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class _Candidates:
    """Latent points of the rows of a tile, and what is decoded with them."""

    tiles: SampleTiles
    z: torch.Tensor  # (n, k, d)
    log_ratio: torch.Tensor  # (n, k), log p(z|y) - log q(z|x)
    classes: list[tuple[torch.Tensor | None, torch.Tensor]]  # and their log p(y), (TILE,) each

    def decoded(self, model: VAE, x: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Pairs (decoder's output, log weights) of a tile with one class after the other.

        The outputs are (TILE, ...), the weights those of m points of each row, (n, m).
        """
        tiles, n = self.tiles, len(self.z)
        x = tiles.rows(x)
        classes = [
            (None if y is None else tiles.rows(y), log_share[:n, None])
            for y, log_share in self.classes
        ]
        ratios = self.log_ratio.split(tiles.n_samples, dim=1)
        for (z, m), log_ratio in zip(tiles.of(self.z), ratios, strict=True):
            for y, log_share in classes:
                output = model.decoder(model.decoder_input(z, y))
                log_prob = tiles.by_row(model.log_prob(x, output), m)
                yield output, log_prob + (log_ratio + log_share)

    def at(self, number: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor | None, int]]:
        """Tiles of z and class of the candidates of these numbers, (n, n_draws), as decoded.

        The last of the three is how many draws of each row are in a tile.
        """
        rows = torch.arange(len(number), device=number.device)[:, None]
        n_classes = len(self.classes)
        tiles = self.tiles.of(self.z[rows, number // n_classes])
        if self.classes[0][0] is None:
            return ((z, None, m) for z, m in tiles)
        by_row = torch.stack([y for y, _ in self.classes if y is not None], dim=1)
        labels = self.tiles.of(by_row[rows, number % n_classes])

        return ((z, y, m) for (z, m), (y, _) in zip(tiles, labels, strict=True))


def impute(
    model: VAE,
    X: Any,
    prepare: Callable[[np.ndarray], np.ndarray],
    y: np.ndarray | None,
    seed: int,
    *,
    n_importance: int,
    n_draws: int | None = None,
    draw_prior: DrawPrior | None = None,
    n_jobs: int | None = 1,
) -> np.ndarray:
    """What stands where values are missing, as the network sees rows.

    Parameters
    ----------
    model : VAE
        Trained.
    X : ndarray or Rows of shape (n, n_features)
        In the user's units, NaN where missing.
    prepare : callable
        From rows of X to what the network sees, float32.
    y : ndarray of shape (n,) or (n, n_conditions), or None
        Class numbers, -1 where unknown, or conditions.
    seed : int
        Of all noise. That of a row belongs to its values, and with draws to its place as well.
    n_importance : int
        Latent points for each row.
    n_draws : int or None, default=None
        Draws for each row; None gives expectations.
    draw_prior : callable or None, default=None
        Latent points for rows of which nothing is observed; None takes those of the encoder.
    n_jobs : int or None, default=1
        Threads.

    Returns
    -------
    x : ndarray of shape (n, n_features) or (n, n_draws, n_features), float32
        Zeros in rows of which nothing is missing.
    """
    if not model.has_user_modules:  # bits that do not show how kernels round a row by its place
        model = copy.deepcopy(model).double()
    dtype = next(model.parameters()).dtype

    def function(rows: slice, part: np.ndarray) -> np.ndarray:
        shape = part.shape if n_draws is None else (len(part), n_draws, part.shape[1])
        if not np.isnan(part).any():
            return np.zeros(shape, np.float32)
        keys = part if n_draws is None else np.column_stack([part, np.arange(len(X))[rows]])
        generators = row_generators(keys, seed)
        prepared = padded(prepare(part), TILE)
        x = torch.tensor(prepared, dtype=dtype, device=next(model.parameters()).device)
        reader = model.reading(prepared)
        labels = None if y is None else padded(y[rows], TILE)
        # Features are drawn for a whole tile, whose padding is one row, the last, many times.
        tiles = SampleTiles(len(part) if n_draws is None else min(len(part) + 1, TILE), TILE)
        candidates = _candidates(reader, x, labels, generators, n_importance, draw_prior, tiles)
        if n_draws is None:
            filled = _expectation(reader, x, candidates)
        else:
            tile_seed = stream_seed(seed, rows.start)
            filled = _draws(reader, x, candidates, generators, n_draws, tile_seed)

        return filled[: len(part)].float().cpu().numpy()

    return map_rows(model, function, X, n_jobs)


def _candidates(
    model: VAE,
    x: torch.Tensor,
    y: np.ndarray | None,
    generators: list[np.random.Generator],
    k: int,
    draw_prior: DrawPrior | None,
    tiles: SampleTiles,
) -> _Candidates:
    posterior = model.posterior(x)
    noise = np.zeros((tiles.n_rows, k, model.n_components), np.float32)
    known = -np.ones(len(x), int) if y is None or y.ndim > 1 else y
    empty = x.isnan().all(1).cpu().numpy() & (draw_prior is not None)
    for row, generator in enumerate(generators):
        if empty[row] and draw_prior is not None:
            noise[row] = draw_prior(k, int(known[row]), generator)
        else:
            generator.standard_normal(dtype=np.float32, out=noise[row])
    labels = torch.tensor(known if y is None else y).to(x.device)
    is_empty, told = tiles.rows(torch.tensor(empty).to(x.device)), tiles.rows(labels)
    posterior = DiagonalNormal(tiles.rows(posterior.mean), tiles.rows(posterior.std))
    points, ratios = [], []
    for u, m in tiles.of(torch.tensor(noise).to(x)):
        z = torch.where(is_empty[:, None], u, posterior.rsample(u))
        ratio = model.prior.log_prob(z, told) - posterior.log_prob(z)
        points.append(tiles.by_row(z, m))
        ratios.append(tiles.by_row(torch.where(is_empty, 0, ratio), m))

    return _Candidates(tiles, torch.cat(points, 1), torch.cat(ratios, 1), _classes(model, labels))


def _classes(model: VAE, y: torch.Tensor) -> list[tuple[torch.Tensor | None, torch.Tensor]]:
    """What the decoder may see of each row's class, and its log-probability; a known one alone.

    Conditions, which are all known, stand in the place of classes.
    """
    certain = torch.zeros(len(y), dtype=torch.float64, device=y.device)
    if model.n_conditions:
        return [(y, certain)]
    if not model.labels_in_decoder:
        return [(None, certain)]
    if bool((y >= 0).all()):
        return [(y, certain)]
    unknown = y < 0

    return [
        (
            torch.where(unknown, number, y),
            torch.where(unknown, log_share, 0.0 if number == 0 else -torch.inf),
        )
        for number, log_share in enumerate(model.log_frequencies.double())
    ]


def _expectation(model: VAE, x: torch.Tensor, candidates: _Candidates) -> torch.Tensor:
    """E[x|z] averaged by the weights, (n, n_features), one tile of candidates after the other."""
    tiles = candidates.tiles
    mean = x.new_zeros(tiles.n_rows, x.shape[1])
    top = x.new_full((tiles.n_rows, 1), -torch.inf)
    total = torch.zeros_like(top)
    for output, log_weight in candidates.decoded(model, x):
        new_top = torch.maximum(top, log_weight.amax(1, keepdim=True))
        kept, weight = (top - new_top).exp(), (log_weight - new_top).exp()
        means = tiles.by_row(model.likelihood.mean(output), weight.shape[1])
        mean = kept * mean + (weight[:, :, None] * means).sum(1)
        total, top = kept * total + weight.sum(1, keepdim=True), new_top

    return mean / total


def _draws(
    model: VAE,
    x: torch.Tensor,
    candidates: _Candidates,
    generators: list[np.random.Generator],
    n_draws: int,
    seed: int,
) -> torch.Tensor:
    """Draws of x given candidates that are drawn by their weights, (TILE, n_draws, n_features)."""
    tiles, n_classes = candidates.tiles, len(candidates.classes)
    found = [log_weight for _, log_weight in candidates.decoded(model, x)]
    by_class = [torch.cat(found[number::n_classes], 1) for number in range(n_classes)]
    shares = torch.stack(by_class, 2).flatten(1).double().softmax(1).cumsum(1)
    uniform = np.zeros((tiles.n_rows, n_draws))
    for row, generator in enumerate(generators):
        uniform[row] = generator.random(n_draws)
    chosen = torch.searchsorted(shares, torch.tensor(uniform).to(x.device), right=True)
    chosen.clamp_(max=shares.shape[1] - 1)
    of_features = torch.Generator(x.device).manual_seed(seed)
    padded_rows = torch.arange(TILE, device=x.device).clamp(max=tiles.n_rows - 1)
    drawn = []
    for z, y, m in candidates.at(chosen):
        output = tiles.by_row(model.decoder(model.decoder_input(z, y)), m)[padded_rows]
        drawn += [model.likelihood.sample(own, of_features) for own in output.unbind(1)]

    return torch.stack(drawn, 1)
