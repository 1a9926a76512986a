"""A trained model applied to rows without torch, where its parts say how."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skvae.compute.threads import single_threaded
from skvae.data.tiles import map_framed_tiles
from skvae.vae.descriptions import likelihood_of, network_of
from skvae.vae.missing import encoder_view
from skvae.vae.numpy_networks import STD_FLOOR, Layer, Linear

__all__ = ["NumpyModel"]


class NumpyModel:
    """Encoder and decoder in numpy.

    Parameters
    ----------
    parameters : dict of ndarray
        Weights of a :class:`skvae.vae.nn.model.VAE`.
    architecture : dict
        Its arguments.
    n_jobs : int or None, default=None
        Threads, which share out the rows.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        architecture: Mapping[str, Any],
        n_jobs: int | None = None,
    ) -> None:
        self._parameters, self._architecture = parameters, architecture
        self._n_jobs = n_jobs
        self._likelihood = likelihood_of(architecture["likelihood"])
        self._network = network_of(architecture["network"])

    @property
    def encodes(self) -> bool:
        """Whether network and likelihood say how to encode."""
        return self._network.numpy_layers is not None and self._likelihood.to_encoder is not None

    @property
    def decodes(self) -> bool:
        """Whether network and likelihood say how to decode."""
        return self._network.numpy_layers is not None and self._likelihood.to_mean is not None

    def encode(self, x: Any, *, log_var: bool = True) -> np.ndarray:
        """Posterior of each row, if it :attr:`encodes`.

        Parameters
        ----------
        x : ndarray or PreparedRows of shape (n, n_features)
            Rows as the network sees them, float32.
        log_var : bool, default=True
            Whether log variances follow the means.

        Returns
        -------
        posterior : ndarray of shape (n, d) or (n, 2 d), float32
            Means, or ``[mean | log_var]``.
        """
        to_encoder, d = self._likelihood.to_encoder, self._architecture["n_components"]
        sees_mask = self._architecture.get("sees_mask", False)
        assert to_encoder is not None
        *hidden, last = self._layers("encoder")
        of_means, of_scales = _part(last, slice(0, d)), _part(last, slice(d, 2 * d))

        def function(tile: np.ndarray) -> np.ndarray:
            h = _through(hidden, encoder_view(tile, to_encoder, sees_mask).T)
            mean = of_means(h).T
            if not log_var:
                return mean
            std = np.logaddexp(0, of_scales(h).T, dtype=np.float32) + np.float32(STD_FLOOR)

            return np.hstack([mean, 2 * np.log(std)])

        return self._map(function, x)

    def decode(self, Z: np.ndarray, finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """E[x] for each row of the decoder's input Z, finished tile by tile, (n, n_features)."""
        to_mean, layers = self._likelihood.to_mean, self._layers("decoder")
        assert to_mean is not None

        return self._map(lambda tile: finish(to_mean(_through(layers, tile.T).T)), Z)

    def _layers(self, name: str) -> list[Layer]:
        make, prefix = self._network.numpy_layers, f"{name}."
        assert make is not None
        weights = {
            key.removeprefix(prefix): value
            for key, value in self._parameters.items()
            if key.startswith(prefix)
        }
        return make(weights, self._architecture["activation"])

    def _map(self, function: Layer, x: Any) -> np.ndarray:
        # What overflows shows in the answer.
        with single_threaded(), np.errstate(over="ignore", invalid="ignore"):
            return map_framed_tiles(function, x, self._n_jobs)


def _through(layers: list[Layer], h: np.ndarray) -> np.ndarray:
    for layer in layers:
        h = layer(h)

    return h


def _part(layer: Layer, outputs: slice) -> Layer:
    """The layer of some of the outputs: of a linear one, a product of their own."""
    if isinstance(layer, Linear):
        return layer.rows(outputs)

    return lambda h: layer(h)[outputs]
