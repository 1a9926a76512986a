"""A trained model called from numpy: torch set up, its modules loaded, their draws fixed."""

from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from skvae._typing import Device
from skvae.compute.devices import resolve_device
from skvae.compute.torch_runtime import scoped_runtime
from skvae.vae.nn import inference
from skvae.vae.nn.draws import fixed_draws
from skvae.vae.nn.model import VAE, load_arrays
from skvae.vae.seeds import MODULES_IN_USE, stream_seed

__all__ = ["TorchModel"]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class TorchModel:
    """Encoder, decoder, likelihood and prior in torch.

    Parameters
    ----------
    parameters : dict of ndarray
        Weights of a :class:`skvae.vae.nn.model.VAE`.
    architecture : dict
        Its arguments.
    seed : int
        The estimator's, for modules that draw random numbers.
    device : str or None
        Where to compute.
    n_jobs : int or None
        Threads of torch.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        architecture: Mapping[str, Any],
        seed: int,
        *,
        device: Device = None,
        n_jobs: int | None = None,
    ) -> None:
        self._parameters, self._architecture, self._seed = parameters, architecture, seed
        self._device, self._n_jobs = device, n_jobs

    def apply(
        self,
        function: Callable[Concatenate[VAE, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """What ``function(model, *args, **kwargs)`` says of the model in use."""
        with scoped_runtime(self._n_jobs), np.errstate(over="ignore", invalid="ignore"):
            model = load_arrays(VAE(**self._architecture), self._parameters).eval()
            model = model.to(resolve_device(self._device))
            with fixed_draws(model, stream_seed(self._seed, MODULES_IN_USE)):
                return function(model, *args, **kwargs)

    def encode(self, x: Any, *, log_var: bool = True) -> np.ndarray:
        """Posterior of each row as the network sees it, ``[mean | log_var]`` or means alone."""
        return self.apply(inference.encode, x, log_var=log_var)

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """E[x] for each row of Z, the decoder's input, (n, n_features), float32."""
        return self.apply(inference.decode, Z)
