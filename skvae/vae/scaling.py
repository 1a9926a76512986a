"""From the units of X to those that a network sees, and back."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Scaling", "network_input", "where_observed"]


@dataclass(frozen=True)
class Scaling:
    """Units as a fit has settled them.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,) or None
        Of the standardisation; None means that there is none.
    max_value : float
        What becomes 1, without standardisation.
    binarize : {None, "threshold", "dynamic"}
        How pixels become binary.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.vae.scaling import Scaling
    >>> scaling = Scaling(None, None, 255, "threshold")
    >>> scaling.to_network(np.array([[0, 51, 204]]))
    array([[0., 0., 1.]], dtype=float32)
    """

    mean: np.ndarray | None
    scale: np.ndarray | None
    max_value: float
    binarize: str | None

    @property
    def dynamic(self) -> bool:
        """Whether rows are probabilities, from which scores and training draw binary rows."""
        return self.binarize == "dynamic"

    def to_network(self, X: np.ndarray) -> np.ndarray:
        """Rows as the network sees them, float32."""
        threshold = self.binarize == "threshold"

        return network_input(X, self.mean, self.scale, self.max_value, threshold)

    def to_units(self, x: np.ndarray) -> np.ndarray:
        """What the network gives, in the units of X."""
        return x * self.max_value if self.mean is None else x * self.scale + self.mean

    def log_jacobian(self) -> float:
        """log |d standardised x / d x|."""
        return 0.0 if self.scale is None else -float(np.log(self.scale).sum())


def where_observed(X: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What was made of X, with NaN where X has a missing value; it may be overwritten."""
    x[np.isnan(X)] = np.nan

    return x


def network_input(
    X: np.ndarray,
    mean: np.ndarray | None,
    scale: np.ndarray | None,
    max_value: float,
    threshold: bool,
) -> np.ndarray:
    """Rows as the network sees them.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        In the user's units; NaN, a missing value, stays NaN.
    mean, scale : ndarray of shape (n_features,), or None
        Standardisation, computed in float64.
    max_value : float
        What becomes 1, without standardisation.
    threshold : bool
        Whether to replace X by X > 0.5, once scaled.

    Returns
    -------
    x : ndarray of shape (n, n_features), float32
    """
    if mean is not None:
        standardised: np.ndarray = (X - mean) / scale
        return standardised.astype(np.float32)
    if threshold:
        return where_observed(X, (0.5 * max_value < X).astype(np.float32))
    x = X.astype(np.float32, copy=False)

    return x if max_value == 1 else x / np.float32(max_value)
