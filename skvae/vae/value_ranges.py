"""Ranges of values that likelihoods and units ask for."""

from typing import Protocol

from skvae.data.row_facts import TOLERANCE

__all__ = [
    "ValueFacts",
    "check_counts",
    "check_unit_interval",
    "in_unit_interval",
]


class ValueFacts(Protocol):
    """What all values of X are."""

    @property
    def low(self) -> float:
        """The least one."""

    @property
    def high(self) -> float:
        """The greatest one."""

    @property
    def whole(self) -> bool:
        """Whether they are whole numbers."""


def in_unit_interval(facts: ValueFacts, max_value: float = 1.0) -> bool:
    """Whether all values lie in [0, max_value], up to rounding."""
    low, high = -TOLERANCE * max_value, (1 + TOLERANCE) * max_value

    return not (facts.low < low or facts.high > high)  # where nothing is observed, they are NaN


def check_unit_interval(facts: ValueFacts, wanted_by: str, max_value: float = 1.0) -> None:
    """Raise an error that says how to scale X unless it lies in [0, max_value]."""
    if not in_unit_interval(facts, max_value):
        raise ValueError(
            f"{wanted_by} needs values in [0, {max_value:g}], got values between {facts.low:.4g} "
            f"and {facts.high:.4g}. Set max_value=255 for pixels of 8 bits, or scale first: X / "
            "255, otherwise sklearn.preprocessing.MinMaxScaler(clip=True)."
        )


def check_counts(facts: ValueFacts, max_value: float, name: str) -> None:
    """Raise an error unless values are counts."""
    if facts.low < 0 or not facts.whole:
        raise ValueError(
            f"likelihood={name!r} needs counts: whole numbers from 0, got values between "
            f"{facts.low:.4g} and {facts.high:.4g}. Use likelihood='gaussian' for other numbers."
        )
