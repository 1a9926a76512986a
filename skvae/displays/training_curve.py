"""How a variational autoencoder learned."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import Array, Axes
from skvae.displays.canvas import Display, place, require_attribute, require_matplotlib
from skvae.displays.palette import ENERGY_MAP, styles

__all__ = ["TrainingCurveDisplay"]

Kind: TypeAlias = Literal["elbo", "kl", "dimensions", "active"]

_PARTS = {
    "reconstruction": "reconstruction",
    "elbo": "ELBO",
    "validation_elbo": "ELBO, validation",
    "validation_reconstruction": "reconstruction, validation",
}
_LINES = ("-", "--", "-.", ":")


class TrainingCurveDisplay(Display):
    """The parts of the evidence lower bound by epoch, and what each latent dimension carries.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    history : dict of list
        As in ``VAETransformer.history_``: a name to one value per epoch, in nats.
    kl_per_dimension : ndarray of shape (n_components,), default=None
        Mean KL of each latent dimension, in nats.
    n_active : int, default=None
        Latent dimensions in use.
    kl_curves : ndarray of shape (n_epochs, n_components), default=None
        Mean KL of each latent dimension by epoch, in nats.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.displays import TrainingCurveDisplay
    >>> vae = VAETransformer(8, max_iter=3, random_state=0).fit(load_digits().data / 16)
    >>> display = TrainingCurveDisplay.from_estimator(vae)
    >>> display.plot("dimensions").ax_.get_xlabel()
    'latent dimension, sorted'
    """

    def __init__(
        self,
        *,
        history: Mapping[str, Sequence[float]],
        kl_per_dimension: Array | None = None,
        n_active: int | None = None,
        kl_curves: Array | None = None,
    ) -> None:
        self.history = history
        self.kl_per_dimension = kl_per_dimension
        self.n_active = n_active
        self.kl_curves = kl_curves

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, kind: Kind = "elbo", ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw how an estimator learned.

        Parameters
        ----------
        estimator : VAETransformer
            Fitted.
        kind, ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        display = cls(
            history=require_attribute(estimator, "history_", "VAETransformer"),
            kl_per_dimension=getattr(estimator, "kl_per_dimension_", None),
            n_active=getattr(estimator, "n_active_", None),
            kl_curves=getattr(estimator, "kl_curves_", None),
        )

        return display.plot(kind, ax, **kwargs)

    def plot(self, kind: Kind = "elbo", ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw one of four pictures.

        Parameters
        ----------
        kind : {"elbo", "kl", "dimensions", "active"}, default="elbo"
            ELBO and reconstruction by epoch, and the ELBO of held-out rows where there are any; KL
            by epoch, with its weight; the KL of each latent dimension after the fit; or that by
            epoch as a map, with a line at the number of active dimensions.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``plot``, ``bar`` or, of a map, ``imshow``.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If the kind is unknown, or there is no KL (``variational=False``).
        """
        kinds = {
            "elbo": self._plot_elbo,
            "kl": self._plot_kl,
            "dimensions": self._plot_dimensions,
            "active": self._plot_active,
        }
        if kind not in kinds:
            raise ValueError(f"kind={kind!r} must be one of {list(kinds)}.")
        needed = {
            "kl": self.history.get("kl"),
            "dimensions": self.kl_per_dimension,
            "active": self.kl_curves,
        }
        if kind != "elbo" and needed[kind] is None:
            raise ValueError(f"kind={kind!r} needs a KL, which variational=False does not have.")
        kinds[kind](place(self, ax, (5.4, 3.6)), kwargs)

        return self

    def _plot_elbo(self, ax: Axes, kwargs: dict[str, Any]) -> None:
        names = [name for name in _PARTS if name in self.history]
        for name, line, (colour, _) in zip(names, _LINES, styles(len(_LINES)), strict=False):
            style = {"color": colour, "linestyle": line, "label": _PARTS[name], **kwargs}
            ax.plot(self._epochs(), self.history[name], **style)
        ax.set(xlabel="epoch", ylabel="nats per row")
        ax.legend(frameon=False)

    def _plot_kl(self, ax: Axes, kwargs: dict[str, Any]) -> None:
        (colour, _), (second, _) = styles(2)
        kl, weight = self.history["kl"], self.history["kl_weight"]
        lines = ax.plot(self._epochs(), kl, **{"color": colour, "label": "KL", **kwargs})
        ax.set(xlabel="epoch", ylabel="KL, nats per row", ylim=(0, None))
        twin = ax.twinx()
        lines += twin.plot(self._epochs(), weight, "--", color=second, label="weight of the KL")
        twin.set(ylabel="weight of the KL", ylim=(0, 1.05 * max(np.nanmax(weight), 1e-12)))
        ax.legend(handles=lines, frameon=False, loc="center right")

    def _plot_dimensions(self, ax: Axes, kwargs: dict[str, Any]) -> None:
        values = np.sort(np.asarray(self.kl_per_dimension))[::-1]
        ax.bar(np.arange(1, len(values) + 1), values, **{"color": styles(1)[0][0], **kwargs})
        ax.locator_params("x", integer=True)
        ax.set(xlabel="latent dimension, sorted", ylabel="KL, nats per row")
        if self.n_active is not None:
            ax.set_title(f"{self.n_active} of {len(values)} dimensions are active", size="medium")

    def _plot_active(self, ax: Axes, kwargs: dict[str, Any]) -> None:
        from matplotlib.patheffects import withStroke

        curves = np.asarray(self.kl_curves)
        order = np.argsort(-curves[-1], kind="stable")
        n_epochs, d = curves.shape
        extent = (0.5, n_epochs + 0.5, d + 0.5, 0.5)
        style = {"cmap": ENERGY_MAP, "vmin": 0, "aspect": "auto", "extent": extent}
        image = ax.imshow(curves[:, order].T, **{**style, **kwargs})
        edge = [withStroke(linewidth=4, foreground="black")]
        n_active = np.array(self.history["n_active"])
        # All of them active is the lower edge of the map.
        line: dict[str, Any] = {
            "where": "mid",
            "color": "w",
            "path_effects": edge,
            "clip_on": False,
        }
        ax.step(self._epochs(), n_active + 0.5, **line)
        ax.locator_params(integer=True)
        ylabel = "latent dimension, sorted by its last KL"
        ax.set(xlabel="epoch (line: active dimensions)", ylabel=ylabel)
        self.figure_.colorbar(image, ax=ax, label="KL, nats per row")

    def _epochs(self) -> Array:
        return np.arange(1, len(self.history["loss"]) + 1)
