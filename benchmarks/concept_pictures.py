"""The pictures of "What is a Fisher vector?" and "What is a VAE?", drawn from fitted models.

``python benchmarks/concept_pictures.py docs/concepts`` takes half a minute.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches, VAETransformer

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "0.6"
COLOURS = (BLUE, "#E69F00", GREEN, PINK)
K = 4


def show_image(ax, image, **kwargs):
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=1, **kwargs)
    ax.set(xticks=[], yticks=[])


def draw_ellipses(ax, means, variances, *, scale=1.5, **kwargs):
    for k, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        width, height = 2 * scale * np.sqrt(variance)
        style = {"edgecolor": COLOURS[k], "facecolor": "none", "linewidth": 2, **kwargs}
        ax.add_patch(Ellipse(mean, width, height, **style))


class DigitPatches:
    """Patches of digits in two dimensions, their mixture, and the vectors of the images."""

    def __init__(self):
        X, self.y = load_digits(return_X_y=True)
        self.X = X / 16
        self.patches = ImagePatches(patch_size=3).fit_transform(self.X)  # (n, 36, 9)
        inked = self.patches[self.patches.std(axis=2) > 0.1]
        self.pca = PCA(2).fit(inked)
        self.sets = [
            self.pca.transform(patches[patches.std(axis=1) > 0.1]) for patches in self.patches
        ]
        self.mixture = DiagonalGaussianMixture(K, random_state=3).fit(np.concatenate(self.sets))
        self.encoder = FisherVectorEncoder(mixture=self.mixture).fit(self.sets)
        self.raw = FisherVectorEncoder(mixture=self.mixture, power=1, norm=None).fit(self.sets)


def frame(ax, data):
    low, high = np.percentile(np.concatenate(data.sets), [0.5, 99.5], axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
    ax.set(xlabel="first principal component", ylabel="second")


def draw_descriptors(data, i):
    """An image, some of its patches, and all of them as points."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
    show_image(axes[0], data.X[i].reshape(8, 8))
    places = [(0, 2), (1, 3), (3, 1), (4, 4)]
    for row, column in places:
        corner = (column - 0.5, row - 0.5)
        axes[0].add_patch(plt.Rectangle(corner, 3, 3, edgecolor=ORANGE, facecolor="none", lw=2))
    axes[0].set_title("one image, patches of 3 x 3 pixels")
    axes[1].axis("off")
    axes[1].set_title("its descriptors")
    kept = data.patches[i][data.patches[i].std(axis=1) > 0.1]
    for j, patch in enumerate(kept[:25]):
        inset = axes[1].inset_axes((0.19 * (j % 5) + 0.03, 0.8 - 0.19 * (j // 5), 0.16, 0.16))
        show_image(inset, patch.reshape(3, 3))
    background = np.concatenate(data.sets)[::7]
    axes[2].plot(*background.T, ".", color="0.85", markersize=2, zorder=0)
    axes[2].plot(*data.sets[i].T, "o", color="black", markersize=5)
    axes[2].set_title("as points, before those of all images")
    frame(axes[2], data)
    return figure


def draw_mixture(data, i):
    """The mixture of all patches, and the posteriors of one image's."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
    everything = np.concatenate(data.sets)
    for ax in axes:
        frame(ax, data)
        draw_ellipses(ax, data.mixture.means_, data.mixture.covariances_)
    axes[0].plot(*everything[::5].T, ".", color="0.8", markersize=2, zorder=0)
    axes[0].set_title("four Gaussians, fitted to the patches of all images")
    colours = np.array([matplotlib.colors.to_rgb(colour) for colour in COLOURS])
    posteriors = data.mixture.predict_proba(data.sets[i])
    axes[1].scatter(*data.sets[i].T, c=posteriors @ colours, s=40, edgecolor="white", lw=0.5)
    axes[1].set_title("one image's patches, coloured by posterior")
    return figure


def draw_gradient(data, i):
    """Where one image would move the means, and how it would stretch the deviations."""
    figure, ax = plt.subplots(figsize=(5.4, 4.4), layout="constrained")
    frame(ax, data)
    means, variances = data.mixture.means_, data.mixture.covariances_
    draw_ellipses(ax, means, variances, linewidth=1.5, alpha=0.6)
    ax.plot(*data.sets[i].T, "o", color="0.5", markersize=4, zorder=0)
    gamma = data.mixture.predict_proba(data.sets[i])
    share = gamma.sum(axis=0)
    own = gamma.T @ data.sets[i] / share[:, None]
    for k in range(K):
        arrow = {"arrowstyle": "-|>", "color": COLOURS[k], "lw": 2.5}
        ax.annotate("", own[k], means[k], arrowprops=arrow)
        ax.plot(*means[k], "o", color=COLOURS[k], markersize=7)
        text = f"{share[k] / len(gamma):.0%} of its patches,\n{data.mixture.weights_[k]:.0%} of all"
        below = -26 if own[k, 1] > means[k, 1] else 10
        look = {"fontsize": 8, "bbox": {"fc": "white", "ec": "none", "alpha": 0.65, "pad": 1}}
        ax.annotate(text, means[k], (-30, below), textcoords="offset points", **look)
    ax.set_title("where one image pulls the means")
    return figure


def draw_bars(ax, vector, title):
    bars = np.arange(len(vector))
    component = np.r_[np.arange(K), np.repeat(np.arange(K), 2), np.repeat(np.arange(K), 2)]
    ax.bar(bars, vector, color=[COLOURS[k] for k in component])
    ax.axhline(0, color="black", lw=0.8)
    for edge in (K, 3 * K):
        ax.axvline(edge - 0.5, color=GREY, lw=0.8)
    ax.set_xticks([(K - 1) / 2, 2 * K - 0.5, 4 * K - 0.5], ["weights", "means", "deviations"])
    ax.tick_params(axis="x", length=0)
    ax.set_title(title)


def draw_vector(data, i):
    """The vector, before and after power and length."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3), layout="constrained")
    draw_bars(axes[0], data.raw.transform(data.sets)[i], "whitened gradient")
    draw_bars(axes[1], data.encoder.transform(data.sets)[i], "after the root and unit length")
    return figure


def draw_comparison(data, chosen):
    """Vectors of three images, two of them of one class, and what they have in common."""
    vectors = data.encoder.transform([data.sets[i] for i in chosen])
    figure, axes = plt.subplots(
        2, 3, figsize=(9.5, 3.8), layout="constrained", height_ratios=(1, 1.2), sharey="row"
    )
    for column, (i, vector) in enumerate(zip(chosen, vectors, strict=True)):
        show_image(axes[0, column], data.X[i].reshape(8, 8))
        draw_bars(axes[1, column], vector, "")
        if column:
            axes[1, column].set_title(f"cosine with the first: {vector @ vectors[0]:.2f}")
    return figure


def draw_overview(data, i):
    """From an image to its vector, in one row."""
    figure, axes = plt.subplots(
        1, 4, figsize=(12, 2.9), layout="constrained", width_ratios=(1, 1.15, 1.15, 1.5)
    )
    show_image(axes[0], data.X[i].reshape(8, 8))
    for row, column in [(0, 2), (1, 3), (3, 1), (4, 4)]:
        corner = (column - 0.5, row - 0.5)
        axes[0].add_patch(plt.Rectangle(corner, 3, 3, edgecolor=ORANGE, facecolor="none", lw=2))
    means, variances = data.mixture.means_, data.mixture.covariances_
    gamma = data.mixture.predict_proba(data.sets[i])
    own = gamma.T @ data.sets[i] / gamma.sum(axis=0)[:, None]
    for ax in axes[1:3]:
        frame(ax, data)
        ax.set(xlabel="", ylabel="")
        draw_ellipses(ax, means, variances)
    axes[1].plot(*np.concatenate(data.sets)[::7].T, ".", color="0.85", markersize=2, zorder=0)
    for ax in axes[1:3]:
        ax.plot(*data.sets[i].T, "o", color="black", markersize=3.5)
    for k in range(K):
        arrow = {"arrowstyle": "-|>", "color": COLOURS[k], "lw": 2.5}
        axes[2].annotate("", means[k] + 2 * (own[k] - means[k]), means[k], arrowprops=arrow)
    draw_bars(axes[3], data.encoder.transform([data.sets[i]])[0], "one vector of fixed length")
    axes[0].set_title("a set of patches")
    axes[1].set_title("a mixture of all patches")
    axes[2].set_title("how this set would move it")
    return figure


def flights(rng, late, n):
    """Generated flights of a plane: distance in 1,000 km, delay in hours."""
    distance = np.where(rng.random(n) < 0.5, rng.normal(1, 0.3, n), rng.normal(4, 0.8, n))
    return np.c_[distance, rng.gamma(2, 0.15, n) + late * (distance > 2.5)]


def draw_table(seed=0):
    """Two planes whose means agree and whose flights do not."""
    rng = np.random.default_rng(seed)
    planes = [flights(rng, late, n) for late in (0, 0.9) for n in rng.integers(15, 30, size=40)]
    mixture = DiagonalGaussianMixture(2, random_state=0).fit(np.concatenate(planes))
    encoder = FisherVectorEncoder(mixture=mixture, gradients=("means",), power=1, norm=None)
    vectors = encoder.fit(planes).transform(planes)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    for ax, i, title in ((axes[0], 0, "the flights of one plane"), (axes[1], 45, "of another")):
        ax.plot(*np.concatenate(planes)[::4].T, ".", color="0.85", markersize=3, zorder=0)
        ax.plot(*planes[i].T, "o", color="black", markersize=4)
        draw_ellipses(ax, mixture.means_, mixture.covariances_)
        ax.set(xlabel="distance (1,000 km)", ylabel="delay (h)", title=title)
        ax.set(xlim=(0, 6.5), ylim=(-0.1, 2.6))
    far = int(np.argmax(mixture.means_[:, 0]))
    for group, colour, name in ((slice(0, 40), BLUE, "punctual"), (slice(40, 80), ORANGE, "late")):
        points = vectors[group].reshape(-1, 2, 2)[:, far, 1]
        axes[2].hist(points, bins=12, color=colour, alpha=0.7, label=f"planes that are {name}")
    axes[2].set(title="one entry of all vectors", ylabel="planes")
    axes[2].set_xlabel("gradient of the delay's mean, far flights")
    axes[2].legend(fontsize=8)
    return figure


class DigitModel:
    """A VAE of digits in two latent dimensions, and one in sixteen."""

    def __init__(self):
        X, self.y = load_digits(return_X_y=True)
        self.X = X / 16
        options = {"likelihood": "bernoulli", "max_iter": 150, "random_state": 0}
        self.flat = VAETransformer(2, output="params", **options).fit(self.X)
        self.means, log_variances = np.split(self.flat.transform(self.X), 2, axis=1)
        self.deviations = np.exp(log_variances / 2)
        self.deep = VAETransformer(16, **options).fit(self.X)


def draw_walk(model, i):
    """One image through encoder, posterior, draws and decoder."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.3), layout="constrained", width_ratios=(1, 1.25, 1.7)
    )
    show_image(axes[0], model.X[i].reshape(8, 8))
    axes[0].set_title("a row of X")
    mean, deviation = model.means[i], model.deviations[i]
    axes[1].plot(*model.means.T, ".", color="0.85", markersize=2, zorder=0)
    for scale in (1, 2):
        shape = Ellipse(mean, *(2 * scale * deviation), edgecolor=BLUE, facecolor="none", lw=2)
        axes[1].add_patch(shape)
    draws = mean + deviation * np.random.default_rng(1).standard_normal((4, 2))
    axes[1].plot(*mean, "o", color=BLUE, markersize=6)
    axes[1].plot(*draws.T, "x", color=ORANGE, markersize=7, mew=2)
    half = 4 * deviation.max()
    axes[1].set(xlim=(mean[0] - half, mean[0] + half), ylim=(mean[1] - half, mean[1] + half))
    axes[1].set(xticks=[], yticks=[], xlabel="$z_1$", ylabel="$z_2$")
    axes[1].set_title("its posterior, and four draws")
    axes[2].axis("off")
    axes[2].set_title("the draws, decoded")
    for j, image in enumerate(model.flat.inverse_transform(draws)):
        inset = axes[2].inset_axes((0.25 * j + 0.01, 0.3, 0.23, 0.4))
        show_image(inset, image.reshape(8, 8))
    return figure


def draw_latent_space(model):
    """Where the classes lie, which no label told, and what decodes there."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
    points = axes[0].scatter(*model.means.T, c=model.y, cmap="tab10", s=5, vmin=-0.5, vmax=9.5)
    figure.colorbar(points, ax=axes[0], ticks=range(10), label="class, which the fit never saw")
    edges = np.linspace(-2.2, 2.2, 12)
    grid = np.array([(x, y) for y in edges[::-1] for x in edges])
    images = model.flat.inverse_transform(grid).reshape(12, 12, 8, 8)
    mosaic = images.transpose(0, 2, 1, 3).reshape(96, 96)
    show_image(axes[1], mosaic, extent=(-2.4, 2.4, -2.4, 2.4))
    axes[0].set(xlabel="$z_1$", ylabel="$z_2$", xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    axes[0].set_title("posterior means")
    axes[1].set(xlabel="$z_1$", ylabel="$z_2$", title="what the decoder makes of each point")
    return figure


def draw_bound(model):
    """The two terms of the bound while the model learns."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
    history = model.deep.history_
    epochs = np.arange(1, len(history["elbo"]) + 1)
    axes[0].plot(epochs, history["reconstruction"], color=GREEN, label="reconstruction")
    axes[0].plot(epochs, history["elbo"], color="black", label="bound (ELBO)")
    axes[0].fill_between(
        epochs, history["elbo"], history["reconstruction"], color=ORANGE, alpha=0.3, label="KL"
    )
    axes[0].set(xlabel="epoch", ylabel="nats per row", title="the bound and its two terms")
    axes[0].legend(loc="lower right", fontsize=8)
    amounts = np.sort(model.deep.kl_per_dimension_)[::-1]
    numbers, n_active = np.arange(1, len(amounts) + 1), model.deep.n_active_
    axes[1].bar(numbers, amounts, color=BLUE)
    axes[1].plot(numbers[n_active:], amounts[n_active:] + 0.02, "x", color=ORANGE, mew=2)
    axes[1].set(xlabel="latent dimension, sorted", ylabel="KL (nats)")
    axes[1].set_title(f"{n_active} dimensions in use, × collapsed")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    data, model = DigitPatches(), DigitModel()
    pictures = {
        "overview": draw_overview(data, 10),
        "descriptors": draw_descriptors(data, 10),
        "mixture": draw_mixture(data, 10),
        "gradient": draw_gradient(data, 10),
        "vector": draw_vector(data, 10),
        "comparison": draw_comparison(data, (10, 20, 11)),
        "table": draw_table(),
        "walk": draw_walk(model, 10),
        "latent-space": draw_latent_space(model),
        "bound": draw_bound(model),
    }
    for name, figure in pictures.items():
        figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
