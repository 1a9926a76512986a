"""The bits sheet: digests of what 117 small fits give, to tell whether a change kept the bits.

``python bits.py > sheet.txt`` before a change and ``python bits.py --compare sheet.txt`` after it,
on one machine, since bits differ between processors: about a minute. The second prints the fits
whose digests differ, and in what, and exits with 1 if there are any. ``--only 'mixture/*'`` runs
the fits whose names match. A line of the sheet is the name of a fit and, for each thing that was
asked of it, ``thing=digest``. Only public names of skvae are used.
"""

import argparse
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

import skvae
from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImageKeypoints,
    ImagePatches,
    VAETransformer,
    VLADEncoder,
)

N_FIT, N_NEW = 300, 40  # rows to fit on, and others to ask about
FIT, NEW = slice(0, N_FIT), slice(N_FIT, N_FIT + N_NEW)


class Unavailable(Exception):
    """What the fit needs is not installed, or not in this version."""


class Blocks:
    """Rows in blocks, anew in every pass; Ctrl-C is pressed in one of the passes."""

    def __init__(self, X, size, interrupted=None):
        self.X, self.size, self.interrupted, self.n_passes = X, size, interrupted, 0

    def __iter__(self):
        self.n_passes += 1
        for first in range(0, len(self.X), self.size):
            if first and self.n_passes == self.interrupted:
                raise KeyboardInterrupt
            yield self.X[first : first + self.size]


# Data


def tables():
    """Rows of every kind and their classes, by name."""
    rng = np.random.default_rng(0)
    pixels, y = load_digits(return_X_y=True)
    pixels, y = pixels[: N_FIT + N_NEW], y[: N_FIT + N_NEW]
    shape = len(y), 12
    centers = rng.normal(size=(10, 12))
    real = 3 + 2 * (centers[y] + rng.normal(size=shape)) @ rng.normal(size=(12, 12))
    some = np.where(np.arange(len(y)) % 4, -1, y)

    return {
        "grey": (pixels / 16).astype(np.float32),
        "grey64": pixels / 16,
        "bytes": (pixels * 255 // 16).astype(np.uint8),
        "binary": (pixels > 8).astype(np.float32),
        "counts": rng.poisson(np.exp(0.5 * centers[y])).astype(np.float64),
        "real": real,
        "real32": real.astype(np.float32),
        "y": y,
        "names": np.array([f"digit {k}" for k in range(10)])[y],
        "some": some,
    }


def ragged(dtype=np.float64, seed=0):
    """Sets of 0 to 40 descriptors."""
    rng = np.random.default_rng(seed)
    centers = 4 * rng.normal(size=(6, 5))
    sizes = [0, *rng.integers(1, 40, size=49)]
    return [
        (centers[rng.integers(6, size=n)] + rng.normal(size=(n, 5))).astype(dtype) for n in sizes
    ]


TABLES = tables()
SETS = ragged()
IMAGES = TABLES["grey64"][:80]


def rows_of(places, data, y=None):
    """Some rows of a table, and their classes if it is said which."""
    return TABLES[data][places], None if y is None else TABLES[y][places]


def in_file(X, folder):
    """The rows in a memory map."""
    np.save(Path(folder) / "rows.npy", X)
    return np.load(Path(folder) / "rows.npy", mmap_mode="r")


def dask_array(X, *chunks):
    try:
        import dask.array
    except ImportError as error:
        raise Unavailable("dask") from error
    return dask.array.from_array(X, chunks=chunks)


# Digests


def update(digest, value):
    """Put numbers, with their types and shapes, or names into a digest."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            digest.update(name.encode())
            update(digest, value[name])
    elif isinstance(value, (list, tuple)) or np.dtype("O") == getattr(value, "dtype", None):
        digest.update(str(len(value)).encode())
        for part in value:
            update(digest, part)
    elif value is not None:
        value = np.asarray(value)
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())


def digest_of(value):
    digest = blake2b(digest_size=5)
    update(digest, value)
    return digest.hexdigest()


def attributes(fitted, *names):
    """Fitted attributes, those that there are."""
    return {name: getattr(fitted, name) for name in names if hasattr(fitted, name)}


# Variational autoencoders


class Laplace(torch.nn.Module):
    """A likelihood of the user's: x about its mean, by a scale that all features share."""

    def __init__(self, n_features):
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.zeros(()))

    def distribution(self, output):
        return torch.distributions.Laplace(output, self.log_scale.exp())

    def log_prob(self, x, output):
        return self.distribution(output).log_prob(x).sum(-1)

    def mean(self, output):
        return output

    def sample(self, output, generator):
        u = torch.rand(output.shape, generator=generator, device=output.device) - 0.5
        return output - self.log_scale.exp() * u.sign() * torch.log1p(-2 * u.abs())


def small_network(n_inputs, n_outputs):
    """A network of the user's, with noise of its own in training."""
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 16),
        torch.nn.SiLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(16, n_outputs),
    )


OWN_NETWORKS = small_network, small_network
HISTORY = ("loss", "reconstruction", "elbo", "kl", "kl_weight", "validation_elbo", "n_active")


def vae(**options):
    return VAETransformer(
        **{"n_components": 4, "hidden_layer_sizes": (24,), "max_iter": 3, "random_state": 0}
        | options
    )


def asked_of_vae(model, X, y=None):
    """Whatever a fitted model says of rows, and of itself."""
    few = X[:8]
    a, b = X[:2], X[2:4]
    history = {name: model.history_[name] for name in HISTORY if name in model.history_}
    measured = ("kl_curves_", "kl_per_dimension_", "n_active_", "n_iter_", "best_validation_score_")
    answers = {
        "parameters": model.parameters_,
        "scaling": attributes(model, "mean_", "scale_"),
        "prior": attributes(
            model,
            "classes_",
            "class_counts_",
            "class_means_",
            "class_variances_",
            "prior_weights_",
            "prior_means_",
            "prior_variances_",
        ),
        "history": history | attributes(model, *measured),
        "transform": model.transform(X),
        "reconstruct": model.reconstruct(X),
        "interpolate": model.interpolate(a, b, 3),
        "inverse_transform": model.inverse_transform(model.transform(X)),
    }
    if hasattr(model, "score_samples"):
        answers["score_samples"] = model.score_samples(X, y, n_importance=7)
        answers["score"] = model.score(X, y)
        answers["sample"] = model.sample(6), model.sample(6, draw=True, random_state=1)
    if hasattr(model, "predict_proba"):
        answers["predict_proba"] = model.predict_proba(X)
        answers["of_class"] = [
            model.predict(X),
            model.sample(4, y=model.classes_[1]),
            model.reconstruct(few, model.classes_[0]),
            model.score_samples(few, n_importance=3),
            model.interpolate(few, y_b=model.classes_[2], n_steps=3),
        ]
    return answers


def fitted_vae(data, y=None, **options):
    model = vae(**options).fit(*rows_of(FIT, data, y))
    return asked_of_vae(model, *rows_of(NEW, data, y))


def vae_of_rows(form, data, **options):
    """A fit to rows that lie elsewhere than in an array."""
    X = TABLES[data][FIT]
    with tempfile.TemporaryDirectory() as folder:
        rows = in_file(X, folder) if form == "map" else Blocks(X, 70)
        return asked_of_vae(vae(**options).fit(rows), TABLES[data][NEW])


def warm_started(data, **options):
    X = TABLES[data][FIT]
    model = vae(warm_start=True, **options).fit(X[:200]).fit(X)
    return asked_of_vae(model, TABLES[data][NEW])


def in_parts(data, y=None, **options):
    """Two calls of ``partial_fit``."""
    model = vae(**options)
    classes = None if y is None else np.arange(10)
    for places in slice(0, 200), slice(200, N_FIT):
        model.partial_fit(*rows_of(places, data, y), classes=classes)
    return asked_of_vae(model, *rows_of(NEW, data, y))


def fitted_again_from_checkpoint(data, **options):
    """What is read back after the end of a fit."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            model = vae(checkpoint=folder, **options).fit(TABLES[data][FIT])
    return asked_of_vae(model, TABLES[data][NEW])


def resumed(data, interrupted, **options):
    """A fit that goes on after Ctrl-C in one of the passes over the data."""
    X = TABLES[data][FIT]
    with tempfile.TemporaryDirectory() as folder:
        model = vae(checkpoint=folder, max_iter=8, **options)
        model.fit(Blocks(X, 70, interrupted))
        if model.n_iter_ == 8:
            raise RuntimeError("Nothing was interrupted: choose an earlier pass.")
        model.fit(Blocks(X, 70))
    return asked_of_vae(model, TABLES[data][NEW])


def fisher_scores(data, y=None, **options):
    """The transformer of Fisher scores, which is a class of its own or an output of the VAE's."""
    if hasattr(skvae, "FisherScores"):
        model = skvae.FisherScores(vae(**options))
    elif "fisher_information_" in VAETransformer.__doc__:
        model = vae(output="fisher", **options)
    else:
        raise Unavailable("FisherScores")
    model.fit(*rows_of(FIT, data, y))
    return {"transform": model.transform(TABLES[data][NEW])}


VAES = {
    "auto_binary": partial(fitted_vae, "binary"),
    "auto_grey": partial(fitted_vae, "grey"),
    "auto_bytes": partial(fitted_vae, "bytes", max_value=255),
    "bernoulli_grey": partial(fitted_vae, "grey", likelihood="bernoulli"),
    "bernoulli_float64": partial(fitted_vae, "grey64", likelihood="bernoulli"),
    "gaussian": partial(fitted_vae, "real"),
    "gaussian_float32": partial(fitted_vae, "real32", likelihood="gaussian"),
    "gaussian_diag": partial(fitted_vae, "real", likelihood="gaussian_diag"),
    "poisson": partial(fitted_vae, "counts", likelihood="poisson", warm_up=1.0),
    "own_likelihood": partial(fitted_vae, "real32", likelihood=Laplace),
    "own_likelihood_importance": partial(
        fitted_vae, "real32", likelihood=Laplace, n_importance=3, max_iter=2
    ),
    "binarize_threshold": partial(fitted_vae, "grey", binarize="threshold"),
    "binarize_dynamic": partial(fitted_vae, "bytes", binarize="dynamic", max_value=255),
    "prior_mixture": partial(fitted_vae, "real", prior="mixture", n_prior_components=3),
    "prior_mixture_importance": partial(
        fitted_vae, "binary", prior="mixture", n_prior_components=3, n_importance=3
    ),
    "classes_in_prior": partial(fitted_vae, "binary", "y", conditional="prior"),
    "classes_in_prior_some": partial(
        fitted_vae, "real", "some", conditional="prior", label_weight=5.0
    ),
    "classes_in_mixture": partial(
        fitted_vae, "grey", "names", conditional="prior", prior="mixture", likelihood="bernoulli"
    ),
    "classes_in_mixture_weighted": partial(
        fitted_vae, "real", "y", conditional="prior", prior="mixture", label_weight=1.0
    ),
    "classes_in_decoder": partial(fitted_vae, "binary", "y", conditional="decoder"),
    "classes_in_decoder_some": partial(fitted_vae, "real", "some", conditional="decoder"),
    "classes_in_decoder_dynamic": partial(
        fitted_vae, "grey", "y", conditional="decoder", binarize="dynamic"
    ),
    "classes_in_decoder_mixture": partial(
        fitted_vae, "counts", "y", conditional="decoder", prior="mixture", likelihood="poisson"
    ),
    "classes_in_decoder_importance": partial(
        fitted_vae, "binary", "some", conditional="decoder", n_importance=3, max_iter=2
    ),
    "autoencoder": partial(fitted_vae, "real", variational=False),
    "autoencoder_bernoulli": partial(
        fitted_vae, "grey", variational=False, likelihood="bernoulli", early_stopping=True
    ),
    "beta": partial(fitted_vae, "binary", beta=4.0, warm_up=0.0),
    "beta_zero": partial(fitted_vae, "binary", beta=0.0),
    "free_bits": partial(fitted_vae, "binary", free_bits=0.5, warm_up=1.0),
    "importance": partial(fitted_vae, "binary", n_importance=5),
    "importance_gaussian": partial(fitted_vae, "real", n_importance=5, warm_up=0.0),
    "output_params": partial(fitted_vae, "binary", output="params"),
    "output_sample": partial(fitted_vae, "real", output="sample"),
    "output_refined": partial(fitted_vae, "binary", output="refined"),
    "tanh_two_layers": partial(
        fitted_vae, "grey64", activation="tanh", hidden_layer_sizes=(24, 16)
    ),
    "no_hidden_layer": partial(fitted_vae, "real", hidden_layer_sizes=()),
    "convolutional": partial(fitted_vae, "binary", network="conv", max_iter=2),
    "convolutional_gaussian": partial(
        fitted_vae, "grey", network="conv", image_shape=(4, 4, 4), activation="tanh", max_iter=2
    ),
    "convolutional_classes": partial(
        fitted_vae, "binary", "y", network="conv", conditional="decoder", max_iter=1
    ),
    "own_networks": partial(fitted_vae, "binary", network=OWN_NETWORKS),
    "own_networks_importance": partial(
        fitted_vae, "real", network=OWN_NETWORKS, n_importance=3, max_iter=2
    ),
    "rmsprop": partial(fitted_vae, "binary", optimizer="rmsprop", learning_rate="constant"),
    "steps": partial(
        fitted_vae, "real", steps_per_epoch=4, batch_size=50, learning_rate_init=5e-3, max_iter=5
    ),
    "max_grad_norm": partial(fitted_vae, "real", max_grad_norm=20.0),
    "early_stopping": partial(
        fitted_vae, "real", early_stopping=True, n_iter_no_change=2, tol=5.0, max_iter=30
    ),
    "early_stopping_classes": partial(
        fitted_vae, "binary", "y", conditional="prior", early_stopping=True, validation_fraction=0.3
    ),
    "warm_start": partial(warm_started, "real"),
    "warm_start_mixture": partial(warm_started, "binary", prior="mixture", n_prior_components=3),
    "partial_fit": partial(in_parts, "real"),
    "partial_fit_dynamic": partial(in_parts, "bytes", binarize="dynamic", max_value=255),
    "partial_fit_classes": partial(in_parts, "binary", "some", conditional="prior"),
    "checkpoint": partial(fitted_again_from_checkpoint, "real", early_stopping=True),
    "checkpoint_resumed": partial(resumed, "real", 10),
    "checkpoint_resumed_mixture": partial(
        resumed, "binary", 10, prior="mixture", n_prior_components=3, optimizer="rmsprop"
    ),
    "blocks": partial(vae_of_rows, "blocks", "real32"),
    "blocks_dynamic": partial(vae_of_rows, "blocks", "bytes", binarize="dynamic", max_value=255),
    "memory_map": partial(vae_of_rows, "map", "real"),
    "memory_map_bytes": partial(
        vae_of_rows, "map", "bytes", max_value=255, early_stopping=True, n_iter_no_change=1
    ),
    "fisher_scores": partial(fisher_scores, "real"),
    "fisher_scores_mixture": partial(fisher_scores, "binary", prior="mixture"),
    "fisher_scores_classes": partial(fisher_scores, "binary", "y", conditional="prior"),
    "fisher_scores_convolutional": partial(fisher_scores, "binary", network="conv", max_iter=1),
}


# Encoders of sets


def asked_of_encoder(encoder, X, one=None, positions=None):
    """Vectors, what can be read back of them, and the vector of one weighted set."""
    vectors = encoder.transform(X)
    learned = {}
    for part in ("mixture_", "vocabulary_", "reducer_"):
        learned |= attributes(
            getattr(encoder, part, None),
            "weights_",
            "means_",
            "covariances_",
            "cluster_centers_",
            "components_",
            "parameters_",
        )
    answers = {
        "parameters": learned | attributes(encoder, "mean_scales_"),
        "transform": vectors,
        "names": list(encoder.get_feature_names_out()),
    }
    if one is not None:
        weights = np.random.default_rng(1).random(len(one))
        answers["encode"] = [
            encoder.encode(one, positions),
            encoder.encode(one, positions, weights),
            encoder.encode(Blocks(one, 7), positions, weights),
        ]
    if hasattr(encoder, "decode_statistics"):
        answers["decode_statistics"] = encoder.decode_statistics(vectors)
        reducer = getattr(encoder, "reducer_", None)
        if reducer is None or hasattr(reducer, "inverse_transform"):
            answers["inverse_transform"] = encoder.inverse_transform(vectors)
    return answers


def of_sets(sets=None, encoder=FisherVectorEncoder, **options):
    sets = SETS if sets is None else sets
    model = encoder(**{"n_components": 4, "random_state": 0} | options).fit(sets[:40])
    return asked_of_encoder(model, sets[40:], SETS[7].astype(sets[7].dtype))


def of_patches(images=IMAGES, encoder=FisherVectorEncoder, patches=(4, 2), **options):
    size, stride = patches
    extractor = ImagePatches(size, stride=stride)
    model = encoder(4, extractor=extractor, random_state=0, **options).fit(images[:60])
    one = np.array(model.extractor_.transform(images[:1])[0])
    return asked_of_encoder(model, images[60:], one)


def of_keypoints(**options):
    """Keypoints of images enlarged to 64 x 64 pixels, encoded with a pyramid."""
    try:
        from skimage.feature import ORB
    except ImportError as error:
        raise Unavailable("scikit-image") from error
    images = np.kron(IMAGES[:30].reshape(-1, 8, 8), np.ones((8, 8))).reshape(30, -1)
    keypoints = ImageKeypoints(ORB(n_keypoints=30, fast_threshold=0.02))
    sets, positions = keypoints.fit(images).extract(images)
    model = FisherVectorEncoder(4, extractor=keypoints, random_state=0, **options).fit(images[:20])
    vectors = asked_of_encoder(model, images[20:], sets[0], positions[0])
    return vectors | {"sets": sets, "positions": positions}


def in_batches(**options):
    """Two calls of the encoder's ``partial_fit``."""
    model = FisherVectorEncoder(4, random_state=0, **options)
    model.partial_fit(SETS[:25]).partial_fit(SETS[25:40])
    return asked_of_encoder(model, SETS[40:], SETS[7])


def of_dask_array(**options):
    X = np.stack([s[:10] for s in SETS if len(s) >= 10])
    lazy = dask_array(X, 6, 10, 5)
    model = FisherVectorEncoder(4, random_state=0, **options).fit(lazy)
    return {"eager": asked_of_encoder(model, X), "transform": model.transform(lazy).compute()}


def of_dask_bag(encoder=FisherVectorEncoder):
    try:
        import dask.bag
    except ImportError as error:
        raise Unavailable("dask") from error
    lazy = dask.bag.from_sequence(SETS, npartitions=3)
    model = encoder(4, random_state=0).fit(lazy)
    vectors = model.transform(lazy).compute(scheduler="synchronous")
    return {"eager": asked_of_encoder(model, SETS[40:]), "transform": vectors}


def of_iterable(**options):
    """Sets from a source that starts anew, of which no list was made before."""
    model = FisherVectorEncoder(4, random_state=0, **options).fit(dict(enumerate(SETS)).values())
    return asked_of_encoder(model, SETS)


def of_map(**options):
    """Sets in a memory map."""
    X = np.stack([s[:10] for s in SETS if len(s) >= 10])
    with tempfile.TemporaryDirectory() as folder:
        mapped = in_file(X, folder)
        model = FisherVectorEncoder(4, random_state=0, **options).fit(mapped)
        return asked_of_encoder(model, mapped)


def of_long_set():
    """A set that is summed in pieces."""
    rng = np.random.default_rng(0)
    long = rng.normal(size=(70_000, 5)).astype(np.float32)
    model = FisherVectorEncoder(4, max_descriptors=500, random_state=0).fit([long, long[:100]])
    return asked_of_encoder(model, [long, long[:50]], long[:40])


def given_mixture(kind):
    rows = np.concatenate(SETS[:40])
    if kind == "unfitted":
        return of_sets(mixture=DiagonalGaussianMixture(3, batch_size=100, max_iter=4))
    mixture = GaussianMixture(3, covariance_type="diag", random_state=0).fit(rows)
    return of_sets(mixture=mixture)


def patches_alone():
    images = IMAGES[:10].astype(np.float32)
    patches = ImagePatches(3, stride=2, padding=1).fit(images)
    cut = patches.transform(images)
    return {
        "transform": cut,
        "inverse_transform": patches.inverse_transform(cut),
        "positions": [patches.positions_, *patches.grid_],
    }


def far_sets():
    """Descriptors whose variance is small beside their distance from zero, in float32."""
    return [1000 + s.astype(np.float32) / 4 for s in SETS]


ENCODERS = {
    "sets": of_sets,
    "float32": partial(of_sets, ragged(np.float32)),
    "float32_far": partial(of_sets, far_sets()),
    "float16_out": partial(of_sets, dtype="float16"),
    "array": partial(of_sets, np.random.default_rng(0).normal(size=(50, 9, 5))),
    "rows": partial(of_sets, np.concatenate(SETS)),
    "iterable": of_iterable,
    "memory_map": of_map,
    "long_set": of_long_set,
    "exact": partial(of_sets, power=1.0, norm=None),
    "l1": partial(of_sets, power=0.3, norm="l1"),
    "intra": partial(of_sets, norm="intra"),
    "means_and_stds": partial(of_sets, gradients=("stds", "means")),
    "means": partial(of_sets, gradients=("means",), norm="intra"),
    "top_k": partial(of_sets, top_k=2),
    "hard": partial(of_sets, ragged(np.float32), top_k=1),
    "min_posterior": partial(of_sets, min_posterior=0.05),
    "few_descriptors": partial(of_sets, max_descriptors=100),
    "pca": partial(of_sets, reducer=PCA(3)),
    "vae_reducer": partial(
        of_sets,
        reducer=VAETransformer(3, hidden_layer_sizes=(16,), max_iter=2, likelihood="gaussian"),
    ),
    "mixture_unfitted": partial(given_mixture, "unfitted"),
    "mixture_of_sklearn": partial(given_mixture, "sklearn"),
    "patches": of_patches,
    "patches_float32": partial(of_patches, IMAGES.astype(np.float32), reducer=PCA(6)),
    "patches_xy": partial(of_patches, spatial="xy", xy_weight=0.5, reducer=PCA(6)),
    "patches_pyramid": partial(of_patches, spatial=(1, 2), norm="intra"),
    "patches_xy_pyramid": partial(of_patches, spatial=("xy", 1, 2), patches=(3, 1)),
    "patches_bytes": partial(of_patches, TABLES["bytes"][:80], reducer=PCA(6)),
    "keypoints_pyramid": partial(of_keypoints, spatial=(1, 2), reducer=PCA(8)),
    "keypoints_xy": partial(of_keypoints, spatial="xy", reducer=PCA(8)),
    "partial_fit": in_batches,
    "dask_array": of_dask_array,
    "dask_bag": of_dask_bag,
    "vlad": partial(of_sets, encoder=VLADEncoder),
    "vlad_pyramid": partial(
        of_patches,
        IMAGES.astype(np.float32),
        VLADEncoder,
        spatial=("xy", 1, 2),
        norm="intra",
        vocabulary=MiniBatchKMeans(3, n_init=1),
    ),
    "vlad_bag": partial(of_dask_bag, VLADEncoder),
    "bag": partial(of_sets, encoder=BagOfVisualWordsEncoder),
    "bag_counts": partial(
        of_sets, ragged(np.float32), BagOfVisualWordsEncoder, power=1.0, norm=None
    ),
    "bag_pyramid": partial(of_patches, encoder=BagOfVisualWordsEncoder, spatial=(2,), norm="l1"),
    "image_patches": patches_alone,
}


# Mixtures


def descriptors(dtype=np.float64):
    """Descriptors of six clusters, of which the last feature does not vary."""
    rng = np.random.default_rng(0)
    X = 3 * rng.normal(size=(6, 4))[rng.integers(6, size=600)] + rng.normal(size=(600, 4))
    X[:, 3] = 2.0
    return X.astype(dtype)


def asked_of_mixture(mixture, X):
    measured = ("lower_bounds_", "lower_bound_", "n_iter_", "n_steps_", "n_revived_", "converged_")
    return {
        "parameters": attributes(mixture, "weights_", "means_", "covariances_"),
        "lower_bounds": attributes(mixture, *measured),
        "score_samples": mixture.score_samples(X),
        "predict_proba": [mixture.predict_proba(X), mixture.predict(X)],
        "scores": [mixture.score(X), mixture.aic(X), mixture.bic(X)],
        "sample": mixture.sample(9),
    }


def diagonal(**options):
    return DiagonalGaussianMixture(
        **{"n_components": 4, "max_iter": 8, "random_state": 0} | options
    )


def of_rows(X, n_fits=1, **options):
    mixture = diagonal(**options)
    for _ in range(n_fits):
        mixture.fit(X[:500])
    return asked_of_mixture(mixture, X[500:])


def of_form(form, X, **options):
    """A fit to descriptors that lie elsewhere than in an array."""
    with tempfile.TemporaryDirectory() as folder:
        if form == "map":
            rows = in_file(X[:500], folder)
        else:
            rows = Blocks(X[:500], 130) if form == "blocks" else dask_array(X[:500], 130, 4)
        return asked_of_mixture(diagonal(**options).fit(rows), X[500:])


def mixture_in_parts(X, **options):
    mixture = diagonal(**options)
    for first in range(0, 500, 100):
        mixture.partial_fit(X[first : first + 100])
    return asked_of_mixture(mixture, X[500:])


ROWS, ROWS32 = descriptors(), descriptors(np.float32)
START = {
    "weights_init": np.array([0.1, 0.2, 0.3, 0.4]),
    "means_init": ROWS[:4],
    "precisions_init": np.full((4, 4), 0.5),
}
REPEATED = np.repeat(ROWS[:3], 200, axis=0)

MIXTURES = {
    "kmeans": partial(of_rows, ROWS),
    "kmeans_plus_plus": partial(of_rows, ROWS, init_params="k-means++", n_init=3),
    "given_start": partial(of_rows, ROWS, **START),
    "float32": partial(of_rows, ROWS32),
    "float32_far": partial(of_rows, ROWS32 + 1000),
    "no_floor": partial(of_rows, ROWS[:, :3], variance_floor=0.0, tol=1e-6, max_iter=30),
    "revived": partial(of_rows, REPEATED, n_components=5),
    "stepwise": partial(of_rows, ROWS, batch_size=64, learning_decay=0.8),
    "partial_fit": partial(mixture_in_parts, ROWS),
    "partial_fit_float32": partial(mixture_in_parts, ROWS32),
    "warm_start": partial(of_rows, ROWS, n_fits=2, warm_start=True, max_iter=2),
    "blocks": partial(of_form, "blocks", ROWS),
    "blocks_stepwise": partial(of_form, "blocks", ROWS32, batch_size=90),
    "memory_map": partial(of_form, "map", ROWS, batch_size=64),
    "dask": partial(of_form, "dask", ROWS),
}

FITS = {
    f"{family}/{name}": fit
    for family, fits in (("vae", VAES), ("fisher", ENCODERS), ("mixture", MIXTURES))
    for name, fit in fits.items()
}


# The sheet


def line_of(name):
    """The sheet's line of one fit."""
    try:
        answers = FITS[name]()
    except Unavailable as missing:
        return f"{name} unavailable={str(missing).replace(' ', '-')}"
    except Exception as error:
        traceback.print_exc()
        return f"{name} error={type(error).__name__}"
    digests = [f"{thing}={digest_of(answer)}" for thing, answer in answers.items()]
    return " ".join([name, *digests])


def sheet(names):
    """Lines of the fits, one after the other, with one thread."""
    torch.set_num_threads(1)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        yield from map(line_of, names)


def parsed(line):
    """A fit's name, and its digests by thing."""
    name, *digests = line.split()
    return name, dict(digest.split("=") for digest in digests)


def differences(before, now):
    """Things whose digests differ, or that only one of two lines has."""
    return sorted(thing for thing in before | now if before.get(thing) != now.get(thing))


def compare(path, names):
    """Print the fits that differ from the sheet in a file; 1 if there are any, else 0."""
    before = dict(map(parsed, Path(path).read_text("utf-8").splitlines()))
    n_compared = n_different = 0
    for name, now in map(parsed, sheet(names)):
        if name not in before or "unavailable" in before[name] | now:
            print(f"{name} cannot be compared.", file=sys.stderr)
            continue
        n_compared += 1
        if different := differences(before[name], now):
            n_different += 1
            print(f"{name}: {', '.join(different)}", flush=True)
    print(f"{n_different} of {n_compared} fits differ.", file=sys.stderr)
    return int(n_different > 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compare", metavar="SHEET", help="print what differs from this sheet")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="fits of such a name")
    options = parser.parse_args()
    names = [name for name in FITS if fnmatch(name, options.only)]
    if options.compare:
        return compare(options.compare, names)
    for line in sheet(names):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
