"""Attributes of an estimator: what they say of fits before, and what a fit makes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skvae.vae.columns import Columns, columns_of
from skvae.vae.conditions import Conditions
from skvae.vae.epochs import Arrays, Epoch, Fit, Start
from skvae.vae.fitted import FittedVAE
from skvae.vae.labels import Labels, announced_classes, class_frequencies, known_classes
from skvae.vae.latent import fitted_prior
from skvae.vae.options import check_unchanged
from skvae.vae.scaling import Scaling
from skvae.vae.specification import Settled, Specification, settled_parameters

__all__ = [
    "check_labelled",
    "columns_of_fit",
    "decided",
    "described",
    "fitted_value",
    "labels_of",
    "learned",
    "names_of",
    "optimizer_of",
    "parameter_of_fit",
    "settled_of",
    "start_of",
    "with_optimizer",
    "without_learned",
]

Attributes = Mapping[str, Any]

# Learned attributes that have no underscore at their end.
_PRIVATE = {"_architecture", "_optimizer_state", "_settled"}


def without_learned(attributes: Attributes) -> dict[str, Any]:
    """Attributes but for all that fits have learned."""
    return {
        name: value
        for name, value in attributes.items()
        if name not in _PRIVATE and (name.startswith("_") or not name.endswith("_"))
    }


def settled_of(attributes: Attributes) -> Settled | None:
    """What the fits before have settled, if there were any."""
    if "parameters_" not in attributes:
        return None
    units = attributes["mean_"], attributes["scale_"]

    return Settled(attributes["_architecture"], *units, attributes["_settled"])


def parameter_of_fit(attributes: Attributes, name: str) -> Any:
    """A parameter as it was in the fit, or as it is where there was none."""
    return attributes.get("_settled", attributes)[name]


def start_of(attributes: Attributes, optimizer: Arrays | None = None) -> Start:
    """Where a fit starts: from what has been learned, or anew."""
    if "parameters_" not in attributes:
        return Start(int(check_random_state(attributes["random_state"]).randint(2**31 - 1)))
    weights, history = attributes["parameters_"], attributes["history_"]
    curves = attributes.get("kl_curves_")

    products = attributes.get("products_")

    return Start(
        attributes["seed_"], weights, history, curves, optimizer=optimizer, products=products
    )


def optimizer_of(attributes: Attributes) -> Arrays | None:
    """State of the optimizer that a first epoch of ``partial_fit`` has left."""
    return attributes.get("_optimizer_state")


def with_optimizer(state: Arrays) -> dict[str, Any]:
    """Attributes that the next epoch of ``partial_fit`` goes on from."""
    return {"_optimizer_state": state}


def check_labelled(conditional: str | None, y: Any) -> None:
    """Raise an error unless there are labels where the fit learns from them."""
    if conditional is not None and y is None:
        raise ValueError(
            f"conditional={conditional!r} learns from labels: VAETransformer requires y to be "
            "passed, but the target y is None. Use conditional=None to fit without labels."
        )


def labels_of(
    attributes: Attributes,
    conditional: str | None,
    y: Any,
    classes: Any,
    weights: np.ndarray | None = None,
) -> Labels | None:
    """Labels as class numbers; their counts are added to those of the fits before."""
    if conditional is None:
        return None
    if "classes_" in attributes:
        return Labels.of(y, attributes["classes_"], attributes["class_counts_"], weights)
    known = known_classes(y) if classes is None else announced_classes(classes)

    return Labels.of(y, known, weights=weights)


def columns_of_fit(
    attributes: Attributes, parameters: Mapping[str, Any], X: Any, sample_weight: Any = None
) -> Columns | None:
    """What the columns of X are to a fit, as the fits before have settled it; None for numbers."""
    likelihood, settled = parameters["likelihood"], attributes.get("columns_")
    conditions = _conditions_of_fit(settled, parameters["conditions"], X, sample_weight)
    columns = columns_of(likelihood, X, settled, conditions)
    if columns is not None and settled is None and settled_of(attributes) is not None:
        check_unchanged(["likelihood" if conditions is None else "conditions"])
    for name, idle in (("max_value", 1), ("binarize", None)):
        if columns is not None and parameters[name] != idle:
            raise ValueError(
                f"{name}={parameters[name]!r} is for X of one likelihood, but its columns have "
                f"several, or conditions, as they are. Use {name}={idle!r}."
            )
    return columns


def _conditions_of_fit(
    settled: Columns | None, keys: Any, X: Any, sample_weight: Any
) -> Conditions | None:
    if settled is None:
        return None if keys is None else Conditions.fit(keys, X, sample_weight)
    known = settled.conditions
    if known is not None and keys is not None:
        known.check_same(keys, X, settled.names)
    elif known is not None or keys is not None:
        check_unchanged(["conditions"])
    return known


def names_of(attributes: Attributes, columns: Columns | None) -> np.ndarray | None:
    """Names of what the network sees, for messages."""
    return attributes.get("feature_names_in_") if columns is None else columns.feature_names


def decided(
    parameters: Mapping[str, Any],
    specification: Specification,
    labels: Labels | None,
    columns: Columns | None = None,
) -> dict[str, Any]:
    """Attributes that are known before the training."""
    scaling, architecture = specification.scaling, specification.architecture
    attributes: dict[str, Any] = {
        "likelihood_": architecture["likelihood"],
        "mean_": scaling.mean,
        "scale_": scaling.scale,
        "_architecture": architecture,
        "_settled": settled_parameters(parameters),
    }
    if columns is not None:
        attributes |= {"columns_": columns, "likelihood_": columns.triples}
    if labels is not None:
        attributes |= {"classes_": labels.classes, "class_counts_": labels.counts}

    return attributes


def learned(state: Fit | Epoch, seed: int) -> dict[str, Any]:
    """Attributes that a fit has given, or an epoch if it was the last."""
    loss_curve = state.history["loss"]
    attributes: dict[str, Any] = {
        **state.prior,
        "seed_": seed,
        "parameters_": state.parameters,
        "history_": state.history,
        "loss_curve_": loss_curve,
        "n_iter_": len(loss_curve),
    }
    if state.kl_curves is not None:
        attributes["kl_curves_"] = state.kl_curves

    return attributes


def described(fit: Fit) -> dict[str, Any]:
    """Attributes that describe the posterior in the end, those that the fit has."""
    attributes = {
        "n_active_": fit.n_active,
        "kl_per_dimension_": fit.kl_per_dimension,
        "best_validation_score_": fit.best_score,
        "products_": fit.products,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def fitted_value(attributes: Attributes) -> FittedVAE:
    """The fit as a value."""
    settled, architecture = attributes["_settled"], attributes["_architecture"]
    frequencies = None
    if "class_counts_" in attributes:
        frequencies = class_frequencies(attributes["class_counts_"])
    units = settled["max_value"], settled["binarize"]
    columns = attributes.get("columns_")

    return FittedVAE(
        architecture=architecture,
        parameters=attributes["parameters_"],
        scaling=Scaling(attributes["mean_"], attributes["scale_"], *units),
        prior=fitted_prior(architecture, attributes, frequencies),
        class_frequencies=frequencies,
        seed=attributes["seed_"],
        variational=settled["variational"],
        feature_names=names_of(attributes, columns),
        columns=columns,
        device=attributes["device"],
        n_jobs=attributes["n_jobs"],
    )
