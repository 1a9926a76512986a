import numpy as np
from matplotlib.colors import to_rgb

from skvae.displays.palette import styles

# Linear RGB as a deuteranope and a protanope see it: G. M. Machado et al., "A physiologically-based
# model for simulation of color vision deficiency", IEEE TVCG 15, 2009, severity 1.
DEFICIENCIES = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour):
    rgb = np.array(to_rgb(colour))

    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.clip(np.array(matrix) @ rgb, 0, None) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)

    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_colours_stay_apart_for_the_colour_blind():
    colours = [linear(colour) for colour, _ in styles(10)]
    for matrix in (np.eye(3), *map(np.array, DEFICIENCIES.values())):
        seen = np.array([lab(np.clip(matrix @ colour, 0, 1)) for colour in colours])
        distances = np.linalg.norm(seen[:, None] - seen, axis=2)[np.triu_indices(10, 1)]

        assert distances.min() > 8  # a just noticeable difference is 2.3


def test_ten_markers_differ_and_then_repeat():
    pairs = styles(13)

    assert len({marker for _, marker in pairs[:10]}) == 10
    assert pairs[10:] == pairs[:3]
