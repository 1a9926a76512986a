"""Training rows as tensors: all of them at once, or batch by batch from where they lie."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import NamedTuple

import numpy as np
import torch

from skvae.data.rows import PreparedRows, Rows, SequentialRows
from skvae.vae.seeds import EPOCH, VISITS, stream_seed
from skvae.vae.training.visits import Visits

__all__ = [
    "Batch",
    "Batches",
    "Noise",
    "StoredRows",
    "StreamedRows",
    "batch_bounds",
    "share",
    "training_rows",
]

Prepare = Callable[[np.ndarray], np.ndarray]

# Bytes of a window of rows, in float64.
_WINDOW_BYTES = 2**26

# Floats of pixels that a GPU gets at once: what it would wait for is each batch's way there.
_FLOATS_ON_GPU = 2**30


def batch_bounds(batch: int, n_rows: int, size: int, least: int = 1) -> tuple[int, int]:
    """First and last row of a batch in a pass over rows; the last one as of ``range``.

    Parameters
    ----------
    batch : int
        0, 1, ... up to the number of batches.
    n_rows, size : int
        Rows of the pass, and of each batch but the last.
    least : {1, 2}, default=1
        Rows that a batch has at least, where one of ``size`` > 2 can spare them.

    Examples
    --------
    >>> from skvae.vae.training.batches import batch_bounds
    >>> [batch_bounds(batch, 7, 3) for batch in range(3)]
    [(0, 3), (3, 6), (6, 7)]
    >>> [batch_bounds(batch, 7, 3, least=2) for batch in range(3)]
    [(0, 3), (3, 5), (5, 7)]
    """
    start, stop = batch * size, min((batch + 1) * size, n_rows)
    if least > n_rows % size == 1 and 2 < size < n_rows:
        start, stop = start - (start == n_rows - 1), stop - (stop == n_rows - 1)

    return start, stop


def share(n_rows: int, rank: int, n_ranks: int) -> slice:
    """Rows of a batch that a process takes, of so many that share it; none where there are fewer.

    Examples
    --------
    >>> from skvae.vae.training.batches import share
    >>> [share(7, rank, 3) for rank in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    return slice(rank * n_rows // n_ranks, (rank + 1) * n_rows // n_ranks)


class StoredRows:
    """Rows that are made into a tensor when they are asked for.

    Parameters
    ----------
    rows : PreparedRows
        Of a memory map, or of pixels of 8 bits.
    device : torch.device
        Where the tensors go.
    """

    dtype = torch.float32

    def __init__(self, rows: PreparedRows, device: torch.device):
        self._rows, self.device = rows, device

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows with the numbers in a tensor."""
        return torch.from_numpy(self._rows[rows.cpu().numpy()]).to(self.device)


class StreamedRows:
    """Rows that are read in passes, a window at a time.

    A window is a fixed number of rows, in whatever blocks they come, and their order is random. So
    a pass visits every row once, or as its weight says, wherever epochs end, and what is left of a
    block goes into the next batch.

    Parameters
    ----------
    X : Rows of shape (n, n_features)
        Sequential ones, in the user's units.
    prepare : callable
        From rows to what the network sees, float32.
    device : torch.device
        Where the tensors go.
    seed : int
        Decides the order within windows.
    visits : Visits or None, default=None
        Of weighted rows.
    """

    dtype = torch.float32

    def __init__(
        self,
        X: SequentialRows,
        prepare: Prepare,
        device: torch.device,
        seed: int,
        visits: Visits | None = None,
    ):
        self._X, self._prepare, self.device, self._seed = X, prepare, device, seed
        self._visits = visits
        self._n_passes = self._first = -1

    def __len__(self) -> int:
        return len(self._X)

    def batches(self, size: int, step: int, least: int = 1) -> Iterator[torch.Tensor]:
        """Numbers of the rows of each batch, without end, from a step of the fit on.

        Parameters
        ----------
        size, least : int
            As of :func:`batch_bounds`.
        step : int
            0, 1, ...
        """
        window = max(1, _WINDOW_BYTES // (8 * self._X.shape[1] * size)) * size
        for number in count(step):
            n_passes, batch = divmod(number, math.ceil(len(self) / size))
            start, stop = batch_bounds(batch, len(self), size, least)
            first = start - start % window
            if (n_passes, first) != (self._n_passes, self._first):
                alone = len(self) - (first + window) < least
                self._read(n_passes, first, len(self) if alone else first + window)
            yield self._rows[self._order[start - first : stop - first]]

    def _read(self, n_passes: int, first: int, last: int) -> None:
        if n_passes != self._n_passes:
            self._X = self._X.anew()
        rows = np.arange(first, min(last, len(self)))
        if self._visits is not None:
            seed = stream_seed(self._seed, n_passes, first, VISITS)
            rows = self._visits.between(rows[0], rows[-1] + 1, seed)
        self._window = StoredRows(PreparedRows(self._X[rows], self._prepare), self.device)
        self._rows = torch.from_numpy(rows).to(self.device)
        generator = torch.Generator().manual_seed(stream_seed(self._seed, n_passes, first))
        order = torch.randperm(len(self._window), generator=generator)
        self._n_passes, self._first, self._order = n_passes, first, order.to(self.device)

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of a batch, the latest, in a tensor."""
        return self._window[torch.searchsorted(self._rows, rows)]


def training_rows(
    X: Rows, prepare: Prepare, device: torch.device, seed: int, visits: Visits | None = None
) -> torch.Tensor | StoredRows | StreamedRows:
    """What :class:`Batches` takes rows of.

    Parameters
    ----------
    X : Rows of shape (n, n_features)
        In the user's units. Float arrays are prepared once; pixels of 8 bits and what is not in
        memory stay what they are, and a batch is prepared when its turn comes, to the same bits.
        On a GPU, pixels that take up to 4 GiB as floats are prepared once too.
    prepare : callable
        From rows to what the network sees, float32.
    device : torch.device
        Where to compute.
    seed : int
        Decides the order of rows that are read in passes.
    visits : Visits or None, default=None
        Of weighted rows that are read in passes.

    Returns
    -------
    rows : tensor, StoredRows or StreamedRows
    """
    size = X.shape[0] * X.shape[1]
    fits = X.dtype != np.uint8 or (device.type != "cpu" and size <= _FLOATS_ON_GPU)
    if X.is_in_memory and fits:
        return torch.from_numpy(np.require(prepare(X[:]), requirements=["C", "W"])).to(device)
    if isinstance(X, SequentialRows):
        return StreamedRows(X, prepare, device, seed, visits)

    return StoredRows(PreparedRows(X, prepare), device)


class Batch(NamedTuple):
    """What a step of training takes, its arrays on one device."""

    x: torch.Tensor  # (n, n_features)
    noise: torch.Tensor  # (n_importance * n, n_components), standard normal
    y: torch.Tensor | None  # (n,), class numbers, -1 where unknown
    u: torch.Tensor | None  # (n,), uniform, where one of several samples is to be chosen


@dataclass(frozen=True)
class Noise:
    """What is drawn for a batch beside its rows.

    Parameters
    ----------
    n_components : int
        Latent dimensions.
    n_importance : int, default=1
        Samples of z per row.
    is_zero : bool, default=False
        Whether z is the posterior mean.
    chooses : bool, default=False
        Whether a number is drawn for each row that chooses among its samples.
    """

    n_components: int
    n_importance: int = 1
    is_zero: bool = False
    chooses: bool = False


class Batches:
    """The batches of a fit, epoch by epoch, in random order and with their noise.

    Each epoch draws from a generator of its own, so that a fit that goes on draws what an
    uninterrupted one would have drawn.

    Parameters
    ----------
    x : tensor, StoredRows or StreamedRows of shape (n, n_features)
        Rows as the network sees them.
    y : tensor of shape (n,) or None
        Class numbers, -1 where unknown.
    noise : Noise
        What else is drawn.
    batch_size : int
        Rows per step; the last batch of a pass over the rows may be smaller.
    seed : int
        The estimator's seed.
    epochs_before : int, default=0
        Epochs of the fits that this one continues.
    steps_per_epoch : int or None, default=None
        None means one pass over the rows.
    dynamic : bool, default=False
        Whether rows are Bernoulli probabilities to draw binary rows from, anew in each epoch.
    least_rows : {1, 2}, default=1
        Rows that a batch has at least: the one before the last gives it a row.
    rank, n_ranks : int
        Number of this process among those that share every batch: each draws the numbers of the
        whole batch and takes its part.
    visits : Visits or None, default=None
        Of weighted rows: a pass visits rows as often as their weights say.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.training.batches import Batches, Noise
    >>> batches = Batches(torch.zeros(5, 3), None, Noise(2), batch_size=4, seed=0)
    >>> [tuple(batch.noise.shape) for batch in batches.of_epoch(0)]
    [(4, 2), (1, 2)]
    """

    def __init__(
        self,
        x: torch.Tensor | StoredRows | StreamedRows,
        y: torch.Tensor | None,
        noise: Noise,
        *,
        batch_size: int,
        seed: int,
        epochs_before: int = 0,
        steps_per_epoch: int | None = None,
        dynamic: bool = False,
        least_rows: int = 1,
        rank: int = 0,
        n_ranks: int = 1,
        visits: Visits | None = None,
    ):
        self.x, self.y, self._noise = x, y, noise
        self._batch_size, self._least_rows, self._dynamic = batch_size, least_rows, dynamic
        self._seed, self._epochs_before = seed, epochs_before
        self._rank, self._n_ranks, self._visits = rank, n_ranks, visits
        self.steps_per_epoch = steps_per_epoch or math.ceil(len(x) / batch_size)
        self._places: dict[tuple[str | int, ...], torch.Tensor] = {}
        self.rows_per_epoch = self.steps_per_epoch * batch_size

    def seed_of(self, stream: int, epoch: int) -> int:
        """Seed of a stream in epoch 0, 1, ... of this fit."""
        return stream_seed(self._seed, stream, self._epochs_before + epoch)

    def of_epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch 0, 1, ..., each where the one before it lay, if of its size."""
        generator = torch.Generator(self.x.device).manual_seed(self.seed_of(EPOCH, epoch))
        first_step = epoch * self.steps_per_epoch
        for rows in islice(self._orders(epoch, generator, first_step), self.steps_per_epoch):
            if len(rows) < self._least_rows:
                raise ValueError(
                    f"A module of network= needs {self._least_rows} rows at a time, as BatchNorm "
                    f"does, and batch_size={self._batch_size} leaves one of {len(self.x)} alone. "
                    "Use another batch_size or more rows."
                )
            yield self._batch(rows, generator)

    def _orders(
        self, epoch: int, generator: torch.Generator, first_step: int
    ) -> Iterator[torch.Tensor]:
        """Row numbers of batches, one random order of all visits after another, or a stream's."""
        x, size, least = self.x, self._batch_size, self._least_rows
        if isinstance(x, StreamedRows):
            yield from x.batches(size, first_step, least)
        for n_passes in count():
            order = torch.randperm(len(x), generator=generator, device=generator.device)
            if self._visits is not None:
                seed = stream_seed(self.seed_of(VISITS, epoch), n_passes)
                visited = self._visits.between(0, len(x), seed)
                order = torch.from_numpy(visited).to(order.device)[order]
            for batch in range(math.ceil(len(x) / size)):
                yield order[slice(*batch_bounds(batch, len(x), size, least))]

    def _batch(self, rows: torch.Tensor, generator: torch.Generator) -> Batch:
        n, own = len(rows), share(len(rows), self._rank, self._n_ranks)
        noise = self._place("noise", self._noise.n_importance, n, self._noise.n_components)
        if self._noise.is_zero:
            noise.zero_()
        else:
            noise.normal_(generator=generator)
        rows = rows[own]
        x = self._rows(rows)
        if self._dynamic:
            drawn = x.new_empty(n, x.shape[1]).uniform_(generator=generator)
            x = torch.where(x.isnan(), x, (drawn[own] < x).to(x.dtype))
        u = None
        if self._noise.chooses:
            u = noise.new_empty(n).uniform_(generator=generator)[own]
        y = None if self.y is None else self.y[rows]

        return Batch(x, noise[:, own].flatten(0, 1), y, u)

    def _rows(self, rows: torch.Tensor) -> torch.Tensor:
        if not isinstance(self.x, torch.Tensor):
            return self.x[rows]

        return torch.index_select(self.x, 0, rows, out=self._place("x", len(rows), self.x.shape[1]))

    def _place(self, name: str, *shape: int) -> torch.Tensor:
        """Where all tensors of a name and shape lie, one after the other."""
        found = self._places.get((name, *shape))
        if found is None:
            found = torch.empty(shape, dtype=self.x.dtype, device=self.x.device)
            self._places[name, *shape] = found

        return found
