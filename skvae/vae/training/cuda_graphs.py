"""Steps of training as one CUDA graph.

The kernels of a small network's step take less time than telling the GPU of each: a graph tells it
of all of them at once. What changes from step to step lies in tensors that stay where they are.
"""

from collections.abc import Callable

import torch

from skvae._warnings import warn
from skvae.vae.nn.model import VAE
from skvae.vae.training.fused import FusedStep

__all__ = ["GraphedStep"]

Step = Callable[..., torch.Tensor | None]

# Steps before the graph, on a stream of their own: they make what libraries make but once.
_N_WARM_UPS = 3


class GraphedStep:
    """Take the steps of another by replaying its kernels.

    Parameters
    ----------
    step : callable
        ``step(x, noise, y, beta, u, wanted)``, as :class:`~skvae.vae.training.fused.FusedStep`,
        whose work does not depend on the values of its arguments, ``beta`` a tensor of shape ().
    optimizer : torch.optim.Optimizer
        That of the step. Its rates become tensors: a number would be a part of the graph.

    Notes
    -----
    Batches of another size than the first, as the last of a pass over the rows may be, are taken by
    the step itself; so are all, with a warning, where CUDA refuses the graph.
    """

    def __init__(self, step: Step, optimizer: torch.optim.Optimizer):
        self._step = step
        self._inputs: list[torch.Tensor | None] | None = None
        self._beta: float | None = None
        self._shape: torch.Size | None = None
        # For steps whose sums are wanted, and for others: what takes the step, and the sums.
        self._graphs: dict[bool, tuple[Callable[[], None], torch.Tensor | None]] = {}
        self._n_warm_ups, self._is_possible = _N_WARM_UPS, True
        for group in optimizer.param_groups:
            group["lr"] = group["params"][0].new_tensor(group["lr"])

    @staticmethod
    def supports(step: Step, model: VAE, device: torch.device) -> bool:
        """Whether a step can be a graph: on a GPU, of parts that never ask for a value."""
        asks = model.has_user_modules or (
            model.labels_in_decoder and not isinstance(step, FusedStep)
        )

        return device.type == "cuda" and not asks

    def __call__(
        self,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | None,
        u: torch.Tensor | None = None,
        wanted: bool = True,
    ) -> torch.Tensor | None:
        """Take one step; arguments and returns are those of the step."""
        if self._inputs is None:
            self._inputs = [x, noise, y, _in_tensor(beta, x), u]
            self._beta, self._shape = beta, x.shape
        if not self._is_possible or x.shape != self._shape:
            return self._step(x, noise, y, _in_tensor(beta, x), u, wanted)
        self._take(x, noise, y, beta, u)
        if self._n_warm_ups:
            self._n_warm_ups -= 1
            return _on_another_stream(self._step, self._inputs)
        if wanted not in self._graphs:
            try:
                self._graphs[wanted] = _capture(self._step, self._inputs, wanted)
            except RuntimeError as error:
                self._is_possible = False
                warn(
                    f"Training goes on step by step, slower: no CUDA graph of it ({error}).",
                    RuntimeWarning,
                )
                return self._step(*self._inputs, wanted)
        replay, sums = self._graphs[wanted]
        replay()

        return sums

    def _take(
        self,
        x: torch.Tensor,
        noise: torch.Tensor,
        y: torch.Tensor | None,
        beta: float | None,
        u: torch.Tensor | None,
    ) -> None:
        """Have the inputs of the graphs say what those of this step do."""
        assert self._inputs is not None
        for old, new in zip(self._inputs, [x, noise, y, None, u], strict=True):
            if old is not None and new is not None and old.data_ptr() != new.data_ptr():
                old.copy_(new)
        weight = self._inputs[3]
        if weight is not None and beta is not None and beta != self._beta:
            weight.fill_(beta)
            self._beta = beta


def _in_tensor(beta: float | None, like: torch.Tensor) -> torch.Tensor | None:
    return None if beta is None else like.new_full((), beta)


def _on_another_stream(step: Step, inputs: list[torch.Tensor | None]) -> torch.Tensor | None:
    stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        sums = step(*inputs)
    current.wait_stream(stream)

    return sums


def _capture(
    step: Step, inputs: list[torch.Tensor | None], wanted: bool
) -> tuple[Callable[[], None], torch.Tensor | None]:
    """What takes the step again, and the tensor that then has its sums; no step is taken yet."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        sums = step(*inputs, wanted)

    return graph.replay, sums
