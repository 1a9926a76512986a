"""A user's program, of which mypy and pyright check every type; test_typed_program.py runs it."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import skvae
from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches, VAETransformer
from skvae.comparison import FeatureComparison
from skvae.datasets import load_digits, load_mnist
from skvae.displays import LatentSpaceDisplay, ReconstructionDisplay
from skvae.fisher import convert_layout
from skvae.mixture import from_sklearn, to_sklearn

Floats: TypeAlias = NDArray[np.floating[Any]]
Labels: TypeAlias = NDArray[np.integer[Any]]


def learn(X: Floats, y: Labels | None = None) -> VAETransformer:
    vae = VAETransformer(
        2,
        hidden_layer_sizes=(8,),
        likelihood="gaussian",
        conditional="prior" if y is not None else None,
        max_iter=2,
        random_state=0,
    )
    return vae.fit(X, y)


def use(vae: VAETransformer, X: Floats, y: Labels, folder: Path) -> tuple[Floats, float]:
    Z: Floats = vae.transform(X)
    images: Floats = vae.inverse_transform(Z, y)
    density: Floats = vae.score_samples(X, n_importance=2)
    drawn: Floats = vae.sample(3, random_state=0)
    predicted: NDArray[Any] = vae.predict(drawn)
    assert len(predicted) == 3
    skvae.save_explorer(vae, folder / "explorer.html", X, y)
    LatentSpaceDisplay.from_estimator(vae, X, y).ax_.set_title(f"{vae.n_active_} dimensions")
    display = ReconstructionDisplay.from_predictions(X, {"reconstruction": images})
    display.figure_.savefig(folder / "reconstruction.png")

    return images, float(density.mean())


def names_of_drawn_tables(vae: VAETransformer, table: Any) -> list[str]:
    """Where the fit saw a table, tables come back, of types that their own library knows."""
    tables = vae.sample(2), vae.reconstruct(table), vae.inverse_transform(vae.transform(table))

    return [str(name) for drawn in tables for name in drawn.columns]


def fisher_vectors(X: Floats) -> Floats:
    patches = ImagePatches(patch_size=3, stride=2)
    encoder = FisherVectorEncoder(4, extractor=patches, gradients=("means", "stds"))
    vectors: Floats = encoder.partial_fit(X).transform(X)
    scales: Floats = encoder.mean_scales_
    assert len(scales) == 1
    again: Floats = convert_layout(vectors, encoder.n_components, source="vlfeat")

    return again


def means_of(descriptors: Floats) -> Floats:
    mixture: DiagonalGaussianMixture = DiagonalGaussianMixture(2).fit(descriptors)
    means: Floats = from_sklearn(to_sklearn(mixture)).means_
    assert mixture.converged_ or mixture.n_iter_ > 1

    return means


def compare(X: Floats, y: Labels) -> FeatureComparison:
    features = {"mine": skvae.recipes.make("pca", "digits"), "vae": VAETransformer(2)}
    comparison = skvae.compare_features(X, y, X, y, features=features, classifiers=["knn"])
    print(comparison.table(), [row.test_error for row in comparison.rows])

    return comparison


def mnist() -> tuple[NDArray[Any], NDArray[Any]]:
    return load_mnist(subset="test", return_X_y=True)


def main(folder: Path) -> float:
    digits = load_digits()
    X, y = digits.data[:200] / 16, digits.target[:200]
    images, density = use(learn(X, y), X, y, folder)
    assert fisher_vectors(images).shape[1] == 72
    assert means_of(learn(X).transform(X)).shape == (2, 2)

    return density
