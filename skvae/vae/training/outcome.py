"""How a fit has come out: dimensions in use, and warnings of divergence and collapse."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skvae._warnings import warn
from skvae.exceptions import PosteriorCollapseWarning

__all__ = ["ADVICE", "count_active", "warn_if_worse", "warn_of_collapse"]

ADVICE = (
    "Try a smaller learning_rate_init, max_grad_norm, or scaling the features of X to similar "
    "ranges."
)

# Variance of the posterior mean above which a dimension counts (Burda et al. 2016, section 5.2).
_ACTIVE = 0.01

# A share of active dimensions, and nats in all of them, that are next to nothing.
_FEW_ACTIVE, _LITTLE = 0.1, 1.0


def count_active(variance_of_means: np.ndarray) -> int:
    """Number of latent dimensions whose posterior mean depends on the row, from (d,) variances."""
    return int((variance_of_means > _ACTIVE).sum())


def warn_if_worse(start: float, end: float, n_features: int) -> None:
    """Warn of a fit that ended far below where it began, which finite losses do not show.

    Parameters
    ----------
    start, end : float
        What is maximised, in nats per row, of the untrained network and of the last epoch.
    n_features : int
        A nat for each of them is no reason to warn.
    """
    if end < start - abs(start) - n_features:
        warn(
            f"The fit ended at {end:.3g} nats per row, after {start:.3g} of the untrained network: "
            f"it diverged. {ADVICE}",
            ConvergenceWarning,
        )


def warn_of_collapse(n_active: int, kl: np.ndarray, advice: str | None = None) -> None:
    """Warn of a fit whose posterior is next to the prior, whatever the row.

    Parameters
    ----------
    n_active : int
        Latent dimensions that depend on the input.
    kl : ndarray of shape (d,)
        What each carries, in nats.
    advice : str or None, default=None
        What helps, where it is another thing than usually.
    """
    nearly = n_active <= _FEW_ACTIVE * len(kl) and kl.sum() < _LITTLE
    if n_active and not nearly:
        return
    advice = advice or (
        "Try more epochs (max_iter), a longer warm_up, a smaller beta or other units of X."
    )
    warn(
        f"Posterior collapse: the input moves {n_active or 'none'} of {len(kl)} latent dimensions, "
        f"and z carries {kl.sum():.2g} nats of a row. {advice}",
        PosteriorCollapseWarning,
    )
