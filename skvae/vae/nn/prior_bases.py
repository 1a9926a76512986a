"""What a prior p(z) is to a model, and what mixtures of Gaussians have in common.

Labels are class numbers; -1, or ``y=None`` for all rows, means unknown. A prior that knows no
classes gives the same answers whatever they are.

Components of a mixture enter by one function: for z ~ N(m, diag v) the expectation of
log N(z; m_k, diag s_k^2) is linear in (1, m, m^2 + v), and v = 0 gives the density.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from skvae.vae.nn.posteriors import DiagonalNormal
from skvae.vae.nn.written_out import is_written_out

__all__ = [
    "GaussianMixturePrior",
    "Labels",
    "Prior",
    "Weight",
    "log_marginal",
    "to_array",
    "writes_kl_gradient",
]

Labels = torch.Tensor | None
Weight = float | torch.Tensor | None


def log_marginal(
    log_probs: torch.Tensor, log_weights: torch.Tensor, y: Labels = None
) -> torch.Tensor:
    """log p(.|y) of each row, (n,), from log p(.|k), (n, K); log sum_k w_k p(.|k) without a y."""
    marginal = (log_probs + log_weights).logsumexp(1)
    if y is None:
        return marginal
    own = log_probs.gather(1, y.clamp(min=0)[:, None])[:, 0]

    return torch.where(y < 0, marginal, own)


class Prior(nn.Module):
    """What a model asks of its prior; those of the user's derive from it as well.

    Optional is ``add_kl_gradient(mean, std, y, beta, d_mean, d_std)``, by which a step of training
    goes without autograd: it returns ``kl(q).sum()`` for the normals q of these means and standard
    deviations, adds beta times its gradients to ``d_mean`` and ``d_std``, unless beta is None, and
    then sets the ``.grad`` of its own parameters to beta times theirs. ``add_gradient_alone`` does
    so without the sum, in most steps of a large epoch.
    """

    #: Length of its steps relative to the networks'.
    lr_ratio = 1.0

    #: Whether ``add_kl_gradient`` holds for rows of known classes alone.
    gradient_needs_labels = False

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Set the parameters that training starts from, if they are not set yet."""

    def mixture(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Weights (K,), means and variances (K, d) of p(z), if it is a mixture of Gaussians.

        Without them there are no ``sample`` and no map of the latent space.
        """
        return None  # noqa: RET501, it is an answer

    def fitted_attributes(self) -> dict[str, np.ndarray]:
        """What a fit tells of it: ``prior_weights_``, ``prior_means_`` and ``prior_variances_``."""
        mixture = self.mixture()
        names = ("prior_weights_", "prior_means_", "prior_variances_")

        return {} if mixture is None else dict(zip(names, map(to_array, mixture), strict=True))

    def unit(self) -> float | torch.Tensor:
        """Standard deviation of z, (d,) or 1."""
        return 1.0

    def kl_per_dimension(self, posterior: DiagonalNormal, y: Labels = None) -> torch.Tensor:
        """KL(q || p) in nats for each row and dimension, (n, d)."""
        raise NotImplementedError

    def kl(self, posterior: DiagonalNormal, y: Labels = None) -> torch.Tensor:
        """KL(q(z|x) || p(z|y)) in nats for each row, (n,), or an upper bound of it."""
        return self.kl_per_dimension(posterior, y).sum(-1)

    def log_prob(self, z: torch.Tensor, y: Labels = None) -> torch.Tensor:
        """log p(z|y) in nats, (n,)."""
        raise NotImplementedError


class GaussianMixturePrior(Prior):
    """A prior sum_k w_k N(m_k, diag s_k^2).

    A kind of it has ``means``, an attribute or property of shape (K, d), :meth:`log_weights` and
    :meth:`scales`.
    """

    means: Any

    def log_weights(self) -> torch.Tensor:
        """log w_k, (K,)."""
        raise NotImplementedError

    def scales(self) -> torch.Tensor:
        """Standard deviations, (K, d)."""
        raise NotImplementedError

    def mixture(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Weights (K,), means and variances (K, d)."""
        return self.log_weights().exp(), self.means, self.scales() ** 2

    def known_components(self, y: Labels) -> Labels:
        """Number of each row's component where the label tells it, -1 elsewhere, or None."""
        return None  # noqa: RET501, it is an answer

    def unit(self) -> torch.Tensor:
        """Standard deviation of z within a component, root mean square over components, (d,)."""
        return (self.log_weights().exp() @ self.scales() ** 2).sqrt()

    def expected_log_prob(self, mean: torch.Tensor, variance: torch.Tensor | float) -> torch.Tensor:
        """E log N(z; m_k, diag s_k^2) under z ~ N(mean, diag variance), in nats, (n, K)."""
        scales = self.scales()
        precisions = scales**-2
        squares = (mean**2 + variance) @ precisions.T - 2 * mean @ (self.means * precisions).T
        squares = squares + (self.means**2 * precisions).sum(1)
        log_scales = (2 * scales.log() + math.log(2 * math.pi)).sum(1)

        log_prob: torch.Tensor = -0.5 * (squares + log_scales)

        return log_prob

    def log_responsibilities(self, posterior: DiagonalNormal) -> torch.Tensor:
        """log q(k|x), (n, K), where no label is known."""
        by_component = self.expected_log_prob(posterior.mean, posterior.std**2)

        return (by_component + self.log_weights()).log_softmax(1)

    def responsibilities(self, posterior: DiagonalNormal, y: Labels = None) -> torch.Tensor:
        r"""q(k|x) that makes the bound of :meth:`kl` tightest, (n, K); a known component's alone.

        Proportional to w_k exp(-KL(q || N(m_k, diag s_k^2))).
        """
        shares = self.log_responsibilities(posterior).exp()
        known = self.known_components(y)
        if known is None:
            return shares
        own = functional.one_hot(known.clamp(min=0), shares.shape[1]).to(shares.dtype)

        return torch.where((known < 0)[:, None], shares, own)

    def kl_per_dimension(self, posterior: DiagonalNormal, y: Labels = None) -> torch.Tensor:
        """sum_k q(k|x) KL(q(z_j|x) || N(m_kj, s_kj^2)) in nats, (n, d)."""
        shares, scales = self.responsibilities(posterior, y), self.scales()
        precisions = scales**-2
        squares = (posterior.mean**2 + posterior.std**2) * (shares @ precisions)
        squares = squares - 2 * posterior.mean * (shares @ (self.means * precisions))
        squares = squares + shares @ (self.means**2 * precisions)

        kl: torch.Tensor = 0.5 * (squares - 1) + shares @ scales.log() - posterior.std.log()

        return kl

    def kl(self, posterior: DiagonalNormal, y: Labels = None) -> torch.Tensor:
        r"""KL(q(z|x) || p(z|y)) in nats, (n,), or an upper bound of it where y is unknown.

        The bound :math:`-\log \sum_k w_k \exp(-KL(q || p_k))` is the divergence with the component
        as a latent variable beside z, KL(q(z|x) q(k|x) || p(z, k)), at the best q(k|x) [1]_. One
        component, or components far apart, make it exact.

        References
        ----------
        .. [1] J. R. Hershey and P. A. Olsen, "Approximating the Kullback Leibler divergence between
           Gaussian mixture models", ICASSP 2007, section 7.
        """
        entropy = (posterior.std.log() + 0.5 * math.log(2 * math.pi * math.e)).sum(1)

        by_component = self.expected_log_prob(posterior.mean, posterior.std**2)
        known = self.known_components(y)

        return -entropy - log_marginal(by_component, self.log_weights(), known)

    def log_prob(self, z: torch.Tensor, y: Labels = None) -> torch.Tensor:
        """log p(z|y) in nats, (n,); the whole mixture where the label is unknown."""
        known = self.known_components(y)

        return log_marginal(self.expected_log_prob(z, 0.0), self.log_weights(), known)


def writes_kl_gradient(prior: Prior, y: Labels) -> bool:
    """Whether a prior has ``add_kl_gradient`` for rows of these class numbers."""
    if not is_written_out(prior, "add_kl_gradient", "kl", "kl_per_dimension"):
        return False

    return not prior.gradient_needs_labels or y is None or bool((y >= 0).all())


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """A copy in numpy."""
    return tensor.detach().cpu().numpy().copy()
