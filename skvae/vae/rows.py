"""Training rows as tensors: all of them at once, or batch by batch from where they lie."""

import numpy as np
import torch

from skvae.vae.inputs import PreparedRows

__all__ = ["StoredRows", "training_rows"]


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


def training_rows(X, prepare, device):
    """What :func:`skvae.vae.training.train` takes batches of.

    Parameters
    ----------
    X : ndarray or MappedRows of shape (n, n_features)
        In the user's units. Float arrays are prepared once; pixels of 8 bits and memory maps stay
        what they are, and a batch is prepared when its turn comes, to the same bits.
    prepare : callable
        From rows to what the network sees, float32.
    device : torch.device
        Where to compute.

    Returns
    -------
    rows : tensor or StoredRows
    """
    if isinstance(X, np.ndarray) and X.dtype != np.uint8:
        return torch.from_numpy(np.require(prepare(X), requirements="W")).to(device)

    return StoredRows(PreparedRows(X, prepare), device)
