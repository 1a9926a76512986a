"""What a saved estimator says of itself."""

import warnings

from skvae import __version__

__all__ = ["VersionedMixin"]


class VersionedMixin:
    """Write the skvae version into every pickle, and warn when another one reads it.

    scikit-learn does the same for its own estimators only. A mixin: put it before
    ``BaseEstimator``.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_skvae_version": __version__}

    def __setstate__(self, state):
        version = state.pop("_skvae_version", "unknown")
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved by skvae {version} and is loaded by "
                f"{__version__}: results may differ. Fit it again, or install that version.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)
