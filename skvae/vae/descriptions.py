"""Descriptions of the likelihoods, networks and priors that the library brings.

Their modules of torch are in :mod:`skvae.vae.nn`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.special import expit

from skvae._warnings import warn
from skvae.data.row_facts import RowFacts
from skvae.vae.column_functions import joined, softmax
from skvae.vae.numpy_networks import mlp_layers
from skvae.vae.part_types import Likelihood, Network, NetworkSizes, Prior
from skvae.vae.value_ranges import ValueFacts, check_counts, check_unit_interval, in_unit_interval

__all__ = [
    "LIKELIHOODS",
    "NETWORKS",
    "PRIORS",
    "Blocks",
    "LikelihoodName",
    "NetworkName",
    "PriorName",
    "automatic_likelihood",
    "is_categorical",
    "is_own_likelihood",
    "likelihood_of",
    "likelihood_of_column",
    "network_of",
    "prior_of",
]

# Blocks of columns: the likelihood of each, and the widths of its columns, 1 but for categories.
Blocks = tuple[tuple[Any, tuple[int, ...]], ...]

_CATEGORICAL = "categorical"


def likelihood_of(part: str | Likelihood | Callable[[int], Any] | Blocks) -> Likelihood:
    """The description of a ``likelihood`` parameter; all that a bare callable tells is a module.

    Blocks of columns are described by what their own descriptions say together.
    """
    if isinstance(part, Likelihood):
        return part
    if isinstance(part, str):
        return LIKELIHOODS[part]
    if isinstance(part, tuple):
        return _likelihood_of_blocks(part)

    return Likelihood(_name_of(part), part)


def _likelihood_of_blocks(blocks: Blocks) -> Likelihood:
    described = [_described_block(*block) for block in blocks]
    widths = [sum(sizes) for _, sizes in blocks]

    return Likelihood(
        " + ".join(description.name for description in described),
        standardised=tuple(
            bool(description.standardised)
            for description, width in zip(described, widths, strict=True)
            for _ in range(width)
        ),
        to_encoder=joined([description.to_encoder for description in described], widths),
        to_mean=joined([description.to_mean for description in described], widths),
    )


def _described_block(part: Any, sizes: tuple[int, ...]) -> Likelihood:
    known = likelihood_of(part)

    return replace(known, to_mean=partial(softmax, sizes=sizes)) if is_categorical(part) else known


def is_categorical(part: Any) -> bool:
    """Whether a likelihood is that of categories, which are several columns to a network each."""
    return isinstance(part, str) and part == _CATEGORICAL


def is_own_likelihood(part: Any) -> bool:
    """Whether a likelihood, or that of a block, is of the user's own modules."""
    parts = [own for own, _ in part] if isinstance(part, tuple) else [part]

    return any(likelihood_of(own).module is not None for own in parts)


def likelihood_of_column(*, is_category: bool) -> str:
    """What ``likelihood="auto"`` is for a column of a table that holds more than numbers."""
    return _CATEGORICAL if is_category else "gaussian_diag"


def network_of(part: str | Network | Sequence[Callable[[int, int], Any]]) -> Network:
    """The description of a ``network`` parameter, of which a pair of callables tells no more."""
    if isinstance(part, Network):
        return part
    if isinstance(part, str):
        return NETWORKS[part]
    encoder, decoder = part

    return Network("its own network", partial(_pair, encoder, decoder))


def prior_of(part: str | Callable[[Any], Any]) -> Prior:
    """The description of a ``prior`` parameter."""
    return PRIORS[part] if isinstance(part, str) else Prior(_name_of(part), part)


def _name_of(part: Any) -> str:
    return getattr(part, "__name__", type(part).__name__)


def _pair(
    encoder: Callable[[int, int], Any], decoder: Callable[[int, int], Any], sizes: NetworkSizes
) -> Iterator[Any]:
    yield encoder(*sizes.of_encoder)
    yield decoder(*sizes.of_decoder)


def automatic_likelihood(facts: RowFacts, max_value: float, *, binarized: bool) -> str:
    """What ``likelihood="auto"`` is; grey levels get a cross-entropy if their range is stated.

    Parameters
    ----------
    facts : RowFacts
        Of the rows.
    max_value : float
        The parameter of the estimator.
    binarized : bool
        Whether the rows will be made binary.

    Returns
    -------
    name : str
        A key of :data:`LIKELIHOODS`.
    """
    stated = max_value != 1 and in_unit_interval(facts, max_value)
    # Numbers in a unit so large that all of them are near 0 are not the rounding of zeros.
    spans = facts.high - facts.low > max_value / 2 or not facts.varies
    if binarized or (facts.binary and spans) or stated:
        return "bernoulli"
    if facts.whole and facts.low >= 0 and facts.varies:
        warn(
            "X holds whole numbers from 0, which likelihood='auto' takes for real ones. Set "
            "likelihood='poisson' for counts, max_value= for pixels (255 if they have 8 bits), or "
            "likelihood='gaussian' if this is meant."
        )
    return "gaussian"


def _check_shares(facts: ValueFacts, max_value: float) -> None:
    check_unit_interval(facts, "likelihood='bernoulli'", max_value)


def _as_it_is(x: np.ndarray) -> np.ndarray:
    return x


def _gaussian(name: str) -> Likelihood:
    return Likelihood(
        name, standardised=True, to_encoder=_as_it_is, to_mean=_as_it_is, page_mean="output"
    )


def _of_counts(name: str) -> Likelihood:
    return Likelihood(
        name,
        check=partial(check_counts, name=name),
        checks_new_rows=True,
        collapse_advice=(
            "Counts that are few in a row need one hidden layer and a KL weight that rises "
            "slowly: hidden_layer_sizes=(200,), warm_up=1.0; or a smaller beta."
        ),
        to_encoder=np.log1p,
        to_mean=np.exp,
        page_mean="Math.exp(output)",
    )


LikelihoodName: TypeAlias = Literal[
    "auto",
    "bernoulli",
    "gaussian",
    "gaussian_diag",
    "poisson",
    "negative_binomial",
    "categorical",
]

LIKELIHOODS = {
    description.name: description
    for description in (
        Likelihood(
            "bernoulli",
            scaled=True,
            binary=True,
            check=_check_shares,
            to_encoder=_as_it_is,
            to_mean=expit,
            page_mean="1 / (1 + Math.exp(-output))",
        ),
        _gaussian("gaussian"),
        _gaussian("gaussian_diag"),
        _of_counts("poisson"),
        _of_counts("negative_binomial"),
        Likelihood(_CATEGORICAL, to_encoder=_as_it_is, to_mean=softmax),
    )
}

NetworkName: TypeAlias = Literal["mlp", "conv"]

NETWORKS = {
    description.name: description
    for description in (
        Network("mlp", numpy_layers=mlp_layers, fully_connected=True, sees_mask=True),
        Network("conv", of_images=True),
    )
}

PriorName: TypeAlias = Literal["normal", "mixture"]

PRIORS = {
    description.name: description
    for description in (
        Prior("normal", learned=False, of_classes=True),
        Prior("mixture", of_classes=True, is_sized=True),
    )
}
