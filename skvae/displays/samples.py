"""Images that a model invents."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import Array, Axes, RandomStateLike
from skvae.displays.canvas import Display, place, require_attribute, require_matplotlib
from skvae.displays.mosaic import as_images, draw_mosaic, fill_grid, name_tiles

__all__ = ["SamplesDisplay"]


class SamplesDisplay(Display):
    """Samples of a model, a row of them for each class if it has classes.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, h, w, c)
        The samples.
    classes : ndarray of shape (n_rows,), default=None
        Names of the rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.displays import SamplesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = VAETransformer(8, conditional="prior", max_iter=2, random_state=0).fit(X / 16, y)
    >>> SamplesDisplay.from_estimator(vae, n_samples=4).images.shape
    (10, 4, 8, 8, 1)
    """

    def __init__(self, *, images: Array, classes: Array | None = None) -> None:
        self.images = images
        self.classes = classes

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_samples: int = 10,
        image_shape: Sequence[int] | None = None,
        random_state: RandomStateLike = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Sample and draw.

        Parameters
        ----------
        estimator : estimator with ``sample``
            Fitted, such as a ``VAETransformer``.
        n_samples : int, default=10
            Images of each class, all by the same noise, so that a column has one style; or, without
            classes, images per side of a square.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels); None means square grey images.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        display : SamplesDisplay
        """
        require_matplotlib(cls.__name__)
        check_is_fitted(estimator)
        sample = require_attribute(estimator, "sample", "VAETransformer")
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            rows = sample(n_samples**2, random_state=random_state)
        else:
            seed = random_state
            if isinstance(seed, np.random.RandomState):
                seed = int(seed.randint(2**31 - 1))
            rows = np.concatenate(
                [sample(n_samples, y=label, random_state=seed) for label in classes]
            )
        images = fill_grid(as_images(rows, image_shape), n_samples)

        return cls(images=images, classes=classes).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs
            To ``imshow``.

        Returns
        -------
        display : SamplesDisplay
        """
        n_rows, n_columns = self.images.shape[:2]
        ax = place(self, ax, (0.6 + 0.6 * n_columns, 0.3 + 0.6 * n_rows))
        draw_mosaic(ax, self.images, **kwargs)
        if self.classes is not None:
            name_tiles(ax, self.images, 0, self.classes)
            ax.set_ylabel("class")

        return self
