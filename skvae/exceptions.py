"""Warnings that skvae raises."""

__all__ = ["FitInterruptedWarning", "PosteriorCollapseWarning"]


class FitInterruptedWarning(UserWarning):
    """A fit was stopped by Ctrl-C; the estimator holds the last whole epoch or iteration."""


class PosteriorCollapseWarning(UserWarning):
    """The posterior of a variational autoencoder is next to the prior, whatever the row.

    A fit gives it where no latent dimension is active, or where a tenth of them at most are, with
    less than a nat in all: features and samples then say nothing of the data.
    """
