"""The data of a fit, from what the user gives to what it learns from and stops by."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.utils import check_consistent_length

from skvae.data.frames import checked_table, rows_at
from skvae.data.row_facts import RowFacts
from skvae.data.row_weights import RowWeights
from skvae.data.rows import Rows
from skvae.vae.attributes import check_labelled, columns_of_fit, labels_of, settled_of
from skvae.vae.columns import Columns
from skvae.vae.conditions import Conditions
from skvae.vae.descriptions import likelihood_of
from skvae.vae.examples import Examples, FitData
from skvae.vae.labels import Labels, encode_labels, some_labels
from skvae.vae.overflow import check_reach
from skvae.vae.specification import Specification, needs_moments
from skvae.vae.support import check_support, within_support

__all__ = ["Given", "check_validation", "table_of_fit", "training_data", "validation_data"]

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """Data as the user gives them.

    Parameters
    ----------
    X : array-like or iterable of blocks, of shape (n, n_features), or None
        Rows; None where there are none.
    y : array-like of shape (n,) or None, default=None
        Labels.
    sample_weight : float or array-like of shape (n,) or None, default=None
        Weights.
    """

    X: Any
    y: Any = None
    sample_weight: Any = None


class Reader(Protocol):
    """What validates rows and describes them: ``read_rows`` of an estimator and its units."""

    def __call__(self, X: Any, *, reset: bool, moments: bool = False) -> tuple[Rows, RowFacts]:
        """Rows, and what is true of them."""


def table_of_fit(
    attributes: Mapping[str, Any], parameters: Parameters, given: Given
) -> tuple[Given, Columns | None]:
    """What the columns of X are to a fit, and the rows of a table that count.

    Rows of weight 0 have no say in which categories there are.

    Parameters
    ----------
    attributes : dict
        What the fits before have learned.
    parameters : dict
        Of this one.
    given : Given
        ``X``, ``y`` and ``sample_weight``.

    Returns
    -------
    given : Given
        All rows, unless X is a table.
    columns : Columns or None
        None where all of X has one likelihood of numbers.
    """
    columns = columns_of_fit(attributes, parameters, given.X, given.sample_weight)
    if columns is None or given.sample_weight is None:
        return given, columns
    X = checked_table(given.X)
    places = RowWeights.of(given.sample_weight, X.shape[0]).places
    if places is None:
        return given, columns
    y = given.y
    if parameters["conditional"] is not None and columns.conditions is None and y is not None:
        check_consistent_length(X, y)
        y = some_labels(y, places)
    counted = Given(rows_at(X, places), y, np.asarray(given.sample_weight)[places])

    return counted, columns_of_fit(attributes, parameters, counted.X, counted.sample_weight)


def check_validation(parameters: Parameters, given: Given) -> None:
    """Refuse rows to stop early by that the fit has no use for, or that lack what it needs.

    Parameters
    ----------
    parameters : dict
        Of a ``VAETransformer``.
    given : Given
        ``X_val``, ``y_val`` and ``sample_weight_val``.
    """
    if given.X is None:
        for name, value in (("y_val", given.y), ("sample_weight_val", given.sample_weight)):
            if value is not None:
                raise ValueError(f"{name} is given without X_val, whose rows it belongs to.")
        return
    if not parameters["early_stopping"]:
        raise ValueError(
            "X_val is given, but early_stopping=False: rows to stop by need early_stopping=True."
        )
    if parameters["conditional"] is not None and given.y is None:
        raise ValueError(
            f"conditional={parameters['conditional']!r} learns from labels: X_val needs y_val, in "
            "which -1 means unlabelled."
        )


def training_data(
    read: Reader,
    attributes: Mapping[str, Any],
    parameters: Parameters,
    given: Given,
    classes: Any,
    conditions: Conditions | None = None,
) -> FitData:
    """What a fit learns from; rows of weight 0 are left out.

    Parameters
    ----------
    read : callable
        Validates rows.
    attributes : dict
        What the fits before have learned.
    parameters : dict
        Of this one.
    given : Given
        ``X``, ``y`` and ``sample_weight``.
    classes : array-like or None
        Labels that will come.
    conditions : Conditions or None, default=None
        Columns of X that the decoder sees in place of labels.

    Returns
    -------
    data : FitData
        Without rows to stop by. Facts have moments where the fit is a first one and has a use for
        them; labels are there where it learns from them.
    """
    conditional, unit = parameters["conditional"], parameters["max_value"]
    check_labelled(conditional, given.y)
    is_first = settled_of(attributes) is None
    moments = is_first and needs_moments(parameters["likelihood"])
    rows, facts = read(given.X, reset=is_first, moments=moments)
    weights = RowWeights.of(given.sample_weight, len(rows))
    if conditional is not None and given.sample_weight is not None:
        check_consistent_length(rows, given.y)
    rows, facts = weights.of_rows(rows, facts, unit=unit, moments=moments)
    y = None if conditional is None else _counted(given.y, weights)
    labels = labels_of(attributes, conditional, y, classes, weights.shares)
    numbers = _told(given.X, weights, conditions) if labels is None else labels.numbers
    check_consistent_length(rows, numbers)

    examples = Examples(rows, numbers, weights.shares, facts.has_missing)

    return FitData(examples, facts, labels)


def validation_data(
    read: Reader,
    specification: Specification,
    labels: Labels | None,
    given: Given,
    names: np.ndarray | None,
    conditions: Conditions | None = None,
) -> Examples | None:
    """What a fit stops early by, where the user gives it.

    Parameters
    ----------
    read : callable
        Validates rows like those of the fit.
    specification : Specification
        Of the fit.
    labels : Labels or None
        Of the fit.
    given : Given
        ``X_val``, ``y_val`` and ``sample_weight_val``.
    names : ndarray of shape (n_features,) or None
        Of the columns, for messages.
    conditions : Conditions or None, default=None
        Columns of X that the decoder sees in place of labels.

    Returns
    -------
    examples : Examples or None
        None where the user gives none.
    """
    if given.X is None:
        return None
    scaling = specification.scaling
    likelihood = likelihood_of(specification.architecture["likelihood"])
    with _named("X_val"):
        rows, facts = read(given.X, reset=False)
    weights = RowWeights.of(given.sample_weight, len(rows), "sample_weight_val")
    numbers = None
    with _named("y_val"):
        if labels is not None:
            check_consistent_length(rows, given.y)
            numbers = encode_labels(_counted(given.y, weights), labels.classes)
    rows, facts = weights.of_rows(rows, facts, unit=scaling.max_value, moments=False)
    with _named("X_val"):
        if labels is None:
            numbers = _told(given.X, weights, conditions)
        if likelihood.binary:
            rows = within_support(rows, likelihood, scaling.max_value, binary=False)
        else:
            check_support(facts, likelihood, scaling.max_value)
        if not likelihood.scaled:
            check_reach(facts, scaling, names, likelihood.standardised)

    return Examples(rows, numbers, weights.shares, facts.has_missing)


def _told(X: Any, weights: RowWeights, conditions: Conditions | None) -> np.ndarray | None:
    """Conditions of the rows that count, where there are some."""
    if conditions is None:
        return None
    values = conditions.of_rows(X)
    if weights.places is not None:
        values = [column[weights.places] for column in values]

    return conditions.to_matrix(values)


def _counted(y: Any, weights: RowWeights) -> Any:
    """Labels of the rows that count."""
    return y if weights.places is None else some_labels(y, weights.places)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which argument it was that could not be used."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} cannot be used: {error}") from error
