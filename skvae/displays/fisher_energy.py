"""The energy of a Fisher vector over components and positions."""

from typing import Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import Array, ArrayLike, Axes
from skvae.displays.canvas import Display, place, require_matplotlib
from skvae.displays.maps import draw_map, draw_outline
from skvae.displays.mosaic import as_images, draw_mosaic, fill_grid, tile_centres
from skvae.displays.palette import ENERGY_MAP, styles
from skvae.fisher.layout import GRADIENTS

__all__ = ["FisherEnergyDisplay"]

Kind: TypeAlias = Literal["positions", "components", "both"]

_HATCHES = ("", "//", "xx")


class FisherEnergyDisplay(Display):
    r"""Shares of components and patches in the squared length of an image's Fisher vector.

    The gradient G of an image, before power and norm, is the mean of those of its T patches. So
    its energy :math:`|G|^2` is the sum over components k and patches t of
    :math:`g_{tk} \cdot G_k / T`: large where patches are unlike what the mixture expects, negative
    where a patch pulls against the others. Make one with :meth:`from_estimator`.

    Parameters
    ----------
    energy : ndarray of shape (3, K, n_rows, n_columns)
        Shares by gradient (weights, means, standard deviations), component and place of the patch;
        they sum to one.
    centres : (ndarray of shape (n_rows,), ndarray of shape (n_columns,))
        Of the patches, in pixels.
    image : ndarray of shape (h, w), default=None
        Whose outline is drawn over the map of positions.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the map.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import FisherVectorEncoder, ImagePatches
    >>> from skvae.displays import FisherEnergyDisplay
    >>> X = load_digits().data / 16
    >>> patches = ImagePatches(patch_size=3)
    >>> encoder = FisherVectorEncoder(8, extractor=patches, random_state=0).fit(X)
    >>> display = FisherEnergyDisplay.from_estimator(encoder, X[:1])
    >>> display.energy.shape
    (3, 8, 6, 6)
    """

    def __init__(
        self, *, energy: Array, centres: tuple[Array, Array], image: Array | None = None
    ) -> None:
        self.energy = energy
        self.centres = centres
        self.image = image

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        kind: Kind = "positions",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Encode one image and draw its energy.

        Parameters
        ----------
        estimator : FisherVectorEncoder
            Fitted, with ``ImagePatches`` as extractor.
        X : array-like of shape (1, n_features)
            One image, as a row of pixels.
        kind, ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : FisherEnergyDisplay

        Raises
        ------
        TypeError
            If the estimator makes no Fisher vectors of patches.
        ValueError
            If X is not one image.
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        extractor: Any = getattr(estimator, "extractor_", None)
        if not hasattr(estimator, "mixture_") or not hasattr(extractor, "grid_"):
            raise TypeError(
                "An energy map needs a FisherVectorEncoder with ImagePatches() as extractor, whose "
                "patches lie on one grid: fitted on images of one size that are in no files, with "
                f"scales=(1,); got {estimator!r}."
            )
        n_images = np.shape(X)[0]
        if n_images != 1:
            raise ValueError(
                f"X holds {n_images} images; an energy map is of one: pass X[i : i + 1]."
            )
        image = as_images(X, extractor.image_shape_)[0].mean(axis=2)
        patches = extractor.transform(X)[0]
        shares = estimator.energies(patches, extractor.positions_)
        rows, columns = extractor.grid_
        energy = shares.reshape(*shares.shape[:2], len(rows), len(columns))
        energy = energy / (energy.sum() or 1.0)

        return cls(energy=energy, centres=(rows, columns), image=image).plot(kind, ax, **kwargs)

    def plot(
        self,
        kind: Kind = "positions",
        ax: Axes | None = None,
        *,
        n_components: int = 16,
        **kwargs: Any,
    ) -> Self:
        """Draw the energy.

        Parameters
        ----------
        kind : {"positions", "components", "both"}, default="positions"
            A map over the image, summed over components; bars of the components with the most
            energy, split by gradient; or a small map over the image for each of these.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_components : int, default=16
            Components to show, those with the most energy.
        **kwargs
            To ``imshow`` or ``bar``.

        Returns
        -------
        display : FisherEnergyDisplay

        Raises
        ------
        ValueError
            If the kind is unknown.
        """
        kinds = {
            "positions": (self._plot_positions, (4.8, 4)),
            "components": (self._plot_components, (6.4, 3.6)),
            "both": (self._plot_both, (5.6, 5)),
        }
        if kind not in kinds:
            raise ValueError(f"kind={kind!r} must be one of {list(kinds)}.")
        draw, figsize = kinds[kind]
        ax = place(self, ax, figsize)
        draw(ax, self._strongest(n_components), kwargs)

        return self

    def _strongest(self, n_components: int) -> Array:
        total = self.energy.sum(axis=(0, 2, 3))

        return np.argsort(total)[::-1][:n_components]

    def _plot_positions(self, ax: Axes, strongest: Array, kwargs: dict[str, Any]) -> None:
        values = self.energy.sum(axis=(0, 1))
        style = {"cmap": ENERGY_MAP, "norm": _compressed(values), **kwargs}
        artist = draw_map(ax, values, self.centres, **style)
        if self.image is not None:
            draw_outline(ax, self.image)
        ax.set(xlabel="column, pixels", ylabel="row, pixels")
        self.figure_.colorbar(artist, ax=ax, label="share of the squared length")

    def _plot_components(self, ax: Axes, strongest: Array, kwargs: dict[str, Any]) -> None:
        bars = self.energy.sum(axis=(2, 3))[:, strongest]
        ink = ax.xaxis.label.get_color()
        base = np.zeros(len(strongest))
        for gradient, values, (colour, _), hatch in zip(
            GRADIENTS, bars, styles(len(bars)), _HATCHES, strict=True
        ):
            style = {"color": colour, "hatch": hatch, "edgecolor": ink, "linewidth": 0.5}
            ax.bar(np.arange(len(base)), values, bottom=base, label=gradient, **{**style, **kwargs})
            base = base + values
        ax.set_xticks(np.arange(len(base)), strongest)
        ax.set(xlabel="component, from the strongest", ylabel="share of the squared length")
        ax.legend(frameon=False, title="gradient of")

    def _plot_both(self, ax: Axes, strongest: Array, kwargs: dict[str, Any]) -> None:
        maps = self.energy.sum(axis=0)[strongest][..., None]
        n_columns = int(np.ceil(np.sqrt(len(maps))))
        grid = fill_grid(maps, n_columns)
        style = {"cmap": ENERGY_MAP, "norm": _compressed(maps), **kwargs}
        gap = -(-maps.shape[1] // 4)  # room for a name
        artist = draw_mosaic(ax, grid, gap=gap, **style)
        columns, rows = tile_centres(grid, 1, gap=gap), tile_centres(grid, 0, gap=gap)
        for index, component in enumerate(strongest):
            row, column = divmod(index, n_columns)
            where = columns[column], rows[row] + maps.shape[1] / 2
            ax.annotate(f"k = {component}", where, ha="center", va="top", size="small")
        self.figure_.colorbar(artist, ax=ax, label="share of the squared length")


def _compressed(values: Array) -> Any:
    """A scale on which a few strong patches leave the others visible."""
    from matplotlib.colors import AsinhNorm

    return AsinhNorm(linear_width=np.abs(values).max() / 50 or 1.0)
