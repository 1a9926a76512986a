"""An image from a file, as it is meant to be seen."""

from typing import Any, Literal

import numpy as np

from skvae._typing import FloatArray, PathLike

__all__ = ["read_image"]

# Pillow's modes.
_GREY = ("1", "L", "I;16", "I;16B", "I;16L", "I", "F")
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


def read_image(path: PathLike, mode: Literal["L", "RGB"] | None = None) -> FloatArray:
    """Read an image from a file, as it is meant to be seen, with Pillow.

    Parameters
    ----------
    path : str or path-like
        A file of any kind that Pillow knows; of several frames or pages the first.
    mode : {"L", "RGB"}, default=None
        Grey or colour, to which all files are converted; None leaves grey files grey and makes all
        others RGB.

    Returns
    -------
    image : ndarray of shape (h, w) or (h, w, 3), float32
        From 0, black, to 1, white. Grey levels of 16 bits count as they are; colours of 16 bits
        come from Pillow in 8. Files of floats, and of integers of 32 bits, keep their values.

    Notes
    -----
    The image is turned as its EXIF tag says. Transparent pixels lie on white. Palettes and CMYK
    become RGB, the latter without its colour profile.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from skvae import read_image
    >>> flower = files("sklearn.datasets.images") / "flower.jpg"
    >>> read_image(flower).shape, read_image(flower, mode="L").shape
    ((427, 640, 3), (427, 640))
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            "Reading images from files needs Pillow: pip install pillow. Or pass reader=, a "
            "function of your own from a file name to an array."
        ) from error
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
        is_png = file.format == "PNG"
    if image.mode in _TRANSPARENT or (
        "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")
    ):
        grey = image.mode in ("1", "L", "LA", "La")
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if grey else "RGB")
    if image.mode not in _GREY:
        return _floats(image.convert(mode or "RGB"), is_png)
    grey_levels = _floats(image.convert("L") if image.mode == "1" else image, is_png)
    return np.repeat(grey_levels[:, :, None], 3, axis=2) if mode == "RGB" else grey_levels


def _floats(image: Any, is_png: bool) -> FloatArray:
    pixels = np.asarray(image, np.float32)
    if image.mode == "F" or (image.mode == "I" and not is_png):  # whose white nobody knows
        return pixels
    return pixels / np.float32(255 if image.mode in ("L", "RGB") else 65535)
