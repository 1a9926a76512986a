"""Named recipes: pipelines to import, print or change.

All of them are unfitted scikit-learn Pipelines. Those of ``make_for_table`` take rows of a table,
the others rows of pixels, float32 in [0, 1]. ``skvae compare`` runs those of ``make`` and
``make_for_table``, which have no classifier; ``few_labels`` ends in one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Normalizer
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import LinearSVC

from skvae._typing import FloatArray
from skvae.fisher.encoder import FisherVectorEncoder
from skvae.images.patches import ImagePatches
from skvae.inductive import InductiveClassifier
from skvae.table_recipes import make_for_table
from skvae.vae.transformer import VAETransformer

__all__ = [
    "FEATURES",
    "FEATURE_TEXTS",
    "LABELLED",
    "PROFILES",
    "InductiveClassifier",
    "Profile",
    "few_labels",
    "make",
    "make_for_table",
    "neighbor_graph",
]


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
    scales : tuple of dict
        What ``few_labels`` changes in ``patches``, for each scale. By default one, unchanged.
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
    scales: tuple[dict[str, Any], ...] = ({},)


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
    scales=({}, {"patch_size": 13, "padding": 3}),
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
# Those with scales, for ``few_labels``.
_OF_PATCHES = ("fv", "fv_vae_patches")


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
    _check_name(name)

    return FEATURES[name](_profile(dataset), random_state, n_jobs)


def _check_name(name: str) -> None:
    if name not in FEATURES:
        raise ValueError(f"Feature {name!r} is unknown: choose from {', '.join(FEATURES)}.")


def _profile(dataset: str | Profile) -> Profile:
    if isinstance(dataset, Profile):
        return dataset
    if dataset not in PROFILES:
        raise ValueError(f"Data set {dataset!r} is unknown: choose from {', '.join(PROFILES)}.")

    return PROFILES[dataset]


def few_labels(
    name: str = "fv",
    dataset: str | Profile = "mnist",
    *,
    n_dims: int = 256,
    n_neighbors: int = 10,
    random_state: Seed = None,
    n_jobs: int | None = None,
) -> Pipeline:
    """Make an unfitted classifier of images of which few have labels.

    Features of every scale of the profile are shortened by ``TruncatedSVD`` and put side by side;
    scikit-learn's ``LabelSpreading`` carries labels along a graph of nearest neighbours, and a
    ``LinearSVC`` learns from all rows, with these labels, to classify new ones. ``fit(X, y)`` takes
    the class of labelled rows and -1 of others.

    Parameters
    ----------
    name : {"fv", "fv_vae_patches"}, default="fv"
        Features, as in :func:`make`.
    dataset : {"digits", "mnist", "fashion-mnist"} or Profile, default="mnist"
        Whose settings to take.
    n_dims : int, default=256
        Dimensions that are left of the features of each scale.
    n_neighbors : int, default=10
        Rows that each row of the graph chooses.
    random_state : int, RandomState instance or None, default=None
        Passed on.
    n_jobs : int or None, default=None
        Threads that encode Fisher vectors.

    Returns
    -------
    pipeline : Pipeline
        Of the steps "features" and "classifier", an :class:`InductiveClassifier`.

    Raises
    ------
    ValueError
        If features or data set are unknown.

    Examples
    --------
    >>> from skvae import recipes
    >>> list(recipes.few_labels("fv", "digits", random_state=0).named_steps)
    ['features', 'classifier']
    """
    if name not in _OF_PATCHES:
        raise ValueError(f"Feature {name!r} has no patches: choose from {', '.join(_OF_PATCHES)}.")
    profile = _profile(dataset)
    scales = [replace(profile, patches=profile.patches | change) for change in profile.scales]
    svd = TruncatedSVD(n_dims, random_state=random_state)
    parts = [
        Pipeline([*FEATURES[name](scale, random_state, n_jobs).steps, ("svd", clone(svd))])
        for scale in scales
    ]
    # What a step changes falls to 0.99 of it: 2,000 steps reach the tolerance for any labels.
    spreading = LabelSpreading(
        kernel=partial(neighbor_graph, n_neighbors=n_neighbors), alpha=0.99, max_iter=2000
    )
    classifier = InductiveClassifier(spreading, LinearSVC(random_state=random_state))
    union = FeatureUnion([(f"scale{i}", part) for i, part in enumerate(parts)])

    return Pipeline([("features", union), ("classifier", classifier)])


def neighbor_graph(A: FloatArray, B: FloatArray, n_neighbors: int = 10) -> Any:
    """Graph of nearest neighbours, a kernel for scikit-learn's ``LabelSpreading``.

    ``LabelSpreading(kernel="knn")`` lets labels go from a row to those that it has chosen as
    neighbours, but not back. Here two rows are linked if either has chosen the other, the more
    firmly the more rows both have chosen. New rows are linked to their neighbours, and change
    nothing for others.

    Parameters
    ----------
    A : ndarray of shape (n, d)
        Rows of the fit.
    B : ndarray of shape (m, d)
        A itself, the same object, or new rows.
    n_neighbors : int, default=10
        Rows of A that each row chooses, beside itself. More of them let labels cross from cluster
        to cluster, fewer leave islands that no label reaches.

    Returns
    -------
    graph : sparse matrix of shape (n, m)
        If B is A, symmetric: the square of the number of rows that both have chosen, each having
        chosen itself as well, where rows are linked. Otherwise 1 for neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.recipes import neighbor_graph
    >>> A = np.array([[0.0], [1.0], [10.0]])
    >>> neighbor_graph(A, A, n_neighbors=1).toarray()
    array([[0., 4., 0.],
           [4., 0., 1.],
           [0., 1., 0.]])
    >>> neighbor_graph(A, np.array([[9.0]]), n_neighbors=1).toarray().T
    array([[0., 0., 1.]])
    """
    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(A)
    if A is not B:
        return nearest.kneighbors_graph(B).T
    chosen = nearest.kneighbors_graph()
    links = chosen.maximum(chosen.T)
    chosen = chosen + sparse.eye_array(A.shape[0], format="csr")

    return links.multiply(chosen @ chosen.T).power(2).tocsr()
