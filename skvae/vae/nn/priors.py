"""Priors p(z), with or without labels.

A prior answers ``kl(posterior, y)``, ``kl_per_dimension(posterior, y)`` and ``log_prob(z, y)`` for
each row, has a ``unit()`` of length in z, and names what a fit learns of it in
``fitted_attributes``; ``lr_ratio`` is the length of its steps relative to the networks'. Labels are
class numbers; -1, or ``y=None`` for all rows, means unknown. A prior that knows no classes gives
the same answers whatever they are.

Components of a mixture enter by one function: for z ~ N(m, diag v) the expectation of
log N(z; m_k, diag s_k^2) is linear in (1, m, m^2 + v), and v = 0 gives the density.
"""

import math

import torch
from torch import nn
from torch.nn import functional

__all__ = ["ClassMeans", "ClassNormals", "Mixture", "StandardNormal", "log_marginal"]


def log_marginal(log_probs, log_weights, y=None):
    """log p(.|y) of each row, (n,), from log p(.|k), (n, K); log sum_k w_k p(.|k) without a y."""
    marginal = (log_probs + log_weights).logsumexp(1)
    if y is None:
        return marginal
    own = log_probs.gather(1, y.clamp(min=0)[:, None])[:, 0]

    return torch.where(y < 0, marginal, own)


class StandardNormal(nn.Module):
    """The prior N(0, I), which knows no labels.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import StandardNormal
    >>> StandardNormal().log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    lr_ratio = 1.0

    def draw_parameters(self, generator):
        """There are none."""

    def fitted_attributes(self):
        """Nothing is learned."""
        return {}

    def unit(self):
        """Standard deviation of z, (d,) or 1."""
        return 1.0

    def kl_per_dimension(self, posterior, y=None):
        """KL(q || p) in nats for each row and dimension, (n, d)."""
        return posterior.kl_to_unit_normal(0.0)

    def kl(self, posterior, y=None):
        """KL(q || p) in nats for each row, (n,), in closed form."""
        return self.kl_per_dimension(posterior).sum(-1)

    def log_prob(self, z, y=None):
        """log p(z) in nats, (n,)."""
        return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)


class _GaussianMixture(nn.Module):
    """sum_k w_k N(m_k, diag s_k^2), from ``log_weights()``, ``means`` and ``scales()``."""

    def known_components(self, y):
        """Number of each row's component where the label tells it, -1 elsewhere, or None."""
        return None  # noqa: RET501, it is an answer

    def unit(self):
        """Standard deviation of z within a component, root mean square over components, (d,)."""
        return (self.log_weights().exp() @ self.scales() ** 2).sqrt()

    def expected_log_prob(self, mean, variance):
        """E log N(z; m_k, diag s_k^2) under z ~ N(mean, diag variance), in nats, (n, K)."""
        scales = self.scales()
        precisions = scales**-2
        squares = (mean**2 + variance) @ precisions.T - 2 * mean @ (self.means * precisions).T
        squares = squares + (self.means**2 * precisions).sum(1)
        log_scales = (2 * scales.log() + math.log(2 * math.pi)).sum(1)

        return -0.5 * (squares + log_scales)

    def log_responsibilities(self, posterior):
        """log q(k|x), (n, K), where no label is known."""
        by_component = self.expected_log_prob(posterior.mean, posterior.std**2)

        return (by_component + self.log_weights()).log_softmax(1)

    def responsibilities(self, posterior, y=None):
        r"""q(k|x) that makes the bound of :meth:`kl` tightest, (n, K); a known component's alone.

        Proportional to w_k exp(-KL(q || N(m_k, diag s_k^2))).
        """
        shares = self.log_responsibilities(posterior).exp()
        known = self.known_components(y)
        if known is None:
            return shares
        own = functional.one_hot(known.clamp(min=0), shares.shape[1]).to(shares.dtype)

        return torch.where((known < 0)[:, None], shares, own)

    def kl_per_dimension(self, posterior, y=None):
        """sum_k q(k|x) KL(q(z_j|x) || N(m_kj, s_kj^2)) in nats, (n, d)."""
        shares, scales = self.responsibilities(posterior, y), self.scales()
        precisions = scales**-2
        squares = (posterior.mean**2 + posterior.std**2) * (shares @ precisions)
        squares = squares - 2 * posterior.mean * (shares @ (self.means * precisions))
        squares = squares + shares @ (self.means**2 * precisions)

        return 0.5 * (squares - 1) + shares @ scales.log() - posterior.std.log()

    def kl(self, posterior, y=None):
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

    def log_prob(self, z, y=None):
        """log p(z|y) in nats, (n,); the whole mixture where the label is unknown."""
        known = self.known_components(y)

        return log_marginal(self.expected_log_prob(z, 0.0), self.log_weights(), known)


class _LearnedScales(_GaussianMixture):
    """A mixture that learns its standard deviations, above a floor."""

    scale_floor = 1e-2

    def _start_scales(self, shape, scale):
        raw_scale = math.log(math.expm1(scale - self.scale_floor))
        self.raw_scales = nn.Parameter(torch.full(shape, raw_scale, dtype=torch.float32))

    def scales(self):
        """Standard deviations, (K, d)."""
        return self.scale_floor + functional.softplus(self.raw_scales)


class ClassMeans(_GaussianMixture):
    """The prior N(mu_y, I) with one learned mean for each class.

    Without a label it is the mixture sum_y p(y) N(mu_y, I), p(y) the class frequencies. Only the
    prior sees the labels, so the encoder works without them.

    Parameters
    ----------
    n_classes, n_components : int
        Number of means and their dimension. They start at zero.

    References
    ----------
    J. Su, "Variational autoencoders, part 2", kexue.fm/archives/5253, 2018.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import ClassMeans
    >>> prior = ClassMeans(n_classes=10, n_components=2)
    >>> prior.log_prob(torch.zeros(1, 2), torch.tensor([3])).detach()
    tensor([-1.8379])
    """

    # The means travel several units, weights a fraction of one, and a step is about the rate.
    lr_ratio = 10.0

    def __init__(self, n_classes, n_components):
        super().__init__()
        self.means = nn.Parameter(torch.zeros(n_classes, n_components, dtype=torch.float32))
        uniform = torch.full((n_classes,), -math.log(n_classes), dtype=torch.float32)
        self.register_buffer("log_frequencies", uniform)

    def draw_parameters(self, generator):
        """The means start at zero."""

    def fitted_attributes(self):
        """``class_means_``."""
        return {"class_means_": _to_array(self.means)}

    def known_components(self, y):
        """A class is a component."""
        return y

    def log_weights(self):
        """log p(y), (K,)."""
        return self.log_frequencies

    def scales(self):
        """Ones, (K, d)."""
        return torch.ones_like(self.means)


class ClassNormals(_LearnedScales, ClassMeans):
    """The prior N(mu_y, diag s_y^2) with a learned mean and learned variances for each class.

    As :class:`ClassMeans`, with which it starts.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import ClassNormals
    >>> prior = ClassNormals(n_classes=10, n_components=2)
    >>> prior.log_prob(torch.zeros(1, 2), torch.tensor([3])).detach()
    tensor([-1.8379])
    """

    lr_ratio = 3.0

    def __init__(self, n_classes, n_components):
        super().__init__(n_classes, n_components)
        self._start_scales((n_classes, n_components), 1.0)

    def fitted_attributes(self):
        """``class_means_`` and ``class_variances_``."""
        variances = _to_array(self.scales() ** 2)

        return super().fitted_attributes() | {"class_variances_": variances}


class Mixture(_LearnedScales):
    """A Gaussian mixture with diagonal covariances, all of it learned with the networks.

    Its components are no classes, so that labels tell it nothing.

    Parameters
    ----------
    n_prior_components, n_components : int
        Number of Gaussians and their dimension.

    Notes
    -----
    :meth:`draw_parameters` spreads the means so that the mixture has about the moments of N(0, I)
    and its components hardly overlap in more than a few dimensions; the warm-up then gives codes
    the time to spread over them. Scales have a floor, below which a component could shrink onto
    a code.

    References
    ----------
    Z. Jiang et al., "Variational deep embedding: an unsupervised and generative approach to
    clustering", IJCAI 2017.

    Examples
    --------
    >>> import torch
    >>> from skvae.vae.nn.priors import Mixture
    >>> prior = Mixture(n_prior_components=5, n_components=2)
    >>> prior.draw_parameters(torch.Generator().manual_seed(0))
    >>> prior.log_prob(torch.zeros(3, 2)).shape
    torch.Size([3])
    """

    # Steps as long as those of class means let one component win all codes while these are alike.
    lr_ratio = 1.0

    def __init__(self, n_prior_components, n_components):
        super().__init__()
        shape = n_prior_components, n_components
        self.logits = nn.Parameter(torch.zeros(n_prior_components, dtype=torch.float32))
        self.means = nn.Parameter(torch.zeros(shape, dtype=torch.float32))
        self._start_scales(shape, math.sqrt(0.5))

    def draw_parameters(self, generator):
        """Draw the means from N(0, I / 2), half of the variance; the scales have the other half."""
        nn.init.normal_(self.means, std=math.sqrt(0.5), generator=generator)

    def fitted_attributes(self):
        """``prior_weights_``, ``prior_means_`` and ``prior_variances_``."""
        return {
            "prior_weights_": _to_array(self.log_weights().exp()),
            "prior_means_": _to_array(self.means),
            "prior_variances_": _to_array(self.scales() ** 2),
        }

    def log_weights(self):
        """log w_k, (K,)."""
        return self.logits.log_softmax(0)


def _to_array(tensor):
    return tensor.detach().cpu().numpy().copy()
