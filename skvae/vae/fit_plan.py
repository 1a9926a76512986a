"""What a fit is to do, settled from parameters, data and what was learned before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from skvae.data.row_facts import RowFacts
from skvae.data.rows import Rows
from skvae.vae.attributes import names_of, settled_of
from skvae.vae.columns import Columns
from skvae.vae.examples import FitData
from skvae.vae.fit_data import (
    Given,
    check_validation,
    table_of_fit,
    training_data,
    validation_data,
)
from skvae.vae.options import check_options
from skvae.vae.specification import Specification

__all__ = ["FitPlan", "plan_fit"]


@dataclass(frozen=True, eq=False)
class FitPlan:
    """What is to be trained, on what.

    Parameters
    ----------
    parameters : dict
        Of the estimator, as its data have settled them.
    specification : Specification
        What is to be trained, and how.
    data : FitData
        What it learns from and stops by.
    columns : Columns or None
        What the columns of X are, where not all have one likelihood of numbers.
    """

    parameters: Mapping[str, Any]
    specification: Specification
    data: FitData
    columns: Columns | None


def plan_fit(
    read: Callable[..., tuple[Rows, RowFacts]],
    attributes: Mapping[str, Any],
    parameters: Mapping[str, Any],
    given: Given,
    own_validation: Given,
    *,
    classes: Any = None,
    n_steps: int | None = None,
) -> FitPlan:
    """Validate parameters and data, and settle what they leave open.

    Parameters
    ----------
    read : callable
        :func:`skvae.data.rows.read_rows` of an estimator, whose names of columns it writes to
        ``attributes``.
    attributes : dict
        What the fits before have learned.
    parameters : dict
        Of this one.
    given : Given
        ``X``, ``y`` and ``sample_weight``.
    own_validation : Given
        Rows to stop by, if the user gives some.
    classes : array-like or None, default=None
        Labels that will come.
    n_steps : int or None, default=None
        Steps in all; None means ``max_iter`` epochs.

    Returns
    -------
    plan : FitPlan

    Raises
    ------
    ValueError
        If data, weights or a combination of parameters cannot be used.
    """
    given, columns = table_of_fit(attributes, parameters, given)
    conditions = None if columns is None else columns.conditions
    if columns is not None:
        parameters = {**parameters, "likelihood": columns.likelihood}
    check_options(parameters)
    if conditions is not None:  # which stand in the place of labels
        parameters = {**parameters, "conditional": None}
    check_validation(parameters, own_validation)
    to_matrix = (
        None if columns is None else partial(columns.to_matrix, learning="columns_" in attributes)
    )
    read = partial(read, unit=parameters["max_value"], to_matrix=to_matrix)
    data = training_data(read, attributes, parameters, given, classes, conditions)
    names = names_of(attributes, columns)
    specification = Specification.of(
        parameters,
        data.facts,
        data.labels,
        settled=settled_of(attributes),
        names=names,
        n_steps=n_steps,
        holds_out=own_validation.X is None,
        n_conditions=0 if conditions is None else conditions.width,
    )
    if columns is not None:  # they may have categories that a fit does not go on with
        read = partial(read, to_matrix=columns.to_matrix)
    validation = validation_data(
        read, specification, data.labels, own_validation, names, conditions
    )

    return FitPlan(parameters, specification, replace(data, validation=validation), columns)
