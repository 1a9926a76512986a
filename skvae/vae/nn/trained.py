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
        Threads, which share out the rows; modules of the user's are called by one, in which torch
        has as many.
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
            seed = stream_seed(self._seed, MODULES_IN_USE)
            with (
                scoped_runtime(self._n_jobs if model.has_user_modules else 1),
                fixed_draws(model, seed),
            ):
                return function(model, *args, **kwargs)

    def encode(self, x: Any, *, log_var: bool = True) -> np.ndarray:
        """Posterior of each row as the network sees it, ``[mean | log_var]`` or means alone."""
        return self.apply(inference.encode, x, log_var=log_var, n_jobs=self._n_jobs)

    def decode(self, Z: np.ndarray, finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """E[x] for each row of the decoder's input Z, finished tile by tile, (n, n_features)."""
        return self.apply(inference.decode, Z, finish, n_jobs=self._n_jobs)
