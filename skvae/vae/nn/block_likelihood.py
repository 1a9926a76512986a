"""Blocks of columns, each with a likelihood of its own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from skvae.vae.nn.written_out import is_written_out

__all__ = ["BlockLikelihood"]


class BlockLikelihood(nn.Module):
    """Blocks of columns next to each other, independent given z, each with its own likelihood.

    Parameters
    ----------
    likelihoods : sequence of torch.nn.Module
        One for each block, with as many outputs of the decoder as it has columns.
    widths : sequence of int
        Columns of the blocks.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.block_likelihood import BlockLikelihood
    >>> from skvae.vae.nn.likelihoods import Bernoulli, Poisson
    >>> blocks = BlockLikelihood([Bernoulli(), Poisson()], [2, 1])
    >>> blocks.mean(torch.zeros(1, 3))
    tensor([[0.5000, 0.5000, 1.0000]])
    """

    def __init__(self, likelihoods: Sequence[Any], widths: Sequence[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(likelihoods)
        self._widths = list(widths)
        written = [is_written_out(b, "log_prob_and_gradient", "log_prob") for b in likelihoods]
        if not all(written):
            self.log_prob_and_gradient = None  # type: ignore[method-assign, assignment]

    def output_of_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """Where the decoder begins, by the means of the training rows, (n_features,)."""
        return self._joined("output_of_mean", mean, otherwise=torch.zeros_like)

    def slope_at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """How fast the output moves with E[x|z] at the means of the rows, (n_features,).

        It is 0 for blocks that do not say so.
        """
        return self._joined("slope_at_mean", mean, otherwise=torch.zeros_like)

    def begin_with_noise(self, scale: float) -> None:
        """Set the standard deviations of blocks that have some."""
        blocks: Any = self.blocks
        for block in blocks:
            if hasattr(block, "begin_with_noise"):
                block.begin_with_noise(scale)

    def encoder_input(self, x: torch.Tensor) -> torch.Tensor:
        """What an encoder sees of rows, (n, n_features)."""
        return self._joined("encoder_input", x, otherwise=lambda part: part)

    def log_prob(self, x: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """log p(x|z) in nats, (n,), summed over features."""
        of_blocks = [block.log_prob(*parts) for block, *parts in self._split(x, output)]

        return torch.stack(of_blocks).sum(0)

    def log_prob_per_feature(self, x: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """Log-density of each column, (n, n_features)."""
        of_blocks = [block.log_prob_per_feature(*parts) for block, *parts in self._split(x, output)]

        return torch.cat(of_blocks, dim=-1)

    def log_prob_and_gradient(
        self, x: torch.Tensor, output: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of log p(x|z), (), and the gradient of the loss by the output, (n, n_features)."""
        found = [block.log_prob_and_gradient(*parts) for block, *parts in self._split(x, output)]
        log_p, gradients = zip(*found, strict=True)

        return torch.stack(log_p).sum(), torch.cat(gradients, dim=1)

    def mean(self, output: torch.Tensor) -> torch.Tensor:
        """E[x|z], (n, n_features)."""
        return torch.cat([block.mean(part) for block, part in self._split(output)], dim=-1)

    def sample(self, output: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One draw of x given z, (n, n_features)."""
        draws = [block.sample(part, generator) for block, part in self._split(output)]

        return torch.cat(draws, dim=-1)

    def _split(self, *rows: torch.Tensor) -> Iterator[Any]:
        """Each block, and its columns of all that is given."""
        parts = (array.split(self._widths, dim=-1) for array in rows)

        return zip(self.blocks, *parts, strict=True)

    def _joined(
        self, name: str, rows: torch.Tensor, otherwise: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """What blocks make of their columns, or ``otherwise`` does where they lack the method."""
        made = [getattr(block, name, otherwise)(part) for block, part in self._split(rows)]

        return torch.cat(made, dim=-1)
