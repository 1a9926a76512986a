"""The estimators inside of an encoder: clones fitted with it, or models that it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skvae._sklearn import derive_random_states, plain_outputs
from skvae._typing import FloatArray
from skvae.data.weights import moderate, repeated_rows
from skvae.mixture.missing import filled, has_missing

__all__ = [
    "check_learns",
    "fitted_clone",
    "fitted_model",
    "is_fitted",
    "lets_missing_through",
    "naming_missing_values",
]


def check_learns(part: Any, name: str) -> None:
    """Raise an AttributeError unless a part learns from batches, or is None or frozen."""
    if not (part is None or isinstance(part, FrozenEstimator) or hasattr(part, "partial_fit")):
        raise AttributeError(
            f"{name}={part!r} has no partial_fit, so it cannot learn from batches that are yet to "
            "come: use IncrementalPCA or VAETransformer, or keep it as it is by "
            f"sklearn.frozen.FrozenEstimator({name}.fit(descriptors))."
        )


def is_fitted(model: Any, attribute: str) -> bool:
    """Whether a model has what it has once it is fitted; None has nothing."""
    try:
        check_is_fitted(model, attribute)
    except (NotFittedError, TypeError):
        return False
    return True


def lets_missing_through(reducer: Any) -> bool:
    """Whether missing values may come out of a reducer, as they may where there is none.

    Tags of what is composed of several transformers do not say so.
    """
    if reducer is None or isinstance(reducer, Pipeline | FeatureUnion | ColumnTransformer):
        return True
    return bool(get_tags(reducer).input_tags.allow_nan)


@contextmanager
def naming_missing_values(X: FloatArray, reducer: Any) -> Iterator[None]:
    """Say of a reducer's error about missing values who does not take them, and what to do.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        What the reducer is given.
    reducer : transformer
        Raises the error.

    Raises
    ------
    ValueError
        In the place of any of the reducer, if values of X are missing.
    """
    try:
        yield
    except ValueError as error:
        if not has_missing(X):
            raise
        raise ValueError(
            f"Descriptors have missing values (NaN), which reducer={reducer!r} does not take. "
            f"Impute them before it, reducer=make_pipeline(SimpleImputer(), {reducer}) for "
            "instance, or leave it out: what follows takes missing values as such."
        ) from error


def fitted_clone(
    part: Any, X: Any, rng: np.random.RandomState, weights: FloatArray | None = None
) -> Any:
    """A fitted clone whose unset seeds come from ``rng``; None for None.

    Parameters
    ----------
    part : estimator or None
        Stays as it is.
    X : array-like
        What the clone is fitted on.
    rng : numpy.random.RandomState
        Of unset seeds.
    weights : ndarray of shape (n,), default=None
        How often each row counts. What takes no ``sample_weight`` is fitted on rows repeated in
        proportion.

    Returns
    -------
    estimator or None
    """
    if part is None:
        return None
    part = clone(part)
    derive_random_states(part, rng)
    with plain_outputs():
        if weights is None:
            return part.fit(X, None)
        if has_fit_parameter(part, "sample_weight"):
            return part.fit(X, None, sample_weight=moderate(weights))
        return part.fit(X[repeated_rows(weights)], None)


def fitted_model(
    model: Any,
    attribute: str,
    local: FloatArray,
    rng: np.random.RandomState,
    name: str,
    weights: FloatArray | None = None,
) -> Any:
    """A model of local descriptors: itself if it is fitted already, otherwise a fitted clone.

    Parameters
    ----------
    model : estimator
        As the user gave it.
    attribute : str
        What it has once fitted, of shape (K, n_features).
    local : ndarray of shape (n, d)
        Reduced descriptors, with positions where those are appended. A model that takes no missing
        values is fitted on the mean of its column in the place of each.
    rng : numpy.random.RandomState
        Of unset seeds.
    name : str
        Of the parameter, for errors.
    weights : ndarray of shape (n,), default=None
        As of ``fitted_clone``.

    Returns
    -------
    model : estimator

    Raises
    ------
    ValueError
        If it has no such attribute even then, or was fitted on another number of features.
    """
    if not is_fitted(model, attribute):
        if has_missing(local) and not get_tags(model).input_tags.allow_nan:
            local = filled(local, np.zeros(local.shape[1]), weights)
        fitted = fitted_clone(model, local, rng, weights)
        if not hasattr(fitted, attribute):
            raise ValueError(
                f"{name}={model!r} has no {attribute} once it is fitted: it is no {name}."
            )
        return fitted
    n_features = getattr(model, attribute).shape[1]
    if n_features != local.shape[1]:
        raise ValueError(
            f"{name} was fitted on {n_features} features, but the local descriptors have "
            f"{local.shape[1]} after reducer and spatial."
        )
    return model
