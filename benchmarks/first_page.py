"""The pictures on the first page of the documentation: what two lines of code make of digits.

``python benchmarks/first_page.py docs/concepts`` takes half a minute.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import FisherVectorEncoder, VAETransformer

BLUE, ORANGE = "#0072B2", "#D55E00"


def draw_map(ax, points, labels, title):
    """Rows in a plane, each as its digit; the outermost hundredth lies beyond the edges."""
    for digit in range(10):
        style = {"marker": f"${digit}$", "color": f"C{digit}", "s": 22, "lw": 0.2}
        ax.scatter(*points[labels == digit].T, **style)
    (left, bottom), (right, top) = np.percentile(points, [0.5, 99.5], axis=0)
    ax.set(xlim=(left, right), ylim=(bottom, top), title=title, xticks=[], yticks=[])


def draw_rows(digits):
    """Rows of pixels, and their posterior means in two dimensions."""
    X = digits.data / 16
    Z = VAETransformer(2, random_state=0).fit_transform(X)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    axes[0].imshow(X[:30], cmap="gray_r", aspect="auto")
    axes[0].set(title="X: 30 of 1,797 rows of 64 numbers", xticks=[], yticks=[])
    draw_map(axes[1], Z[::2], digits.target[::2], "Z: rows of 2 numbers, no label was given")
    return figure


def draw_sets(digits):
    """Inked pixels as sets of points, and their vectors."""
    sets = [np.argwhere(image > 4) for image in digits.images]
    vectors = FisherVectorEncoder(8, random_state=0).fit_transform(sets)
    figure, axes = plt.subplots(
        1, 3, figsize=(8, 3.4), layout="constrained", width_ratios=(1, 2, 2)
    )
    for row, colour in enumerate((BLUE, ORANGE)):
        ink = sets[row]
        axes[0].plot(ink[:, 1], ink[:, 0] + 10 * row, "o", color=colour, ms=5)
        axes[0].text(3.5, 10 * row - 1, f"{len(ink)} points", ha="center", fontsize=9)
        axes[1].bar(np.arange(vectors.shape[1]), vectors[row], bottom=-row, color=colour)
    axes[0].set(title="two sets", xticks=[], yticks=[], aspect="equal")
    axes[0].set(xlim=(0.3, 6.7), ylim=(18.5, -2))
    axes[1].set(title=f"their vectors: {vectors.shape[1]} numbers", xticks=[], yticks=[])
    plane = PCA(2).fit_transform(vectors)
    draw_map(axes[2], plane[::2], digits.target[::2], "all vectors, by PCA")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder, digits = parser.parse_args().folder, load_digits()
    for name, draw in {"first-rows": draw_rows, "first-sets": draw_sets}.items():
        draw(digits).savefig(folder / f"{name}.png", dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
