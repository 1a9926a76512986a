"""Options that have no meaning together."""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from skvae.vae.descriptions import LIKELIHOODS, NETWORKS, PRIORS, likelihood_of, prior_of
from skvae.vae.part_types import Network

__all__ = ["check_options", "check_unchanged"]


def check_options(parameters: Mapping[str, Any]) -> None:
    """Refuse combinations of options that have no meaning, whatever the data are.

    Parameters
    ----------
    parameters : dict
        Of a ``VAETransformer``.

    Raises
    ------
    ValueError
        For such a combination, or a value that scikit-learn's constraints cannot tell.
    """
    p = SimpleNamespace(**parameters)
    _check_network(p)
    _check_units(p)
    _check_prior(p)
    _check_objective(p)


def check_unchanged(changed: Sequence[str]) -> None:
    """Refuse to continue a fit with other values of these parameters, if there are any."""
    if changed:
        raise ValueError(
            f"{' and '.join(changed)} cannot change between fits that continue each other. Fit a "
            "clone instead."
        )


def _check_network(p: SimpleNamespace) -> None:
    sizes = np.atleast_1d(p.hidden_layer_sizes)
    if sizes.size and (sizes.dtype.kind not in "iu" or sizes.ndim != 1 or sizes.min() < 1):
        raise ValueError(
            f"hidden_layer_sizes must be positive integers, got {p.hidden_layer_sizes!r}."
        )
    if not isinstance(p.network, str | Network) and not (
        len(p.network) == 2 and all(map(callable, p.network))
    ):
        raise ValueError(
            f"network must be {_either(NETWORKS)}, a skvae.parts.Network or a pair of callables "
            f"that make the encoder and the decoder, got {p.network!r}."
        )


def _either(names: Iterable[str]) -> str:
    return " or ".join(map(repr, names))


def _check_units(p: SimpleNamespace) -> None:
    known = None if p.likelihood == "auto" else likelihood_of(p.likelihood)
    if p.binarize is not None and known is not None and not known.scaled:
        scaled = _either(name for name, known in LIKELIHOODS.items() if known.scaled)
        raise ValueError(f"binarize={p.binarize!r} needs likelihood={scaled}.")
    as_they_are = known is not None and not (known.scaled or known.standardised)
    if as_they_are and p.max_value != 1:
        raise ValueError(
            f"likelihood={p.likelihood!r} describes values as they are; "
            f"max_value={p.max_value!r} would scale them. Leave it at 1."
        )


def _check_prior(p: SimpleNamespace) -> None:
    prior = prior_of(p.prior)
    if p.conditions is not None and p.conditional != "decoder":
        raise ValueError(
            f"conditions={p.conditions!r} are for the decoder, but conditional={p.conditional!r}. "
            "Use conditional='decoder'."
        )
    if p.conditional == "prior" and not prior.of_classes:
        of_classes = _either(name for name, known in PRIORS.items() if known.of_classes)
        raise ValueError(
            f"conditional='prior' learns a component of the prior for each class, which prior="
            f"{prior.name!r} does not have: use prior={of_classes}."
        )
    for name, value, learned in (
        ("prior", prior.name, prior.learned),
        ("conditional", "prior", p.conditional == "prior"),
    ):
        if learned and (not p.variational or p.beta == 0):
            without = "beta=0" if p.variational else "variational=False"
            raise ValueError(
                f"{name}={value!r} is learned through the KL term, which {without} leaves out."
            )


def _check_objective(p: SimpleNamespace) -> None:
    for name, value, idle in (
        ("free_bits", p.free_bits, 0),
        ("n_importance", p.n_importance, 1),
    ):
        if value != idle and not p.variational:
            raise ValueError(f"{name}={value!r} needs variational=True.")
    if p.label_weight and (p.conditional != "prior" or p.n_importance > 1):
        raise ValueError(
            f"label_weight={p.label_weight!r} weighs the class that conditional='prior' "
            "predicts from q(z|x), in the evidence lower bound: it needs both, and n_importance=1."
        )
    if p.n_importance > 1 and (p.beta != 1 or p.free_bits):
        raise ValueError(
            f"n_importance={p.n_importance!r} trains the importance-weighted bound on "
            "log p(x), which beta other than 1 and free_bits would make a bound on nothing. Use "
            "beta=1 and free_bits=0, or n_importance=1; a warm-up is no obstacle."
        )
    if not p.variational and p.conditional == "decoder" and p.conditions is None:
        raise ValueError(
            "conditional='decoder' weighs classes by the density of x, which a plain autoencoder "
            "does not have. Use variational=True."
        )
    if not p.variational and p.output != "mean":
        raise ValueError(
            f"output={p.output!r} needs variational=True: without it there is no variance."
        )
