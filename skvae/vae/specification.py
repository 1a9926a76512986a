"""What a fit is to be: parameters and what the data decide, as values; nonsense is refused."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NotRequired, TypedDict

import numpy as np

from skvae._sklearn import plain
from skvae._warnings import warn
from skvae.compute.sizes import check_memory
from skvae.data.images import shape_of_images
from skvae.data.row_facts import RowFacts
from skvae.vae.descriptions import automatic_likelihood, likelihood_of, network_of, prior_of
from skvae.vae.labels import Labels
from skvae.vae.missing import check_observed
from skvae.vae.options import check_unchanged
from skvae.vae.overflow import check_moments, check_reach
from skvae.vae.scaling import Scaling
from skvae.vae.schedule import Schedule
from skvae.vae.support import check_support
from skvae.vae.value_ranges import check_unit_interval

__all__ = [
    "Architecture",
    "Holdout",
    "Settled",
    "Specification",
    "needs_moments",
    "settled_parameters",
]

Parameters = Mapping[str, Any]

# Parameters that say what rows and labels mean.
_UNITS = ("max_value", "binarize", "conditional")

# Least and most rows of an automatic batch.
_AUTO_BATCH = 32, 128

# An automatic learning rate grows with the batch between these sizes. At 16e-3, for batches of
# 8,192, a fit of MNIST collapsed.
_RATED_BATCHES = 32, 512


class Architecture(TypedDict):
    """Arguments of :class:`skvae.vae.nn.model.VAE`, as plain values."""

    n_features: int
    n_components: int
    hidden_layer_sizes: list[int]
    activation: str
    likelihood: Any
    n_classes: int | None
    network: Any
    image_shape: tuple[int, ...] | None
    labels_in_decoder: bool
    n_prior_components: int | None
    prior: str | Callable[[Any], Any]
    sees_mask: NotRequired[bool]
    n_conditions: NotRequired[int]


@dataclass(frozen=True)
class Settled:
    """What an earlier fit has settled, that fits which continue it keep.

    Parameters
    ----------
    architecture : Architecture
        Of its model.
    mean, scale : ndarray of shape (n_features,) or None
        Of its standardisation.
    parameters : dict
        What :func:`settled_parameters` gave.
    """

    architecture: Architecture
    mean: np.ndarray | None
    scale: np.ndarray | None
    parameters: Parameters


@dataclass(frozen=True)
class Holdout:
    """Rows to stop early by, and for how long to wait.

    Parameters
    ----------
    n_rows : int
        How many are held out; none where there are others to stop by.
    n_iter_no_change : int
        Epochs to wait for a rise.
    tol : float
        Smallest rise that counts, in nats per row.
    """

    n_rows: int
    n_iter_no_change: int
    tol: float


@dataclass(frozen=True)
class Specification:
    """All that decides the weights of a fit, but for the rows, the labels and where it starts.

    Two fits of equal specifications are the same fit, whatever parameters led to them.

    Parameters
    ----------
    architecture : Architecture
        Of the model.
    scaling : Scaling
        From the units of X to those of the network.
    objective : dict
        Arguments of :class:`skvae.vae.nn.objectives.Objective`.
    schedule : Schedule
        Of the steps.
    batch_size, steps_per_epoch : int
        Rows of a step, and steps of an epoch; the last epoch may have fewer.
    optimizer : str
        A name of :data:`skvae.vae.training.optimizers.OPTIMIZERS`.
    max_grad_norm : float or None
        Bound on the length of gradients.
    holdout : Holdout or None
        None trains on all rows, to the end.
    """

    architecture: Architecture
    scaling: Scaling
    objective: dict[str, Any]
    schedule: Schedule
    batch_size: int
    steps_per_epoch: int
    optimizer: str
    max_grad_norm: float | None
    holdout: Holdout | None

    @property
    def n_epochs(self) -> int:
        """Epochs of the whole fit."""
        return math.ceil(self.schedule.n_steps / self.steps_per_epoch)

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        facts: RowFacts,
        labels: Labels | None,
        *,
        settled: Settled | None = None,
        names: np.ndarray | None = None,
        n_steps: int | None = None,
        holds_out: bool = True,
        n_conditions: int = 0,
    ) -> "Specification":
        """What parameters mean for these data.

        Parameters
        ----------
        parameters : dict
            Of a ``VAETransformer``, which :func:`skvae.vae.options.check_options` accepts.
        facts : RowFacts
            Of the rows, with moments unless a likelihood is given that needs none.
        labels : Labels or None
            Of the rows.
        settled : Settled or None, default=None
            Of the fit that this one continues; what has no effect then is left out.
        names : ndarray of shape (n_features,) or None, default=None
            Of the columns, for messages.
        n_steps : int or None, default=None
            None means ``max_iter`` epochs.
        holds_out : bool, default=True
            Whether rows are held out where the fit may stop early; False where it has others to
            stop by.
        n_conditions : int, default=0
            Inputs of the decoder behind z that are conditions.

        Returns
        -------
        specification : Specification

        Raises
        ------
        ValueError
            If the data cannot be described so, the model does not fit into memory, or differs from
            that of the fit that is to go on.
        """
        p = SimpleNamespace(**parameters)
        if settled is None:
            check_observed(facts, names)
            likelihood = _likelihood(p, facts)
            scaling = _scaling(p, *_moments(likelihood, facts, names))
            architecture = _architecture(p, likelihood, facts, labels)
            if facts.has_missing and network_of(p.network).sees_mask:
                architecture["sees_mask"] = True
            if n_conditions:
                architecture["n_conditions"] = n_conditions
            _check_size(architecture)
            _check_draws(p, facts.n_rows, architecture)
        else:
            architecture = settled.architecture
            likelihood = architecture["likelihood"]
            scaling = _scaling(p, settled.mean, settled.scale)
            _check_unchanged(p, settled, facts, labels)
        if settled is not None or p.likelihood != "auto":
            check_support(facts, likelihood_of(likelihood), p.max_value)
        if not likelihood_of(likelihood).scaled and (settled is not None or scaling.mean is None):
            # Else the values are bounded: by 1, or by the root of their number.
            check_reach(facts, scaling, names, likelihood_of(likelihood).standardised)
        holdout = _holdout(p, facts.n_rows, holds_out) if p.early_stopping else None

        return _planned(p, architecture, scaling, holdout, facts.n_rows, n_steps, settled is None)


def needs_moments(likelihood: Any) -> bool:
    """Whether a fit asks for the means and scales of the columns under a ``likelihood``."""
    if isinstance(likelihood, str) and likelihood == "auto":
        return True
    description = likelihood_of(likelihood)

    return bool(description.standardised) or not description.scaled


def settled_parameters(parameters: Parameters) -> dict[str, Any]:
    """Parameters that stay with a fit beside the architecture, as plain values."""
    return {name: plain(parameters[name]) for name in (*_UNITS, "variational")}


def _batch_size(p: SimpleNamespace, n_rows: int) -> int:
    """Rows of a step."""
    size = p.batch_size
    return int(np.clip(n_rows // 100, *_AUTO_BATCH) if size == "auto" else size)


def _planned(
    p: SimpleNamespace,
    architecture: Architecture,
    scaling: Scaling,
    holdout: Holdout | None,
    n_rows: int,
    n_steps: int | None,
    is_first: bool,
) -> Specification:
    n_rows -= 0 if holdout is None else holdout.n_rows
    batch_size = _batch_size(p, n_rows)
    rate = p.learning_rate_init
    if rate == "auto":
        least, most = _RATED_BATCHES
        rate = 1e-3 * math.sqrt(np.clip(batch_size, least, most) / least)
    steps_per_epoch = p.steps_per_epoch or math.ceil(n_rows / batch_size)
    beta = p.beta if p.variational else None
    schedule = Schedule(
        n_steps or p.max_iter * steps_per_epoch,
        rate,
        cosine=p.learning_rate == "cosine",
        beta=beta,
        warm_up=p.warm_up if beta and is_first else 0.0,
    )
    names = ("free_bits", "n_importance", "label_weight")
    objective = {name: getattr(p, name) for name in names}

    return Specification(
        architecture,
        scaling,
        objective,
        schedule,
        batch_size,
        steps_per_epoch,
        p.optimizer,
        p.max_grad_norm,
        holdout,
    )


def _holdout(p: SimpleNamespace, n_rows: int, holds_out: bool) -> Holdout:
    n_validation = max(1, int(p.validation_fraction * n_rows)) if holds_out else 0
    if n_validation >= n_rows:
        raise ValueError(
            f"early_stopping=True holds out {n_validation} rows, which leaves none to train on: "
            f"n_samples={n_rows}."
        )
    return Holdout(n_validation, p.n_iter_no_change, p.tol)


def _likelihood(p: SimpleNamespace, facts: RowFacts) -> Any:
    """The likelihood in use."""
    if p.binarize is not None:
        check_unit_interval(facts, f"binarize={p.binarize!r}", p.max_value)
    if p.likelihood != "auto":
        return p.likelihood

    return automatic_likelihood(facts, p.max_value, binarized=p.binarize is not None)


def _moments(
    likelihood: Any, facts: RowFacts, names: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Mean and scale that a likelihood has features standardised by."""
    if facts.n_rows > 1 and not facts.varies:
        warn("No feature of X varies: there is nothing to learn.")
    standardised = likelihood_of(likelihood).standardised
    if not np.any(standardised):
        return None, None
    check_moments(facts, names)
    assert facts.mean is not None and facts.scale is not None

    # What does not vary is its own mean, which a sum has only to its rounding.
    mean = np.where(facts.lows == facts.highs, facts.lows, facts.mean)

    return np.where(standardised, mean, 0.0), np.where(standardised, facts.scale, 1.0)


def _scaling(p: SimpleNamespace, mean: np.ndarray | None, scale: np.ndarray | None) -> Scaling:
    return Scaling(mean, scale, float(p.max_value) if mean is None else 1.0, p.binarize)


def _architecture(
    p: SimpleNamespace, likelihood: Any, facts: RowFacts, labels: Labels | None
) -> Architecture:
    n_classes = None if labels is None else len(labels.classes)
    n_prior_components = None
    if prior_of(p.prior).is_sized:
        of_classes = p.conditional == "prior"
        n_prior_components = n_classes if of_classes else int(p.n_prior_components)
    image_shape = None
    if network_of(p.network).of_images:
        image_shape = shape_of_images(np.empty((0, facts.n_features)), p.image_shape)

    sizes, activation = [int(n) for n in np.atleast_1d(p.hidden_layer_sizes)], p.activation
    if isinstance(p.network, tuple | list):  # which then say nothing
        sizes, activation = [], "relu"

    return {
        "n_features": facts.n_features,
        "n_components": int(p.n_components),
        "hidden_layer_sizes": sizes,
        "activation": activation,
        "likelihood": likelihood,
        "n_classes": n_classes,
        "network": p.network,
        "image_shape": image_shape,
        "labels_in_decoder": p.conditional == "decoder",
        "n_prior_components": n_prior_components,
        "prior": p.prior,
    }


def _check_unchanged(
    p: SimpleNamespace, settled: Settled, facts: RowFacts, labels: Labels | None
) -> None:
    """Refuse to continue with options that need other weights, or rows in other units."""
    now, before = settled_parameters(vars(p)), settled.parameters
    changed = [name for name in _UNITS if now[name] != before[name]]
    likelihood = settled.architecture["likelihood"]
    if p.likelihood not in ("auto", likelihood):
        changed.append("likelihood")
    if not changed:
        wanted = _architecture(p, likelihood, facts, labels)
        earlier = dict(settled.architecture)
        changed = [name for name, value in wanted.items() if value != earlier[name]]
    check_unchanged(changed)


def _check_draws(p: SimpleNamespace, n_rows: int, architecture: Architecture) -> None:
    """Refuse more draws than memory can hold: of a batch, or of a row at the widest layer."""
    hidden = architecture["hidden_layer_sizes"] or []
    n_at_once = min(_batch_size(p, n_rows), n_rows) if p.n_importance > 1 else 1
    of_batch = n_at_once * architecture["n_components"]
    check_memory(
        4 * p.n_importance * max(architecture["n_features"], *hidden, of_batch),
        f"n_importance={p.n_importance}",
    )


def _check_size(architecture: Architecture) -> None:
    """Refuse a model that memory cannot hold while it learns."""
    d, n_classes = architecture["n_components"], architecture["n_classes"] or 0
    n_conditions = architecture.get("n_conditions", 0)
    n_prior = architecture["n_prior_components"] or 0
    network = network_of(architecture["network"])
    hidden = architecture["hidden_layer_sizes"] if network.fully_connected else []
    n_inputs = architecture["n_features"] * (2 if architecture.get("sees_mask") else 1)
    widths = [n_inputs, *hidden, 2 * d]
    back = [d + n_classes + n_conditions, *hidden[::-1], architecture["n_features"]]
    n_weights = sum(a * b for sizes in (widths, back) for a, b in pairwise(sizes))
    n_weights += 2 * d * n_prior
    # A weight has a gradient, two moments and the copy of the last epoch.
    check_memory(
        5 * 4 * n_weights,
        f"A model with n_components={d}, hidden_layer_sizes={architecture['hidden_layer_sizes']} "
        f"and {n_prior} components of the prior (n_prior_components)",
    )
