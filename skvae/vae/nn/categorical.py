"""Categories: one-hot columns, whose probabilities are a softmax of the decoder's output."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ["Categorical"]

# Categories of up to 8 columns are put side by side, those of up to 64, of up to 512, ...
_LOG2_OF_WIDTHS = 3


class Categorical(nn.Module):
    """Independent categories, each as so many columns of 0 and 1; the decoder gives their logits.

    A category that was never seen is a row of zeros, which does not count.

    Parameters
    ----------
    sizes : sequence of int
        Columns of each, next to each other.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.categorical import Categorical
    >>> Categorical([2, 4]).log_prob(torch.eye(6)[:1] + torch.eye(6)[5:], torch.zeros(1, 6))
    tensor([-2.0794])
    """

    rarest = 1e-4  # the least frequency to begin with
    rarest_slope = 0.1  # and that whose logit moves fastest

    gathered: torch.Tensor
    places: torch.Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self._shapes, gathered, places = _padded(np.asarray(sizes))
        self.register_buffer("gathered", torch.from_numpy(gathered), persistent=False)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)

    def output_of_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """Logits of the frequencies of the training rows, (n_features,)."""
        return mean.clamp(min=self.rarest).log()

    def slope_at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """How fast logits move with frequencies, (n_features,), at a tenth for rarer ones."""
        return 1 / mean.clamp(min=self.rarest_slope)

    def log_probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Log-probability of each category, (n, n_features)."""
        return self._joined([part.log_softmax(-1) for part in self._split(logits, -math.inf)])

    def log_prob_per_feature(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Log-probability of the categories that are there, 0 at the others, (n, n_features)."""
        return x * self.log_probabilities(logits)

    def log_prob(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), summed over features."""
        return self.log_prob_per_feature(x, logits).sum(-1)

    def log_prob_and_gradient(
        self, x: torch.Tensor, logits: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of log p(x|z), (), and the gradient of the loss by the logits, (n, n_features)."""
        log_shares = [part.log_softmax(-1) for part in self._split(logits, -math.inf)]
        counts = [part.sum(-1, keepdim=True) for part in self._split(x, 0.0)]
        expected = [log_p.exp() * n for log_p, n in zip(log_shares, counts, strict=True)]

        return (x * self._joined(log_shares)).sum(), self._joined(expected).sub_(x)

    def mean(self, logits: torch.Tensor) -> torch.Tensor:
        """E[x|z], the probability of each category, (n, n_features)."""
        return self._joined([part.softmax(-1) for part in self._split(logits, -math.inf)])

    def sample(self, logits: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One draw of x given z, (n, n_features), by the largest of logits with Gumbel noise."""
        noise = torch.empty_like(logits).exponential_(generator=generator).log()

        noisy = self._split(self.log_probabilities(logits) - noise, -math.inf)
        drawn = [functional.one_hot(part.argmax(-1), part.shape[-1]) for part in noisy]

        return self._joined(drawn).to(logits.dtype)

    def _split(self, values: torch.Tensor, pad: float) -> list[torch.Tensor]:
        """Columns of each category side by side, (n, k, width), for each width."""
        wide = functional.pad(values, (0, 1), value=pad).index_select(1, self.gathered)
        parts = wide.split([k * width for k, width in self._shapes], dim=1)

        return [part.unflatten(1, shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _joined(self, parts: list[torch.Tensor]) -> torch.Tensor:
        """The columns of such parts in their order, (n, n_features)."""
        return torch.cat([part.flatten(1) for part in parts], dim=1).index_select(1, self.places)


def _padded(sizes: np.ndarray) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """How categories of similar sizes are put side by side, so that few kernels serve them all.

    Gives the shapes (k, width) of these groups, the columns that fill them one after the other,
    ``sum(sizes)`` where there is none, and the place of each column in them.
    """
    n_features, firsts = int(sizes.sum()), np.cumsum(sizes) - sizes
    shapes, gathered = [], []
    powers = np.ceil(np.log2(sizes) / _LOG2_OF_WIDTHS)
    for power in np.unique(powers):
        group = np.flatnonzero(powers == power)
        columns = firsts[group, None] + np.arange(sizes[group].max())
        columns[columns >= (firsts + sizes)[group, None]] = n_features
        shapes.append((int(columns.shape[0]), int(columns.shape[1])))
        gathered.append(columns.ravel())
    flat = np.concatenate(gathered)
    places = np.empty(n_features + 1, np.int64)
    places[flat] = np.arange(len(flat))

    return shapes, flat, places[:-1].copy()
