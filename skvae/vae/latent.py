"""The prior p(z) after a fit: a mixture of Gaussians, whichever prior was learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from skvae.mixture.statistics import Mixture
from skvae.vae.descriptions import prior_of

__all__ = ["LatentPrior", "fitted_prior"]


@dataclass(frozen=True, eq=False)
class LatentPrior:
    """A mixture over the latent space, N(0, I) being one of a single component.

    Parameters
    ----------
    mixture : Mixture
        Weights, means and variances of its components.
    of_classes : bool, default=False
        Whether the components are the classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.mixture.statistics import Mixture
    >>> from skvae.vae.latent import LatentPrior
    >>> prior = LatentPrior(Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2))))
    >>> prior.draw(3, None, np.random.default_rng(0)).shape
    (3, 2)
    """

    mixture: Mixture
    of_classes: bool = False

    @property
    def n_components(self) -> int:
        """Gaussians of the mixture."""
        return len(self.mixture.weights)

    @property
    def scales(self) -> np.ndarray:
        """Standard deviations, (K, d), as float32 has them."""
        return np.sqrt(self.mixture.covariances.astype(np.float32)).astype(np.float64)

    def draw(
        self, n_samples: int, components: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        """Latent points.

        Parameters
        ----------
        n_samples : int
            How many.
        components : ndarray of shape (n_samples,) or None
            Component of each; None draws them by their weights.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        Z : ndarray of shape (n_samples, d), float32
        """
        weights, means, _ = self.mixture
        if components is None and self.n_components == 1:
            components = np.zeros(n_samples, np.intp)
        elif components is None:
            components = rng.choice(len(weights), n_samples, p=weights)
        noise = rng.standard_normal((n_samples, means.shape[1]))

        return (means[components] + self.scales[components] * noise).astype(np.float32)

    def draw_of_class(self, n_samples: int, y: int, rng: np.random.Generator) -> np.ndarray:
        """Latent points of a class, or of all where it is -1 or the components are no classes."""
        components = np.full(n_samples, y) if self.of_classes and y >= 0 else None

        return self.draw(n_samples, components, rng)

    def needs_variances(self) -> bool:
        """Whether :meth:`log_joint` depends on the variances of posteriors."""
        return bool((self.mixture.covariances != 1).any())

    def log_joint(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        r"""E log p(z|k) under N(mean, diag variance), but for what components have in common.

        With log weights it is the log of p(k) exp(-KL(q(z|x) || p(z|k))), up to a constant of each
        row.

        Parameters
        ----------
        mean, variance : ndarray of shape (n, d), float64
            Of q(z|x); the variance may be left out where it is not needed.

        Returns
        -------
        log_joint : ndarray of shape (n, K)
        """
        _, means, covariances = self.mixture
        if variance is None:
            distances: np.ndarray = cdist(mean, means, "sqeuclidean")
            return -0.5 * distances
        # Logarithms are those of float32, in which the variances were learned.
        squares = [
            (((mean - mu) ** 2 + variance) / s + np.log(s.astype(np.float32))).sum(axis=1)
            for mu, s in zip(means, covariances, strict=True)
        ]

        return -0.5 * np.stack(squares, axis=1)

    def move(self, Z: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Latent points carried from one component to another, at their place within it.

        Parameters
        ----------
        Z : ndarray of shape (n, d)
            Points.
        start, end : ndarray of shape (n,)
            Component of each, before and after.

        Returns
        -------
        Z : ndarray of shape (n, d)
        """
        means, scales = self.mixture.means.astype(Z.dtype), self.scales.astype(Z.dtype)

        moved: np.ndarray = means[end] + (Z - means[start]) * (scales[end] / scales[start])

        return moved


def fitted_prior(
    architecture: Mapping[str, Any],
    attributes: Mapping[str, Any],
    class_frequencies: np.ndarray | None,
) -> LatentPrior | None:
    """The prior that a fit has left behind, or None where it is no mixture.

    Parameters
    ----------
    architecture : dict
        Arguments of the model.
    attributes : dict
        What the fit tells of the prior, ``class_means_`` or ``prior_means_`` and their like.
    class_frequencies : ndarray of shape (n_classes,) or None
        p(y).

    Returns
    -------
    prior : LatentPrior or None
    """
    if (means := attributes.get("class_means_")) is not None:
        assert class_frequencies is not None
        variances = attributes.get("class_variances_", np.ones_like(means))
        return LatentPrior(_mixture(class_frequencies, means, variances), of_classes=True)
    if (means := attributes.get("prior_means_")) is not None:
        weights = attributes["prior_weights_"].astype(np.float64)
        return LatentPrior(_mixture(weights, means, attributes["prior_variances_"]))
    if prior_of(architecture["prior"]).learned:
        return None
    shape = 1, architecture["n_components"]

    return LatentPrior(_mixture(np.ones(1), np.zeros(shape), np.ones(shape)))


def _mixture(weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> Mixture:
    return Mixture(weights / weights.sum(), means.astype(np.float64), variances.astype(np.float64))
