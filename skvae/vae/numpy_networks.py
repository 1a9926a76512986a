"""Layers of networks in numpy: a process that only transforms needs no torch.

Rows are columns in every layer, which a product treats alike, whatever their place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["STD_FLOOR", "Layer", "Linear", "mlp_layers"]

# Keeps log_var finite where softplus underflows.
STD_FLOOR = 1e-6

# From columns (n_inputs, n) to columns (n_outputs, n), float32; it may overwrite its argument
# where that is not the network's input.
Layer = Callable[[np.ndarray], np.ndarray]

_ACTIVATIONS: dict[str, Layer] = {
    "relu": lambda h: np.maximum(h, 0, out=h),
    "tanh": lambda h: np.tanh(h, out=h),
}


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear layer.

    Parameters
    ----------
    weight : ndarray of shape (n_outputs, n_inputs)
        As torch has it.
    bias : ndarray of shape (n_outputs,)
        Added to each column.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.parts import Linear
    >>> Linear(np.eye(2), np.ones(2))(np.zeros((2, 3)))
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, h: np.ndarray) -> np.ndarray:
        """Columns of outputs, (n_outputs, n)."""
        out: np.ndarray = self.weight @ h
        out += self.bias[:, None]

        return out

    def rows(self, outputs: slice) -> "Linear":
        """The layer of some of the outputs alone."""
        return Linear(self.weight[outputs], self.bias[outputs])


def mlp_layers(weights: Mapping[str, np.ndarray], activation: str) -> list[Layer]:
    """Linear layers with an activation between each two.

    Parameters
    ----------
    weights : dict of ndarray
        A matrix and a vector for each linear layer, in their order.
    activation : {"relu", "tanh"}
        Between two layers.

    Returns
    -------
    layers : list of callable

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.parts import mlp_layers
    >>> weights = {"0.weight": np.eye(2), "0.bias": np.zeros(2)}
    >>> weights |= {"2.weight": np.ones((1, 2)), "2.bias": np.zeros(1)}
    >>> h = np.array([[3.0], [-1.0]])
    >>> for layer in mlp_layers(weights, "relu"):
    ...     h = layer(h)
    >>> h
    array([[3.]])
    """
    matrices = [w for w in weights.values() if w.ndim == 2]
    biases = [w for w in weights.values() if w.ndim == 1]
    layers: list[Layer] = []
    for weight, bias in zip(matrices, biases, strict=True):
        layers.append(Linear(weight, bias))
        layers.append(_ACTIVATIONS[activation])

    return layers[:-1]
