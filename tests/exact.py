"""Mixtures in long double, straight from the definitions: what float32 and float64 are held to.

NaN is a missing value, which has no part in any sum.
"""

import numpy as np


def log_joints(X, mixture):
    """log(w_k N(x; mu_k, sigma_k^2)), (n, K)"""
    X = X.astype(np.longdouble)
    columns = []
    for w, mu, v in zip(*(a.astype(np.longdouble) for a in mixture), strict=True):
        squares = (X - mu) ** 2 / v + np.log(2 * np.longdouble(np.pi) * v)
        columns.append(np.log(w) - np.nansum(squares, axis=1) / 2)
    return np.stack(columns, axis=1)


def posteriors(X, mixture):
    """Log-likelihoods (n,) and posteriors (n, K)."""
    joint = log_joints(X, mixture)
    top = joint.max(axis=1, keepdims=True)
    log_likelihood = top + np.log(np.exp(joint - top).sum(axis=1, keepdims=True))
    return log_likelihood[:, 0], np.exp(joint - log_likelihood)


def fisher_vector(X, mixture, gamma):
    """Whitened gradient of one set, (K, 1 + 2 d): Sanchez et al. 2013, eqs. 16-18."""
    X = X.astype(np.longdouble)
    rows = []
    for k, (w, mu, v) in enumerate(zip(*(a.astype(np.longdouble) for a in mixture), strict=True)):
        g, z = gamma[:, k, None], (X - mu) / np.sqrt(v)
        parts = [g - w, g * z, g * (z**2 - 1) / np.sqrt(np.longdouble(2))]
        rows.append(np.concatenate([np.nan_to_num(p).mean(axis=0) for p in parts]) / np.sqrt(w))
    return np.stack(rows).astype(np.float64)
