"""Supervectors of adapted mixtures, in the units and with the norm of Fisher vectors."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone

__all__ = ["Supervectors"]


class Supervectors(TransformerMixin, BaseEstimator):
    """How far each set moves the mixture of an encoder that is its prior.

    Weights, means and variances less those of the mixture, whitened by Fisher's information, then
    their signed root, divided by its norm.
    """

    def __init__(self, encoder, relevance=16):
        self.encoder = encoder
        self.relevance = relevance

    def fit(self, X, y=None):
        self.encoder_ = clone(self.encoder).fit(X)
        return self

    def transform(self, X):
        mixture = self.encoder_.mixture_
        w, mu, var = self.encoder_.adapted_mixtures(X, self.relevance)
        root = np.sqrt(mixture.weights_)
        moves = (
            (w - mixture.weights_) / root,
            root[:, None] * (mu - mixture.means_) / np.sqrt(mixture.covariances_),
            root[:, None] * (var / mixture.covariances_ - 1) / np.sqrt(2),
        )
        F = np.hstack([move.reshape(len(w), -1) for move in moves])
        F = np.sign(F) * np.sqrt(np.abs(F))
        return F / np.maximum(np.linalg.norm(F, axis=1, keepdims=True), np.finfo(F.dtype).tiny)
