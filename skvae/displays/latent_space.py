"""Latent points as a map."""

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array, check_consistent_length

from skvae._text import one_line
from skvae._typing import Array, ArrayLike, Axes, RandomStateLike
from skvae.data.containers import numbers
from skvae.displays.canvas import LITERAL, Display, label_of, name_legend, place, require_matplotlib
from skvae.displays.latent import latent_points
from skvae.displays.palette import styles
from skvae.vae.labels import split_labels

__all__ = ["LatentSpaceDisplay"]

# Classes of a legend; more would not fit beside the map.
_MAX_LEGEND = 20


class LatentSpaceDisplay(Display):
    """Map of latent points, coloured and marked by class.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Where the points lie on the map.
    y : array-like of shape (n,), default=None
        Their labels; -1 and missing values mean unlabelled.
    axis_names : (str, str), default=("z1", "z2")
        Of the map's axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the map.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.displays import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = VAETransformer(2, max_iter=2, random_state=0).fit(X / 16)
    >>> display = LatentSpaceDisplay.from_estimator(vae, X / 16, y)
    >>> display.ax_.get_xlabel()
    'z1'
    """

    def __init__(
        self,
        *,
        points: Array,
        y: ArrayLike | None = None,
        axis_names: tuple[str, str] = ("z1", "z2"),
    ) -> None:
        self.points = points
        self.y = y
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        projection: Any = "auto",
        random_state: RandomStateLike = 0,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Encode rows and draw the map.

        Parameters
        ----------
        estimator : transformer
            Fitted, such as a ``VAETransformer``.
        X : array-like of shape (n, n_features)
            Rows.
        y, projection, random_state, ax, **kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        display : LatentSpaceDisplay
        """
        require_matplotlib(cls.__name__)

        return cls.from_predictions(
            latent_points(estimator, X),
            y,
            projection=projection,
            random_state=random_state,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        Z: ArrayLike,
        y: ArrayLike | None = None,
        *,
        projection: Any = "auto",
        random_state: RandomStateLike = 0,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the map of latent points.

        Parameters
        ----------
        Z : array-like of shape (n, d)
            Latent points.
        y : array-like of shape (n,), default=None
            Labels; -1 and missing values mean unlabelled.
        projection : {"auto", "pca", "tsne"}, transformer or None, default="auto"
            How d dimensions become two. "auto" leaves two as they are and takes PCA of more;
            None demands two.
        random_state : int, RandomState instance or None, default=0
            Of t-SNE.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``scatter``.

        Returns
        -------
        display : LatentSpaceDisplay

        Raises
        ------
        ValueError
            If there is no map of d dimensions, or labels do not match the points.
        """
        require_matplotlib(cls.__name__)
        checked: Array = check_array(
            numbers(Z, "Z"), dtype=[np.float64, np.float32], input_name="Z"
        )
        if y is not None:
            _, labelled = split_labels(y)
            check_consistent_length(checked, labelled)
        points, names = _project(checked, projection, random_state)

        return cls(points=points, y=y, axis_names=names).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the map.

        Each class has a colour, a marker and, at its median, its name.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``scatter``.

        Returns
        -------
        display : LatentSpaceDisplay
        """
        ax = place(self, ax, (6.4, 5.4))
        ink = ax.xaxis.label.get_color()
        kwargs = {"s": 18, "linewidths": 0.3, "edgecolors": ink, "alpha": 0.85, **kwargs}
        if self.y is None:
            ax.scatter(*self.points.T, **{"color": styles(1)[0][0], **kwargs})
        else:
            self._plot_classes(ax, kwargs)
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])

        return self

    def _plot_classes(self, ax: Axes, kwargs: dict[str, Any]) -> None:
        y, labelled = split_labels(self.y)
        known = self.points[labelled]
        if len(known) < len(labelled):
            rest = self.points[~labelled]
            ax.scatter(*rest.T, label="unlabelled", **{**kwargs, "color": "0.7", "marker": "."})
        labels = np.unique(y)
        for label, (colour, marker) in zip(labels, styles(len(labels)), strict=True):
            points = known[y == label]
            style = {"label": label_of(label), "color": colour, "marker": marker}
            ax.scatter(*points.T, **style | kwargs)
        for label in labels:
            _write(ax, np.median(known[y == label], axis=0), one_line(label))
        if len(labels) <= _MAX_LEGEND:
            beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
            name_legend(ax, labels, frameon=False, title="class", **beside)


def _write(ax: Axes, point: Any, text: str) -> None:
    ink, paper = ax.xaxis.label.get_color(), ax.get_facecolor()
    box = {"boxstyle": "round,pad=0.15", "facecolor": paper, "edgecolor": ink, "linewidth": 0.5}
    style = {"ha": "center", "va": "center", "weight": "bold", "color": ink, **LITERAL}
    ax.annotate(text, point, bbox=box, **style)


def _project(
    Z: Array, projection: Any, random_state: RandomStateLike
) -> tuple[Array, tuple[str, str]]:
    """Points of the map, and the names of its axes."""
    if Z.shape[1] < 2:
        raise ValueError(f"A map needs at least 2 latent dimensions, got {Z.shape[1]}.")
    if projection is None and Z.shape[1] != 2:
        raise ValueError(
            f"projection=None needs 2 latent dimensions, got {Z.shape[1]}: fit with "
            "n_components=2, or use projection='pca' or 'tsne'."
        )
    if projection is None or (projection == "auto" and Z.shape[1] == 2):
        return Z, ("z1", "z2")
    if projection in ("auto", "pca"):
        pca = PCA(2, random_state=random_state)
        points = pca.fit_transform(Z)
        shares = pca.explained_variance_ratio_

        first, second = (f"PC {i + 1} ({share:.0%})" for i, share in enumerate(shares))
        return points, (first, second)
    if projection == "tsne":
        points = TSNE(2, init="pca", random_state=random_state).fit_transform(Z)

        return points, ("t-SNE 1", "t-SNE 2")
    if not hasattr(projection, "fit_transform"):
        raise ValueError(
            f"projection={projection!r} must be 'auto', 'pca', 'tsne', None or a transformer."
        )
    points = np.asarray(projection.fit_transform(Z))
    if points.shape != (len(Z), 2):
        raise ValueError(f"projection must give 2 dimensions, got an array of {points.shape}.")
    name = type(projection).__name__

    return points, (f"{name} 1", f"{name} 2")
