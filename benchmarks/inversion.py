"""Images back from Fisher vectors: how close, in how many dimensions, and what they look like.

``SKVAE_DATA_HOME=... python inversion.py``, about twenty minutes; writes ``inversion.png``.

Two inverses are compared. ``inverse_transform`` is a formula: the expected patch at each position.
The search starts there and moves the pixels until the image has the vector it should have. PCA of
the pixels is the reference for both: its error in as many dimensions as the vector has, and how
many it needs for the same error.
"""

import matplotlib
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches, datasets
from skvae.fisher.spatial import cells_of

matplotlib.use("Agg")
import matplotlib.pyplot as plt

N_TRAIN, N_TEST, N_SEARCHED, STEPS = 10_000, 200, 20, 120
PADDING = 2
# spatial, patch size, dimensions of a patch, xy weight
SETTINGS = [
    ("xy", 5, 12, 2.0),
    ("xy", 7, 20, 1.7),
    ("xy", 14, 40, 3.0),
    ((1, 4), 14, 40, 3.0),
    (("xy", 1, 2), 14, 40, 3.0),
]
# A pyramid of 256 components would have more than 100,000 dimensions.
GRID = [(K, *s) for s in SETTINGS for K in ((4, 16, 64, 256) if s[0] == "xy" else (4, 16, 64))]
FEW_DIMENSIONS = [(K, "xy", 14, 10, 3.0) for K in (1, 2, 4, 8)]


def fitted_encoder(X, K, spatial, size, n_dims, xy_weight):
    return FisherVectorEncoder(
        mixture=DiagonalGaussianMixture(K, max_iter=30, tol=1e-4),
        extractor=ImagePatches(patch_size=size, padding=PADDING),
        reducer=PCA(n_dims),
        spatial=spatial,
        xy_weight=xy_weight,
        max_descriptors=50_000,
        random_state=0,
    ).fit(X)


def vector_function(encoder):
    """The encoder's transform as a function of images that torch can differentiate."""
    spatial, size = encoder.spatial, encoder.extractor.patch_size
    reducer, mixture = encoder.reducer_, encoder.mixture_
    w, mu, v = (torch.tensor(a) for a in (mixture.weights_, mixture.means_, mixture.covariances_))
    mean, components = torch.tensor(reducer.mean_), torch.tensor(reducer.components_)
    positions = encoder.extractor_.positions_
    levels = [g for g in spatial if g != "xy"] if spatial != "xy" else [1]
    cells = np.concatenate(
        [cells_of(positions, g) == np.arange(g * g)[:, None] for g in levels]
    ).astype(float)
    cells = torch.tensor(cells / cells.sum(axis=1, keepdims=True))  # (C, T)
    xy = torch.tensor(encoder.xy_weight * positions)

    def vectors(images):  # (n, 28, 28)
        padded = torch.nn.functional.pad(images[:, None], (PADDING,) * 4)
        x = torch.nn.functional.unfold(padded, size).transpose(1, 2)  # (n, T, size^2)
        x = (x - mean) @ components.T
        if "xy" in spatial:
            x = torch.cat([x, xy.expand(len(x), -1, -1)], dim=2)
        logits = w.log() - (v.log() + mu**2 / v).sum(1) / 2 + x @ (mu / v).T - x**2 @ (0.5 / v).T
        gamma = logits.softmax(dim=2)
        phi = torch.cat([torch.ones_like(x[..., :1]), x, x**2], dim=2)
        s = torch.stack([(cell[:, None] * gamma).transpose(1, 2) @ phi for cell in cells], dim=1)
        s0, s1, s2 = s.split([1, x.shape[2], x.shape[2]], dim=3)  # (n, C, K, ...)
        g0 = (s0[..., 0] - w) / w.sqrt()
        g1 = (s1 - mu * s0) / (w[:, None] * v).sqrt()
        g2 = (s2 - 2 * mu * s1 + (mu**2 - v) * s0) / (v * (2 * w[:, None]).sqrt())
        g = torch.cat([g0, g1.flatten(2), g2.flatten(2)], dim=2)
        g = g.sign() * (g.abs() + 1e-12).sqrt()
        return torch.nn.functional.normalize(g, dim=2).flatten(1)

    return vectors


def search(encoder, F, start):
    """Images whose vectors are as close to F as Adam finds them from a start."""
    vectors, target = vector_function(encoder), torch.tensor(F)
    # What is nearly background starts as background, whose components are narrow.
    start = np.where(start > 0.15, start, 0).clip(0, 1)
    images = torch.tensor(start.reshape(-1, 28, 28)).requires_grad_()
    optimizer = torch.optim.Adam([images])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.05, total_steps=STEPS, pct_start=0.2
    )
    for _ in range(STEPS):
        optimizer.zero_grad()
        ((vectors(images) - target) ** 2).sum().backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            images.clamp_(0, 1)
    return images.detach().numpy().reshape(len(F), -1)


def pca_errors(X_train, X_test):
    """Mean squared error of PCA with 0, 1, ..., 784 dimensions."""
    pca = PCA().fit(X_train)
    kept = np.cumsum((pca.transform(X_test) ** 2).mean(axis=0))
    total = ((X_test - pca.mean_) ** 2).sum(axis=1).mean()
    return np.maximum(total - np.concatenate([[0], kept]), 0) / X_test.shape[1]


def describe(spatial):
    return spatial if spatial == "xy" else "(" + ", ".join(map(str, spatial)) + ")"


def draw(X, pictures):
    figure = plt.figure(figsize=(7.2, 7.8), layout="constrained")
    parts = figure.subfigures(2, 3).flat
    for part, setting in zip(parts, SETTINGS, strict=False):
        spatial, size = setting[:2]
        part.suptitle(f"{describe(spatial)}\n{size} x {size} patches", fontsize=9)
        axes = part.subplots(5, 4)
        for ax in axes.flat:
            ax.axis("off")
        shown = [(K, p) for (K, *rest), p in pictures.items() if tuple(rest) == setting]
        for row, (K, images) in zip(axes, [("", [X, X]), *shown], strict=False):
            for ax, image in zip(row, (a[i] for i in (0, 1) for a in images), strict=True):
                ax.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
                ax.axis("on")
                ax.set(xticks=[], yticks=[])
            row[0].set_ylabel(f"K = {K}" if K else "image", fontsize=8)
        for ax, name in zip(axes[0], 2 * ["formula", "search"], strict=True):
            ax.set_title(name, fontsize=7)
    figure.savefig("inversion.png", dpi=110)


def main():
    data = datasets.load_mnist()
    X, y = data.data / 255, data.target
    train, test = slice(0, N_TRAIN), slice(60_000, 60_000 + N_TEST)
    knn = KNeighborsClassifier(3).fit(X[train], y[train])
    print(f"pixels themselves: {knn.score(X[test], y[test]):.1%} recognised")
    of_pca = pca_errors(X[train], X[test])
    few = X[test][:N_SEARCHED]
    print(
        "| K | spatial | patches | PCA | dimensions | formula | recognised | as PCA of | search "
        f"| as PCA of | PCA of as many |\n{'|---' * 11}|"
    )
    pictures = {}
    for setting in FEW_DIMENSIONS + GRID:
        K, spatial, size, n_dims, _ = setting
        encoder = fitted_encoder(X[train], *setting)
        F = encoder.transform(X[test])
        back = encoder.inverse_transform(F)
        found = search(encoder, F[:N_SEARCHED], back[:N_SEARCHED])
        pictures[setting] = back, found
        accuracy = knn.score(back, y[test])
        errors = ((back - X[test]) ** 2).mean(), ((found - few) ** 2).mean()
        formula, searched = (f"{e:.4f} | {np.argmax(of_pca <= e)}" for e in errors)
        formula = formula.replace("|", f"| {accuracy:.1%} |")
        of_as_many = of_pca[min(F.shape[1], X.shape[1])]
        print(
            f"| {K} | {describe(spatial)} | {size} x {size} | {n_dims} | {F.shape[1]:,} "
            f"| {formula} | {searched} | {of_as_many:.4f} |",
            flush=True,
        )
    draw(few, pictures)


if __name__ == "__main__":
    main()
