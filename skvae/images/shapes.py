"""Which images an extractor takes, by those that it was fitted on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from skvae._typing import Array, FloatArray
from skvae.data.containers import check_numbers
from skvae.data.image_sequence import ImageSequence
from skvae.data.images import shape_of_images, with_channels
from skvae.images.read_image import read_image

__all__ = ["ImageShapes", "Reader", "check_dimensions", "images_of"]

Reader: TypeAlias = Callable[[Any], Any] | None


@dataclass(frozen=True)
class ImageShapes:
    """Shapes of the images that an extractor takes.

    Parameters
    ----------
    shape : (int, int, int) or (None, None, int)
        Height, width and channels of the images of the fit; None where they have different ones.
    any_size : bool
        Whether other heights and widths are taken as well: not where rows of pixels need one.
    """

    shape: tuple[int | None, int | None, int]
    any_size: bool

    @classmethod
    def of(
        cls, images: Array | ImageSequence, image_shape: Sequence[int] | None, reader: "Reader"
    ) -> "ImageShapes":
        """Shapes by the images of a fit.

        Parameters
        ----------
        images : ndarray or ImageSequence
            As from ``data.images.validate_pixels``.
        image_shape : tuple of int or None
            What the user says.
        reader : callable or None
            As of :func:`images_of`; if all are files, the first is read.

        Raises
        ------
        ValueError
            If shapes disagree with ``image_shape``, or images in their channels.
        """
        if isinstance(images, ImageSequence):
            if reader is None:
                images.check_units()
            if image_shape is not None:
                return cls(with_channels(image_shape), False)
            return cls((None, None, _channels_of(images, reader)), True)
        return cls(shape_of_images(images, image_shape), image_shape is None and images.ndim > 2)

    def checked(
        self, images: Array | ImageSequence, reader: "Reader"
    ) -> Iterator[tuple[str, FloatArray]]:
        """Images of these shapes, (h, w, c), one after the other, and what errors call each.

        Raises
        ------
        ValueError
            If an image has another shape, or cannot be read.
        """
        if isinstance(images, ImageSequence):
            for name, image in images_of(images, reader):
                self._check(image.shape, name)
                yield name, image
        else:
            yield from ((f"Image {i} of X", im) for i, im in enumerate(self.of_array(images)))

    def of_array(self, images: FloatArray) -> FloatArray:
        """An array of images of these shapes, as (n, h, w, c)."""
        if images.ndim > 2 and self.any_size:
            self._check(shape_of_images(images, None), "Image 0 of X")
            return images.reshape(*images.shape[:3], -1)
        height, width, channels = self.shape
        if height is None or width is None:
            raise ValueError(
                f"X holds rows of {images.shape[1]} pixels, but of images of different sizes: pass "
                "images (h, w) or (h, w, c)."
            )
        return images.reshape(-1, *shape_of_images(images, (height, width, channels)))

    def _check(self, shape: tuple[int, ...], name: str) -> None:
        if shape[2] != self.shape[2]:
            raise _mixed(name, shape[2], "those of the fit have", self.shape[2])
        if shape != self.shape and not self.any_size:
            raise ValueError(
                f"{name} has shape {shape}, but image_shape={self.shape}. Images of any size are "
                "taken where images are fitted, no rows of pixels, and image_shape is None."
            )


def images_of(images: ImageSequence, reader: Reader) -> Iterator[tuple[str, FloatArray]]:
    """Images one after the other, each read when its turn comes, and what errors call it.

    Parameters
    ----------
    images : ImageSequence
        The images.
    reader : callable or None
        Takes the name of a file to an array; None is :func:`read_image`.

    Yields
    ------
    name : str
    image : ndarray of shape (h, w, c)

    Raises
    ------
    ValueError
        If a file cannot be read, or what is read is no image.
    """
    for i in range(len(images)):
        name, item = images.name(i), images[i]
        image = item if isinstance(item, np.ndarray) else _read(item, reader or read_image, name)
        check_dimensions(image.shape, name)
        shape = (*image.shape, 1)[:3]
        yield name, image.reshape(shape).astype(images.dtype, copy=False)


def check_dimensions(shape: tuple[int, ...], name: str) -> None:
    """Raise unless a shape is that of an image, (h, w) or (h, w, c)."""
    if len(shape) not in (2, 3):
        raise ValueError(f"{name} has shape {shape}: images are (h, w) or (h, w, c).")


def _read(path: Any, reader: Callable[[Any], Any], name: str) -> FloatArray:
    try:
        image = reader(path)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"{name} cannot be read: {type(error).__name__}: {error}. Leave it out, or give the "
            "extractor a reader= that knows such files."
        ) from error
    return check_numbers(image, name, allow_nd=True, ensure_2d=False)


def _mixed(name: str, channels: int, other: str, other_channels: int) -> ValueError:
    words = {1: "1 channel (grey)", 3: "3 channels (colour)"}
    these, those = (words.get(n, f"{n} channels") for n in (channels, other_channels))
    return ValueError(
        f"{name} has {these}, but {other} {those}: make all images grey or all colour, files by "
        'reader=functools.partial(skvae.read_image, mode="RGB").'
    )


def _channels_of(images: ImageSequence, reader: Reader) -> int:
    """How many channels images have: those in memory, or the first where all are in files."""
    known: dict[int, int] = {}  # number of channels: first image that has as many
    for i, shape in enumerate(images.shapes()):
        if shape is not None and len(shape) in (2, 3):
            known.setdefault((*shape, 1)[2], i)
    if len(known) > 1:
        (c, i), (other, j) = list(known.items())[:2]
        raise _mixed(images.name(j), other, f"{images.name(i)} has", c)
    if not known:
        _, image = next(images_of(images, reader))
        return int(image.shape[2])
    return next(iter(known))
