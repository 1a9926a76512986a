"""The pictures of a run: sampled images, maps of the latent plane, and both as films."""

import copy
import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from skvae._text import one_line
from skvae.data.writable import replacing
from skvae.displays.canvas import LITERAL, require_matplotlib
from skvae.displays.palette import styles

__all__ = ["Pictures", "save_gif"]

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


class Pictures:
    """What is drawn of a model, of the same test images and with the same noise throughout.

    Parameters
    ----------
    folder : path
        Where files go, once it is there.
    X : ndarray of shape (n, n_pixels)
        Test images.
    y : ndarray of shape (n,)
        Their classes.
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

    Raises
    ------
    ImportError
        If Pillow is missing, or matplotlib for maps.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        X: np.ndarray,
        y: np.ndarray,
        image_shape: tuple[int, int],
        max_value: float,
        *,
        class_names: list[str],
        n_samples: int,
        n_components: int,
    ):
        if find_spec("PIL") is None:
            raise ImportError('Pictures need Pillow: pip install "skvae[train]"')
        self._maps = n_components == 2
        if self._maps:
            require_matplotlib("The map of --latent-dim 2")
        self._folder, self._shape, self._max_value = Path(folder), image_shape, max_value
        self._n_samples = min(n_samples, len(X))
        self._shown = X[: max(n_samples, _N_LOGGED)]
        self._mapped, self._classes = X[:_N_MAPPED], y[:_N_MAPPED]
        self._class_names = class_names

    def draw(self, vae: Any, iteration: int, writer: Any) -> None:
        """Write all pictures of the model after an iteration, and the images for TensorBoard."""
        images = {
            "data": self._images(self._binary(self._shown)),
            "posterior_predictive": self._images(_posterior_draws(vae, self._shown)),
            "prior_predictive": self._images(vae.sample(len(self._shown), draw=True)),
        }
        for tag, batch in images.items():
            writer.add_images(tag, batch[:, None], iteration)
        for k in range(self._n_samples):
            name = f"iter_{iteration}_posterior_predictive_{k}"
            self._save(images["data"][k], f"{name}_data.png")
            self._save(images["posterior_predictive"][k], f"{name}_sample.png")
            self._save(images["prior_predictive"][k], f"iter_{iteration}_prior_predictive_{k}.png")
        if self._maps:
            path = self._folder / _POSTERIOR_MAP.format(iteration)
            _save_map(vae.transform(self._mapped), self._classes, self._class_names, path)
            self._save(self._manifold(vae), _PRIOR_MAP.format(iteration))

    def finish(self) -> None:
        """Make films of the maps."""
        if self._maps:
            for frames, film in (
                (_POSTERIOR_MAP, "posterior_predictive.gif"),
                (_PRIOR_MAP, "prior_predictive.gif"),
            ):
                found = sorted(self._folder.glob(frames.format("*")), key=_number)
                save_gif(found, self._folder / film)

    def _binary(self, X: np.ndarray) -> np.ndarray:
        return (0.5 * self._max_value < X) * self._max_value

    def _images(self, rows: np.ndarray) -> np.ndarray:
        """Images of shape (n, height, width) in [0, 1]."""
        return np.clip(rows / self._max_value, 0, 1).reshape(-1, *self._shape)

    def _manifold(self, vae: Any) -> np.ndarray:
        """Means of x over a square of the latent plane, the second coordinate rising upwards."""
        place = np.linspace(-_GRID_LIMIT, _GRID_LIMIT, _GRID)
        Z = np.stack(np.meshgrid(place, place[::-1]), axis=-1).reshape(-1, 2)
        grid = self._images(vae.inverse_transform(Z)).reshape(_GRID, _GRID, *self._shape)
        height, width = self._shape

        return grid.transpose(0, 2, 1, 3).reshape(_GRID * height, _GRID * width)

    def _save(self, image: np.ndarray, name: str) -> None:
        from PIL import Image

        with replacing(self._folder / name) as file:
            Image.fromarray(np.uint8(np.rint(255 * image))).save(file, format="png")


def _posterior_draws(vae: Any, X: np.ndarray) -> np.ndarray:
    """For each row one draw of z from q(z|x), and one of x given z."""
    Z = copy.copy(vae).set_params(output="sample").transform(X)

    return vae._scaling.to_units(vae._infer("decode_draws", Z, vae.seed_))


def _save_map(Z: np.ndarray, classes: np.ndarray, names: list[str], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    n_classes = len(names)
    figure = Figure(figsize=(8, 6), layout="constrained")
    ax = figure.add_subplot()
    colours = ListedColormap([colour for colour, _ in styles(n_classes)])
    points = ax.scatter(
        Z[:, 0], Z[:, 1], c=classes, s=6, cmap=colours, vmin=-0.5, vmax=n_classes - 0.5
    )
    ax.set(xlim=(-_MAP_LIMIT, _MAP_LIMIT), ylim=(-_MAP_LIMIT, _MAP_LIMIT), aspect="equal")
    ax.set(xlabel="z1", ylabel="z2", title=f"Iteration {_number(path)}")
    label = "Digit class" if all(map(str.isdigit, names)) else "Class"
    figure.colorbar(points, label=label).set_ticks(
        range(n_classes), labels=[one_line(name) for name in names], **LITERAL
    )
    with replacing(path) as file:
        FigureCanvasAgg(figure).print_png(file)


def _number(path: Path) -> int:
    return int(re.findall(r"(\d+)\.png$", path.name)[0])


def save_gif(frames: Sequence[Path], path: Path) -> None:
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
