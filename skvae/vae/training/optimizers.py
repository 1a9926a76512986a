"""Optimizers by name, and their state as numpy arrays."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import ParamsT

from skvae.vae.training.aside import AT_ONCE, Aside

__all__ = [
    "OPTIMIZERS",
    "Adam",
    "Optimizer",
    "RMSPropTF1",
    "check_state",
    "flatten",
    "load_state",
    "set_rate",
    "state_to_arrays",
]

# On a GPU a block of threads of Adam's kernel takes so many numbers of one tensor, and a launch up
# to 36 tensors: a small network's parameters, whole, would keep a few multiprocessors busy.
_OF_BLOCK, _N_PIECES = 2**16, 32

# Numbers that are worth the while of two threads, and a multiple of what fits into registers: by
# halves cut there a vector is computed to the same bits as whole.
_WORTH_HALVING, _OF_REGISTERS = 2**16, 64


@torch.no_grad()
def flatten(parameters: Sequence[torch.nn.Parameter]) -> torch.nn.Parameter:
    """Lay parameters, and their gradients, into one vector each, of which they become views.

    An optimizer of the vector steps through one long array instead of many short ones. Gradients
    have to be set to zero in place: ``zero_grad(set_to_none=False)``.

    Parameters
    ----------
    parameters : sequence of torch.nn.Parameter
        Changed in place; at least one, all of one dtype and device.

    Returns
    -------
    theta : torch.nn.Parameter of shape (total size,)
        With a gradient of zeros.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.training.optimizers import flatten
    >>> layer = torch.nn.Linear(3, 2)
    >>> theta = flatten(list(layer.parameters()))
    >>> _ = theta.data.fill_(5.0)
    >>> layer.bias.tolist()
    [5.0, 5.0]
    """
    theta = torch.nn.Parameter(torch.cat([p.reshape(-1) for p in parameters]))
    theta.grad = torch.zeros_like(theta)
    sizes = [p.numel() for p in parameters]
    pieces = zip(parameters, theta.data.split(sizes), theta.grad.split(sizes), strict=True)
    for p, value, gradient in pieces:
        p.data, p.grad = value.view_as(p), gradient.view_as(p)

    return theta


class Optimizer(torch.optim.Optimizer):
    """What the optimizers of a fit have in common.

    Around ``step`` torch looks for hooks and tells the profiler, which takes a fortieth of the step
    of a small network; :meth:`update` is the step alone.

    Attributes
    ----------
    before : list of callable
        Called without arguments before each step, once the gradients are there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before: list[Callable[[], object]] = []

    def update(self, aside: Aside = AT_ONCE) -> None:
        """Take one step along the gradients, while autograd records nothing."""
        for call in self.before:
            call()
        for group in self.param_groups:
            for theta in group["params"]:
                first, *others = _parts(theta, theta.grad, *self._begin(theta))
                for part in others:
                    aside.take(partial(self._descend, theta, group, *part))
                self._descend(theta, group, *first)
        aside.finish()

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take one step along the gradients."""
        self.update()

    def _begin(self, theta: Any) -> list[torch.Tensor]:
        """Begin a step of a parameter; returns what is kept of it, tensors of its length."""
        raise NotImplementedError

    def _descend(self, theta: Any, group: dict[str, Any], *part: torch.Tensor) -> None:
        """Move a part of a parameter, given with those of its gradient and of what is kept."""
        raise NotImplementedError


class RMSPropTF1(Optimizer):
    r"""RMSProp as TensorFlow 1 has it.

    .. math::
        v \leftarrow 0.9\, v + 0.1\, g^2, \qquad
        \theta \leftarrow \theta - \eta\, g / \sqrt{v + \epsilon}, \qquad v_0 = 1

    ``torch.optim.RMSprop`` differs: decay (its ``alpha``) 0.99, epsilon 1e-8 added outside the
    root, and v_0 = 0, so its first steps are about ``1 / sqrt(1 - alpha)`` times the rate, while
    these are small where gradients are. With ``alpha=0.9, eps=1e-10`` the two agree once v has
    forgotten its start.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
        What to optimise.
    lr : float
        Learning rate.
    decay, epsilon : float
        TensorFlow's defaults.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.training.optimizers import RMSPropTF1
    >>> theta = torch.nn.Parameter(torch.zeros(1))
    >>> theta.grad = torch.ones(1)
    >>> RMSPropTF1([theta], lr=0.1).step()
    >>> theta.data
    tensor([-0.1000])
    """

    slots = ("mean_square",)

    def __init__(
        self, params: ParamsT, lr: float = 1e-3, decay: float = 0.9, epsilon: float = 1e-10
    ):
        super().__init__(params, {"lr": lr, "decay": decay, "epsilon": epsilon})

    def _begin(self, theta: Any) -> list[torch.Tensor]:
        state = self.state[theta]
        if not state:
            state["mean_square"] = torch.ones_like(theta)

        return [state["mean_square"]]

    def _descend(self, theta: Any, group: dict[str, Any], *part: torch.Tensor) -> None:
        value, gradient, v = part
        v.mul_(group["decay"]).addcmul_(gradient, gradient, value=1 - group["decay"])
        root, rate = (v + group["epsilon"]).sqrt_(), group["lr"]
        if isinstance(rate, torch.Tensor):
            root, rate = root.div_(rate), 1.0
        value.addcdiv_(gradient, root, value=-rate)


class Adam(Optimizer, torch.optim.Adam):  # type: ignore[misc]
    """Adam by torch's own kernel, without what ``torch.optim.Adam`` does before it.

    That takes a twentieth of the step of a small network, and has to be told of CUDA graphs.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
        What to optimise.
    lr : float
        Learning rate.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.training.optimizers import Adam
    >>> theta = torch.nn.Parameter(torch.zeros(1))
    >>> theta.grad = torch.ones(1)
    >>> Adam([theta], lr=0.1).step()
    >>> theta.data
    tensor([-0.1000])
    """

    slots = ("step", "exp_avg", "exp_avg_sq")

    def __init__(self, params: ParamsT, lr: float = 1e-3) -> None:
        super().__init__(params, lr=lr, fused=True)

    def _begin(self, theta: Any) -> list[torch.Tensor]:
        state = self.state[theta]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=theta.device)
            state["exp_avg"] = torch.zeros_like(theta)
            state["exp_avg_sq"] = torch.zeros_like(theta)
        state["step"] += 1

        return [state["exp_avg"], state["exp_avg_sq"]]

    def _descend(self, theta: Any, group: dict[str, Any], *part: torch.Tensor) -> None:
        values, gradients, means, squares = map(_pieces, part)
        step = self.state[theta]["step"]
        beta1, beta2 = group["betas"]
        torch._fused_adam_(
            values,
            gradients,
            means,
            squares,
            [],
            [step] * len(values),
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


def _parts(theta: torch.Tensor, *others: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    """A long vector on the processor in halves, with those of others; anything else whole."""
    n = theta.numel()
    if theta.device.type != "cpu" or n < _WORTH_HALVING:
        return [(theta, *others)]
    middle = n // 2 // _OF_REGISTERS * _OF_REGISTERS
    tensors = [tensor.detach().view(-1) for tensor in (theta, *others)]

    return [tuple(t[:middle] for t in tensors), tuple(t[middle:] for t in tensors)]


def _pieces(tensor: torch.Tensor) -> list[torch.Tensor]:
    """A tensor in parts for the multiprocessors of a GPU; whole on a processor."""
    if not tensor.is_cuda or tensor.numel() >= _N_PIECES * _OF_BLOCK:
        return [tensor]
    size = 4 * math.ceil(tensor.numel() / (4 * _N_PIECES))  # loads are of four numbers

    return list(tensor.view(-1).split(size))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of the next step; that of a group is its ``lr_ratio`` times as long."""
    for group in optimizer.param_groups:
        own = rate * group.get("lr_ratio", 1.0)
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(own)
        else:
            group["lr"] = own


OPTIMIZERS = {"adam": Adam, "rmsprop": RMSPropTF1}


def state_to_arrays(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Copy an optimizer's state into numpy arrays, ``"parameter number.name"`` -> ndarray."""
    return {
        f"{number}.{name}": value.detach().cpu().numpy().copy()
        for number, slots in optimizer.state_dict()["state"].items()
        for name, value in slots.items()
    }


def load_state(optimizer: Any, arrays: dict[str, np.ndarray]) -> None:
    """Continue from the state that :func:`state_to_arrays` copied.

    Raises
    ------
    ValueError
        If it is that of another optimizer, or of other parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    wanted = {
        f"{number}.{name}": () if name == "step" else tuple(theta.shape)
        for number, theta in enumerate(parameters)
        for name in optimizer.slots
    }
    found = {key: value.shape for key, value in arrays.items()}
    if found != wanted:
        raise ValueError(
            f"The optimizer's state has the arrays {found}, and the {type(optimizer).__name__} of "
            f"this model needs {wanted}: optimizer cannot change between calls that continue each "
            "other."
        )
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in arrays.items():
        number, name = key.split(".")
        state.setdefault(int(number), {})[name] = torch.tensor(value)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def check_state(arrays: dict[str, np.ndarray]) -> None:
    """Refuse a state after which no step would have a length."""
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise ValueError(
            "The square of a gradient was too large for float32, after which the model could learn "
            "no more; it is kept as it was before. Scale X, or leave out extreme rows."
        )
