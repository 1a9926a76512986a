"""A file is read as it is meant to be seen, whatever kind it is of."""

import builtins

import numpy as np
import pytest
from PIL import Image

from skvae import read_image

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)


@pytest.fixture
def saved(tmp_path):
    """The file of an image, and how to save it."""

    def save(image, suffix="png", **options):
        path = tmp_path / f"image.{suffix}"
        image.save(path, **options)
        return path

    return save


@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "colour"])
@pytest.mark.parametrize("suffix", ["png", "tiff", "bmp"])
def test_eight_bits_run_from_black_to_white(saved, pixels, suffix):
    found = read_image(saved(Image.fromarray(pixels), suffix))
    assert found.dtype == np.float32
    assert np.array_equal(found, pixels / np.float32(255))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_of_grey_count_as_they_are(saved, suffix):
    levels = GREY.astype(np.uint16) * 257 + 1
    found = read_image(saved(Image.fromarray(levels), suffix))
    assert np.array_equal(found, levels / np.float32(65535))
    again = read_image(saved(Image.fromarray(levels), suffix), mode="L")
    assert np.array_equal(again, found)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_whose_white_nobody_knows_stay(saved, dtype):
    values = GREY.astype(dtype) * 1000
    assert np.array_equal(read_image(saved(Image.fromarray(values), "tiff")), values)


def test_a_bit_is_black_or_white(saved):
    bits = GREY > 100
    assert np.array_equal(read_image(saved(Image.fromarray(bits))), bits)


def test_palettes_become_colours(saved):
    image = Image.fromarray(RGB).quantize(12)
    found = read_image(saved(image))
    assert np.array_equal(found, np.asarray(image.convert("RGB")) / np.float32(255))
    assert found.shape == (3, 4, 3)


def test_cmyk_becomes_colours(saved):
    found = read_image(saved(Image.new("CMYK", (4, 3), (0, 255, 255, 0)), "tiff"))
    assert np.array_equal(found, np.broadcast_to(np.float32([1, 0, 0]), (3, 4, 3)))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_lie_on_white(saved, mode):
    alpha = np.full((3, 4), 255, np.uint8)
    alpha[0, 0], alpha[1, 1] = 0, 102
    below = GREY if mode == "LA" else RGB
    image = Image.fromarray(below).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    found = read_image(saved(image))
    assert found.ndim == below.ndim
    share = (alpha / 255).reshape(*alpha.shape, *[1] * (below.ndim - 2))
    assert np.allclose(found, share * below / 255 + 1 - share, atol=1.01 / 255)
    assert np.all(found[0, 0] == 1) and np.array_equal(found[2], below[2] / np.float32(255))


def test_a_transparent_colour_of_a_palette_lies_on_white(saved):
    image = Image.fromarray(RGB).quantize(12)
    first = image.getpixel((0, 0))
    found = read_image(saved(image, transparency=first))
    assert np.all(found[0, 0] == 1) and not np.all(found[1] == 1)


def test_photographs_are_turned_as_they_were_taken(saved):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    found = read_image(saved(Image.fromarray(RGB), exif=exif))
    assert np.array_equal(found, np.rot90(RGB, -1) / np.float32(255))


def test_of_several_frames_the_first_is_read(saved):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    path = saved(frames[0], "tiff", save_all=True, append_images=frames[1:])
    assert np.array_equal(read_image(path), GREY / np.float32(255))


def test_files_become_grey_or_colour_where_that_is_asked_for(saved):
    grey = read_image(saved(Image.fromarray(RGB)), mode="L")
    assert np.array_equal(grey, np.asarray(Image.fromarray(RGB).convert("L")) / np.float32(255))
    colour = read_image(saved(Image.fromarray(GREY)), mode="RGB")
    assert np.array_equal(colour, np.repeat(GREY[:, :, None], 3, axis=2) / np.float32(255))


def test_without_pillow_the_way_is_named(saved, monkeypatch):
    path, real = saved(Image.fromarray(GREY)), builtins.__import__

    def without(name, *args, **kwargs):
        if name == "PIL":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install pillow.*reader="):
        read_image(path)
