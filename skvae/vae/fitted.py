"""A fitted variational autoencoder as a value: what it encodes, decodes, draws and scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from skvae._typing import Device
from skvae.compute.devices import gpu_or_none
from skvae.data.row_facts import facts_of
from skvae.data.rows import PreparedRows, output_dtype
from skvae.vae.columns import Columns
from skvae.vae.conditions import Conditions
from skvae.vae.descriptions import likelihood_of
from skvae.vae.latent import LatentPrior
from skvae.vae.missing import log_jacobians
from skvae.vae.numpy_model import NumpyModel
from skvae.vae.overflow import cast, check_answer
from skvae.vae.part_types import Likelihood
from skvae.vae.scaling import Scaling
from skvae.vae.seeds import FEATURES, stream_seed
from skvae.vae.support import check_support, within_support

if TYPE_CHECKING:
    from skvae.vae.nn.trained import TorchModel

__all__ = ["N_REFINEMENT", "FittedVAE", "Inference"]

# Draws per row by which the true posterior, and p(x|y) of a predicted class, are estimated.
N_REFINEMENT = 50


class Inference(Protocol):
    """What numpy and torch both do with a trained model."""

    def encode(self, x: Any, *, log_var: bool = True) -> np.ndarray:
        """Posterior of each row as the network sees it, ``[mean | log_var]`` or means alone."""

    def decode(self, Z: np.ndarray, finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What ``finish`` makes of E[x] for rows of the decoder's input, tile by tile."""


@dataclass(frozen=True, eq=False)
class FittedVAE:
    """What a fit has left behind, and what can be asked of it.

    Rows X are those that :func:`skvae.data.rows.validate_rows` gives, in the user's units; classes
    y are class numbers, -1 where unknown, or, where the decoder sees conditions, a matrix of these.
    No method changes anything.

    Parameters
    ----------
    architecture : dict
        Arguments of :class:`skvae.vae.nn.model.VAE`.
    parameters : dict of ndarray
        Its weights.
    scaling : Scaling
        Units of X and of the network.
    prior : LatentPrior or None
        p(z) where it is a mixture.
    class_frequencies : ndarray of shape (n_classes,) or None
        p(y).
    seed : int
        From which all noise derives.
    variational : bool, default=True
        False is the plain autoencoder, which has no density.
    feature_names : ndarray of str or None, default=None
        For messages.
    columns : Columns or None, default=None
        Of a table that holds other things than numbers as well, to which rows X here are numbers.
    device : str or None, default=None
        Where to compute.
    n_jobs : int or None, default=None
        Threads.
    """

    architecture: Mapping[str, Any]
    parameters: Mapping[str, np.ndarray]
    scaling: Scaling
    prior: LatentPrior | None
    class_frequencies: np.ndarray | None
    seed: int
    variational: bool = True
    feature_names: np.ndarray | None = None
    columns: Columns | None = None
    device: Device = None
    n_jobs: int | None = None

    @property
    def n_components(self) -> int:
        """Latent dimensions."""
        n_components: int = self.architecture["n_components"]
        return n_components

    @property
    def n_classes(self) -> int | None:
        """Number of classes, if there are any."""
        n_classes: int | None = self.architecture["n_classes"]
        return n_classes

    @property
    def labels_in_decoder(self) -> bool:
        """Whether the decoder sees the class."""
        labels_in_decoder: bool = self.architecture["labels_in_decoder"]
        return labels_in_decoder

    @property
    def conditions(self) -> Conditions | None:
        """Columns of a table that the decoder sees."""
        return None if self.columns is None else self.columns.conditions

    @property
    def likelihood(self) -> Likelihood:
        """The description of p(x|z)."""
        return likelihood_of(self.architecture["likelihood"])

    @property
    def torch_model(self) -> "TorchModel":
        """The model in torch, which this imports."""
        from skvae.vae.nn.trained import TorchModel

        return TorchModel(
            self.parameters,
            self.architecture,
            self.seed,
            device=self.device,
            n_jobs=self.n_jobs,
        )

    @property
    def to_matrix(self) -> Callable[[Any], np.ndarray] | None:
        """What makes numbers of a table, where it holds other things as well."""
        return None if self.columns is None else self.columns.to_matrix

    def to_given(
        self, x: np.ndarray, like: Any = None, conditions: Sequence[np.ndarray] = ()
    ) -> Any:
        """Rows in the user's units as the fit was given them: a table, or x itself.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
            Finite rows.
        like : DataFrame or None, default=None
            Whose index the rows have, in pandas.
        conditions : sequence of ndarray of shape (n,)
            Values of the conditions, where there are some.
        """
        if self.columns is None:
            return x
        index = like.index if hasattr(like, "iloc") and self.columns.frame is not None else None

        return self.columns.to_table(x, index, conditions)

    def mixture_prior(self) -> LatentPrior:
        """The prior, if it is a mixture.

        Raises
        ------
        ValueError
            If the user's prior does not say which one.
        """
        if self.prior is None:
            raise ValueError(
                "The prior of this fit does not tell its mixture of Gaussians, from which latent "
                "points could be drawn: its method mixture() gives None."
            )
        return self.prior

    def admit(self, X: Any, *, scored: bool = False) -> Any:
        """Rows after the fit, if the likelihood can do with them.

        Parameters
        ----------
        X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
            Rows.
        scored : bool, default=False
            Whether their densities are asked for.

        Returns
        -------
        X : ndarray, MappedRows, IteratedRows or PreparedRows of shape (n, n_features)

        Raises
        ------
        ValueError
            If the likelihood checks new rows, and these cannot come from it.
        """
        if self.likelihood.checks_new_rows:
            check_support(facts_of(X), self.likelihood, self.scaling.max_value)
        elif self.likelihood.binary and scored:
            binary = self.scaling.binarize is None
            X = within_support(X, self.likelihood, self.scaling.max_value, binary=binary)

        return X

    def encode(self, X: Any, *, log_var: bool = False) -> np.ndarray:
        """Posterior means of rows, (n, d), or ``[mean | log_var]``, (n, 2 d), float32."""
        x = PreparedRows(X, self.scaling.to_network)

        return self.reached(self._encoder().encode(x, log_var=log_var), X)

    def draw_posterior(
        self, X: Any, n_importance: int | None = None, y: np.ndarray | None = None
    ) -> np.ndarray:
        """One draw of z from q(z|x) for each row, or the mean of p(z|x) by importance sampling.

        Parameters
        ----------
        X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
            Rows.
        n_importance : int or None, default=None
            Draws for the mean; None gives one draw.
        y : ndarray of shape (n, n_conditions) or None, default=None
            Conditions, of which the mean depends.

        Returns
        -------
        Z : ndarray of shape (n, d), float32
        """
        from skvae.vae.nn.inference import draw_posterior

        seed = stream_seed(self.seed, FEATURES)
        Z = self.torch_model.apply(
            draw_posterior,
            X,
            self.scaling.to_network,
            seed,
            y=y,
            n_importance=n_importance,
            n_jobs=self.n_jobs,
        )

        return self.reached(Z, X)

    def decode(self, Z: np.ndarray, y: np.ndarray | None, dtype: Any) -> np.ndarray:
        """E[x|z, y] in the user's units, (n, n_features); the average over y where it is None."""
        if y is not None or not self.labels_in_decoder:
            h = self.decoder_input(Z, y)
            return self.decode_input(h, lambda x: cast(self.to_units(x), dtype))
        assert self.class_frequencies is not None
        mean: np.ndarray = sum(
            share * self.decode_input(self.decoder_input(Z, np.full(len(Z), k)), self.to_units)
            for k, share in enumerate(self.class_frequencies)
        )
        return cast(mean, dtype)

    def decode_input(self, h: np.ndarray, finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What ``finish`` makes of E[x] in the network's units, float32, for the decoder's input.

        Parameters
        ----------
        h : ndarray of shape (n, d), (n, d + n_classes) or (n, d + n_conditions), float32
            As :meth:`decoder_input` gives it.
        finish : callable
            Row by row, from (m, n_features) to (m, n_features); several threads may call it.

        Returns
        -------
        x : ndarray of shape (n, n_features)
        """
        return self._decoder().decode(h, finish)

    def decoder_input(self, Z: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """[z | indicator of the class], [z | conditions] or z alone, float32."""
        if self.conditions is not None:
            assert y is not None
            Z = np.hstack([Z, y])
        elif self.labels_in_decoder:
            assert self.n_classes is not None and y is not None
            Z = np.hstack([Z, np.eye(self.n_classes)[y]])

        return cast(Z, np.float32)

    def draw(self, Z: np.ndarray, y: np.ndarray | None, seed: int) -> np.ndarray:
        """One draw of x for each latent point and class, in the user's units, (n, n_features)."""
        from skvae.vae.nn.inference import decode_draws

        x = self.torch_model.apply(decode_draws, self.decoder_input(Z, y), seed, n_jobs=self.n_jobs)

        return self.scaling.to_units(x.astype(np.float64))

    def draw_latent(
        self, n_samples: int, y: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        """z from the prior p(z), or of the classes in y, (n_samples, d) float32."""
        prior = self.mixture_prior()

        return prior.draw(n_samples, y if prior.of_classes else None, rng)

    def score_rows(self, X: Any, y: np.ndarray | None, n_importance: int | None) -> np.ndarray:
        """Bound on log p(x|y) of each row, in nats, for densities in the user's units.

        Parameters
        ----------
        X : ndarray, MappedRows, IteratedRows or PreparedRows of shape (n, n_features)
            Admitted rows.
        y : ndarray of shape (n,) or (n, n_conditions), or None
            Class numbers; log p(x) where unknown. Or conditions.
        n_importance : int or None
            Samples of the importance-weighted bound; None is the evidence lower bound.

        Returns
        -------
        log_density : ndarray of shape (n,), float64
        """
        to_units = partial(log_jacobians, self.scaling)

        return self.bound_rows(X, y, n_importance, log_jacobian=to_units)

    def bound_rows(
        self, X: Any, y: np.ndarray | None, n_importance: int | None, **options: Any
    ) -> np.ndarray:
        """Bound on log p(x|y) as :meth:`score_rows` gives it, in the network's units.

        Options are those of :func:`skvae.vae.nn.inference.row_scores`.
        """
        from skvae.vae.nn.inference import row_scores

        bound = self.torch_model.apply(
            row_scores,
            X,
            self.scaling.to_network,
            y,
            self.seed,
            dynamic=self.scaling.dynamic,
            n_importance=n_importance,
            n_jobs=self.n_jobs,
            **options,
        )

        return self.reached(bound, X)

    def impute(
        self, X: Any, y: np.ndarray | None, n_importance: int, n_draws: int | None, seed: int
    ) -> np.ndarray:
        """Rows with their missing values filled in, in the user's units.

        Parameters
        ----------
        X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
            Admitted rows.
        y : ndarray of shape (n,) or (n, n_conditions), or None
            Class numbers, -1 where unknown, or conditions.
        n_importance : int
            Latent points for each row.
        n_draws : int or None
            Draws for each row; None gives expectations.
        seed : int
            Of the noise.

        Returns
        -------
        X : ndarray of shape (n, n_features) or (n_draws, n, n_features)
        """
        from skvae.vae.nn.imputation import impute

        x = self.torch_model.apply(
            impute,
            X,
            self.scaling.to_network,
            y,
            seed,
            n_importance=n_importance,
            n_draws=n_draws,
            draw_prior=None if self.prior is None else self.prior.draw_of_class,
            n_jobs=self.n_jobs,
        )
        filled = self.to_units(self.reached(x, X).astype(np.float64))
        if n_draws is not None:
            filled = np.swapaxes(filled, 0, 1)
        known = cast(X[:], output_dtype(X))

        return np.where(np.isnan(known), cast(filled, known.dtype), known)

    def to_units(self, x: np.ndarray) -> np.ndarray:
        """What the network gives, in the user's units."""
        return self.scaling.to_units(x)

    def reached(self, answer: np.ndarray, X: Any) -> np.ndarray:
        """The answer about rows, if float32 could compute it."""
        mean, scale = self.scaling.mean, self.scaling.scale
        if mean is None or scale is None:
            return check_answer(answer, X, self.feature_names)

        return check_answer(answer, X, self.feature_names, center=mean, unit=scale)

    def _encoder(self) -> Inference:
        model = NumpyModel(self.parameters, self.architecture, self.n_jobs)

        return model if model.encodes and not gpu_or_none(self.device) else self.torch_model

    def _decoder(self) -> Inference:
        model = NumpyModel(self.parameters, self.architecture, self.n_jobs)

        return model if model.decodes and not gpu_or_none(self.device) else self.torch_model
