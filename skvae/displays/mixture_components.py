"""The components of a mixture of patches, as patches."""

from collections.abc import Sequence
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import Array, Axes
from skvae.displays.canvas import Display, place, require_attribute, require_matplotlib
from skvae.displays.mosaic import as_images, draw_mosaic, fill_grid

__all__ = ["MixtureComponentsDisplay"]

Kind: TypeAlias = Literal["grid", "places"]

# Half the width of a patch drawn at its place, where the image reaches from -1 to 1.
_HALF = 0.09


class MixtureComponentsDisplay(Display):
    """Mean patch of each component of an encoder's mixture or vocabulary.

    Means are taken back through the reducer. Make one with :meth:`from_estimator`.

    Parameters
    ----------
    patches : ndarray of shape (K, h, w, c)
        Mean patches, from the heaviest component down.
    weights : ndarray of shape (K,)
        Weights of the components.
    positions : ndarray of shape (K, 2), default=None
        (x, y) where components lie in the image, from -1 to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the patches.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skvae import FisherVectorEncoder, ImagePatches
    >>> from skvae.displays import MixtureComponentsDisplay
    >>> X = load_digits().data / 16
    >>> patches = ImagePatches(patch_size=3)
    >>> encoder = FisherVectorEncoder(8, extractor=patches, reducer=PCA(4), random_state=0).fit(X)
    >>> MixtureComponentsDisplay.from_estimator(encoder).patches.shape
    (8, 3, 3, 1)
    """

    def __init__(self, *, patches: Array, weights: Array, positions: Array | None = None) -> None:
        self.patches = patches
        self.weights = weights
        self.positions = positions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: Kind = "grid",
        n_components: int = 64,
        patch_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the heaviest components.

        Parameters
        ----------
        estimator : FisherVectorEncoder, VLADEncoder or BagOfVisualWordsEncoder
            Fitted; its reducer must have ``inverse_transform``.
        kind : {"grid", "places"}, default="grid"
            Side by side; or each where it lies in the image, for ``spatial="xy"``.
        n_components : int, default=64
            Components to show, at most.
        patch_shape : tuple of int, default=None
            (height, width) or (height, width, channels) of a descriptor; None asks the extractor,
            and takes square grey patches where there is none.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : MixtureComponentsDisplay

        Raises
        ------
        AttributeError
            If the reducer cannot invert.
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        describe = require_attribute(estimator, "component_descriptors", "encoder of sets")
        weights, descriptors, positions = describe()
        heaviest = np.argsort(-weights, kind="stable")[:n_components]
        if patch_shape is None and hasattr(estimator.extractor_, "patch_size"):
            size = estimator.extractor_.patch_size
            patch_shape = (size, size, estimator.extractor_.image_shape_[2])
        display = cls(
            patches=as_images(descriptors[heaviest], patch_shape),
            weights=weights[heaviest],
            positions=None if positions is None else positions[heaviest],
        )

        return display.plot(kind, ax, **kwargs)

    def plot(self, kind: Kind = "grid", ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the patches, all on one scale of values.

        Parameters
        ----------
        kind : {"grid", "places"}, default="grid"
            As in :meth:`from_estimator`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``imshow``.

        Returns
        -------
        display : MixtureComponentsDisplay

        Raises
        ------
        ValueError
            If the kind is unknown, or there are no places in a plane.
        """
        if kind == "grid":
            n_columns = int(np.ceil(np.sqrt(len(self.patches))))
            draw_mosaic(place(self, ax, (5, 5)), fill_grid(self.patches, n_columns), **kwargs)
        elif kind == "places":
            if self.positions is None or self.positions.shape[1] != 2:
                raise ValueError(
                    "kind='places' needs an encoder with spatial='xy' and positions in a plane."
                )
            self._plot_places(place(self, ax, (5.4, 5.4)), self.positions, kwargs)
        else:
            raise ValueError(f"kind={kind!r} must be 'grid' or 'places'.")

        return self

    def _plot_places(self, ax: Axes, positions: Array, kwargs: dict[str, Any]) -> None:
        limits = {"vmin": self.patches.min(), "vmax": self.patches.max()}
        for patch, (x, y) in reversed(list(zip(self.patches, positions, strict=True))):
            extent = (x - _HALF, x + _HALF, y + _HALF, y - _HALF)
            draw_mosaic(ax, patch[None, None], **{**limits, "extent": extent, **kwargs})
        edge = 1 + 2 * _HALF
        ax.set(xlim=(-edge, edge), ylim=(edge, -edge), xlabel="x", ylabel="y", aspect="equal")
        ax.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
