"""Warnings that skvae raises."""

__all__ = ["FitInterruptedWarning", "PosteriorCollapseWarning"]


class FitInterruptedWarning(UserWarning):
    """A fit was stopped by Ctrl-C; the estimator holds the last whole epoch or iteration."""


class PosteriorCollapseWarning(UserWarning):
    """No latent dimension of a variational autoencoder carries information about the input."""
