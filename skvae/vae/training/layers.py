"""Networks at work on batches of one size, their gradients written out.

Calls of torch are so short here that what surrounds them counts: results go where those of the step
before lay, and the transpose of a weight is taken once.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from skvae.compute.torch_products import Library
from skvae.vae.nn.written_out import has_hooks, is_written_out
from skvae.vae.training.aside import AT_ONCE, Aside

__all__ = ["NetworkAtWork", "gradient_of", "modules_of", "writes_gradients"]

# Products of numbers in a product of matrices whose halves are worth the while of two threads.
_WORTH_HALVING = 20_000_000


class NetworkAtWork:
    """The layers of a network, applied to one batch after another.

    Parameters
    ----------
    network : torch.nn.Module
        One that :func:`writes_gradients` accepts, whose parameters have gradients, which are
        written over.
    n_rows : int
        Of every batch.
    library : Library
        What multiplies.
    aside : Aside
        What may take the gradients of the parameters, beside the way back.
    wants_input : bool
        Whether :meth:`backward` gives the gradient of the input.

    Notes
    -----
    What :meth:`forward` and :meth:`backward` give is overwritten by the next batch.
    """

    def __init__(
        self,
        network: nn.Module,
        n_rows: int,
        library: Library,
        aside: Aside = AT_ONCE,
        *,
        wants_input: bool,
    ) -> None:
        # Layers that state their own gradients may overwrite what they gave to the next layer,
        # which then reads it still.
        modules = modules_of(network)
        is_known = all(type(layer) in (nn.Linear, *_ACTIVATIONS) for layer in modules)
        self._aside = aside if is_known else AT_ONCE
        self._layers = [
            _at_work(layer, n_rows, library, wants_input or number > 0, self._aside)
            for number, layer in enumerate(modules)
        ]
        self._reversed = self._layers[::-1]

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """Output of the network for rows, (n_rows, n_inputs)."""
        for layer in self._layers:
            h = layer.forward(h)

        return h

    def backward(self, d_output: torch.Tensor) -> Any:
        """Set the gradients of all parameters; the gradient of the input, or None.

        ``d_output`` is written over. The gradients are there once :meth:`finish` has been called.
        """
        d_h: Any = d_output
        for layer in self._reversed:
            d_h = layer.backward(d_h)

        return d_h

    def finish(self) -> None:
        """Have what comes next wait for the gradients."""
        self._aside.finish()


def writes_gradients(network: nn.Module) -> bool:
    """Whether the gradients of all layers are written out."""
    layers = modules_of(network)
    # An activation overwrites its input, and what follows a network may overwrite its output.
    ends = {type(layer) for layer in (*layers[:1], *layers[-1:])}

    is_known = bool(layers) and all(map(_is_known, layers)) and ends.isdisjoint(_ACTIVATIONS)

    return is_known and not has_hooks(network)


def gradient_of(theta: torch.Tensor) -> torch.Tensor:
    """Where a parameter's gradient lies."""
    assert theta.grad is not None  # made before the first step

    return theta.grad


def modules_of(network: nn.Module) -> list[nn.Module]:
    """The layers of a network, one after the other."""
    return list(network) if type(network) is nn.Sequential else [network]


def _is_known(layer: nn.Module) -> bool:
    if type(layer) is nn.Linear:
        return {"weight", "bias"} == {name for name, _ in layer.named_parameters()}

    return type(layer) in _ACTIVATIONS or (
        is_written_out(layer, "forward_and_kept", "forward")
        and is_written_out(layer, "backward", "forward_and_kept")
    )


class _Layer(Protocol):
    def forward(self, h: torch.Tensor) -> torch.Tensor: ...

    def backward(self, d_output: torch.Tensor) -> Any: ...


class _Linear:
    """A linear layer, its gradients, and what multiplies."""

    def __init__(self, layer: nn.Linear, library: Library, aside: Aside) -> None:
        self._weight, self._bias = layer.weight.detach(), layer.bias.detach()
        self._matrix = self._weight.t()
        self._d_weight, self._d_bias = gradient_of(layer.weight), gradient_of(layer.bias)
        self._linear, self._product, self._aside = library.linear, library.product, aside

    def _places(self, n_rows: int, wants_input: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Where the output and the gradient of the input go."""
        n_outputs, n_inputs = self._weight.shape
        d_input = self._weight.new_empty(n_rows, n_inputs) if wants_input else None

        return self._weight.new_empty(n_rows, n_outputs), d_input


class _LinearAtWork(_Linear):
    """A layer whose gradients are taken aside, while the way back goes on."""

    def __init__(
        self, layer: nn.Linear, n_rows: int, library: Library, wants_input: bool, aside: Aside
    ) -> None:
        super().__init__(layer, library, aside)
        self._wants_input = wants_input
        self._output = self._d_input = None
        if library.writes:
            self._output, self._d_input = self._places(n_rows, wants_input)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h

        return self._linear(h, self._matrix, self._bias, self._output)

    def backward(self, d_output: torch.Tensor) -> Any:
        now, d_input = self._aside.now(), None
        if self._wants_input:
            d_input = self._product(d_output, self._weight, self._d_input)
        self._aside.take(partial(self._set_gradients, d_output), now)

        return d_input

    def _set_gradients(self, d_output: torch.Tensor) -> None:
        self._product(d_output.t(), self._h, self._d_weight)
        torch.sum(d_output, dim=0, out=self._d_bias)


class _Half(NamedTuple):
    """Of a layer's work: what it writes of each result."""

    rows: slice  # of output, and of the gradient of the input
    outputs: slice  # rows of the gradient of the weight


class _LargeLinearAtWork(_Linear):
    """A layer whose products are large enough for a half of each to be taken aside."""

    def __init__(
        self, layer: nn.Linear, n_rows: int, library: Library, wants_input: bool, aside: Aside
    ) -> None:
        super().__init__(layer, library, aside)
        self._output, self._d_input = self._places(n_rows, wants_input)
        row, output = n_rows // 2, len(self._weight) // 2
        self._first = _Half(slice(row), slice(output))
        self._second = _Half(slice(row, None), slice(output, None))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = h
        self._do_both(self._forward)

        return self._output

    def backward(self, d_output: torch.Tensor) -> Any:
        self._d_output = d_output
        self._do_both(self._backward)

        return self._d_input

    def _do_both(self, work: Callable[[_Half], None]) -> None:
        self._aside.take(partial(work, self._second))
        work(self._first)
        self._aside.finish()

    def _forward(self, half: _Half) -> None:
        rows = half.rows
        self._linear(self._h[rows], self._matrix, self._bias, self._output[rows])

    def _backward(self, half: _Half) -> None:
        rows, outputs = half
        if self._d_input is not None:
            self._product(self._d_output[rows], self._weight, self._d_input[rows])
        d_output = self._d_output[:, outputs]
        self._product(d_output.t(), self._h, self._d_weight[outputs])
        torch.sum(d_output, dim=0, out=self._d_bias[outputs])


class _Activation(NamedTuple):
    """A function, in place, and its chain rule by its own output, in place."""

    function: Callable[[torch.Tensor], torch.Tensor]
    chain_rule: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class _ActivationAtWork:
    def __init__(self, activation: _Activation) -> None:
        self._function, self._chain_rule = activation

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        self._h = self._function(h)

        return self._h

    def backward(self, d_output: torch.Tensor) -> torch.Tensor:
        return self._chain_rule(d_output, self._h)


class _OwnAtWork:
    """A layer that states its own gradients."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor
        output, self._kept = self._layer.forward_and_kept(h)

        return output

    def backward(self, d_output: torch.Tensor) -> Any:
        return self._layer.backward(self._kept, d_output)


def _at_work(
    layer: nn.Module,
    n_rows: int,
    library: Library,
    wants_input: bool,
    aside: Aside,
) -> _Layer:
    if type(layer) is nn.Linear:
        size = n_rows * layer.weight.numel()
        is_large = size >= _WORTH_HALVING and layer.weight.device.type == "cpu"
        kind: Any = _LargeLinearAtWork if is_large else _LinearAtWork
        at_work: _Layer = kind(layer, n_rows, library, wants_input, aside)
        return at_work
    activation = _ACTIVATIONS.get(type(layer))

    return _OwnAtWork(layer) if activation is None else _ActivationAtWork(activation)


_RELU_CHAIN_RULE = torch.ops.aten.threshold_backward.grad_input

_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(torch.relu_, lambda d_h, h: _RELU_CHAIN_RULE(d_h, h, 0, grad_input=d_h)),
    nn.Tanh: _Activation(torch.tanh_, lambda d_h, h: d_h.addcmul_(d_h * h, h, value=-1)),
}
