"""Named recipes: the feature pipelines that ``skvae compare`` runs, to import, print or change.

All of them take rows of pixels, float32 in [0, 1], and are unfitted scikit-learn Pipelines without
a classifier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Normalizer

from skvae.fisher.encoder import FisherVectorEncoder
from skvae.images.patches import ImagePatches
from skvae.vae.transformer import VAETransformer

__all__ = ["FEATURES", "FEATURE_TEXTS", "LABELLED", "PROFILES", "Profile", "make"]


# Passed on to what draws.
Seed: TypeAlias = int | np.random.RandomState | None


@dataclass(frozen=True)
class Profile:
    """Settings that suit images of one kind.

    Attributes
    ----------
    image_shape : tuple of int
        (height, width).
    n_principal : int
        Dimensions of ``pca``.
    patches : dict
        Arguments of ``ImagePatches``.
    n_gaussians : int
        K of the Fisher vectors.
    n_patch_dims : int
        Dimensions that PCA leaves of a patch.
    xy_weight, latent_xy_weight : float
        Weight of positions against PCA-reduced patches, and against latent ones.
    vae : dict
        Arguments of the ``VAETransformer`` of whole images.
    vae_prior : dict
        Those that differ with class means as priors.
    patch_vae : dict
        Arguments of the ``VAETransformer`` of patches.
    """

    image_shape: tuple[int, int]
    n_principal: int
    patches: dict[str, Any]
    n_gaussians: int
    n_patch_dims: int
    xy_weight: float
    latent_xy_weight: float
    vae: dict[str, Any]
    vae_prior: dict[str, Any]
    patch_vae: dict[str, Any]


_MNIST = Profile(
    image_shape=(28, 28),
    n_principal=50,
    patches={"patch_size": 9, "stride": 1, "padding": 2},
    n_gaussians=128,
    n_patch_dims=20,
    xy_weight=1.7,  # about the standard deviation of a patch's first principal component
    latent_xy_weight=1.0,
    vae={
        "n_components": 50,
        "likelihood": "bernoulli",
        "binarize": "dynamic",
        "warm_up": 0.2,
        "learning_rate_init": 1e-3,
        "max_iter": 80,
    },
    vae_prior={"learning_rate_init": 2e-3},
    patch_vae={
        "n_components": 16,
        "hidden_layer_sizes": (128, 128),
        "activation": "tanh",
        "likelihood": "gaussian",
        "warm_up": 0.2,
        "learning_rate_init": 1e-3,
        "max_iter": 20,
    },
)
PROFILES = {
    "digits": Profile(
        image_shape=(8, 8),
        n_principal=20,
        patches={"patch_size": 4, "stride": 1, "padding": 1},
        n_gaussians=32,
        n_patch_dims=8,
        xy_weight=1.0,
        latent_xy_weight=1.0,
        # Little data: noise in the pixels, and room to spare for a linear classifier.
        vae={
            "n_components": 150,
            "hidden_layer_sizes": (500,),
            "likelihood": "bernoulli",
            "binarize": "dynamic",
            "warm_up": 1.0,
            "batch_size": 64,
            "learning_rate_init": 1e-3,
            "max_iter": 150,
        },
        vae_prior={},
        patch_vae={
            "n_components": 8,
            "hidden_layer_sizes": (64, 64),
            "activation": "tanh",
            "likelihood": "gaussian",
            "warm_up": 0.2,
            "batch_size": 512,
            "learning_rate_init": 1e-3,
            "max_iter": 10,
        },
    ),
    "mnist": _MNIST,
    "fashion-mnist": _MNIST,
}


def _raw(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    return Pipeline([("raw", "passthrough")])


def _pca(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    return Pipeline([("pca", PCA(profile.n_principal, random_state=random_state))])


def _fisher(
    profile: Profile, reducer: Any, xy_weight: float, random_state: Seed, n_jobs: int | None
) -> FisherVectorEncoder:
    return FisherVectorEncoder(
        profile.n_gaussians,
        extractor=ImagePatches(image_shape=profile.image_shape, **profile.patches),
        reducer=reducer,
        gradients=("means", "stds"),
        spatial="xy",
        xy_weight=xy_weight,
        max_descriptors=500_000,
        n_jobs=n_jobs,
        random_state=random_state,
    )


def _fv(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    reducer = PCA(profile.n_patch_dims)
    encoder = _fisher(profile, reducer, profile.xy_weight, random_state, n_jobs)

    return Pipeline([("fv", encoder)])


def _fv_vae_patches(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    reducer = VAETransformer(**profile.patch_vae)
    encoder = _fisher(profile, reducer, profile.latent_xy_weight, random_state, n_jobs)

    return Pipeline([("fv", encoder)])


def _vae(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    return Pipeline([("vae", VAETransformer(**profile.vae, random_state=random_state))])


def _vae_prior(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    vae = _vae(profile, random_state, n_jobs)

    return vae.set_params(
        vae__conditional="prior", **{f"vae__{k}": v for k, v in profile.vae_prior.items()}
    )


def _fv_and_vae(profile: Profile, random_state: Seed, n_jobs: int | None) -> Pipeline:
    # Fisher vectors have unit length: without it the VAE's means would outweigh them.
    vae = _vae(profile, random_state, n_jobs).steps + [("normalizer", Normalizer())]
    union = FeatureUnion([("fv", _fv(profile, random_state, n_jobs)), ("vae", Pipeline(vae))])

    return Pipeline([("union", union)])


FEATURES: dict[str, Callable[[Profile, Seed, int | None], Pipeline]] = {
    "raw": _raw,
    "pca": _pca,
    "fv": _fv,
    "vae": _vae,
    "fv_vae_patches": _fv_vae_patches,
    "fv+vae": _fv_and_vae,
    "vae_prior": _vae_prior,
}
FEATURE_TEXTS = {
    "raw": "pixels as they are",
    "pca": "principal components",
    "fv": "Fisher vectors of patches",
    "vae": "posterior means of a variational autoencoder",
    "fv_vae_patches": "Fisher vectors in the latent space of a VAE of patches",
    "fv+vae": "Fisher vectors and posterior means, side by side",
    "vae_prior": "posterior means of a VAE with class means as priors: reads labels",
}
# Those that read labels, whose fit must not see the labels of validation rows.
LABELLED = frozenset({"vae_prior"})


def make(
    name: str,
    dataset: str | Profile = "mnist",
    *,
    random_state: Seed = None,
    n_jobs: int | None = None,
) -> Pipeline:
    """Make an unfitted feature pipeline.

    Parameters
    ----------
    name : {"raw", "pca", "fv", "vae", "fv_vae_patches", "fv+vae", "vae_prior"}
        Pixels as they are; principal components; Fisher vectors of patches; posterior means of a
        VAE; Fisher vectors in the latent space of a patch VAE; both side by side; posterior means
        of a VAE with class means as priors, the one that reads labels.
    dataset : {"digits", "mnist", "fashion-mnist"} or Profile, default="mnist"
        Whose settings to take.
    random_state : int, RandomState instance or None, default=None
        Passed on.
    n_jobs : int or None, default=None
        Threads that encode Fisher vectors; VAEs of this size gain nothing from more than one.

    Returns
    -------
    pipeline : Pipeline

    Examples
    --------
    >>> from skvae import recipes
    >>> recipes.make("pca", "digits")
    Pipeline(steps=[('pca', PCA(n_components=20))])
    """
    if name not in FEATURES:
        raise ValueError(f"Feature {name!r} is unknown: choose from {', '.join(FEATURES)}.")
    if not isinstance(dataset, Profile) and dataset not in PROFILES:
        raise ValueError(f"Data set {dataset!r} is unknown: choose from {', '.join(PROFILES)}.")
    profile = dataset if isinstance(dataset, Profile) else PROFILES[dataset]

    return FEATURES[name](profile, random_state, n_jobs)
