"""Who in a set decided: contributions of its descriptors, over an image or row by row."""

from collections.abc import Sequence
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skvae._text import one_line
from skvae._typing import Array, ArrayLike, Axes, SetsLike
from skvae.data.image_sequence import ImageSequence
from skvae.displays.canvas import LITERAL, Display, place, require_attribute, require_matplotlib
from skvae.displays.maps import draw_map, draw_outline
from skvae.displays.mosaic import as_images
from skvae.displays.palette import SIGNED_MAP, styles
from skvae.images.shapes import images_of

__all__ = ["ContributionsDisplay"]

Kind: TypeAlias = Literal["map", "bars"]


class ContributionsDisplay(Display):
    """What each descriptor of a set adds to a linear decision about it.

    Positive contributions speak for the class, negative ones against it, and all of them sum to the
    decision less its intercept. Make one with :meth:`from_estimator`.

    Parameters
    ----------
    contributions : ndarray of shape (n_descriptors,)
        As of ``FisherVectorEncoder.contributions``.
    positions : ndarray of shape (n_descriptors, 2), default=None
        (column, row) where each lies in the image, in pixels.
    image : ndarray of shape (h, w), default=None
        Whose outline is drawn over the map.
    names : sequence of str, default=None
        Of the descriptors; None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the contributions.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae import FisherVectorEncoder, ImagePatches
    >>> from skvae.displays import ContributionsDisplay
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> encoder = FisherVectorEncoder(8, extractor=ImagePatches(patch_size=3), random_state=0)
    >>> model = LogisticRegression().fit(encoder.fit_transform(X), y)
    >>> display = ContributionsDisplay.from_estimator(encoder, X[:1], model.coef_[0])
    >>> display.contributions.shape
    (36,)
    """

    def __init__(
        self,
        *,
        contributions: Array,
        positions: Array | None = None,
        image: Array | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.contributions = contributions
        self.positions = positions
        self.image = image
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: SetsLike,
        coef: ArrayLike,
        *,
        kind: Kind | None = None,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Work out and draw the contributions of one set.

        Parameters
        ----------
        estimator : FisherVectorEncoder, VLADEncoder or BagOfVisualWordsEncoder
            Fitted.
        X : array or sequence
            One set, or one row for the extractor: ``X[i : i + 1]``.
        coef : array-like of shape (n_features_out,) or (1, n_features_out)
            Of one class, as of ``contributions``, or ``coef_`` of a model of two.
        kind : {"map", "bars"}, default=None
            As in :meth:`plot`.
        names : sequence of str, default=None
            Of the descriptors of the set, for bars; None numbers them.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : ContributionsDisplay

        Raises
        ------
        ValueError
            If X is not one set, ``coef`` is not of one class, or names do not match.
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        if np.shape(coef)[:1] == (1,) and np.ndim(coef) == 2:  # of two classes
            coef = np.asarray(coef)[0]
        if np.ndim(coef) != 1:
            raise ValueError(
                f"coef has shape {np.shape(coef)}; a picture is of one class: pass coef_[c]."
            )
        parts = require_attribute(estimator, "contributions", "encoder of sets")(X, coef)
        if len(parts) != 1:
            raise ValueError(f"X holds {len(parts)} sets; a picture is of one: pass X[i : i + 1].")
        if names is not None and len(names) != len(parts[0]):
            raise ValueError(
                f"names has {len(names)} of them for the {len(parts[0])} descriptors of the set."
            )
        positions, image = _places(estimator.extractor_, X)
        display = cls(contributions=parts[0], positions=positions, image=image, names=names)
        return display.plot(kind, ax, **kwargs)

    def plot(
        self,
        kind: Kind | None = None,
        ax: Axes | None = None,
        *,
        n_bars: int = 20,
        **kwargs: Any,
    ) -> Self:
        """Draw the contributions.

        Parameters
        ----------
        kind : {"map", "bars"}, default=None
            A map over the image, for patches and keypoints; or a bar for each descriptor, such as a
            row of a table. None is a map where positions are known.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_bars : int, default=20
            Descriptors that have a bar, those that add or take away most; one more is for all
            others together.
        **kwargs
            To ``imshow`` for patches, ``scatter`` for keypoints, ``barh`` for bars.

        Returns
        -------
        display : ContributionsDisplay

        Raises
        ------
        ValueError
            If the kind is unknown, or there are no positions.
        """
        if kind is None:
            kind = "bars" if self.positions is None else "map"
        if kind == "bars":
            n_shown = min(n_bars, len(self.contributions))
            self._plot_bars(place(self, ax, (5.4, 1.4 + 0.22 * n_shown)), n_bars, kwargs)
        elif kind == "map":
            if self.positions is None:
                raise ValueError(
                    "kind='map' needs an encoder whose extractor is ImagePatches or ImageKeypoints."
                )
            self._plot_map(place(self, ax, (4.8, 4)), self.positions, kwargs)
        else:
            raise ValueError(f"kind={kind!r} must be 'map' or 'bars'.")

        return self

    def _plot_map(self, ax: Axes, positions: Array, kwargs: dict[str, Any]) -> None:
        limit = np.abs(self.contributions).max(initial=0) or 1.0
        style = {"cmap": SIGNED_MAP, "vmin": -limit, "vmax": limit, **kwargs}
        columns_of, rows_of = positions.T
        rows, columns = np.unique(rows_of), np.unique(columns_of)
        if len(positions) == len(rows) * len(columns) > 1:
            values = np.empty((len(rows), len(columns)))
            where = np.searchsorted(rows, rows_of), np.searchsorted(columns, columns_of)
            values[where] = self.contributions
            artist = draw_map(ax, values, (rows, columns), **style)
        else:
            style = {"edgecolors": ax.xaxis.label.get_color(), "zorder": 3, **style}
            artist = ax.scatter(columns_of, rows_of, c=self.contributions, **style)
            ax.set(aspect="equal")
        if self.image is not None:
            draw_outline(ax, self.image)
        ax.set(xlabel="column, pixels", ylabel="row, pixels")
        self.figure_.colorbar(artist, ax=ax, label="added to the decision")

    def _plot_bars(self, ax: Axes, n_bars: int, kwargs: dict[str, Any]) -> None:
        values = self.contributions
        strongest = np.argsort(-np.abs(values), kind="stable")[:n_bars]
        shown = strongest[np.argsort(-values[strongest], kind="stable")]
        names = [str(i) if self.names is None else one_line(self.names[i]) for i in shown]
        bars, n_others = list(values[shown]), len(values) - len(shown)
        if n_others:
            bars.append(values.sum() - values[shown].sum())
            names.append(f"the other {n_others}")
        (positive, _), (negative, _) = styles(2)
        colours = [positive if bar >= 0 else negative for bar in bars]
        ax.barh(np.arange(len(bars)), bars, **{"color": colours, **kwargs})
        ax.axvline(0, color=ax.xaxis.label.get_color(), linewidth=0.8)
        ax.set_yticks(np.arange(len(bars)), names, **LITERAL)
        ax.invert_yaxis()
        ax.set(xlabel=f"added to the decision, {values.sum():.3g} in all", ylabel="descriptor")


def _places(extractor: Any, X: Any) -> tuple[Array | None, Array | None]:
    """(column, row) of the descriptors of one image, and the image; None without images."""
    if not hasattr(extractor, "image_shape_"):
        return None, None
    are_rows = getattr(X, "ndim", 1 + np.ndim(X[0])) == 2
    if not are_rows and extractor.image_shape is None:  # as if it had been fitted on this image
        X = [image for _, image in images_of(ImageSequence.of(X), extractor.reader)]
        extractor = clone(extractor).fit(X)
    image: Array = as_images(X, extractor.image_shape_)[0].mean(axis=2)
    if hasattr(extractor, "grid_"):
        rows, columns = extractor.grid_
        return np.stack([np.tile(columns, len(rows)), np.repeat(rows, len(columns))], axis=1), image
    _, (where,) = extractor.extract(X)
    last = np.array(image.shape[::-1]) - 1
    return (where + 1) / 2 * last, image
