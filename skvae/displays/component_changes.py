"""What a set would change of a mixture: prevalence, shift and variance of components."""

from typing import Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._text import one_line
from skvae._typing import Axes, SetsLike
from skvae.displays.canvas import LITERAL, Display, place, require_attribute, require_matplotlib
from skvae.displays.palette import SIGNED_MAP, styles

__all__ = ["ComponentChangesDisplay"]

Kind: TypeAlias = Literal["prevalence", "shift", "variance"]


class ComponentChangesDisplay(Display):
    """How often the components of a mixture occur in a set, where they lie in it, and how wide.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    changes : pandas.DataFrame
        Of one set, with a row for each component, as of ``FisherVectorEncoder.component_changes``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the changes.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import FisherVectorEncoder
    >>> from skvae.displays import ComponentChangesDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
    >>> encoder = FisherVectorEncoder(4, random_state=0).fit(X)
    >>> ComponentChangesDisplay.from_estimator(encoder, X[:1]).changes.shape
    (4, 8)
    """

    def __init__(self, *, changes: Any) -> None:
        self.changes = changes

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: SetsLike,
        *,
        kind: Kind = "prevalence",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Work out and draw the changes of one set.

        Parameters
        ----------
        estimator : FisherVectorEncoder
            Fitted.
        X : array or sequence
            One set, or one row for the extractor: ``X[i : i + 1]``.
        kind, ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : ComponentChangesDisplay

        Raises
        ------
        ValueError
            If X is not one set.
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        changes = require_attribute(estimator, "component_changes", "FisherVectorEncoder")(X)
        n_components = changes.index.get_level_values("component").nunique()
        n_sets = len(changes) // n_components
        if n_sets != 1:
            raise ValueError(f"X holds {n_sets} sets; a picture is of one: pass X[i : i + 1].")
        changes = changes.set_axis(changes.index.get_level_values("component"))
        return cls(changes=changes).plot(kind, ax, **kwargs)

    def plot(
        self,
        kind: Kind = "prevalence",
        ax: Axes | None = None,
        *,
        n_components: int = 16,
        **kwargs: Any,
    ) -> Self:
        """Draw one kind of change.

        Parameters
        ----------
        kind : {"prevalence", "shift", "variance"}, default="prevalence"
            Shares of the set's descriptors beside those of ``fit``; or a map of components and
            dimensions: shifts of means in standard deviations, or variances as shares of those of
            the components, on a scale of powers of 2. What no descriptor belongs to is blank.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_components : int, default=16
            Components to show, those that are commonest in the set.
        **kwargs
            To ``bar`` or ``imshow``.

        Returns
        -------
        display : ComponentChangesDisplay

        Raises
        ------
        ValueError
            If the kind is unknown.
        """
        if kind not in ("prevalence", "shift", "variance"):
            raise ValueError(f"kind={kind!r} must be 'prevalence', 'shift' or 'variance'.")
        order = np.argsort(-self.changes["prevalence"].to_numpy(), kind="stable")
        shown = self.changes.iloc[order[:n_components]]
        ax = place(self, ax, (6, 3.6))
        if kind == "prevalence":
            _draw_bars(ax, shown, kwargs)
        else:
            artist = _draw_map(ax, shown, kind, kwargs)
            label = {
                "shift": "shift of the mean,\nstandard deviations",
                "variance": "log2 of the variance\nby the component's",
            }
            self.figure_.colorbar(artist, ax=ax, label=label[kind])

        return self


def _draw_bars(ax: Axes, changes: Any, kwargs: dict[str, Any]) -> None:
    where, ink = np.arange(len(changes)), ax.xaxis.label.get_color()
    pairs = {"prevalence": ("in the set", ""), "weight": ("in fit", "//")}
    for side, ((column, (label, hatch)), (colour, _)) in enumerate(
        zip(pairs.items(), styles(2), strict=True)
    ):
        style = {"color": colour, "hatch": hatch, "edgecolor": ink, "linewidth": 0.5, "width": 0.4}
        ax.bar(where + 0.4 * side - 0.2, changes[column], label=label, **{**style, **kwargs})
    ax.set_xticks(where, changes.index)
    ax.set(xlabel="component, from the commonest", ylabel="share of descriptors")
    ax.legend(frameon=False)


def _draw_map(ax: Axes, changes: Any, kind: str, kwargs: dict[str, Any]) -> Any:
    columns = [name for name in changes if name.startswith(f"{kind}_")]
    values = changes[columns].to_numpy()
    if kind == "variance":
        with np.errstate(divide="ignore"):
            values = np.log2(values)
    finite = values[np.isfinite(values)]
    limit = np.abs(finite).max(initial=0) or 1.0
    style = {"cmap": SIGNED_MAP, "vmin": -limit, "vmax": limit, "aspect": "auto", **kwargs}
    artist = ax.imshow(values, **style)
    names = [one_line(name.removeprefix(f"{kind}_")) for name in columns]
    ax.set_xticks(np.arange(len(columns)), names, rotation=90, **LITERAL)
    ax.set_yticks(np.arange(len(changes)), changes.index)
    ax.set(xlabel="dimension", ylabel="component, from the commonest")
    return artist
