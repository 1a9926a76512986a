"""Pictures of what a model makes of images, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae._typing import Array, PathLike
from skvae.callbacks.notes import Notes, Numbering, numbered
from skvae.callbacks.tensorboard import TensorBoard
from skvae.data.images import shape_of_images
from skvae.displays.films import PictureFolder, require_pictures, save_films

__all__ = ["Pictures"]


class Pictures(Notes):
    """Draw what a model makes of grey images, every few epochs of a fit, and films at the end.

    Images and noise are the same throughout. The folder gets
    ``iter_N_posterior_predictive_K_data.png``, an image of X as the model learns it,
    ``..._sample.png``, a draw of x from a draw of z given that image, and
    ``iter_N_prior_predictive_K.png``, a draw of x from the prior. With two latent dimensions it
    gets a map of X by posterior means, a grid of 20 x 20 decoded points over [-3, 3]^2, and in the
    end films of both (``posterior_predictive.gif``, ``prior_predictive.gif``).

    Parameters
    ----------
    folder : path
        Where files go; made if it is not there. Each fit has a folder of its own: another one
        writes over it.
    X : ndarray of shape (n, n_features)
        Images, best those that are not trained on. The first ones are drawn, and 5,000 mapped.
    y : ndarray of shape (n,), default=None
        Their classes, by which the map is coloured.
    image_shape : (int, int), default=None
        (height, width); None means square images.
    max_value : float, default=None
        The value of white; None takes that of the estimator.
    class_names : sequence of str, default=None
        What the map calls the classes 0, 1, ... of y; None takes the values of y.
    n_samples : int, default=1
        Images of each kind in files.
    every : int, default=1
        Epochs from one drawing to the next; the last epoch is drawn too.
    number : callable or None, default=None
        From the number of an epoch to the N of its files, where something else is counted.
    tensorboard : TensorBoard or None, default=None
        Another callback of the same estimator, before this one, that is to log eight images of each
        kind: ``data``, ``posterior_predictive`` and ``prior_predictive``.

    Raises
    ------
    ImportError
        By ``fit``, if Pillow is missing, or matplotlib for maps (``pip install "skvae[train]"``).
    ValueError
        If rows of X are no images of ``image_shape``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.callbacks import Pictures
    >>> X, y = load_digits(return_X_y=True)
    >>> pictures = Pictures("plane", X[1500:] / 16, y[1500:], every=5)
    >>> vae = VAETransformer(2, likelihood="bernoulli", max_iter=10)
    >>> vae.set_callbacks(pictures).fit(X[:1500] / 16)  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: PathLike,
        X: Array,
        y: Array | None = None,
        *,
        image_shape: tuple[int, int] | None = None,
        max_value: float | None = None,
        class_names: Sequence[str] | None = None,
        n_samples: int = 1,
        every: int = 1,
        number: Numbering | None = None,
        tensorboard: TensorBoard | None = None,
    ) -> None:
        super().__init__(every=every, number=number)
        self.folder, self.X, self.y = folder, X, y
        self.image_shape, self.max_value, self.class_names = image_shape, max_value, class_names
        self.n_samples, self.tensorboard = n_samples, tensorboard

    def setup(self, estimator: Any, context: Any) -> None:
        """Get ready for a fit, or say what is missing."""
        super().setup(estimator, context)
        require_pictures(maps=estimator.n_components == 2)

    def note(self, vae: Any, context: Any, seconds: float) -> None:
        """Draw the model of an epoch."""
        number = numbered(self.number, vae.n_iter_)
        images = self._pictures(vae).draw(vae, number)
        if self.tensorboard is not None:
            for tag, batch in images.items():
                self.tensorboard.add_images(context, tag, batch, number)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Make films of what there is."""
        super().teardown(estimator, context)
        if estimator.n_components == 2:
            save_films(self.folder)

    def _pictures(self, vae: Any) -> PictureFolder:
        height, width, _ = shape_of_images(self.X, self.image_shape)
        classes, names = self.y, self.class_names
        if classes is not None and names is None:
            values, classes = np.unique(classes, return_inverse=True)
            names = [*map(str, values)]

        return PictureFolder(
            self.folder,
            self.X,
            classes,
            (height, width),
            vae.max_value if self.max_value is None else self.max_value,
            class_names=names or [],
            n_samples=self.n_samples,
            n_components=vae.n_components,
        )
