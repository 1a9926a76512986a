"""Training rows as tensors: all of them at once, or batch by batch from where they lie."""

import math
from itertools import count

import numpy as np
import torch

from skvae.data.iterables import IteratedRows
from skvae.vae.inputs import PreparedRows
from skvae.vae.seeds import stream_seed

__all__ = ["StoredRows", "StreamedRows", "batch_bounds", "training_rows"]

# Bytes of a window of rows, in float64.
_WINDOW_BYTES = 2**26

# Floats of pixels that a GPU gets at once: what it would wait for is each batch's way there.
_FLOATS_ON_GPU = 2**30


def batch_bounds(batch, n_rows, size, least=1):
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
        start, stop = (bound - (bound == n_rows - 1) for bound in (start, stop))

    return start, stop


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

    def __init__(self, rows, device):
        self._rows, self.device = rows, device

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, rows):
        """The rows with the numbers in a tensor."""
        return torch.from_numpy(self._rows[rows.cpu().numpy()]).to(self.device)


class StreamedRows:
    """Rows that are read in passes, a window at a time.

    A window is a fixed number of rows, in whatever blocks they come, and their order is random. So
    a pass visits every row once, wherever epochs end, and what is left of a block goes into the
    next batch.

    Parameters
    ----------
    X : IteratedRows of shape (n, n_features)
        In the user's units.
    prepare : callable
        From rows to what the network sees, float32.
    device : torch.device
        Where the tensors go.
    seed : int
        Decides the order within windows.
    """

    dtype = torch.float32

    def __init__(self, X, prepare, device, seed):
        self._X, self._prepare, self.device, self._seed = X, prepare, device, seed
        self._n_passes = self._first = self._order = None

    def __len__(self):
        return len(self._X)

    def batches(self, size, step, least=1):
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
            yield first + self._order[start - first : stop - first]

    def _read(self, n_passes, first, last):
        if n_passes != self._n_passes:
            self._X = self._X.anew()
        self._window = StoredRows(PreparedRows(self._X[first:last], self._prepare), self.device)
        generator = torch.Generator().manual_seed(stream_seed(self._seed, n_passes, first))
        order = torch.randperm(len(self._window), generator=generator)
        self._n_passes, self._first, self._order = n_passes, first, order.to(self.device)

    def __getitem__(self, rows):
        """The rows of a batch, the latest, in a tensor."""
        return self._window[rows - self._first]


def training_rows(X, prepare, device, seed):
    """What :func:`skvae.vae.training.loop.train` takes batches of.

    Parameters
    ----------
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        In the user's units. Float arrays are prepared once; pixels of 8 bits and what is not in
        memory stay what they are, and a batch is prepared when its turn comes, to the same bits.
        On a GPU, pixels that take up to 4 GiB as floats are prepared once too.
    prepare : callable
        From rows to what the network sees, float32.
    device : torch.device
        Where to compute.
    seed : int
        Decides the order of rows that are read in passes.

    Returns
    -------
    rows : tensor, StoredRows or StreamedRows
    """
    fits = X.dtype != np.uint8 or (device.type != "cpu" and X.size <= _FLOATS_ON_GPU)
    if isinstance(X, np.ndarray) and fits:
        return torch.from_numpy(np.require(prepare(X), requirements=["C", "W"])).to(device)
    if isinstance(X, IteratedRows):
        return StreamedRows(X, prepare, device, seed)

    return StoredRows(PreparedRows(X, prepare), device)
