"""What a variational autoencoder maximises, in nats and per row."""

import math

import torch

__all__ = ["elbo_terms", "log_importance_weights", "log_mean_exp"]


def elbo_terms(model, x, noise, y=None):
    r"""The two terms of the evidence lower bound, with one sample of z per row.

    .. math:: \log p(x|y) \ge E_{q(z|x)} \log p(x|z) - KL(q(z|x) || p(z|y))

    Parameters
    ----------
    model : VAE
        Encoder, decoder, likelihood and prior.
    x : tensor of shape (n, n_features)
        Rows.
    noise : tensor of shape (n, n_components)
        Standard normal draws.
    y : tensor of shape (n,) or None
        Class numbers, -1 where unknown.

    Returns
    -------
    reconstruction, kl : tensor of shape (n,)
        log p(x|z), and the divergence, or its bound for mixtures, in closed form.

    References
    ----------
    D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014, equation 7.
    """
    posterior = model.posterior(x)
    z = posterior.rsample(noise)

    return model.log_likelihood(x, z, y), model.prior.kl(posterior, y)


def log_importance_weights(model, posterior, x, noise, y=None):
    """log p(x|z) + log p(z|y) - log q(z|x), (n,), for one sample of z per row.

    The parameters are those of :func:`elbo_terms`, with the posterior computed beforehand.
    """
    z = posterior.rsample(noise)

    return model.log_likelihood(x, z, y) + model.prior.log_prob(z, y) - posterior.log_prob(z)


def log_mean_exp(log_weights):
    """Importance-weighted bound from log weights of shape (n, k), (n,).

    Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
    equation 8.
    """
    return torch.logsumexp(log_weights, dim=1) - math.log(log_weights.shape[1])
