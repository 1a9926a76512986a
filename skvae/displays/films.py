"""The pictures of a run: sampled images, maps of the latent plane, and both as films."""

import copy
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from skvae._text import one_line
from skvae._typing import Array, PathLike
from skvae.data.writable import replacing
from skvae.displays.canvas import LITERAL, require_matplotlib
from skvae.displays.palette import styles

__all__ = ["PictureFolder", "require_pictures", "save_films", "save_gif"]

# Images in TensorBoard.
_N_LOGGED = 8
_N_MAPPED = 5000
_MAP_LIMIT = 10
_GRID = 20
_GRID_LIMIT = 3
# Milliseconds of a frame.
_FRAME = 250

_POSTERIOR_MAP = "posterior_predictive_map_frame_{}.png"
_PRIOR_MAP = "prior_predictive_map_frame_{}.png"


def require_pictures(*, maps: bool) -> None:
    """Raise an error unless there is what pictures are made with, and maps, if they are wanted.

    Raises
    ------
    ImportError
        If Pillow is missing, or matplotlib for maps.
    """
    if find_spec("PIL") is None:
        raise ImportError('Pictures need Pillow: pip install "skvae[train]"')
    if maps:
        require_matplotlib("The map of two latent dimensions")


class PictureFolder:
    """What is drawn of a model, of the same test images and with the same noise throughout.

    Parameters
    ----------
    folder : path
        Where files go; made if it is not there.
    X : ndarray of shape (n, n_pixels)
        Test images.
    y : ndarray of shape (n,) or None
        Class numbers.
    image_shape : (int, int)
        Height and width.
    max_value : float
        Of white.
    class_names : list of str
        In the order of the classes.
    n_samples : int
        Images of each kind in files.
    n_components : int
        Latent dimensions; maps are drawn of two.
    """

    def __init__(
        self,
        folder: PathLike,
        X: Array,
        y: Array | None,
        image_shape: tuple[int, int],
        max_value: float,
        *,
        class_names: Sequence[str],
        n_samples: int,
        n_components: int,
    ) -> None:
        self._maps = n_components == 2
        self._folder, self._shape, self._max_value = Path(folder), image_shape, max_value
        self._n_samples = min(n_samples, len(X))
        self._shown = X[: max(n_samples, _N_LOGGED)]
        self._mapped, self._classes = X[:_N_MAPPED], None if y is None else y[:_N_MAPPED]
        self._class_names = class_names

    def draw(self, vae: Any, iteration: int) -> dict[str, Array]:
        """Write all pictures of the model after an iteration.

        Returns
        -------
        images : dict of ndarray of shape (n, height, width)
            Images of each kind, in [0, 1].
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        data = self._binary(self._shown) if vae.binarize == "threshold" else self._shown
        images = {
            "data": self._images(data),
            "posterior_predictive": self._images(_posterior_draws(vae, self._shown)),
            "prior_predictive": self._images(vae.sample(len(self._shown), draw=True)),
        }
        for k in range(self._n_samples):
            name = f"iter_{iteration}_posterior_predictive_{k}"
            self._save(images["data"][k], f"{name}_data.png")
            self._save(images["posterior_predictive"][k], f"{name}_sample.png")
            self._save(images["prior_predictive"][k], f"iter_{iteration}_prior_predictive_{k}.png")
        if self._maps:
            path = self._folder / _POSTERIOR_MAP.format(iteration)
            _save_map(vae.transform(self._mapped), self._classes, self._class_names, path)
            self._save(self._manifold(vae), _PRIOR_MAP.format(iteration))

        return images

    def _binary(self, X: Array) -> Array:
        return (0.5 * self._max_value < X) * self._max_value

    def _images(self, rows: Array) -> Array:
        """Images of shape (n, height, width) in [0, 1]."""
        return np.clip(rows / self._max_value, 0, 1).reshape(-1, *self._shape)

    def _manifold(self, vae: Any) -> Array:
        """Means of x over a square of the latent plane, the second coordinate rising upwards."""
        place = np.linspace(-_GRID_LIMIT, _GRID_LIMIT, _GRID)
        Z = np.stack(np.meshgrid(place, place[::-1]), axis=-1).reshape(-1, 2)
        grid = self._images(vae.inverse_transform(Z)).reshape(_GRID, _GRID, *self._shape)
        height, width = self._shape

        return grid.transpose(0, 2, 1, 3).reshape(_GRID * height, _GRID * width)

    def _save(self, image: Array, name: str) -> None:
        from PIL import Image

        with replacing(self._folder / name) as file:
            Image.fromarray(np.uint8(np.rint(255 * image))).save(file, format="png")


def _posterior_draws(vae: Any, X: Array) -> Any:
    """For each row one draw of z from q(z|x), and one of x given z."""
    Z = copy.copy(vae).set_params(output="sample").transform(X)

    return vae.fitted_.draw(Z, None, vae.seed_)


def _save_map(Z: Array, classes: Array | None, names: Sequence[str], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    ax = figure.add_subplot()
    n_classes = max(len(names), 1)
    colours = ListedColormap([colour for colour, _ in styles(n_classes)])
    x, y = Z.T
    c = np.zeros(len(Z)) if classes is None else classes
    points = ax.scatter(x, y, c=c, s=6, cmap=colours, vmin=-0.5, vmax=n_classes - 0.5)
    ax.set(xlim=(-_MAP_LIMIT, _MAP_LIMIT), ylim=(-_MAP_LIMIT, _MAP_LIMIT), aspect="equal")
    ax.set(xlabel="z1", ylabel="z2", title=f"Iteration {_number(path)}")
    if classes is not None:
        label = "Digit class" if all(map(str.isdigit, names)) else "Class"
        figure.colorbar(points, label=label).set_ticks(
            range(n_classes), labels=[*map(one_line, names)], **LITERAL
        )
    with replacing(path) as file:
        FigureCanvasAgg(figure).print_png(file)


def _number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def save_films(folder: PathLike) -> None:
    """Make films of the maps in a folder."""
    for frames, film in (
        (_POSTERIOR_MAP, "posterior_predictive.gif"),
        (_PRIOR_MAP, "prior_predictive.gif"),
    ):
        found = sorted(Path(folder).glob(frames.format("*")), key=_number)
        if found:
            save_gif(found, Path(folder) / film)


def save_gif(frames: Iterable[PathLike], path: PathLike) -> None:
    """Write an animated GIF that repeats.

    Parameters
    ----------
    frames : sequence of path
        Pictures of one size, in order.
    path : path
        Of the film.
    """
    from PIL import Image

    pictures = []
    for frame in frames:
        with Image.open(frame) as picture:
            pictures.append(picture.convert("RGB").quantize())
    film = {"save_all": True, "append_images": pictures[1:], "duration": _FRAME, "loop": 0}
    with replacing(path) as file:
        pictures[0].save(file, format="gif", **film)
