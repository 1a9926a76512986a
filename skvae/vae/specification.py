"""What a fit checks, and what its first data decide, before any training."""

from itertools import pairwise

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from skvae._sklearn import plain
from skvae._warnings import warn
from skvae.compute.sizes import check_memory
from skvae.data.images import shape_of_images
from skvae.vae.descriptions import Network, likelihood_of, network_of, prior_of
from skvae.vae.inputs import (
    check_support,
    check_unit_interval,
    kinds_of_values,
    standardisation,
    validate_rows,
    varies,
)
from skvae.vae.labels import announced_classes, encode_labels, known_classes
from skvae.vae.overflow import check_moments, check_reach

__all__ = ["check_training_rows"]

# Parameters that say what rows and labels mean.
_UNITS = ("max_value", "binarize", "conditional")

# Fitted attributes that not every fit sets, so that a new one must forget them.
_OPTIONAL = (
    "best_validation_score_",
    "class_counts_",
    "class_means_",
    "class_variances_",
    "classes_",
    "kl_curves_",
    "kl_per_dimension_",
    "prior_means_",
    "prior_variances_",
    "prior_weights_",
    "_optimizer_state",
)


def check_training_rows(estimator, X, y, classes=None, *, reset):
    """Validate what a fit is given; a fresh fit also settles what the data decide.

    Parameters
    ----------
    estimator : VAETransformer
        Gets ``seed_``, ``likelihood_``, ``mean_``, ``scale_`` and the classes.
    X, y, classes : array-like
        As given to ``fit`` or ``partial_fit``.
    reset : bool
        Whether the fit is a fresh one.

    Returns
    -------
    X : ndarray, MappedRows or IteratedRows of shape (n, n_features)
        Rows in the user's units.
    y : ndarray of shape (n,) or None
        Class numbers, -1 where unknown.
    """
    _check_options(estimator)
    if estimator.conditional is not None and y is None:
        raise ValueError(
            f"conditional={estimator.conditional!r} learns from labels: VAETransformer requires y "
            "to be passed, but the target y is None. Use conditional=None to fit without labels."
        )
    X = validate_rows(estimator, X, reset=reset)
    if reset:
        _settle(estimator, X, y, classes)
    else:
        _check_unchanged(estimator)
    estimator._settled = _settled(estimator)
    if not reset or estimator.likelihood != "auto":  # which has looked at the values already
        check_support(X, estimator.likelihood_, estimator.max_value)
    if not likelihood_of(estimator.likelihood_).scaled and (not reset or estimator.mean_ is None):
        # Else the values are bounded: by 1, or by the root of their number.
        check_reach(X, estimator._scaling, getattr(estimator, "feature_names_in_", None))
    if estimator.conditional is None:
        return X, None
    codes = _count_labels(estimator, y)
    check_consistent_length(X, codes)

    return X, codes


def _check_options(estimator):
    """Refuse combinations of options that have no meaning."""
    sizes = np.atleast_1d(estimator.hidden_layer_sizes)
    if sizes.size and (sizes.dtype.kind not in "iu" or sizes.ndim != 1 or sizes.min() < 1):
        raise ValueError(
            f"hidden_layer_sizes must be positive integers, got {estimator.hidden_layer_sizes!r}."
        )
    if not isinstance(estimator.network, str | Network) and not (
        len(estimator.network) == 2 and all(map(callable, estimator.network))
    ):
        raise ValueError(
            "network must be 'mlp', 'conv', a skvae.parts.Network or a pair of callables that make "
            f"the encoder and the decoder, got {estimator.network!r}."
        )
    known = None if estimator.likelihood == "auto" else likelihood_of(estimator.likelihood)
    if estimator.binarize is not None and known is not None and not known.scaled:
        raise ValueError(f"binarize={estimator.binarize!r} needs likelihood='bernoulli'.")
    as_they_are = known is not None and not (known.scaled or known.standardised)
    if as_they_are and estimator.max_value != 1:
        raise ValueError(
            f"likelihood={estimator.likelihood!r} describes values as they are; "
            f"max_value={estimator.max_value!r} would scale them. Leave it at 1."
        )
    prior = prior_of(estimator.prior)
    if estimator.conditional == "prior" and not prior.of_classes:
        raise ValueError(
            f"conditional='prior' learns a component of the prior for each class, which prior="
            f"{prior.name!r} does not have: use prior='normal' or 'mixture'."
        )
    for name, value, learned in (
        ("prior", prior.name, prior.learned),
        ("conditional", "prior", estimator.conditional == "prior"),
    ):
        if learned and (not estimator.variational or estimator.beta == 0):
            without = "beta=0" if estimator.variational else "variational=False"
            raise ValueError(
                f"{name}={value!r} is learned through the KL term, which {without} leaves out."
            )
    for name, value, idle in (
        ("free_bits", estimator.free_bits, 0),
        ("n_importance", estimator.n_importance, 1),
    ):
        if value != idle and not estimator.variational:
            raise ValueError(f"{name}={value!r} needs variational=True.")
    if estimator.label_weight and (estimator.conditional != "prior" or estimator.n_importance > 1):
        raise ValueError(
            f"label_weight={estimator.label_weight!r} weighs the class that conditional='prior' "
            "predicts from q(z|x), in the evidence lower bound: it needs both, and n_importance=1."
        )
    if estimator.n_importance > 1 and (estimator.beta != 1 or estimator.free_bits):
        raise ValueError(
            f"n_importance={estimator.n_importance!r} trains the importance-weighted bound on "
            "log p(x), which beta other than 1 and free_bits would make a bound on nothing. Use "
            "beta=1 and free_bits=0, or n_importance=1; a warm-up is no obstacle."
        )
    if not estimator.variational and estimator.conditional == "decoder":
        raise ValueError(
            "conditional='decoder' weighs classes by the density of x, which a plain autoencoder "
            "does not have. Use variational=True."
        )
    if not estimator.variational and estimator.output != "mean":
        raise ValueError(
            f"output={estimator.output!r} needs variational=True: without it there is no variance."
        )


def _settle(estimator, X, y, classes):
    for name in _OPTIONAL:
        vars(estimator).pop(name, None)
    estimator.seed_ = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    if estimator.binarize is not None:
        check_unit_interval(X, f"binarize={estimator.binarize!r}", estimator.max_value)
    estimator.likelihood_ = estimator.likelihood
    if estimator.likelihood == "auto":
        estimator.likelihood_ = _suitable_likelihood(estimator, X)
    standardised = likelihood_of(estimator.likelihood_).standardised
    estimator.mean_, estimator.scale_ = standardisation(X) if standardised else (None, None)
    if standardised:
        names = getattr(estimator, "feature_names_in_", None)
        check_moments(estimator.mean_, estimator.scale_, X, names)
    if len(X) > 1 and not varies(X):
        warn("No feature of X varies: there is nothing to learn.")
    if estimator.conditional is not None:
        estimator.classes_ = known_classes(y) if classes is None else announced_classes(classes)
        estimator.class_counts_ = np.zeros(len(estimator.classes_), np.int64)
    estimator._architecture = _architecture(estimator)
    _check_size(estimator._architecture)


def _check_size(architecture):
    """Refuse a model that memory cannot hold while it learns."""
    d, n_classes = architecture["n_components"], architecture["n_classes"] or 0
    n_prior = architecture["n_prior_components"] or 0
    hidden = architecture["hidden_layer_sizes"] if architecture["network"] == "mlp" else []
    widths = [architecture["n_features"], *hidden, 2 * d]
    back = [d + n_classes, *hidden[::-1], architecture["n_features"]]
    n_weights = sum(a * b for sizes in (widths, back) for a, b in pairwise(sizes))
    n_weights += 2 * d * n_prior
    # A weight has a gradient, two moments and the copy of the last epoch.
    check_memory(
        5 * 4 * n_weights,
        f"A model with n_components={d}, hidden_layer_sizes={architecture['hidden_layer_sizes']} "
        f"and {n_prior} components of the prior (n_prior_components)",
    )


def _suitable_likelihood(estimator, X):
    """What "auto" means: no cross-entropy of grey levels unless their range is stated."""
    if estimator.binarize is not None:
        return "bernoulli"
    binary, unit, counts = kinds_of_values(X, estimator.max_value)
    if binary or (unit and estimator.max_value != 1):
        return "bernoulli"
    if counts and varies(X):
        warn(
            "X holds whole numbers from 0, which likelihood='auto' takes for real ones. Set "
            "likelihood='poisson' for counts, max_value= for pixels (255 if they have 8 bits), or "
            "likelihood='gaussian' if this is meant."
        )
    return "gaussian"


def _architecture(estimator):
    """Arguments of the model, as plain values."""
    return {
        "n_features": estimator.n_features_in_,
        "n_components": int(estimator.n_components),
        "hidden_layer_sizes": [int(n) for n in np.atleast_1d(estimator.hidden_layer_sizes)],
        "activation": estimator.activation,
        "likelihood": estimator.likelihood_,
        "n_classes": None if estimator.conditional is None else len(estimator.classes_),
        "network": estimator.network,
        "image_shape": _image_shape(estimator),
        "labels_in_decoder": estimator.conditional == "decoder",
        "n_prior_components": _n_prior_components(estimator),
        "prior": estimator.prior,
    }


def _n_prior_components(estimator):
    if estimator.prior != "mixture":
        return None
    if estimator.conditional == "prior":  # a component is a class
        return len(estimator.classes_)

    return int(estimator.n_prior_components)


def _image_shape(estimator):
    if not network_of(estimator.network).of_images:
        return None
    return shape_of_images(np.empty((0, estimator.n_features_in_)), estimator.image_shape)


def _settled(estimator):
    """Parameters that stay with the fit beside the architecture, as plain values."""
    return {name: plain(getattr(estimator, name)) for name in (*_UNITS, "variational")}


def _check_unchanged(estimator):
    """Refuse to continue with options that need other weights, or rows in other units."""
    before, now = estimator._settled, _settled(estimator)
    changed = [name for name in _UNITS if now[name] != before[name]]
    if estimator.likelihood not in ("auto", estimator.likelihood_):
        changed.append("likelihood")
    if not changed:
        before, now = estimator._architecture, _architecture(estimator)
        changed = [name for name in now if now[name] != before[name]]
    if changed:
        raise ValueError(
            f"{' and '.join(changed)} cannot change between fits that continue each other. Fit a "
            "clone instead."
        )


def _count_labels(estimator, y):
    """Labels as class numbers; their counts are added to those of earlier calls."""
    codes = encode_labels(y, estimator.classes_)
    n_new = np.bincount(codes[codes >= 0], minlength=len(estimator.classes_))
    estimator.class_counts_ = estimator.class_counts_ + n_new

    return codes
